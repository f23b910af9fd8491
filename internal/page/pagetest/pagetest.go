// Package pagetest is a fake daemon for tests of the pages: tests set what it shows,
// and it serves the pages on its own port.
package pagetest

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/message"
	"reconciler/internal/page"
	"reconciler/internal/report"
	"reconciler/internal/server"
)

// Tokens of a World: one may only read, the other may also change things.
const (
	ReadToken   = "reading-token-of-the-test"
	ChangeToken = "changing-token-of-the-test"
)

// World is a daemon as the pages see it. It is safe for concurrent use.
type World struct {
	mu       sync.Mutex
	happened report.EventList
	added    chan struct{}

	// Bindings and the fields after it are what the pages show. Change them with Do.
	Bindings      []binding.Status
	ProblemReport report.Problems
	Own           []binding.Condition
	Described     report.Description
	// DescribeErr is the error of Describe, if not nil.
	DescribeErr error
	Synced      []report.SyncRecord
	Tokens      map[string]*server.Token
	Now         time.Time
}

// Do runs f while nothing else reads or changes what the pages show.
func (w *World) Do(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// Statuses implements page.Present.
func (w *World) Statuses() (all []binding.Status) {
	w.Do(func() { all = append(all, w.Bindings...) })
	return all
}

// EachStatus implements server.State.
func (w *World) EachStatus() iter.Seq[binding.Status] { return slices.Values(w.Statuses()) }

// Problems implements page.Present.
func (w *World) Problems() (p report.Problems) { w.Do(func() { p = w.ProblemReport }); return p }

// Conditions implements page.Present.
func (w *World) Conditions() (c []binding.Condition) { w.Do(func() { c = w.Own }); return c }

// Clock is the current time of the pages.
func (w *World) Clock() (now time.Time) { w.Do(func() { now = w.Now }); return now }

// Describe implements page.Past.
func (w *World) Describe(_ context.Context, name, instance string) (report.Description, error) {
	var undescribed error
	if w.Do(func() { undescribed = w.DescribeErr }); undescribed != nil {
		return report.Description{}, undescribed
	}
	for _, s := range w.Statuses() {
		if s.Name == name && s.Spec.Instance == instance {
			d := w.Described
			d.BindingItem = report.NewBindingList([]binding.Status{s}).Items[0]
			return report.NewDescription(d), nil
		}
	}
	return report.Description{}, fmt.Errorf("no binding is called %s", name)
}

// Events implements page.Past.
func (w *World) Events(ctx context.Context, _ string, after int64, wait time.Duration) (report.EventList, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		w.mu.Lock()
		list, added := w.happened, w.added
		w.mu.Unlock()
		if list.Next > after || ctx.Err() != nil {
			return list, nil
		}
		select {
		case <-added:
		case <-ctx.Done():
		}
	}
}

// AddEvent adds an event.
func (w *World) AddEvent() {
	w.Do(func() {
		w.happened.Next++
		w.happened.Items = []report.EventItem{{Reason: "Something"}}
		close(w.added)
		w.added = make(chan struct{})
	})
}

// Alive and the methods after it implement server.State.
func (w *World) Alive() error { return nil }

// Ready implements server.State.
func (w *World) Ready() error { return nil }

// Memory implements server.State.
func (w *World) Memory(string) (client.Memory, error) { return client.Memory{}, nil }

func (w *World) token(candidate string) (t *server.Token, err error) {
	w.Do(func() { t = w.Tokens[candidate] })
	return t, nil
}

// Noon is the time at which a World begins.
var Noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// NewWorld makes a world with two bindings. One waits for a person.
func NewWorld() *World {
	w := &World{
		Now: Noon, added: make(chan struct{}),
		Tokens: map[string]*server.Token{ReadToken: {Name: "dashboard", ReadOnly: true}, ChangeToken: {Name: "operators"}},
	}
	w.Bindings = []binding.Status{Bound("payments-gitlab", "prod-hangzhou"), Waiting("site-github", "edge-shanghai")}
	return w
}

// Bound is a binding that is as declared.
func Bound(name, instance string) binding.Status {
	return binding.Status{
		Name: name, File: "bindings/" + name + ".yaml", Revision: "4f2b6c7d8e9f00112233445566778899aabbccdd",
		Spec: binding.Spec{
			Instance: instance, Platform: binding.GitLab, Address: "https://gitlab.example.com", Username: "ci-bot",
			Token:        &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "acr/payments", Key: "token"}},
			Repositories: []binding.Repository{{Image: "payments/api", Source: "payments/api", Trigger: binding.Auto}},
		},
		Conditions: []binding.Condition{
			{Type: binding.Ready, Status: binding.True, Reason: "AsDeclared", Message: message.Verbatim("everything is as declared"), LastTransitionTime: Noon.Add(-time.Hour)},
			{Type: binding.Bound, Status: binding.True, Reason: "Bound", Message: message.Verbatim("bound to ci-bot"), LastTransitionTime: Noon.Add(-time.Hour)},
		},
		TokenVersion: 3, TokenExpires: Noon.Add(20 * 24 * time.Hour), LastSync: Noon.Add(-time.Minute),
	}
}

// Waiting is a binding that waits for a person.
func Waiting(name, instance string) binding.Status {
	s := Bound(name, instance)
	s.Spec.Platform, s.Spec.Address, s.Spec.Token, s.TokenVersion, s.TokenExpires = binding.GitHub, "", nil, 0, time.Time{}
	s.Conditions[0] = binding.Condition{Type: binding.Ready, Status: binding.False, Reason: "AwaitingPerson", Message: message.Verbatim("waits for a person"), LastTransitionTime: Noon.Add(-time.Hour)}
	s.Steps = []message.Message{message.Verbatim("Open the console"), message.Verbatim("Authorize the account")}
	s.Pending = []binding.PendingStep{{
		Object: binding.AccountObject(), Action: "authorize", Reason: message.Verbatim("GitHub is bound in a browser"), Since: Noon.Add(-72 * time.Hour), Due: Noon.Add(-time.Hour), Overdue: true, Steps: s.Steps,
	}}
	return s
}

// Serve serves the pages until the test ends, and returns the address of the first
// one.
func (w *World) Serve(t testing.TB) string {
	t.Helper()
	s, err := server.Listen(t.Context(), server.Options{
		State: w, Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
		API: &server.API{
			Listen: "127.0.0.1:0", Token: w.token,
			Page: page.New(page.Options{Present: w, Past: w, Session: 8 * time.Hour, Now: w.Clock, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Serve()
	t.Cleanup(func() { _ = s.Close(context.WithoutCancel(t.Context())) })
	return "http://" + s.APIAddress() + "/"
}

// Syncs implements page.Past.
func (w *World) Syncs() (all []report.SyncRecord) {
	w.Do(func() { all = append(all, w.Synced...) })
	return all
}
