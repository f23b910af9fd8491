package reconcile

import (
	"errors"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/secrets"
)

// TestTheErrorOfAFailedSyncIsRedacted in each status that shows it.
func TestTheErrorOfAFailedSyncIsRedacted(t *testing.T) {
	const canary = "canary-failed-1"
	redactor := secrets.NewRedactor(nil)
	redactor.Register(secrets.New([]byte(canary)))
	r := New(Options{Redactor: redactor, Now: time.Now})
	r.statuses["pay"] = binding.Status{Name: "pay", Conditions: []binding.Condition{
		{Type: "Ready", Status: binding.True, Reason: "AsDeclared", Message: message.New("condition.as-declared"), Known: time.Now()},
	}}
	r.Statuses()
	r.failed(errors.New("write "+canary+": no space left"), nil)
	shown := ""
	for _, c := range r.Statuses()[0].Conditions {
		shown += c.Message.Key()
	}
	if strings.Contains(shown, canary) || !strings.Contains(shown, "no space left") {
		t.Error(shown)
	}
}
