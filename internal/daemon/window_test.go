package daemon

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/config"
	"reconciler/internal/report"
)

// TestAnInstanceIsChangedOnlyInItsWindows: one instance is closed, the other has
// no windows. The clock goes on, and the first is changed; in between a person
// breaks the glass.
func TestAnInstanceIsChangedOnlyInItsWindows(t *testing.T) {
	w := newWorld(t)
	// It opens in some ten hours, for one hour.
	opens := time.Now().UTC().Add(10 * time.Hour).Truncate(time.Minute)
	w.config.Instances[0].Windows = &config.Windows{TimeZone: "UTC", Allow: []config.Window{
		{Schedule: fmt.Sprintf("%d %d * * *", opens.Minute(), opens.Hour()), Duration: time.Hour},
	}}
	files := map[string]string{"pay.yaml": twoBindings()["pay.yaml"]}
	w.populate(files)
	w.commit(files)
	p := w.start()
	deferred := func() bool {
		c := p.condition("pay", binding.Ready)
		return c.Status == binding.False && c.Reason == "OutsideWindow"
	}
	p.await("pay waits", deferred)
	if w.bound(prod, binding.GitLab) || len(w.writes(prod)) > 0 {
		t.Errorf("changed outside of its window: %v", w.writes(prod))
	}
	p.await("the daemon is ready, closed or not", func() bool { return p.daemon.Ready() == nil })
	p.syncs(prod, 1)
	for series, want := range map[string]float64{
		`reconciler_window_open{registry="prod-hangzhou"}`:                               0,
		`reconciler_window_open{registry="edge-shanghai"}`:                               1,
		`reconciler_window_next_open_timestamp_seconds{registry="prod-hangzhou"}`:        float64(opens.Unix()),
		`reconciler_window_next_open_timestamp_seconds{registry="edge-shanghai"}`:        -1,
		`reconciler_syncs_total{registry="prod-hangzhou",result="partial"}`:              0,
		`reconciler_plan_pending_actions{action="bind",registry="prod-hangzhou"}`:        1,
		`reconciler_actions_total{action="bind",registry="prod-hangzhou",result="done"}`: 0,
	} {
		if got := p.sample(series); got != want && (want != 0 || got != -1) {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}

	result, err := p.sync(client.SyncRequest{Binding: "pay", By: "Ada", Reason: "the old token leaked", BreakGlass: true})
	if err != nil || !result.Has(report.SyncChanged) || !w.bound(prod, binding.GitLab) {
		t.Fatalf("%+v, %v", result, err)
	}
	events, err := p.daemon.memory.Store.Events(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]int{}
	for _, e := range report.NewHistory(events).Items {
		if e.Instance == prod && e.By == "Ada" && e.Proven != "" && e.Digest == result.Instances[0].Digest && !e.Time.IsZero() {
			kept[e.Action+" "+e.Message]++
		}
	}
	if kept["break-glass the old token leaked"] != 1 || kept["bind GitLab is declared and not bound"] != 1 {
		t.Errorf("the history has %v of %+v", kept, events)
	}

	happened := map[string]string{}
	all, _, _ := p.daemon.events.after(0)
	for _, e := range all {
		if e.Binding == "pay" {
			happened[e.Reason] = e.Message
		}
	}
	if !strings.HasSuffix(happened["Deferred"], ": declared and not there") || happened["GlassBroken"] != "changed outside of its windows, by Ada: the old token leaked" {
		t.Errorf("the events have %v", happened)
	}

	// Once: the next change waits again, until the window opens.
	w.newToken(binding.GitLab, "pay-bot", "acr/pay")
	p.await("pay waits again", deferred)
	w.ahead.Store(int64(time.Until(opens) + time.Minute))
	p.await("pay is bound anew", func() bool {
		c := p.condition("pay", binding.Ready)
		return c.Status == binding.True && w.instance(prod).TokenIs("gitlab", "canary-gitlab-pay-bot-2")
	})
	if got := p.sample(`reconciler_window_open{registry="prod-hangzhou"}`); got != 1 {
		t.Errorf("open is %v", got)
	}
}
