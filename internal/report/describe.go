package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// KindDescription is the kind of a Description.
const KindDescription = "BindingDescription"

// Description is everything about one binding, as `describe` prints it. It
// contains no secret.
type Description struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	BindingItem
	// Line is the line of the declaration in its file; 0 if the binding is not
	// declared.
	Line  int            `json:"line,omitempty"`
	Token DescribedToken `json:"token,omitzero"`
	// Suspensions are those that people asked for. A suspension in the
	// declaration is in its spec.
	Suspensions []binding.Suspension `json:"suspensions"`
	Applied     DescribedApply       `json:"applied,omitzero"`
	// Objects are what the last plan says about the account and each image
	// repository and build rule.
	Objects []DescribedObject `json:"objects"`
	// Images are the declared image repositories with their build rules.
	Images []DescribedImage `json:"images,omitempty"`
	// Observed is what the last sync observed; nil before the first.
	Observed *DescribedObservation `json:"observed,omitempty"`
	// Events are the last events, newest first; so is History.
	Events  []EventItem            `json:"events"`
	History []binding.HistoryEntry `json:"history"`
}

// DescribedToken identifies a token, without its value.
type DescribedToken struct {
	Vault binding.VaultRef `json:"vault,omitzero"`
	// Version is the version in the secret store, and Bound the one that was
	// applied last.
	Version int       `json:"version,omitempty"`
	Bound   int       `json:"bound,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	// ExpiresSource is the source of the expiry: declaration, vault or host.
	ExpiresSource string `json:"expiresSource,omitempty"`
}

// DescribedApply is what was applied last.
type DescribedApply struct {
	Time     time.Time `json:"time"`
	Revision string    `json:"revision,omitempty"`
	Digest   string    `json:"digest,omitempty"`
}

// DescribedObject is what the last plan says about one object.
type DescribedObject struct {
	Object binding.Object `json:"object"`
	Action plan.Kind      `json:"action"`
	Reason string         `json:"reason"`
	// ReasonID and ReasonArgs are the reason as data.
	ReasonID   string       `json:"reasonId,omitempty"`
	ReasonArgs message.Args `json:"reasonArgs,omitempty"`
	// Changes are the fields that differ. From is what the registry has, and To
	// what is declared.
	Changes []plan.Change `json:"changes,omitempty"`
}

// DescribedImage is an image repository with its build rules.
type DescribedImage struct {
	Image string          `json:"image"`
	Rules []DescribedRule `json:"rules"`
	// Unknown says why the rules are unknown. UnknownID and UnknownArgs are the
	// same as data.
	Unknown     string       `json:"unknown,omitempty"`
	UnknownID   string       `json:"unknownId,omitempty"`
	UnknownArgs message.Args `json:"unknownArgs,omitempty"`
}

// DescribedRule is a build rule: what is pushed, the resulting image tag, and the
// Dockerfile according to the declaration and to the registry. The Dockerfile is
// empty if there is no such rule.
type DescribedRule struct {
	Rule     string `json:"rule"`
	Declared string `json:"declared,omitempty"`
	Seen     string `json:"seen,omitempty"`
}

// DescribedImages compares the declared build rules with the observed ones.
func DescribedImages(declared []binding.Repository, seen map[string]binding.RepositoryState) []DescribedImage {
	var images []DescribedImage
	for _, r := range declared {
		i := DescribedImage{Image: r.Image, Rules: []DescribedRule{}}
		for _, rule := range r.Rules {
			i.Rules = append(i.Rules, DescribedRule{Rule: rule.Key(), Declared: rule.Dockerfile})
		}
		state, asked := seen[r.Image]
		why := state.NoRules()
		if !asked {
			why = &binding.Unknown{Message: message.New("describe.not-asked")}
		}
		if why != nil {
			i.Unknown, i.UnknownID, i.UnknownArgs = English().Text(why.Message), why.Message.ID, why.Message.Args
		}
		for _, rule := range state.Rules {
			i.see(rule.BuildRule)
		}
		images = append(images, i)
	}
	return images
}

// Map returns the image repository with f applied to every text of the registry.
func (i DescribedImage) Map(f func(string) string) DescribedImage {
	i.Rules = slices.Clone(i.Rules)
	for n, r := range i.Rules {
		i.Rules[n] = DescribedRule{Rule: f(r.Rule), Declared: r.Declared, Seen: f(r.Seen)}
	}
	why := message.Message{ID: i.UnknownID, Args: i.UnknownArgs}.Map(f)
	i.Unknown, i.UnknownArgs = f(i.Unknown), why.Args
	return i
}

// see adds an observed rule.
func (i *DescribedImage) see(rule binding.BuildRule) {
	at := slices.IndexFunc(i.Rules, func(r DescribedRule) bool { return r.Rule == rule.Key() && r.Seen == "" })
	if at < 0 {
		i.Rules = append(i.Rules, DescribedRule{Rule: rule.Key(), Seen: rule.Dockerfile})
		return
	}
	i.Rules[at].Seen = rule.Dockerfile
}

// NewDescription makes a description whose lists are never null.
func NewDescription(d Description) Description {
	d.APIVersion, d.Kind = binding.APIVersion, KindDescription
	d.Suspensions, d.Objects = nonNil(d.Suspensions), nonNil(d.Objects)
	d.Events, d.History = nonNil(d.Events), nonNil(d.History)
	return d
}

// DescriptionText writes a description for a person.
func DescriptionText(w io.Writer, d Description, style Style) error {
	p := &page{style: style}
	p.line(style.paint(bold, clean(objectOf(d.Spec.Instance, d.Metadata.Name))))
	p.fields(p.identity(d))
	p.section(p.style.Language.Text(message.New("describe.conditions")))
	p.described(ConditionsOf(d.Status.Conditions))
	for _, s := range pendingSteps(d.Status.Pending) {
		p.section(p.style.Language.Text(message.New("describe.step", "action", s.Action, "object", s.Object, "when", sinceWhen([]binding.PendingStep{s}))))
		p.fold("  ", style.Language.Text(s.Reason))
		for i, step := range style.Language.texts(s.Steps) {
			p.fold(fmt.Sprintf("  %2d. ", i+1), step)
		}
	}
	p.rules(d.Images)
	if len(d.Objects) > 0 {
		p.section(p.style.Language.Text(message.New("describe.last-plan")))
		t := &table{indent: "  ", folds: true, columns: []column{{id: "object"}, {id: "action"}, {id: "reason", free: true}}}
		for _, o := range d.Objects {
			t.row(o.Object.String(), string(o.Action), style.Language.Text(known(message.Message{ID: o.ReasonID, Args: o.ReasonArgs}, o.Reason)))
		}
		p.write(t)
	}
	if len(d.Events) > 0 {
		p.section(p.style.Language.Text(message.New("describe.events")))
		t := &table{indent: "  ", folds: true, columns: []column{{id: "last"}, {id: "count", rank: 2}, {id: "type", rank: 3}, {id: "reason", rank: 1}, {id: "message", free: true}}}
		for _, e := range d.Events {
			t.row(style.when(e.Last, false), strconv.Itoa(e.Count), string(e.Type), e.Reason, style.Language.Text(known(message.Message{ID: e.ID, Args: e.Args}, e.Message)))
		}
		p.write(t)
	}
	if len(d.History) > 0 {
		p.section(p.style.Language.Text(message.New("describe.history")))
		t := style.history(d.History, false)
		t.indent, t.folds = "  ", true
		p.write(t)
	}
	return p.writeTo(w)
}

func (p *page) section(title string) {
	p.line()
	for _, l := range foldLines(clean(title), p.style.Width) {
		p.line(p.style.paint(bold, l))
	}
}

// field is a value with the ID of its label.
type field struct{ id, value string }

// fields writes labels and values, one per line, without empty values.
func (p *page) fields(fields []field) {
	widest := 0
	for i, f := range fields {
		fields[i].id = p.style.Language.Text(message.New("describe.field." + f.id))
		widest = max(widest, width(fields[i].id))
	}
	for _, f := range fields {
		if f.value != "" {
			p.fold("  "+pad(f.id+":", widest+1)+"  ", f.value)
		}
	}
}

// described writes conditions, with how long they have had their status.
func (p *page) described(conditions []binding.Condition) {
	if len(conditions) == 0 {
		return
	}
	t := &table{indent: "  ", folds: true, columns: []column{{id: "type"}, {id: "status"}, {id: "age", rank: 1}, {id: "reason", rank: 2}, {id: "message", free: true}}}
	for _, c := range conditions {
		t.row(string(c.Type), string(c.Status), p.style.when(c.LastTransitionTime, false), c.Reason, p.style.Language.Text(c.Message))
		t.rows[len(t.rows)-1][1].color = conditionColor(c)
	}
	p.write(t)
}

// conditionColor is the colour of a condition's status. True is good.
func conditionColor(c binding.Condition) color {
	if !c.Type.GoodIfTrue() {
		return ""
	}
	return readyColor(c.Status)
}

// rules writes the declared and the observed build rules.
func (p *page) rules(images []DescribedImage) {
	t := &table{indent: "  ", folds: true, columns: []column{{id: "image"}, {id: "rule"}, {id: "declared", rank: 1}, {id: "seen"}}}
	for _, i := range images {
		for _, r := range i.Rules {
			seen := r.Seen
			if i.Unknown != "" {
				seen = string(binding.Unclear)
			}
			t.row(i.Image, r.Rule, r.Declared, seen)
			if r.Declared != seen {
				t.rows[len(t.rows)-1][3].color = yellow
			}
		}
	}
	if len(t.rows) > 0 {
		p.section(p.style.Language.Text(message.New("describe.rules")))
		p.write(t)
	}
	for _, i := range images {
		if i.Unknown != "" {
			p.fold("  ! ", p.style.Language.Text(message.New("describe.rules-unknown", "image", i.Image, "why", known(message.Message{ID: i.UnknownID, Args: i.UnknownArgs}, i.Unknown))))
		}
	}
}

// identity returns what is shown before the conditions.
func (p *page) identity(d Description) []field {
	text := p.style.Language.Text
	declared := d.Metadata.File
	if d.Line > 0 {
		declared += fmt.Sprintf(":%d", d.Line)
	}
	if declared != "" && d.Metadata.Revision != "" {
		declared = text(message.New("describe.declared", "at", declared, "commit", Short(d.Metadata.Revision)))
	}
	fields := []field{
		{"declared", declared},
		{"platform", d.Spec.Platform.Title()},
		{"account", strings.TrimSpace(d.Spec.Username + " " + d.Spec.Address)},
		{"owner", personOf(d.Spec.Owner)},
		{"deputy", personOf(d.Spec.Deputy)},
		{"policies", policies(d.Spec)},
		{"token", text(d.Token.place())},
		{"token-ends", text(d.Token.ends())},
	}
	for _, r := range d.Spec.Repositories {
		fields = append(fields, field{"builds", text(message.New("describe.builds", "image", r.Image, "source", r.Source, "trigger", cmp.Or(string(r.Trigger), "auto"), "count", len(r.Rules)))})
	}
	if s := d.Spec.Suspend; s != nil {
		fields = append(fields, field{"declaration", text(message.New("describe.suspended", "until", fmt.Sprint(s.Until), "by", message.Foreign(s.Owner), "reason", message.Foreign(s.Reason)))})
	}
	for _, s := range d.Suspensions {
		held := message.New("describe.suspended", "until", s.Until, "by", message.Foreign(s.By), "reason", s.Why())
		fields = append(fields, field{"suspension", text(message.New("describe.asked", "what", held, "at", s.Since, "proven", s.Proven))})
	}
	if r := d.Status.Retry; r != nil {
		fields = append(fields, field{"retry", text(message.New("describe.retry", "count", r.Failures, "at", r.Next))})
	}
	if a := d.Applied; !a.Time.IsZero() {
		fields = append(fields, field{"applied", text(message.New("describe.applied", "at", a.Time, "commit", cmp.Or(Short(a.Revision), nothing), "plan", cmp.Or(shortDigest(a.Digest), nothing)))})
	}
	if !d.Status.LastSync.IsZero() {
		fields = append(fields, field{"last-sync", p.style.timestamp(d.Status.LastSync)})
	}
	return fields
}

// personOf is a person with their account; empty if there is none.
func personOf(c *binding.Contact) string {
	switch {
	case c == nil:
		return ""
	case c.Account == "":
		return c.Name
	}
	return c.Name + " (" + c.Account + ")"
}

func policies(s binding.Spec) string {
	var all []string
	for name, value := range map[string]string{
		"managementPolicy": string(s.ManagementPolicy), "driftPolicy": string(s.DriftPolicy), "deletionPolicy": string(s.DeletionPolicy),
	} {
		if value != "" {
			all = append(all, name+" "+value)
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// place says where the token is stored, and which version it is.
func (t DescribedToken) place() message.Message {
	if t.Vault == (binding.VaultRef{}) {
		return message.Message{}
	}
	return message.New("describe.token", "place", fmt.Sprintf("%s/%s#%s", t.Vault.Mount, t.Vault.Path, t.Vault.Key), "version", t.Version, "bound", t.Bound)
}

func (t DescribedToken) ends() message.Message {
	if t.Expires.IsZero() {
		return message.Message{}
	}
	return message.New("describe.token-ends", "at", t.Expires, "source", cmp.Or(t.ExpiresSource, string(binding.Unclear)))
}
