package report

import (
	"cmp"
	"io"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// KindSyncResult is the kind of a SyncResult.
const KindSyncResult = "SyncResult"

// SyncOutcome says what a sync did for a binding.
type SyncOutcome string

// Sync outcomes, the worst first.
const (
	// SyncRefused: something was refused for safety.
	SyncRefused SyncOutcome = "refused"
	// SyncFailed: something due was not done, or could not be checked.
	SyncFailed SyncOutcome = "failed"
	// SyncForbidden: a rule does not allow something that is needed.
	SyncForbidden SyncOutcome = "forbidden"
	// SyncWaiting: a person has something to do.
	SyncWaiting SyncOutcome = "waiting"
	// SyncDeferred: something waits until a window of the instance opens.
	SyncDeferred SyncOutcome = "deferred"
	// SyncChanged: something was done, and everything due was done.
	SyncChanged SyncOutcome = "changed"
	// SyncUnchanged: nothing was done.
	SyncUnchanged SyncOutcome = "unchanged"
	// SyncAsked: the sync was requested without waiting for it.
	SyncAsked SyncOutcome = "asked"
)

// SyncResult is what `sync` prints and the daemon answers.
type SyncResult struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Source says why the source could not be read again; empty if it could, or
	// if that was not requested.
	Source string `json:"source,omitempty"`
	// SourceID and SourceArgs are Source as data.
	SourceID   string       `json:"sourceId,omitempty"`
	SourceArgs message.Args `json:"sourceArgs,omitempty"`
	// Instances are the synced instances, by name.
	Instances []SyncedInstance `json:"instances"`
	Problems
}

// SyncedInstance is one instance of a SyncResult.
type SyncedInstance struct {
	Name string `json:"name"`
	// Revision and Digest are the revision and the plan of the sync; empty if
	// no plan was made.
	Revision string `json:"revision,omitempty"`
	Digest   string `json:"digest,omitempty"`
	// Outcome is the worst one of its bindings, or failed if nothing was
	// applied or not everything answered.
	Outcome SyncOutcome `json:"outcome"`
	// Message says why, if the reason is not a binding's.
	Message string `json:"message,omitempty"`
	// ID and Args are the message as data.
	ID       string          `json:"id,omitempty"`
	Args     message.Args    `json:"args,omitempty"`
	Bindings []SyncedBinding `json:"bindings"`
}

// SyncedBinding is one binding of a SyncResult.
type SyncedBinding struct {
	Name    string      `json:"name"`
	Outcome SyncOutcome `json:"outcome"`
	// Ready, Reason and Message are those of the condition Ready.
	Ready   binding.ConditionStatus `json:"ready"`
	Reason  string                  `json:"reason,omitempty"`
	Message string                  `json:"message,omitempty"`
	// ID and Args are the message as data.
	ID   string       `json:"id,omitempty"`
	Args message.Args `json:"args,omitempty"`
}

// NewSyncResult makes a result, with its lists sorted by name.
func NewSyncResult(instances []SyncedInstance) SyncResult {
	for i := range instances {
		instances[i].Bindings = nonNil(instances[i].Bindings)
		slices.SortFunc(instances[i].Bindings, func(a, b SyncedBinding) int { return cmp.Compare(a.Name, b.Name) })
	}
	slices.SortFunc(instances, func(a, b SyncedInstance) int { return cmp.Compare(a.Name, b.Name) })
	return SyncResult{APIVersion: binding.APIVersion, Kind: KindSyncResult, Instances: nonNil(instances)}
}

// SourceUnread sets why the source could not be read again; zero if it could.
func (r *SyncResult) SourceUnread(why message.Message) {
	r.Source, r.SourceID, r.SourceArgs = English().Text(why), why.ID, why.Args
}

// Fails records that nothing was applied to the instance or not everything
// answered.
func (i *SyncedInstance) Fails(why message.Message) {
	i.Outcome, i.Message, i.ID, i.Args = SyncFailed, English().Text(why), why.ID, why.Args
}

// Has reports whether any instance or binding has the outcome o.
func (r SyncResult) Has(o SyncOutcome) bool {
	return slices.ContainsFunc(r.Instances, func(i SyncedInstance) bool {
		return i.Outcome == o || slices.ContainsFunc(i.Bindings, func(b SyncedBinding) bool { return b.Outcome == o })
	})
}

// WorstSync returns the first of the outcomes in the order above; unchanged if
// there are none.
func WorstSync(outcomes ...SyncOutcome) SyncOutcome {
	for _, o := range []SyncOutcome{SyncRefused, SyncFailed, SyncForbidden, SyncWaiting, SyncDeferred, SyncChanged} {
		if slices.Contains(outcomes, o) {
			return o
		}
	}
	return SyncUnchanged
}

// Sync writes a result for a person.
func Sync(w io.Writer, r SyncResult, style Style) error {
	p := &page{style: style}
	if r.Source != "" {
		p.fold("! ", p.words(MessageOf(r.SourceID, r.SourceArgs, r.Source)))
	}
	problems := r.Problems
	if r.Source != "" { // It is reported already.
		problems.Unanswered = slices.DeleteFunc(slices.Clone(problems.Unanswered), func(u UnansweredPart) bool { return u.Part == binding.PartSource })
	}
	problems.Refused = nil // The outcomes report this.
	p.problems(problems)
	for _, i := range r.Instances {
		p.line(p.style.paint(bold, clean(i.Name)), "  ", clean(string(i.Outcome)), p.at(i.Revision))
		if i.Message != "" {
			p.fold("  ", p.words(MessageOf(i.ID, i.Args, i.Message)))
		}
		for _, b := range i.Bindings {
			word := p.style.paint(syncColor(b.Outcome), pad(clean(string(b.Outcome)), len(SyncUnchanged)))
			p.line("  ", word, "  ", clean(b.Name), "  Ready=", clean(string(b.Ready)), " ", clean(cmp.Or(b.Reason, "-")))
			if b.Message != "" {
				p.fold("             ", p.words(MessageOf(b.ID, b.Args, b.Message)))
			}
		}
	}
	return p.writeTo(w)
}

// at returns a revision for the end of a line.
func (p *page) at(revision string) string {
	if revision == "" {
		return ""
	}
	return " " + clean(p.words(message.New("sync.at", "revision", Short(revision))))
}

func syncColor(o SyncOutcome) color {
	switch o {
	case SyncFailed, SyncRefused, SyncForbidden:
		return red
	case SyncWaiting, SyncDeferred:
		return yellow
	default:
		return green
	}
}
