package report

import (
	"io"
	"time"
)

// KindRegistryVerification is the kind of what `registry verify` writes.
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
	// Settle is the sync.settle to set; empty if it is not known.
	Settle string `json:"settle"`
	// Interrupted says that the run was ended before it was done.
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
	Message string `json:"message"`
}

// LeftBehind is something that was not tidied up, and how to do it.
type LeftBehind struct {
	Message string `json:"message"`
	// Remove is what a person does, in order.
	Remove []string `json:"remove"`
}

// Failed says that an assumption does not hold.
func (v RegistryVerification) Failed() bool {
	for _, a := range v.Assumptions {
		if a.Verdict == DoesNotHold {
			return true
		}
	}
	return false
}

// RegistryVerificationJSON writes a verification as one object.
func RegistryVerificationJSON(w io.Writer, v RegistryVerification) error {
	if v.Left == nil {
		v.Left = []LeftBehind{}
	}
	if v.Assumptions == nil {
		v.Assumptions = []Assumption{}
	}
	return JSON(w, v)
}

// RegistryVerificationText writes a verification for a person.
func RegistryVerificationText(w io.Writer, v RegistryVerification, style Style) error {
	p := &page{style: style}
	marks := map[string]mark{Holds: {"✓", "holds", green}, DoesNotHold: {"✗", "does not hold", red}, NotTried: {"–", "not tried", dim}}
	widest := 0
	for _, a := range v.Assumptions {
		widest = max(widest, width(a.Name))
	}
	for _, a := range v.Assumptions {
		m := marks[a.Verdict]
		plain := "  " + m.symbol + " " + pad(a.Name, widest) + "  " + pad(m.meaning, len("does not hold")) + "  "
		for i, l := range foldLines(clean(a.Message), p.style.Width-width(plain)) {
			if i == 0 {
				p.line("  ", style.paint(m.color, m.symbol), " ", pad(a.Name, widest), "  ", pad(m.meaning, len("does not hold")), "  ", l)
			} else {
				p.line(pad("", width(plain)), l)
			}
		}
	}
	p.line()
	for _, shown := range []struct {
		what    string
		seconds *float64
	}{{"bind", v.BindSeconds}, {"unbind", v.UnbindSeconds}} {
		if shown.seconds != nil {
			took := time.Duration(*shown.seconds * float64(time.Second)).Round(100 * time.Millisecond)
			p.line("Every read showed the " + shown.what + " after " + took.String() + ".")
		}
	}
	if v.Settle != "" {
		p.line("Set sync.settle: " + v.Settle)
	}
	if v.Interrupted {
		p.line("The run was interrupted before it was done.")
	}
	if len(v.Left) == 0 {
		p.line(style.paint(bold, "Nothing was left behind."))
	}
	for _, l := range v.Left {
		p.line(style.paint(bold, "Left behind: "), clean(l.Message))
		for _, step := range l.Remove {
			p.fold("  - ", step)
		}
	}
	return p.writeTo(w)
}
