package personal

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/registry/line"
	"reconciler/internal/sandbox"
)

// TestEveryAttemptIsToldInWordsOfAFixedSet: whatever the registry answers, an
// observer hears the call's name and a code that is bounded.
func TestEveryAttemptIsToldInWordsOfAFixedSet(t *testing.T) {
	for name, c := range map[string]struct {
		fault sandbox.Fault
		want  []string
	}{
		"a good answer":            {sandbox.Fault{Times: 1}, []string{line.CodeOK}},
		"a documented code":        {wireFault(http.StatusNotFound, "USER_NOT_EXIST"), []string{"USER_NOT_EXIST"}},
		"one of a family":          {wireFault(http.StatusForbidden, "Forbidden.RAM"), []string{"Forbidden"}},
		"a code that nobody knows": {wireFault(http.StatusBadRequest, "QUOTA_4711_payments/api"), []string{line.CodeOther}},
		"no code":                  {wireFault(http.StatusBadRequest, ""), []string{"4xx"}},
		"a page":                   {html(http.StatusOK), []string{line.CodeUnreadable}},
		"a proxy's page":           {html(http.StatusBadGateway), []string{"5xx", "5xx", "5xx", "5xx"}},
		"no answer":                {sandbox.Fault{Cut: true}, []string{line.CodeNone, line.CodeNone, line.CodeNone, line.CodeNone}},
		"once too much":            {sandbox.Throttling(1, time.Second), []string{"Throttling", line.CodeOK}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sandbox.Principal{})
			w.registry.Faults.Add(c.fault)
			var codes []string
			var waited time.Duration
			d := w.driver(t, func(o *line.Options) {
				o.Observe = func(a line.Attempt) {
					if a.Operation != "GetUserSourceAccount" || a.Unsent || a.Took < 0 {
						t.Errorf("told %+v", a)
					}
					codes = append(codes, a.Code)
					waited += a.Waited
				}
			})
			_, _ = d.Account(t.Context(), binding.GitLab)
			if diff := cmp.Diff(c.want, codes); diff != "" {
				t.Errorf("codes (-want +told):\n%s", diff)
			}
			// The pause that the registry asked for is spent at the gate; other
			// trouble is waited out before it.
			if asked := name == "once too much"; asked != (waited >= time.Second) {
				t.Errorf("waited %s at the gate", waited)
			}
		})
	}
}

func TestWhatIsHeldBackIsToldAsUnsent(t *testing.T) {
	w := newWorld(t, sandbox.Principal{})
	w.registry.Faults.Add(sandbox.Throttling(1, time.Minute))
	var attempts []line.Attempt
	d := w.driver(t, func(o *line.Options) { o.Observe = func(a line.Attempt) { attempts = append(attempts, a) } })
	for range 2 {
		_, _ = d.Account(t.Context(), binding.GitLab)
	}
	if len(attempts) != 2 || attempts[0].Unsent || !attempts[1].Unsent {
		t.Errorf("told %+v, want one attempt that was sent and one that was not", attempts)
	}
}
