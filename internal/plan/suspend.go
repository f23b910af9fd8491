package plan

import (
	"fmt"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
)

// suspended says why a binding is held still: by its declaration, by a person,
// or by both. It is empty where nothing holds it.
func (m *maker) suspended(declared *binding.Suspend, names ...string) string {
	var why []string
	if declared.Active(m.in.Now) {
		why = append(why, declared.String())
	}
	for _, s := range m.in.Suspensions {
		if s.Active(m.in.Now) && s.Holds(names...) {
			why = append(why, s.String())
		}
	}
	return strings.Join(why, "; ")
}

// names are those that a binding has, and had when it was applied.
func (s subject) names() []string {
	names := []string{s.d.Name}
	if s.record != nil {
		names = append(names, s.record.Binding)
	}
	return names
}

// suspensionsEnded tells of what persons suspended and is over.
func (m *maker) suspensionsEnded() {
	for _, s := range m.in.Suspensions {
		if s.Active(m.in.Now) {
			continue
		}
		f := finding.New("suspend-ended", fmt.Sprintf("%s: the suspension by %s ended at %s (%s)",
			s.What(), s.By, s.Until.UTC().Format(time.RFC3339), s.Reason))
		for i := range m.in.Declarations {
			if d := &m.in.Declarations[i]; d.Name == s.Binding {
				at := d.At("metadata.name")
				f = f.At(d.File, at.Line, at.Column)
			}
		}
		m.findings = append(m.findings, f)
	}
}
