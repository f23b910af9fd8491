package daemon

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/report"
)

func TestEqualEventsAreOneAndTheOldestGoFirst(t *testing.T) {
	start := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	l := newEventLog(start)
	drift := report.EventItem{Instance: "prod", Binding: "pay", Reason: "DriftFound", Revision: "r1", Type: report.EventWarning, Message: "7 seconds ago"}
	l.add(start, drift)
	_, first, added := l.after(0)
	drift.Message = "9 seconds ago"
	l.add(start.Add(time.Minute), drift)
	select {
	case <-added:
	default:
		t.Error("the waiting client got no answer")
	}
	all, next, _ := l.after(0)
	want := drift
	want.Sequence, want.Count, want.First, want.Last = next, 2, start, start.Add(time.Minute)
	if len(all) != 1 || !reflect.DeepEqual(all[0], want) {
		t.Errorf("got %+v, want %+v", all, want)
	}
	if again, _, _ := l.after(first); len(again) != 1 {
		t.Errorf("what happened again is not reported again: %+v", again)
	}
	if again, _, _ := l.after(next); len(again) != 0 {
		t.Errorf("reported twice: %+v", again)
	}
	drift.Revision = "r2"
	l.add(start.Add(2*time.Minute), drift)
	for n := range maxEvents {
		l.add(start.Add(time.Hour), report.EventItem{Reason: fmt.Sprint("R", n)})
	}
	all, _, _ = l.after(0)
	if len(all) != maxEvents || slices.ContainsFunc(all, func(e report.EventItem) bool { return e.Binding == "pay" }) {
		t.Errorf("%d events are kept, want %d without the oldest", len(all), maxEvents)
	}
	if !slices.IsSortedFunc(all, func(a, b report.EventItem) int { return int(a.Sequence - b.Sequence) }) {
		t.Error("not in order")
	}
	if later, _, _ := newEventLog(start.Add(24 * time.Hour)).after(0); len(later) != 0 {
		t.Error("a new log is not empty")
	}
	if newEventLog(start.Add(24*time.Hour)).last <= l.last {
		t.Error("after a restart sequences go back")
	}
}

// reasons are those of the events so far.
func (p *process) reasons(name string) []string {
	p.t.Helper()
	list, err := p.client().Events(p.t.Context(), name, 0, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	var all []string
	for _, e := range list.Items {
		all = append(all, e.Reason)
	}
	return all
}

func TestEventsTellWhatWasNoApplyToo(t *testing.T) {
	w := newWorld(t)
	files := twoBindings()
	files["gh.yaml"] = oauthAt("gh", edge, "github")
	w.populate(files)
	w.commit(files)
	p := w.start()
	p.ready("pay", "plat")
	has := func(name, reason string) {
		t.Helper()
		p.await(name+" "+reason, func() bool { return slices.Contains(p.reasons(name), reason) })
	}
	has("", "SnapshotRead")
	has("pay", "Applied")
	has("gh", "StepsDue")
	w.instance(prod).ConsoleUnbind("gitlab")
	has("pay", "DriftFound")
	w.gitDown.Store(true)
	has("", "SourceNotRead")
	w.outside.Registry.Faults.Add(badGateway(nil))
	has("", "ObservationUnknown")
	w.outside.Registry.Faults.Clear()
	if _, err := p.client().Suspend(t.Context(), suspendFor("plat", "", time.Hour)); err != nil {
		t.Fatal(err)
	}
	has("plat", "Suspended")
	if _, err := p.client().Resume(t.Context(), client.ResumeRequest{Scope: client.Scope{Binding: "plat"}, By: "Ada"}); err != nil {
		t.Fatal(err)
	}
	has("plat", "Resumed")
	if _, err := p.sync(client.SyncRequest{Binding: "plat", By: "Ada"}); err != nil {
		t.Fatal(err)
	}
	has("plat", "SyncAsked")
	for _, e := range mustEvents(t, p) {
		if strings.Contains(e.Message, "canary-") {
			t.Errorf("a token is reported: %+v", e)
		}
	}
}

func mustEvents(t *testing.T, p *process) []report.EventItem {
	t.Helper()
	list, err := p.client().Events(t.Context(), "", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// TestWhoWaitsForEventsIsToldAtOnce, and is let go when the daemon ends.
func TestWhoWaitsForEventsIsToldAtOnce(t *testing.T) {
	w := newWorld(t)
	w.config.Sync.Interval, w.config.Sync.DriftInterval = patience, patience
	w.populate(twoBindings())
	w.commit(twoBindings())
	p := w.start()
	p.ready("pay", "plat")
	list, err := p.client().Events(t.Context(), "", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		list report.EventList
		err  error
	}
	answers := make(chan answer, 1)
	ask := func(after int64) {
		list, err := p.client().Events(context.WithoutCancel(t.Context()), "pay", after, time.Minute)
		answers <- answer{list, err}
	}
	go ask(list.Next)
	if _, err := p.sync(client.SyncRequest{Binding: "pay", By: "Ada"}); err != nil {
		t.Fatal(err)
	}
	got := <-answers
	if got.err != nil || len(got.list.Items) == 0 || got.list.Items[0].Reason != "SyncAsked" {
		t.Fatalf("got %+v, %v", got.list, got.err)
	}
	go ask(mustEvents(t, p)[len(mustEvents(t, p))-1].Sequence)
	p.end()
	// Either it was cut before it was asked, or it is answered with nothing.
	if got := <-answers; got.err == nil && len(got.list.Items) > 0 {
		t.Errorf("got %+v", got.list)
	}
}

func TestHistoryTellsWhichCommitAndPlanAndWho(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.populate(twoBindings())
	revision := w.commit(twoBindings())
	p := w.start()
	p.ready("pay", "plat")
	if _, err := p.sync(client.SyncRequest{Binding: "pay", By: "Ada", Reason: "why"}); err != nil {
		t.Fatal(err)
	}
	daemon := p.client()
	for name, tt := range map[string]struct {
		query client.HistoryQuery
		want  func(report.History) bool
	}{
		"all, newest first": {client.HistoryQuery{}, func(h report.History) bool {
			return len(h.Items) > 3 && h.Items[0].Action == "sync" && h.Items[0].By == "Ada" && strings.HasPrefix(h.Items[0].Proven, "uid ")
		}},
		"of a binding": {client.HistoryQuery{Binding: "plat"}, func(h report.History) bool {
			return len(h.Items) > 0 && !slices.ContainsFunc(h.Items, func(e binding.HistoryEntry) bool { return e.Binding != "plat" }) &&
				h.Items[0].Revision == revision && strings.HasPrefix(h.Items[0].Digest, "sha256:")
		}},
		"of another instance": {client.HistoryQuery{Instance: edge}, func(h report.History) bool { return len(h.Items) == 0 }},
		"of the future":       {client.HistoryQuery{Since: time.Now().Add(time.Hour)}, func(h report.History) bool { return len(h.Items) == 0 }},
		"the newest":          {client.HistoryQuery{Limit: 1}, func(h report.History) bool { return len(h.Items) == 1 && h.Items[0].Action == "sync" }},
	} {
		if h, err := daemon.History(t.Context(), tt.query); err != nil || !tt.want(h) {
			t.Errorf("%s: got %+v, %v", name, h.Items, err)
		}
	}
}

func TestDescribeTellsAllOfABinding(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	files := map[string]string{"pay.yaml": twoBindings()["pay.yaml"], "gh.yaml": oauthAt("gh", edge, "github")}
	w.populate(files)
	revision := w.commit(files)
	p := w.start()
	p.ready("pay")
	p.syncs(edge, 1)
	d, err := p.client().Describe(t.Context(), "pay", "")
	if err != nil {
		t.Fatal(err)
	}
	if d.Metadata.File != "pay.yaml" || d.Line == 0 || d.Metadata.Revision != revision || d.Token.Vault.Path != "acr/pay" || d.Token.Version != 1 || d.Token.Bound != 1 ||
		d.Applied.Revision != revision || !strings.HasPrefix(d.Applied.Digest, "sha256:") || len(d.Objects) < 2 || len(d.History) == 0 || len(d.Events) == 0 || len(d.Status.Pending) > 0 {
		t.Errorf("got %+v", d)
	}
	d, err = p.client().Describe(t.Context(), "gh", edge)
	if err != nil || len(d.Status.Pending) == 0 || d.Status.Pending[0].Since.IsZero() || len(d.Status.Pending[0].Steps) < 3 {
		t.Errorf("what waits for a person: %+v, %v", d.Status.Pending, err)
	}
	if _, err := p.client().Describe(t.Context(), "pya", ""); err == nil || !strings.Contains(err.Error(), "no binding is called pya; did you mean pay?") {
		t.Errorf("a wrong name: %v", err)
	}
	last, err := p.client().LastPlan(t.Context())
	if err != nil || last.Revision != revision || last.Made.IsZero() || len(last.Actions) < 3 || !slices.Contains(last.Files, "gh.yaml") {
		t.Errorf("the last plan: %+v, %v", last, err)
	}
}
