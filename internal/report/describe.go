package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// KindDescription is the kind of a Description.
const KindDescription = "BindingDescription"

// Description is everything about one binding, as `describe` prints it. It
// holds no secret.
type Description struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	BindingItem
	// Line is where in its file the binding is declared; 0 where it is not.
	Line  int            `json:"line,omitempty"`
	Token DescribedToken `json:"token,omitzero"`
	// Suspensions are what persons hold still; what the declaration suspends is
	// in its spec.
	Suspensions []binding.Suspension `json:"suspensions"`
	Applied     DescribedApply       `json:"applied,omitzero"`
	// Objects are what the last plan says of the account and of each image
	// repository and build rule.
	Objects []DescribedObject `json:"objects"`
	// Events are the last of them, newest first, and so is History.
	Events  []EventItem            `json:"events"`
	History []binding.HistoryEntry `json:"history"`
}

// DescribedToken says which token is meant, and never what it is.
type DescribedToken struct {
	Vault binding.VaultRef `json:"vault,omitzero"`
	// Version is the one that the secret store has, Bound the one applied last.
	Version int       `json:"version,omitempty"`
	Bound   int       `json:"bound,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	// ExpiresSource says who told the end: declaration, vault or host.
	ExpiresSource string `json:"expiresSource,omitempty"`
}

// DescribedApply tells what was applied last.
type DescribedApply struct {
	Time     time.Time `json:"time"`
	Revision string    `json:"revision,omitempty"`
	Digest   string    `json:"digest,omitempty"`
}

// DescribedObject is what the last plan says of one object.
type DescribedObject struct {
	Object binding.Object `json:"object"`
	Action plan.Kind      `json:"action"`
	Reason string         `json:"reason"`
	// ReasonID and ReasonArgs are the reason as data.
	ReasonID   string       `json:"reasonId,omitempty"`
	ReasonArgs message.Args `json:"reasonArgs,omitempty"`
}

// NewDescription makes a description whose lists are never null.
func NewDescription(d Description) Description {
	d.APIVersion, d.Kind = binding.APIVersion, KindDescription
	d.Suspensions, d.Objects = some(d.Suspensions), some(d.Objects)
	d.Events, d.History = some(d.Events), some(d.History)
	return d
}

// DescriptionText writes a description for a person.
func DescriptionText(w io.Writer, d Description, style Style) error {
	p := &page{style: style}
	p.line(style.paint(bold, clean(objectOf(d.Spec.Instance, d.Metadata.Name))))
	p.fields(d.identity())
	p.section("Conditions")
	p.described(ConditionsOf(d.Status.Conditions))
	for _, s := range d.Status.Pending {
		p.section("A person's step: " + s.Action + " " + s.Object.String() + ", since " + stampOf(s.Since) + due(s))
		p.fold("  ", s.Reason)
		for i, step := range s.Steps {
			p.fold(fmt.Sprintf("  %2d. ", i+1), step)
		}
	}
	if len(d.Objects) > 0 {
		p.section("Last plan")
		var rows [][]string
		for _, o := range d.Objects {
			rows = append(rows, []string{"  " + o.Object.String(), string(o.Action), o.Reason})
		}
		p.columns(rows, nil)
	}
	if len(d.Events) > 0 {
		p.section("Events")
		var rows [][]string
		for _, e := range d.Events {
			rows = append(rows, []string{"  " + stampOf(e.Last), fmt.Sprintf("x%d", e.Count), string(e.Type), e.Reason, e.Message})
		}
		p.columns(rows, nil)
	}
	if len(d.History) > 0 {
		p.section("History")
		p.history(d.History)
	}
	return p.writeTo(w)
}

// due tells the deadline of a person's step.
func due(w PendingObject) string {
	switch {
	case w.Due.IsZero():
		return ""
	case w.Overdue:
		return ", overdue since " + stampOf(w.Due)
	}
	return ", due by " + stampOf(w.Due)
}

func (p *page) section(title string) {
	p.line()
	p.line(p.style.paint(bold, clean(title)))
}

// fields writes names and values below each other; what has no value is left
// out.
func (p *page) fields(fields [][2]string) {
	widest := 0
	for _, f := range fields {
		widest = max(widest, width(f[0]))
	}
	for _, f := range fields {
		if f[1] != "" {
			p.fold("  "+pad(f[0]+":", widest+1)+"  ", f[1])
		}
	}
}

// described writes conditions with the time since when they are so.
func (p *page) described(conditions []binding.Condition) {
	var rows [][]string
	for _, c := range conditions {
		rows = append(rows, []string{
			"  " + string(c.Type), string(c.Status), stampOf(c.LastTransitionTime), c.Reason + ": " + p.style.Language.Text(c.Message),
		})
	}
	p.columns(rows, nil)
}

// identity is what is told of the binding before its conditions.
func (d Description) identity() [][2]string {
	declared := d.Metadata.File
	if d.Line > 0 {
		declared += fmt.Sprintf(":%d", d.Line)
	}
	if declared != "" && d.Metadata.Revision != "" {
		declared += " at " + d.Metadata.Revision
	}
	fields := [][2]string{
		{"declared", declared},
		{"platform", d.Spec.Platform.Title()},
		{"account", strings.TrimSpace(d.Spec.Username + " " + d.Spec.Address)},
		{"policies", policies(d.Spec)},
		{"token", d.Token.place()},
		{"token ends", d.Token.ends()},
	}
	for _, r := range d.Spec.Repositories {
		fields = append(fields, [2]string{"builds", fmt.Sprintf("%s from %s (%s, %s)", r.Image, r.Source, cmp.Or(string(r.Trigger), "auto"), counted(len(r.Rules), "rule", "rules"))})
	}
	if s := d.Spec.Suspend; s != nil {
		fields = append(fields, [2]string{"declaration", s.String()})
	}
	for _, s := range d.Suspensions {
		fields = append(fields, [2]string{"suspension", s.String() + "; asked for at " + stampOf(s.Since) + " (" + cmp.Or(s.Proven, "not proven") + ")"})
	}
	if r := d.Status.Retry; r != nil {
		fields = append(fields, [2]string{"retry", fmt.Sprintf("failed %d times, tried again at %s", r.Failures, stampOf(r.Next))})
	}
	if a := d.Applied; !a.Time.IsZero() {
		fields = append(fields, [2]string{"applied", strings.TrimSpace(fmt.Sprintf("%s, commit %s, plan %s", stampOf(a.Time), cmp.Or(a.Revision, "-"), cmp.Or(a.Digest, "-")))})
	}
	return append(fields, [2]string{"last sync", zeroOr(d.Status.LastSync)})
}

func zeroOr(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stampOf(t)
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

func (t DescribedToken) place() string {
	if t.Vault == (binding.VaultRef{}) {
		return ""
	}
	text := fmt.Sprintf("%s/%s#%s", t.Vault.Mount, t.Vault.Path, t.Vault.Key)
	if t.Version > 0 {
		text += fmt.Sprintf(", version %d", t.Version)
	}
	if t.Bound > 0 {
		text += fmt.Sprintf(" (bound: version %d)", t.Bound)
	}
	return text
}

func (t DescribedToken) ends() string {
	if t.Expires.IsZero() {
		return ""
	}
	return stampOf(t.Expires) + " (source: " + cmp.Or(t.ExpiresSource, "unknown") + ")"
}
