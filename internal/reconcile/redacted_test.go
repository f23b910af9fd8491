package reconcile_test

import (
	"fmt"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/reconcile"
	"reconciler/internal/secrets"
)

// TestAStatusIsRedactedWithWhatIsLearnedLater: a secret that becomes known after a
// status was computed is not shown, and one that was known before stays hidden.
func TestAStatusIsRedactedWithWhatIsLearnedLater(t *testing.T) {
	const before, later = "canary-before-1", "canary-later-1"
	w := newWorld()
	o := w.options()
	o.Redactor = secrets.NewRedactor(w.Clock)
	forget := o.Redactor.Register(secrets.New([]byte(before)))
	w.FailOn("capabilities", fault{Before: &binding.Failure{Kind: binding.Transient, Op: message.Verbatim("registry: probe " + before + " " + later)}})
	r := reconcile.New(o)
	sync1(t, r, desire(gitlab()))
	shown := func() string {
		one, _ := r.Status("pay-gitlab")
		var all strings.Builder
		for _, s := range append(r.Statuses(), one) {
			for _, c := range s.Conditions {
				all.WriteString(text(c.Message))
			}
			fmt.Fprint(&all, texts(s.Steps), s.Pending)
		}
		return all.String()
	}
	if got := shown(); strings.Contains(got, before) || !strings.Contains(got, later) {
		t.Fatalf("at first: %s", got)
	}
	o.Redactor.Register(secrets.New([]byte(later)))
	forget()
	w.Passes(10 * binding.RefusalLasts)
	o.Redactor.Redact("") // The time for which old values are kept is over.
	if got := shown(); strings.Contains(got, before) || strings.Contains(got, later) {
		t.Errorf("after it was learned: %s", got)
	}
}
