package report

import (
	"io"
	"slices"
	"time"

	"reconciler/internal/message"
)

// KindRegistryVerification is the kind of the output of `registry verify`.
const KindRegistryVerification = "RegistryVerification"

// Verdicts on an assumption.
const (
	Holds       = "holds"
	DoesNotHold = "does-not-hold"
	NotTried    = "not-tried"
)

// RegistryVerification is what `registry verify` found out.
type RegistryVerification struct {
	APIVersion  string       `json:"apiVersion"`
	Kind        string       `json:"kind"`
	Instance    string       `json:"instance"`
	Platform    string       `json:"platform"`
	Assumptions []Assumption `json:"assumptions"`
	// BindSeconds and UnbindSeconds are how long the registry took until every
	// read showed the write; absent if that was not seen.
	BindSeconds   *float64 `json:"bindSeconds,omitempty"`
	UnbindSeconds *float64 `json:"unbindSeconds,omitempty"`
	// Settle is the recommended sync.settle; empty if unknown.
	Settle string `json:"settle"`
	// Interrupted is true if the run was interrupted.
	Interrupted bool `json:"interrupted"`
	// Left is what this run may have left behind.
	Left []LeftBehind `json:"left"`
}

// Assumption is one thing that the driver relies on.
type Assumption struct {
	// Name is a stable word.
	Name string `json:"name"`
	// Verdict is "holds", "does-not-hold" or "not-tried".
	Verdict string `json:"verdict"`
	Message Text   `json:"message"`
}

// LeftBehind is something that was not removed, and how to remove it.
type LeftBehind struct {
	Message Text `json:"message"`
	// Remove has the steps for a person, in order.
	Remove []Text `json:"remove"`
}

// Failed reports whether an assumption does not hold.
func (v RegistryVerification) Failed() bool {
	return slices.ContainsFunc(v.Assumptions, func(a Assumption) bool { return a.Verdict == DoesNotHold })
}

// RegistryVerificationJSON writes a verification as one object.
func RegistryVerificationJSON(w io.Writer, v RegistryVerification) error {
	v.Left, v.Assumptions = nonNil(v.Left), nonNil(v.Assumptions)
	return JSON(w, v)
}

// RegistryVerificationText writes a verification for a person.
func RegistryVerificationText(w io.Writer, v RegistryVerification, style Style) error {
	p := &page{style: style}
	marks := map[string]mark{Holds: good, DoesNotHold: bad, NotTried: skipped}
	meanings := map[string]string{
		Holds:       p.words(message.New("registry-verify.text.holds")),
		DoesNotHold: p.words(message.New("registry-verify.text.does-not-hold")),
		NotTried:    p.words(message.New("registry-verify.text.not-tried")),
	}
	widest, widestMeaning := 0, 0
	for _, a := range v.Assumptions {
		widest = max(widest, width(a.Name))
	}
	for _, meaning := range meanings {
		widestMeaning = max(widestMeaning, width(meaning))
	}
	for _, a := range v.Assumptions {
		m, said := marks[a.Verdict], pad(a.Name, widest)+"  "+pad(meanings[a.Verdict], widestMeaning)+"  "
		prefix := "  " + style.paint(m.color, m.symbol) + " " + said
		for _, l := range foldLines(clean(p.words(a.Message.Message)), p.style.Width-4-width(said)) {
			p.line(prefix, l)
			prefix = pad("", 4+width(said))
		}
	}
	p.line()
	if v.BindSeconds != nil {
		p.line(p.words(message.New("registry-verify.text.bind-shown", "after", roundTenths(*v.BindSeconds))))
	}
	if v.UnbindSeconds != nil {
		p.line(p.words(message.New("registry-verify.text.unbind-shown", "after", roundTenths(*v.UnbindSeconds))))
	}
	if v.Settle != "" {
		p.line(p.words(message.New("registry-verify.text.settle", "settle", v.Settle)))
	}
	if v.Interrupted {
		p.line(p.words(message.New("registry-verify.text.interrupted")))
	}
	if len(v.Left) == 0 {
		p.line(style.paint(bold, p.words(message.New("registry-verify.text.tidy"))))
	}
	for _, l := range v.Left {
		p.line(style.paint(bold, p.words(message.New("registry-verify.text.left"))), clean(p.words(l.Message.Message)))
		for _, step := range l.Remove {
			p.fold("  - ", p.words(step.Message))
		}
	}
	return p.writeTo(w)
}

func roundTenths(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second)).Round(100 * time.Millisecond)
}
