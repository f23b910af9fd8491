package page

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/message"
	"reconciler/internal/report"
	"reconciler/internal/server"
)

const (
	readToken   = "reading-token-of-the-test"
	changeToken = "changing-token-of-the-test"
)

// world is a daemon as far as the page sees it. It is safe for concurrent use.
type world struct {
	mu         sync.Mutex
	statuses   []binding.Status
	problems   report.Problems
	conditions []binding.Condition
	described  report.Description
	events     report.EventList
	news       chan struct{}
	tokens     map[string]*server.Token
	now        time.Time
}

func (w *world) do(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) Statuses() (all []binding.Status) {
	w.do(func() { all = append(all, w.statuses...) })
	return all
}
func (w *world) Problems() (p report.Problems)       { w.do(func() { p = w.problems }); return p }
func (w *world) Conditions() (c []binding.Condition) { w.do(func() { c = w.conditions }); return c }
func (w *world) clock() (now time.Time)              { w.do(func() { now = w.now }); return now }

func (w *world) Describe(_ context.Context, name, instance string) (report.Description, error) {
	for _, s := range w.Statuses() {
		if s.Name == name && s.Spec.Instance == instance {
			d := w.described
			d.BindingItem = report.NewBindingList([]binding.Status{s}).Items[0]
			return report.NewDescription(d), nil
		}
	}
	return report.Description{}, fmt.Errorf("no binding is called %s", name)
}

func (w *world) Events(ctx context.Context, _ string, after int64, wait time.Duration) (report.EventList, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		w.mu.Lock()
		list, news := w.events, w.news
		w.mu.Unlock()
		if list.Next > after || ctx.Err() != nil {
			return list, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
		}
	}
}

// happen lets something happen.
func (w *world) happen() {
	w.do(func() {
		w.events.Next++
		w.events.Items = []report.EventItem{{Reason: "Something"}}
		close(w.news)
		w.news = make(chan struct{})
	})
}

func (w *world) Alive() error { return nil }
func (w *world) Ready() error { return nil }

func (w *world) Memory(string) (client.Memory, error) { return client.Memory{}, nil }

func (w *world) token(candidate string) (t *server.Token, err error) {
	w.do(func() { t = w.tokens[candidate] })
	return t, nil
}

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// newWorld has two bindings, one of which waits for a person.
func newWorld() *world {
	w := &world{
		now: noon, news: make(chan struct{}),
		tokens: map[string]*server.Token{readToken: {Name: "dashboard", ReadOnly: true}, changeToken: {Name: "operators"}},
	}
	w.statuses = []binding.Status{bound("payments-gitlab", "prod-hangzhou"), waiting("site-github", "edge-shanghai")}
	return w
}

func bound(name, instance string) binding.Status {
	return binding.Status{
		Name: name, File: "bindings/" + name + ".yaml", Revision: "4f2b6c7d8e9f00112233445566778899aabbccdd",
		Spec: binding.Spec{
			Instance: instance, Platform: binding.GitLab, Address: "https://gitlab.example.com", Username: "ci-bot",
			Token:        &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "acr/payments", Key: "token"}},
			Repositories: []binding.Repository{{Image: "payments/api", Source: "payments/api", Trigger: binding.Auto}},
		},
		Conditions: []binding.Condition{
			{Type: binding.Ready, Status: binding.True, Reason: "AsDeclared", Message: message.Verbatim("everything is as declared"), LastTransitionTime: noon.Add(-time.Hour)},
			{Type: binding.Bound, Status: binding.True, Reason: "Bound", Message: message.Verbatim("bound to ci-bot"), LastTransitionTime: noon.Add(-time.Hour)},
		},
		TokenVersion: 3, TokenExpires: noon.Add(20 * 24 * time.Hour), LastSync: noon.Add(-time.Minute),
	}
}

func waiting(name, instance string) binding.Status {
	s := bound(name, instance)
	s.Spec.Platform, s.Spec.Address, s.Spec.Token, s.TokenVersion, s.TokenExpires = binding.GitHub, "", nil, 0, time.Time{}
	s.Conditions[0] = binding.Condition{Type: binding.Ready, Status: binding.False, Reason: "AwaitingPerson", Message: message.Verbatim("waits for a person"), LastTransitionTime: noon.Add(-time.Hour)}
	s.Steps = []message.Message{message.Verbatim("Open the console"), message.Verbatim("Authorize the account")}
	s.Pending = []binding.PendingStep{{
		Object: binding.Object{}, Action: "authorize", Reason: message.Verbatim("GitHub is bound in a browser"), Since: noon.Add(-72 * time.Hour), Due: noon.Add(-time.Hour), Overdue: true, Steps: s.Steps,
	}}
	return s
}

// site is the page, served on a port of its own.
type site struct {
	*world
	t    testing.TB
	url  string
	http *http.Client
}

func serve(t testing.TB, w *world) *site {
	t.Helper()
	s, err := server.Listen(t.Context(), server.Options{
		State: w, Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
		API: &server.API{
			Listen: "127.0.0.1:0", Token: w.token,
			Page: New(Options{Present: w, Past: w, Session: 8 * time.Hour, Now: w.clock, Log: slog.New(slog.DiscardHandler)}),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Serve()
	t.Cleanup(func() { _ = s.Close(context.WithoutCancel(t.Context())) })
	return &site{world: w, t: t, url: "http://" + s.APIAddress() + "/", http: &http.Client{Jar: newJar(t), Timeout: time.Minute}}
}

// jar keeps secure cookies for loopback over plain http, as browsers do.
type jar struct{ *cookiejar.Jar }

func newJar(t testing.TB) jar {
	j, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return jar{j}
}

func https(u *url.URL) *url.URL { v := *u; v.Scheme = "https"; return &v }

func (j jar) SetCookies(u *url.URL, c []*http.Cookie) { j.Jar.SetCookies(https(u), c) }
func (j jar) Cookies(u *url.URL) []*http.Cookie       { return j.Jar.Cookies(https(u)) }

// do sends a request and returns the answer with its body.
func (s *site) send(method, path string, form url.Values, headers ...string) (*http.Response, string) {
	s.t.Helper()
	var body io.Reader = http.NoBody
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.http.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(text)
}

func (s *site) get(path string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	return s.send(http.MethodGet, path, nil, headers...)
}

func (s *site) signIn(token string) (*http.Response, string) {
	s.t.Helper()
	return s.send(http.MethodPost, "login", url.Values{"token": {token}})
}

// shows fails where a page lacks one of the texts.
func (s *site) shows(path string, texts ...string) string {
	s.t.Helper()
	resp, body := s.get(path)
	if resp.StatusCode != http.StatusOK {
		s.t.Errorf("/%s: %s", path, resp.Status)
	}
	for _, text := range texts {
		if !strings.Contains(body, text) {
			s.t.Errorf("/%s does not show %q", path, text)
		}
	}
	return body
}

func TestSomebodySignsInAndLooks(t *testing.T) {
	t.Parallel()
	s := serve(t, newWorld())
	if _, body := s.get(""); !strings.Contains(body, `name="token"`) {
		t.Errorf("without a session the page shows: %s", body)
	}
	if resp, body := s.signIn("wrong"); resp.StatusCode != http.StatusForbidden || strings.Contains(body, "payments-gitlab") {
		t.Errorf("with a wrong token: %s", resp.Status)
	}
	if _, body := s.signIn(readToken); !strings.Contains(body, "payments-gitlab") || !strings.Contains(body, "dashboard") {
		t.Errorf("after signing in: %s", body)
	}
	s.shows("", "payments-gitlab", "site-github", "Not ready", "2026-12-19")
}
