package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// image is a declared image repository with everything known about it.
type image struct {
	subject
	binding.Repository
	// name is the image in its normal form, path the field of the declaration.
	name, path string
	state      binding.RepositoryState
	// memory is what we wrote last, under any binding, and own is what is
	// remembered under this one; nil if nothing is.
	memory, own *binding.RecordedImage
	// obstacle says why the source cannot be linked as declared; zero if it can.
	obstacle obstacle
	// withdrawn is true if a person was asked to set up something else, which is no
	// longer declared. Then memory is nil.
	withdrawn bool
}

// obstacle is why a source cannot be linked.
type obstacle struct {
	cause  Cause
	reason message.Message
}

// forbids returns the action that is forbidden because of the obstacle.
func (o obstacle) forbids(changes []Change) Action {
	return Action{Kind: Forbidden, Cause: o.cause, Reason: o.reason, Changes: changes}
}

// repositories plans the image repositories of a bound account. An absent list
// means that they are not managed.
func (m *maker) repositories(s subject) {
	if s.d.Spec.Repositories == nil {
		return
	}
	for i := range s.d.Spec.Repositories {
		m.repository(m.image(s, i))
	}
	m.droppedImages(s)
}

// image returns a declared image repository with what is remembered about it.
func (m *maker) image(s subject, i int) image {
	r := s.d.Spec.Repositories[i]
	img := image{
		subject: s, Repository: r, name: binding.NormalImage(r.Image),
		path: fmt.Sprintf("spec.repositories[%d]", i),
	}
	if s.record != nil && !s.record.Removed {
		img.own = m.recordedImage(s.record, r.Image) // It is ours even if the account is not yet.
	}
	if img.memory = img.own; img.own == nil {
		img.memory = m.memoryOf(r.Image)
	}
	return img
}

// mustRefuse reports whether the snapshot does not descend from the one applied
// last, so that every removal is refused. Then even removals that would wait for
// something else are planned and refused: without them, the snapshot would count as
// one that removes nothing, and would be trusted.
func (m *maker) mustRefuse() bool { return m.in.Rewritten && !m.in.Policy.AllowDeletions }

// refusedRepositories plans the removals of a declaration whose image repositories
// are not planned, if all removals are refused.
func (m *maker) refusedRepositories(s subject) {
	if !m.mustRefuse() || s.d.Spec.Repositories == nil || m.in.Observation.Unknown != nil {
		return
	}
	for i := range s.d.Spec.Repositories {
		r := m.image(s, i)
		r.state, _ = m.repositoryState(r.Image)
		m.refusedRules(r)
	}
	m.droppedImages(s)
}

// refusedRules plans the removals of an image repository's rules that are not
// planned, if all removals are refused. If its rules are unknown, there are none.
func (m *maker) refusedRules(r image) {
	if r.Rules != nil {
		m.droppedRules(r, declaredRules(r.Rules))
	}
}

// memoryOf returns what we remember about an image repository under any binding:
// one binding may take it over from another.
func (m *maker) memoryOf(name string) *binding.RecordedImage {
	for i := range m.in.Records {
		if r := &m.in.Records[i]; r.Managed && m.recordedImage(r, name) != nil {
			return m.recordedImage(r, name)
		}
	}
	return nil
}

// recordedImage returns what a record has about an image repository; nil if
// nothing.
func (m *maker) recordedImage(r *binding.Record, name string) *binding.RecordedImage {
	return m.memory[keyOf(*r)][binding.NormalImage(name)]
}

// ownerBroken reports whether the image repository was linked under a binding
// without a declaration here, and some file is invalid: that file may declare it.
func (m *maker) ownerBroken(r image) bool {
	return len(m.in.Broken) > 0 && slices.ContainsFunc(m.in.Records, func(rec binding.Record) bool {
		return rec.Managed && !m.hasDeclaration(rec) && m.recordedImage(&rec, r.name) != nil
	})
}

// repositoryState returns the observation of an image repository. The key may be in
// its normal form or as it is declared.
func (m *maker) repositoryState(name string) (binding.RepositoryState, bool) {
	st, ok := m.in.Observation.Repositories[binding.NormalImage(name)]
	if !ok {
		st, ok = m.in.Observation.Repositories[name]
	}
	return m.withoutRemoved(binding.NormalImage(name), st), ok
}

func (m *maker) repository(r image) {
	st, asked := m.repositoryState(r.Image)
	r.state = st
	m.project(&r)
	held := m.ownerSuspended(r)
	switch {
	case m.ownerBroken(r):
		m.onImage(r, Action{Kind: Noop, Cause: CauseFileBroken, Reason: m.brokenReason()})
	case !held.IsZero():
		m.onImage(r, Action{Kind: Noop, Cause: CauseSuspended, Reason: held})
	case !m.in.Observation.Capabilities.ReadRepositories:
		m.confirmedSource(r)
	case !asked || st.Unknown != nil:
		u := cmp.Or(st.Unknown, &binding.Unknown{Reason: binding.NotAsked, Message: message.New("condition.registry-not-asked")})
		m.onImage(r, Action{Kind: Noop, Cause: causeOf(*u), Reason: unknownReason(*u)})
		m.find(r.d, r.path+".image", finding.New(unknownCode(*u), message.New("plan.of", "name", r.name, "text", u.Message)))
	case !st.Exists:
		if m.create(r) {
			m.rules(r)
			return
		}
	case m.source(r):
		m.rules(r)
		return
	}
	if m.mustRefuse() {
		m.refusedRules(r)
	}
}

// project checks what the code host answers about the source, and notes what
// prevents linking it.
func (m *maker) project(r *image) {
	state, ok := m.in.Observation.Projects[r.d.Name][r.Source]
	if !ok {
		return
	}
	if state.Allows(r.d.Edition, r.d.Spec.Platform, r.Trigger) == binding.No {
		r.obstacle = obstacle{CauseSubgroup, message.New("reason.subgroup")}
		m.find(r.d, r.path+".trigger", finding.New(binding.RuleSubgroup, message.New("plan.subgroup",
			"name", r.d.Name, "source", r.Source)).
			As(finding.Error))
	}
	for _, a := range state.Answers {
		if a.Verdict != binding.No {
			continue
		}
		code := "source-missing"
		if a.Question != "project-exists" {
			code = answerCode(a)
		}
		r.obstacle = obstacle{CauseHostRefused, message.New("reason.host-refused", "rule", code, "why", a.Reason)}
		m.find(r.d, r.path+".source", finding.New(code, message.New("plan.of", "name", r.d.Name, "text", a.Message)).As(finding.Error))
	}
}

func (m *maker) onImage(r image, a Action) {
	a.Object, a.Target.Image = binding.RepositoryObject(r.name), r.name
	m.act(r.subject, takeLink, a)
}

// source plans the source of an image repository. It reports whether that is linked
// as declared now, or will be by this plan.
func (m *maker) source(r image) bool {
	if !m.in.Observation.Capabilities.ReadSources {
		return m.confirmedSource(r)
	}
	return m.link(r)
}

// link does the same if the registry can be asked about sources.
func (m *maker) link(r image) bool {
	if u, is := m.unseenOn("", binding.RepositoryObject(r.name)); is {
		m.onImage(r, u.notVisible())
		return true
	}
	want := wantedLink(r)
	changes := linkChanges(r, r.state.Link)
	if r.state.Link != nil && len(changes) == 0 {
		m.linked(r)
		return true
	}
	a := Action{Kind: Link, Changes: changes, Target: Target{Link: &want}}
	if r.state.Link != nil {
		a.Kind = Relink
		if !m.ourSource(r) && !r.d.Spec.Adopt && !r.observesOnly() {
			m.foreign(r, a)
			return false
		}
	}
	switch {
	case r.linkedByUs():
		a.Cause, a.Reason = CauseDrift, message.New("reason.link-drift")
	case a.Kind == Link:
		a.Cause, a.Reason = CauseAbsent, message.New("reason.not-linked")
	case !m.ourSource(r) && r.observesOnly():
		a.Cause, a.Reason = CauseDiffers, message.New("reason.linked-differently")
	case !m.ourSource(r):
		a.Cause, a.Reason = CauseForeign, message.New("reason.linked-by-others")
	default:
		a.Cause, a.Reason = CauseDeclarationChanged, message.New("reason.declaration-changed")
	}
	switch caps := m.in.Observation.Capabilities; {
	case a.Repairs() && r.d.Spec.DriftPolicy == binding.Report && !r.observesOnly():
		m.onImage(r, Action{Kind: Noop, Cause: CauseDrift, Reason: onlyReported(message.New("reason.source-drift"))})
		m.find(r.d, r.path, finding.New("drift", message.New("plan.link-drift", "name", r.d.Name, "image", r.name)))
		return false
	case r.obstacle.cause != "":
		m.onImage(r, r.obstacle.forbids(changes))
		return false
	case !caps.LinkRepositories:
		a.Kind, a.Steps = Manual, m.linkSteps(r, want, changes)
		a.Reason = m.cannot(a.Reason, "linkRepositories")
	}
	a.Object = binding.RepositoryObject(r.name)
	a = m.unlessFlapping(r.subject, r.path, a)
	m.onImage(r, a)
	return a.Kind != Manual && a.Kind != Forbidden
}

// linkedByUs reports whether the declared link is the one that we wrote last, and was
// declared all the time.
func (r image) linkedByUs() bool {
	return r.own != nil && !r.own.Undeclared && r.own.Link != nil && len(linkChanges(r, r.own.Link)) == 0
}

// ourSource reports whether the source of an image repository is ours to replace. If
// the image repository was not declared for a while, only a source that we left is
// ours: another one is somebody else's.
func (m *maker) ourSource(r image) bool {
	if r.memory == nil || !r.memory.Undeclared {
		return r.memory != nil
	}
	have := r.state.Link
	return have != nil && slices.ContainsFunc(m.in.Records, func(rec binding.Record) bool {
		img := m.recordedImage(&rec, r.name)
		return rec.Managed && img != nil && img.Link != nil && img.Link.Platform == have.Platform && binding.SameSource(img.Link.Source, have.Source)
	})
}

// linked plans an image repository whose source is as declared. Our memory may not
// have it yet.
func (m *maker) linked(r image) {
	if withdrawn := r.Rules != nil && !m.in.Observation.Capabilities.ReadRules && r.afterStep(); withdrawn || !m.rulesConfirmed(r) {
		if withdrawn && m.rulesConfirmed(r) {
			r = r.unconfirmed()
		}
		m.confirm(r, linkChanges(r, r.state.Link), "readRules")
		return
	}
	if r.linkedByUs() || m.adoptedLink(r) {
		m.onImage(r, Action{Kind: Noop, Cause: CauseSettled, Reason: message.New("reason.linked")})
		return
	}
	want := wantedLink(r)
	m.onImage(r, Action{Kind: Adopt, Cause: CauseAlreadyThere, Reason: message.New("reason.linked-already"), Target: Target{Link: &want}})
}

// foreign forbids replacing a link that was never ours.
func (m *maker) foreign(r image, a Action) {
	m.onImage(r, Action{
		Kind: Forbidden, Cause: CauseAdoptRequired, Changes: a.Changes,
		Reason: message.New("reason.foreign-link"),
	})
	m.find(r.d, r.path+".image", finding.New("adopt-required", message.New("plan.foreign-link", "name", r.d.Name,
		"image", r.name, "field", a.Changes[0].name(), "from", a.Changes[0].from(), "to", a.Changes[0].to())))
}

// wantedLink is the link to write. Fields that the declaration omits are not
// changed. A new link gets the product's defaults for them: builds stay in the
// mainland and use the cache.
func wantedLink(r image) binding.Link {
	link := binding.Link{BuildCache: true}
	if r.state.Link != nil {
		link = *r.state.Link
	}
	link.Platform, link.Source, link.Trigger = r.d.Spec.Platform, r.Source, cmp.Or(r.Trigger, binding.Auto)
	if r.OverseasBuild != nil {
		link.OverseasBuild = *r.OverseasBuild
	}
	if r.BuildCache != nil {
		link.BuildCache = *r.BuildCache
	}
	return link
}

// linkChanges compares the managed fields of a declared image repository with a
// link; nil stands for no link. The values of the fields in unconfirmed are
// unknown.
func linkChanges(r image, link *binding.Link, unconfirmed ...string) []Change {
	have := cmp.Or(link, &binding.Link{})
	var changes []Change
	add := func(field, from, to string) { changes = append(changes, Change{Field: field, From: from, To: to}) }
	if have.Platform != r.d.Spec.Platform {
		add("platform", string(have.Platform), string(r.d.Spec.Platform))
	}
	if !binding.SameSource(have.Source, r.Source) {
		add("source", have.Source, r.Source)
	}
	if want := cmp.Or(r.Trigger, binding.Auto); have.Trigger != want {
		add("trigger", string(have.Trigger), string(want))
	}
	flag := func(field string, have bool, want *bool) {
		known := link != nil && !slices.Contains(unconfirmed, field)
		if want == nil || known && have == *want {
			return
		}
		from := ""
		if known {
			from = strconv.FormatBool(have)
		}
		add(field, from, strconv.FormatBool(*want))
	}
	flag("overseasBuild", have.OverseasBuild, r.OverseasBuild)
	flag("buildCache", have.BuildCache, r.BuildCache)
	return changes
}

// confirmedSource plans a source that the registry cannot be asked about. All that
// is known then is what a person confirmed.
func (m *maker) confirmedSource(r image) bool {
	have := cmp.Or(r.memory, &binding.RecordedImage{})
	changes := linkChanges(r, have.Link, have.Unconfirmed...)
	asRecorded := have.Link != nil && len(changes) == 0 && m.rulesConfirmed(r)
	if asRecorded && r.afterStep() {
		r, changes = r.unconfirmed(), linkChanges(r, nil)
	}
	switch {
	case asRecorded && !r.withdrawn:
		m.onImage(r, Action{Kind: Noop, Cause: CauseConfirmed, Reason: message.New("reason.linked-confirmed")})
		return true
	case r.obstacle.cause != "":
		m.onImage(r, r.obstacle.forbids(nil))
	case m.in.Observation.Capabilities.ReadRepositories:
		m.confirm(r, changes, "readSources")
	default:
		m.confirm(r, changes, "readRepositories")
	}
	return false
}

// afterStep reports whether a person was asked to set up something other than what
// is remembered, and may have done it.
func (r image) afterStep() bool { return r.memory != nil && r.memory.StepAsked }

// unconfirmed returns the image repository as one that nobody has confirmed,
// because a step to set up something else was withdrawn.
func (r image) unconfirmed() image {
	r.memory, r.withdrawn = nil, true
	return r
}

// confirm asks a person to set up an image repository as declared, and to confirm
// what the registry cannot be asked about: its source, its rules or both.
func (m *maker) confirm(r image, changes []Change, unread string) {
	want := wantedLink(r)
	a := Action{
		Kind: Manual, Cause: CauseNotConfirmed, Changes: changes, Target: Target{Link: &want},
		Reason: m.cannot(message.New("reason.link-not-confirmed"), unread), Steps: m.linkSteps(r, want, changes),
	}
	switch {
	case r.withdrawn:
		a.Reason = m.cannot(message.New("reason.step-withdrawn"), unread)
	case m.in.Observation.Capabilities.ReadSources:
		a.Reason = m.cannot(message.New("reason.rules-not-confirmed"), unread)
	case r.memory != nil && r.memory.Link != nil:
		a.Reason = m.cannot(message.New("reason.link-changes"), unread)
	}
	if !m.in.Observation.Capabilities.ReadRules && r.memory != nil {
		a.Changes = append(slices.Clip(changes), ruleChanges(r)...)
	}
	m.onImage(r, a)
}
