package plan

import (
	"cmp"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// Make plans one instance. It is pure: equal inputs give an equal plan, byte
// for byte, whatever the order of declarations and records.
func Make(in Input) Plan {
	m := newMaker(in)
	m.instance()
	m.suspensionsEnded()
	for i := range m.in.Declarations {
		m.declaration(&m.in.Declarations[i])
	}
	m.undeclared()
	m.observedRemovals()
	m.resolveRemovals()
	m.unseenSteps()
	m.observedSteps()
	m.order()
	m.quotas()
	m.pendingSteps()
	p := m.plan()
	markNothingDue(in, p.Actions)
	return p
}

// phase orders actions: first those that remove something, then those on each
// binding's account, links and rules. Accounts are unbound last: see rank.
type phase int

const (
	freeRule phase = iota
	freeLink
	freeAccount
	takeAccount
	takeLink
	changeRule
	takeRule
)

type step struct {
	phase phase
	Action
}

// maker makes one plan.
type maker struct {
	in       Input
	targets  binding.SecretTargets
	steps    []step
	findings []finding.Finding
	removals []removal
	// postponed counts the bindings whose removal waits for the end of a
	// suspension. They count for the threshold, so that they do not pass it one by
	// one when they would exceed it together.
	postponed int
	// claimed are the records that belong to a declaration.
	claimed map[recordKey]bool
	// memory is what each record has about its image repositories, by name.
	memory map[recordKey]map[string]*binding.RecordedImage
	// declared are the image repositories that some declaration names.
	declared map[string]bool
	// unseen are the writes of ours that the observation does not show. repeatable
	// are those that got no answer and may be repeated.
	unseen, repeatable map[unseenKey]unseen
}

type recordKey struct {
	name     string
	platform binding.Platform
}

func keyOf(r binding.Record) recordKey { return recordKey{r.Binding, r.Platform} }

// newMaker copies what it sorts, so that the caller's slices are not changed.
func newMaker(in Input) *maker {
	in.Declarations = inOrder(in.Declarations, func(a, b binding.Declaration) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Spec.Platform, b.Spec.Platform),
			cmp.Compare(a.File, b.File), cmp.Compare(a.At("").Line, b.At("").Line))
	})
	in.Records = inOrder(in.Records, func(a, b binding.Record) int {
		return cmp.Or(cmp.Compare(a.Binding, b.Binding), cmp.Compare(a.Platform, b.Platform))
	})
	in.Suspensions = inOrder(in.Suspensions, func(a, b binding.Suspension) int {
		return cmp.Or(cmp.Compare(a.Binding, b.Binding), a.Until.Compare(b.Until))
	})
	in.Broken = slices.Sorted(slices.Values(in.Broken))
	m := &maker{in: in, targets: in.Targets(), claimed: map[recordKey]bool{}, declared: map[string]bool{}, memory: map[recordKey]map[string]*binding.RecordedImage{}}
	for _, r := range in.Records {
		byName := make(map[string]*binding.RecordedImage, len(r.Images))
		for i := range r.Images {
			byName[binding.NormalImage(r.Images[i].Image)] = &r.Images[i]
		}
		m.memory[keyOf(r)] = byName
	}
	for _, d := range in.Declarations {
		for _, r := range d.Spec.Repositories {
			m.declared[binding.NormalImage(r.Image)] = true
		}
	}
	m.findUnseen()
	return m
}

// inOrder returns the sorted list: the same one if it is sorted already, otherwise
// a copy.
func inOrder[T any](list []T, compare func(a, b T) int) []T {
	if slices.IsSortedFunc(list, compare) {
		return list
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, compare)
	return list
}

// instance reports once if nothing is known about the whole instance.
func (m *maker) instance() {
	if u := m.in.Observation.Unknown; u != nil {
		f := finding.New("observation-unknown", message.New("plan.instance-unknown", "instance", m.in.Instance.Name, "unknown", u.Message))
		f.Instance = m.in.Instance.Name
		m.findings = append(m.findings, f)
	}
}

// declaration plans one declaration: its account and, if that is bound or will be,
// its image repositories.
func (m *maker) declaration(d *binding.Declaration) {
	s := m.subject(d)
	m.expiry(s)
	suspended := m.suspended(d.Spec.Suspend, s.names()...)
	switch u := m.in.Observation.Unknown; {
	case m.claimedTwice(d):
		m.act(s, takeAccount, Action{
			Object: binding.AccountObject(), Kind: Forbidden, Cause: CauseNotUnique,
			Reason: message.New("reason.not-unique", "platform", d.Spec.Platform.Title()),
		})
	case !suspended.IsZero():
		m.noop(s, CauseSuspended, suspended)
	case u != nil:
		m.findMove(s)
		m.noop(s, causeOf(*u), unknownReason(*u))
	case m.holderBroken(s):
		m.waitsForFile(s)
	default:
		m.suspendEnded(s)
		if m.account(s) {
			m.repositories(s)
			return
		}
	}
	m.refusedRepositories(s)
}

// claimedTwice reports whether several declarations claim the platform. That is an
// error of the snapshot, and the checker reports it. Nothing is done for any of
// them.
func (m *maker) claimedTwice(d *binding.Declaration) bool {
	n := 0
	for _, o := range m.in.Declarations {
		if o.Spec.Platform == d.Spec.Platform {
			n++
		}
	}
	return n > 1
}

func (m *maker) suspendEnded(s subject) {
	if u := s.d.Spec.Suspend; u != nil {
		m.find(s.d, "spec.suspend.until", finding.New("suspend-ended", message.New("suspension.ended", "last", u.Until)))
	}
}

// brokenReason is the reason to leave an object unchanged: an invalid file may
// declare it.
func (m *maker) brokenReason() message.Message {
	if !m.in.Held.IsZero() {
		return m.in.Held
	}
	return message.New("reason.file-broken", "files", m.in.Broken)
}

// holderBroken reports whether we bound the platform under a name that has no
// declaration here, and some file is invalid: that file may declare it. It is false
// if this binding was applied under its own name, because it has the platform now.
func (m *maker) holderBroken(s subject) bool {
	if len(m.in.Broken) == 0 || s.ours() && !s.renamed() {
		return false
	}
	return slices.ContainsFunc(m.in.Records, func(r binding.Record) bool {
		return r.Managed && r.Platform == s.d.Spec.Platform && !m.hasDeclaration(r)
	})
}

// waitsForFile plans nothing for a declaration and its image repositories, because
// of an invalid file.
func (m *maker) waitsForFile(s subject) {
	m.noop(s, CauseFileBroken, m.brokenReason())
	for i := range s.d.Spec.Repositories {
		m.onImage(m.image(s, i), Action{Kind: Noop, Cause: CauseFileBroken, Reason: m.brokenReason()})
	}
}

// hasDeclaration reports whether the binding of a record is declared under the same
// name and platform.
func (m *maker) hasDeclaration(r binding.Record) bool {
	return slices.ContainsFunc(m.in.Declarations, func(d binding.Declaration) bool {
		return d.Name == r.Binding && d.Spec.Platform == r.Platform
	})
}

func unknownReason(u binding.Unknown) message.Message {
	return message.New("reason.unknown", "why", u.Reason)
}

// subject is a declaration with everything known about it.
type subject struct {
	d *binding.Declaration
	// record is what was applied last, also under an earlier name; nil if
	// nothing was.
	record *binding.Record
	// state is the registry's answer about the account; asked is false if the
	// observation has no answer.
	state binding.AccountState
	asked bool
	token binding.TokenState
	// tokenAsked is false if the observation has nothing about the token.
	tokenAsked bool
}

func (m *maker) subject(d *binding.Declaration) subject {
	s := subject{d: d}
	s.state, s.asked = m.in.Observation.Accounts[d.Spec.Platform]
	if !m.in.Observation.Capabilities.ListAccounts {
		s.state.Account = nil // An account that cannot be listed is unknown.
	}
	s.token, s.tokenAsked = m.in.Observation.Tokens[d.Name]
	if s.record = m.in.recordOf(d, s.state.Account); s.record != nil {
		m.claimed[keyOf(*s.record)] = true
	}
	return s
}

// recordOf finds the record of a declaration: the record with its name, or one with
// a different name whose binding is still there, because a renamed declaration
// keeps its binding. A record of a removed binding with its name comes last: the
// declaration may have been renamed twice.
func (in Input) recordOf(d *binding.Declaration, account *binding.Account) *binding.Record {
	var own *binding.Record
	for i, r := range in.Records {
		if r.Platform == d.Spec.Platform && r.Binding == d.Name {
			own = &in.Records[i]
		}
	}
	if own != nil && (own.Managed || account == nil) {
		return own
	}
	for i, r := range in.Records {
		if r.Platform == d.Spec.Platform && r.Managed && (account == nil || r.Is(*account)) {
			return &in.Records[i]
		}
	}
	return own
}

// Claimant returns the declaration that a record belongs to, also under an earlier
// name; nil if it is no longer declared.
func (in Input) Claimant(record binding.Record) *binding.Declaration {
	for i := range in.Declarations {
		d := &in.Declarations[i]
		if d.Spec.Platform != record.Platform {
			continue
		}
		if r := in.recordOf(d, in.Observation.Accounts[record.Platform].Account); r != nil && keyOf(*r) == keyOf(record) {
			return d
		}
	}
	return nil
}

// ours reports whether the binding is ours. Once it was not declared for a while,
// only the account that we left is: another one is somebody else's.
func (s subject) ours() bool {
	if s.record == nil || !s.record.Managed {
		return false
	}
	return !s.record.Undeclared || s.state.Account == nil || s.record.Is(*s.state.Account)
}

// renamed reports whether the binding was applied under a different name.
func (s subject) renamed() bool { return s.ours() && s.record.Binding != s.d.Name }

// act adds an action of a declaration, filling in what all of them share.
func (m *maker) act(s subject, p phase, a Action) {
	a.Instance, a.Binding, a.Platform = m.in.Instance.Name, s.d.Name, s.d.Spec.Platform
	a.Target.Declaration, a.Target.Record, a.Target.Account = s.d, s.record, s.state.Account
	a.Target.TokenVersion, a.Target.TokenCreated, a.Target.TokenFingerprint = s.token.Version, s.token.Created, s.token.Fingerprint
	if a.Kind == Adopt && a.Object.IsAccount() {
		m.claimToken(s, &a.Target)
	}
	m.add(p, a)
}

func (m *maker) add(p phase, a Action) {
	slices.SortFunc(a.Changes, func(x, y Change) int { return cmp.Compare(x.Field, y.Field) })
	m.steps = append(m.steps, step{p, a})
}

// find adds a finding at a field of a declaration.
func (m *maker) find(d *binding.Declaration, path string, f finding.Finding) {
	at := d.At(path)
	m.findings = append(m.findings, f.At(d.File, at.Line, at.Column).In(path))
}

// order sorts the actions in the order in which they are applied: by rank, then by
// binding, and within a binding by phase and object.
func (m *maker) order() {
	slices.SortStableFunc(m.steps, func(a, b step) int {
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Binding, b.Binding),
			cmp.Compare(a.phase, b.phase), a.Object.Compare(b.Object), cmp.Compare(a.Kind, b.Kind),
		)
	})
}

func (m *maker) plan() Plan {
	m.order()
	m.addAttestStep()
	m.reportWindow()
	p := Plan{Findings: finding.Sort(m.findings), Instances: []Instance{m.in.Instance}}
	p.Actions = slices.Grow(p.Actions, len(m.steps))
	for _, s := range m.steps {
		p.Actions = append(p.Actions, s.Action)
	}
	return p
}

// reportWindow reports that the plan has to wait, and until when. The actions are the
// same inside and outside of windows: what was reviewed is what is applied.
func (m *maker) reportWindow() {
	ours, persons := 0, 0
	for _, s := range m.steps {
		switch {
		case !s.NeedsWindow(m.in.Windows):
		case s.Kind.ByPerson():
			persons++
		default:
			ours++
		}
	}
	if ours+persons == 0 {
		return
	}
	state := m.in.Windows.At(m.in.Now)
	if state.Open {
		return
	}
	m.findings = append(m.findings, finding.New("window-closed", message.New("plan.window-closed", "instance", m.in.Instance.Name,
		"why", state.Why, "opens", state.When(), "actions", ours, "steps", persons)))
}

// rank puts the removal of an account after everything else. No other account of
// the plan needs its platform, and by then its image repositories build through a
// different account.
func rank(s step) int {
	switch {
	case s.phase > freeAccount:
		return 1
	case s.phase == freeAccount && s.Kind.Changes():
		return 2
	}
	return 0
}
