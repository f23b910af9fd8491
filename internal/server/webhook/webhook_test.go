package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/secrets"
)

const (
	pushed     = "1481a2de7b2a7d02428ad93446ab166be7793fbb"
	testSecret = "canary-webhook-secret-1"
)

// signingToken is a signing token of GitLab.
func signingToken() string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte("canary-signing-key-of-32-bytes!!"))
}

// place is a handler in a world of its own.
type place struct {
	t        *testing.T
	handler  *Handler
	settings Settings
	redactor *secrets.Redactor

	mu      sync.Mutex
	now     time.Time
	log     bytes.Buffer
	pushes  []Push
	results []string
}

// newPlace has one sender of each kind, named as its kind, for a repository at
// git.example.com.
func newPlace(t *testing.T, edit ...func(*Settings)) *place {
	t.Helper()
	p := &place{t: t, now: time.Unix(1764097200, 0)}
	p.redactor = secrets.NewRedactor(p.clock)
	p.handler = New(Options{
		Pushed: func(push Push) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.pushes = append(p.pushes, push)
		},
		Count: func(sender, result string) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.results = append(p.results, sender+" "+result)
		},
		Redactor: p.redactor, Log: slog.New(slog.NewTextHandler(p, nil)), Now: p.clock,
	})
	p.settings = Settings{Source: Source{URL: "https://git.example.com/platform/bindings.git", Ref: "refs/heads/main"}}
	for _, kind := range []Kind{GitHub, GitLab, Bitbucket, Codeup, Generic} {
		p.settings.Senders = append(p.settings.Senders, Sender{Name: string(kind), Kind: kind, SecretFile: p.file(string(kind), testSecret+"\n")})
	}
	for _, f := range edit {
		f(&p.settings)
	}
	p.apply()
	return p
}

func (p *place) apply() {
	p.t.Helper()
	if err := p.handler.Apply(p.settings); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) file(name, text string) string {
	p.t.Helper()
	path := filepath.Join(p.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

func (p *place) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *place) pass(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

// Write takes the log.
func (p *place) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *place) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// heard are the pushes so far.
func (p *place) heard() []Push {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.pushes)
}

// last is the last result.
func (p *place) last() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.results) == 0 {
		return ""
	}
	return p.results[len(p.results)-1]
}

// send delivers; it gives the status and the body of the answer.
func (p *place) send(name string, body []byte, headers map[string]string) (int, string) {
	r := httptest.NewRequest(http.MethodPost, "/hooks/"+name, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for h, v := range headers {
		r.Header.Set(h, v)
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// sign gives the headers that a sender of a kind proves a body with.
func sign(kind Kind, secret string, body []byte, now time.Time) map[string]string {
	s, at := secrets.New([]byte(secret)), strconv.FormatInt(now.Unix(), 10)
	hub := "sha256=" + hex.EncodeToString(s.MAC(body))
	switch kind {
	case GitHub:
		return map[string]string{"X-Hub-Signature-256": hub, "X-GitHub-Event": "push"}
	case Bitbucket:
		return map[string]string{"X-Hub-Signature": hub, "X-Event-Key": "repo:push"}
	case GitLab:
		return map[string]string{"X-Gitlab-Token": secret, "X-Gitlab-Event": "Push Hook"}
	case Codeup:
		return map[string]string{"X-Codeup-Token": secret, "Codeup-Event": "Push Hook"}
	default:
		return map[string]string{
			"X-Reconciler-Signature": "sha256=" + hex.EncodeToString(s.MAC([]byte(at+"."), body)), "X-Reconciler-Timestamp": at,
		}
	}
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func at(url, ref string) func(*Settings) {
	return func(s *Settings) { s.Source = Source{URL: url, Ref: ref} }
}

const (
	atBitbucket = "https://bitbucket.org/platform/bindings.git"
	atCodeup    = "https://codeup.aliyun.com/5ebbc0228123212b59/platform/bindings.git"
	atExample   = "https://git.example.com/platform/bindings.git"
	branch      = "refs/heads/main"
	tag         = "refs/tags/v1"
)

func TestWhatEachHostSends(t *testing.T) {
	for _, tt := range []struct {
		fixture, url, ref string
		headers           map[string]string
		status            int
		result, reason    string
	}{
		{fixture: "github-push", url: atExample, ref: branch, status: 202, result: Accepted},
		{fixture: "github-push", url: "git@git.example.com:platform/bindings", ref: branch, status: 202, result: Accepted},
		{fixture: "github-push", url: "https://git.example.com/Platform/Bindings", ref: branch, status: 202, result: Accepted},
		{fixture: "github-tag", url: atExample, ref: tag, status: 202, result: Accepted},
		{fixture: "github-push", url: atExample, ref: "refs/heads/release", status: 200, result: Ignored, reason: "ref differs: refs/heads/main, not refs/heads/release"},
		{fixture: "github-push", url: atExample, ref: "refs/tags/main", status: 200, result: Ignored, reason: "ref differs"},
		{fixture: "github-push", url: atExample, status: 200, result: Ignored, reason: "the source stands on a commit"},
		{fixture: "github-push", status: 200, result: Unmatched, reason: "the source is a folder"},
		{fixture: "github-push", url: "https://git.example.com/platform/other", ref: branch, status: 200, result: Unmatched, reason: "path differs: platform/bindings, not platform/other"},
		{fixture: "github-push", url: "https://git.example.com/bindings", ref: branch, status: 200, result: Unmatched, reason: "path differs"},
		{fixture: "github-push", url: "https://git.internal:8443/platform/bindings", ref: branch, status: 200, result: Unmatched, reason: "host differs: git.example.com, not git.internal:8443"},
		{fixture: "github-deleted", url: atExample, ref: branch, status: 200, result: Ignored, reason: "the ref was deleted"},
		{
			fixture: "github-ping", url: atExample, ref: branch, headers: map[string]string{"X-GitHub-Event": "ping"},
			status: 200, result: Ignored, reason: "event is not a push: ping",
		},
		{
			fixture: "github-push", url: atExample, ref: branch, headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
			status: 400, result: Rejected, reason: "content type to application/json",
		},
		{fixture: "gitlab-push", url: atExample, ref: branch, status: 202, result: Accepted},
		{fixture: "gitlab-push", url: "ssh://git@git.example.com/platform/bindings", ref: branch, status: 202, result: Accepted},
		{fixture: "gitlab-system", url: atExample, ref: branch, headers: map[string]string{"X-Gitlab-Event": "System Hook"}, status: 202, result: Accepted},
		{fixture: "gitlab-tag", url: atExample, ref: tag, status: 202, result: Accepted},
		{fixture: "gitlab-tag", url: atExample, ref: branch, status: 200, result: Ignored, reason: "ref differs: refs/tags/v1"},
		{fixture: "gitlab-deleted", url: atExample, ref: branch, status: 200, result: Ignored, reason: "the ref was deleted"},
		{fixture: "gitlab-note", url: atExample, ref: branch, status: 200, result: Ignored, reason: "event is not a push: note"},
		{fixture: "bitbucket-push", url: atBitbucket, ref: branch, status: 202, result: Accepted},
		{fixture: "bitbucket-push", url: "git@bitbucket.org:platform/bindings.git", ref: branch, status: 202, result: Accepted},
		{fixture: "bitbucket-push", url: atBitbucket, ref: "refs/heads/x", status: 200, result: Ignored, reason: "ref differs"},
		{fixture: "bitbucket-tag", url: atBitbucket, ref: tag, status: 202, result: Accepted},
		{fixture: "bitbucket-deleted", url: atBitbucket, ref: branch, status: 200, result: Ignored, reason: "the ref was deleted"},
		{
			fixture: "bitbucket-push", url: atBitbucket, ref: branch, headers: map[string]string{"X-Event-Key": "pullrequest:created"},
			status: 200, result: Ignored, reason: "event is not a push: pullrequest:created",
		},
		{fixture: "codeup-push", url: atCodeup, ref: branch, status: 202, result: Accepted},
		{fixture: "codeup-push", url: "git@codeup.aliyun.com:5ebbc0228123212b59/platform/bindings.git", ref: branch, status: 202, result: Accepted},
		{fixture: "codeup-push", url: "https://codeup.aliyun.com/another/platform/bindings.git", ref: branch, status: 200, result: Unmatched, reason: "path differs"},
		{fixture: "codeup-tag", url: atCodeup, ref: tag, status: 202, result: Accepted},
		{fixture: "codeup-test", url: atCodeup, ref: branch, status: 200, result: Ignored, reason: "event is not a push: Push Hook without object_kind"},
		{fixture: "codeup-merge", url: atCodeup, ref: branch, status: 200, result: Ignored, reason: "event is not a push: merge_request"},
		{fixture: "generic", url: atExample, ref: branch, status: 202, result: Accepted},
		{fixture: "generic", url: atExample, ref: tag, status: 200, result: Ignored, reason: "ref differs"},
	} {
		kind, _, _ := strings.Cut(tt.fixture, "-")
		t.Run(fmt.Sprintf("%s for %s %s", tt.fixture, tt.url, tt.ref), func(t *testing.T) {
			p := newPlace(t, at(tt.url, tt.ref))
			body := fixture(t, tt.fixture)
			headers := sign(Kind(kind), testSecret, body, p.clock())
			for h, v := range tt.headers {
				headers[http.CanonicalHeaderKey(h)] = v
				if h == "X-GitHub-Event" {
					headers["X-GitHub-Event"] = v
				}
			}
			status, text := p.send(kind, body, headers)
			if status != tt.status || p.last() != kind+" "+tt.result {
				t.Errorf("status %d, counted %q, want %d and %q\n%s", status, p.last(), tt.status, tt.result, p.logged())
			}
			if !strings.Contains(p.logged(), tt.reason) {
				t.Errorf("the log has no %q:\n%s", tt.reason, p.logged())
			}
			var want []Push
			wantText := map[int]string{200: "ignored\n", 202: "accepted\n"}[tt.status]
			if tt.status == http.StatusAccepted {
				want = []Push{{Sender: kind, Commit: pushed}}
			}
			if diff := cmp.Diff(want, p.heard()); diff != "" || text != wantText {
				t.Errorf("answer %q, pushes -want +got:\n%s", text, diff)
			}
		})
	}
}

func TestAliasesNameTheSameServer(t *testing.T) {
	for _, tt := range []struct{ source, from, to string }{
		{"https://git.internal:8443/platform/bindings.git", "git.internal:8443", "git.example.com"},
		{"https://git.internal:8443/platform/bindings.git", "git.example.com", "GIT.internal:8443"},
		{"ssh://git@git.internal:2222/platform/bindings.git", "git.internal:2222", "git.example.com:443"},
	} {
		p := newPlace(t, at(tt.source, branch), func(s *Settings) { s.Aliases = map[string]string{tt.from: tt.to} })
		body := fixture(t, "github-push")
		if status, _ := p.send("github", body, sign(GitHub, testSecret, body, p.clock())); status != http.StatusAccepted {
			t.Errorf("%+v: status %d\n%s", tt, status, p.logged())
		}
	}
	p := newPlace(t)
	for from, to := range map[string]string{"git.example.com/x": "a", "a": "", "user@a": "b", "c": "b c"} {
		p.settings.Aliases = map[string]string{from: to}
		if err := p.handler.Apply(p.settings); err == nil {
			t.Errorf("the alias from %q to %q is taken", from, to)
		}
	}
}

// attempt is one delivery that must not be believed.
type attempt struct {
	name    string
	kind    Kind
	headers func(map[string]string)
	tamper  bool
	secret  string
	ahead   time.Duration
	reason  string
}

func TestWhatIsNotProvenIsRefused(t *testing.T) {
	set := func(h, v string) func(map[string]string) { return func(m map[string]string) { m[h] = v } }
	drop := func(h string) func(map[string]string) { return func(m map[string]string) { delete(m, h) } }
	attempts := []attempt{
		{name: "sha1 in the place of sha256", kind: GitHub, headers: set("X-Hub-Signature-256", "sha1="+strings.Repeat("a", 40)), reason: "malformed"},
		{name: "short", kind: GitHub, headers: set("X-Hub-Signature-256", "sha256=aa"), reason: "malformed"},
		{name: "no hex", kind: Bitbucket, headers: set("X-Hub-Signature", "sha256="+strings.Repeat("z", 64)), reason: "malformed"},
		{name: "no prefix", kind: Generic, headers: set("X-Reconciler-Signature", strings.Repeat("a", 64)), reason: "malformed"},
		{name: "no time", kind: Generic, headers: drop("X-Reconciler-Timestamp"), reason: "time is missing"},
		{name: "another time", kind: Generic, headers: set("X-Reconciler-Timestamp", "1764097201"), reason: "wrong"},
		{name: "old", kind: Generic, ahead: window + time.Second, reason: "more than 5 minutes"},
		{name: "from the future", kind: Generic, ahead: -window - time.Second, reason: "more than 5 minutes"},
		{name: "Bitbucket's header at GitHub", kind: GitHub, headers: func(m map[string]string) {
			m["X-Hub-Signature"] = m["X-Hub-Signature-256"]
			delete(m, "X-Hub-Signature-256")
		}, reason: "missing"},
	}
	for _, kind := range []Kind{GitHub, GitLab, Bitbucket, Codeup, Generic} {
		attempts = append(attempts,
			attempt{name: "wrong secret", kind: kind, secret: "another-secret-of-22-bytes", reason: "wrong"},
			attempt{name: "almost the secret", kind: kind, secret: testSecret + "x", reason: "wrong"},
			attempt{name: "no header", kind: kind, headers: func(m map[string]string) { clear(m) }, reason: "missing"},
			attempt{name: "empty header", kind: kind, headers: func(m map[string]string) {
				for h := range m {
					m[h] = ""
				}
			}, reason: "missing"},
		)
		if kind != GitLab && kind != Codeup {
			attempts = append(attempts, attempt{name: "tampered body", kind: kind, tamper: true, reason: "wrong"})
		}
	}
	for _, a := range attempts {
		t.Run(string(a.kind)+" "+a.name, func(t *testing.T) {
			p := newPlace(t)
			body := []byte(`{"repository": "https://git.example.com/platform/bindings", "ref": "refs/heads/main"}`)
			secret := testSecret
			if a.secret != "" {
				secret = a.secret
			}
			headers := sign(a.kind, secret, body, p.clock())
			if a.headers != nil {
				a.headers(headers)
			}
			if a.tamper {
				body = bytes.Replace(body, []byte("main"), []byte("evil"), 1)
			}
			p.pass(a.ahead)
			status, text := p.send(string(a.kind), body, headers)
			if status != http.StatusUnauthorized || text != "" || p.last() != string(a.kind)+" unauthorized" || len(p.heard()) > 0 {
				t.Errorf("status %d, answer %q, counted %q, pushes %v", status, text, p.last(), p.heard())
			}
			if log := p.logged(); !strings.Contains(log, a.reason) || strings.Contains(log, secret) {
				t.Errorf("the log has no %q, or it has the secret:\n%s", a.reason, log)
			}
		})
	}
}

func TestADoubledHeaderIsRefused(t *testing.T) {
	for kind, header := range map[Kind]string{
		GitHub: "X-Hub-Signature-256", Bitbucket: "X-Hub-Signature", GitLab: "X-Gitlab-Token", Codeup: "X-Codeup-Token",
		Generic: "X-Reconciler-Signature",
	} {
		p := newPlace(t)
		body := fixture(t, "generic")
		r := httptest.NewRequest(http.MethodPost, "/hooks/"+string(kind), bytes.NewReader(body))
		for h, v := range sign(kind, testSecret, body, p.clock()) {
			r.Header.Set(h, v)
		}
		r.Header.Add(header, r.Header.Get(header))
		w := httptest.NewRecorder()
		p.handler.ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%s: status %d", kind, w.Code)
		}
	}
}

func TestTheSmallestBodyIsNotReadBeforeItIsProven(t *testing.T) {
	p := newPlace(t)
	for _, kind := range []Kind{GitHub, GitLab, Bitbucket, Codeup, Generic} {
		if status, _ := p.send(string(kind), []byte("{"), nil); status != http.StatusUnauthorized {
			t.Errorf("%s: garbage without a proof gets %d, want 401: it was parsed first", kind, status)
		}
	}
}

func TestABodyThatIsNoDeliveryIsRejected(t *testing.T) {
	deep := `{"repository":` + strings.Repeat(`{"a":`, 200_000)
	for name, body := range map[string]string{
		"no JSON": "payload=%7B%7D", "half": `{"ref": "refs/heads`, "deep": deep, "array": "[]", "number": "7", "text": `"x"`, "types": `{"ref": 7, "object_kind": "push", "push": 7}`,
		"empty": "", "trailing": `{} {}`,
	} {
		for _, kind := range []Kind{GitHub, GitLab, Bitbucket, Codeup, Generic} {
			p := newPlace(t)
			status, text := p.send(string(kind), []byte(body), sign(kind, testSecret, []byte(body), p.clock()))
			if status != http.StatusBadRequest || text != "" || p.last() != string(kind)+" rejected" {
				t.Errorf("%s from %s: status %d, answer %q, counted %q", name, kind, status, text, p.last())
			}
			if strings.Contains(p.logged(), "refs/heads") {
				t.Errorf("the log repeats the body:\n%s", p.logged())
			}
		}
	}
}

// TestFieldsThatAreNotThere: foreign payloads with missing or null parts have
// crashed servers.
func TestFieldsThatAreNotThere(t *testing.T) {
	for _, body := range []string{
		`{}`, `null`, `{"repository": null}`, `{"push": null, "repository": {}}`, `{"push": {"changes": null}}`, `{"push": {"changes": [null]}}`,
		`{"push": {"changes": [{"new": null, "old": null}]}, "repository": {"links": null}}`,
		`{"push": {"changes": [{"new": {"target": null}}]}, "repository": {"links": {"html": null}}}`,
		`{"object_kind": "push"}`, `{"object_kind": "push", "project": null, "repository": null}`, `{"object_kind": "push", "repository": {}}`,
	} {
		for _, kind := range []Kind{GitHub, GitLab, Bitbucket, Codeup, Generic} {
			p := newPlace(t)
			status, _ := p.send(string(kind), []byte(body), sign(kind, testSecret, []byte(body), p.clock()))
			want := http.StatusOK
			if kind == Generic {
				want = http.StatusBadRequest // Its two fields are the format.
			}
			if status != want || len(p.heard()) > 0 {
				t.Errorf("%s from %s: status %d, want %d; pushes %v\n%s", body, kind, status, want, p.heard(), p.logged())
			}
		}
	}
}

func TestALargeBodyIsRefused(t *testing.T) {
	p := newPlace(t)
	body := bytes.Repeat([]byte(" "), maxBodyBytes+1)
	status, _ := p.send("github", body, sign(GitHub, testSecret, body, p.clock()))
	if status != http.StatusRequestEntityTooLarge || p.last() != "github rejected" || !strings.Contains(p.logged(), "larger than 1048576 bytes") {
		t.Errorf("status %d, counted %q\n%s", status, p.last(), p.logged())
	}
	push := fixture(t, "github-push")
	body = append(push, bytes.Repeat([]byte(" "), maxBodyBytes-len(push))...)
	if status, _ := p.send("github", body, sign(GitHub, testSecret, body, p.clock())); status != http.StatusAccepted {
		t.Errorf("a body of exactly the limit gets %d", status)
	}
}

func TestADeliveryIsAcceptedOnce(t *testing.T) {
	for kind, header := range map[Kind]string{
		GitHub: "X-GitHub-Delivery", GitLab: "Idempotency-Key", Bitbucket: "X-Request-UUID", Generic: "",
	} {
		t.Run(string(kind), func(t *testing.T) {
			url := atExample
			name := string(kind) + "-push"
			if kind == Bitbucket {
				url = atBitbucket
			}
			if kind == Generic {
				name = "generic"
			}
			p := newPlace(t, at(url, "refs/heads/other"))
			body := fixture(t, name)
			headers := sign(kind, testSecret, body, p.clock())
			if header != "" {
				headers[header] = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
			}
			send := func(want int) {
				t.Helper()
				if status, _ := p.send(string(kind), body, headers); status != want {
					t.Errorf("status %d, want %d\n%s", status, want, p.logged())
				}
			}
			// What moved nothing may come again: somebody mends the
			// configuration, and has the host send it once more.
			send(http.StatusOK)
			p.settings.Source.Ref = branch
			p.apply()
			send(http.StatusAccepted)
			send(http.StatusOK)
			p.apply() // A reload forgets no delivery.
			send(http.StatusOK)
			if n := len(p.heard()); n != 1 || !strings.Contains(p.logged(), "accepted before") {
				t.Errorf("%d pushes from one delivery\n%s", n, p.logged())
			}
			if header != "" {
				headers[header] = "another"
				send(http.StatusAccepted)
				return
			}
			p.pass(time.Second)
			headers = sign(kind, testSecret, body, p.clock())
			send(http.StatusAccepted)
			// Upper-case digits are the same signature.
			headers["X-Reconciler-Signature"] = "sha256=" + strings.ToUpper(strings.TrimPrefix(headers["X-Reconciler-Signature"], "sha256="))
			send(http.StatusOK)
		})
	}
}

func TestTheClocksMayDifferByFiveMinutes(t *testing.T) {
	for _, skew := range []time.Duration{-window, 0, window} {
		p := newPlace(t)
		body := fixture(t, "generic")
		headers := sign(Generic, testSecret, body, p.clock())
		p.pass(skew)
		if status, _ := p.send("generic", body, headers); status != http.StatusAccepted {
			t.Errorf("with clocks %s apart: status %d\n%s", skew, status, p.logged())
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	var m memory
	for i := range 3 * maxRemembered {
		if !m.add(strconv.Itoa(i)) {
			t.Fatalf("%d was known", i)
		}
	}
	if len(m.known) != maxRemembered || len(m.order) != maxRemembered {
		t.Errorf("%d and %d remembered, want %d", len(m.known), len(m.order), maxRemembered)
	}
	if m.add(strconv.Itoa(3*maxRemembered-1)) || m.add(strconv.Itoa(2*maxRemembered)) || !m.add("0") {
		t.Error("not the last ones are remembered")
	}
	for range 2 {
		if !m.add("") {
			t.Error("an empty id is remembered")
		}
	}
}

func TestARotationHasNoGap(t *testing.T) {
	const next = "the-next-webhook-secret"
	for _, kind := range []Kind{GitHub, GitLab, Bitbucket, Codeup, Generic} {
		t.Run(string(kind), func(t *testing.T) {
			p := newPlace(t)
			send := func(secret string, want int) {
				t.Helper()
				body := []byte(`{}`)
				if kind == Generic {
					body = []byte(`{"repository": "git.example.com/platform/bindings", "ref": "refs/heads/x"}`)
				}
				if status, _ := p.send(string(kind), body, sign(kind, secret, body, p.clock())); status != want {
					t.Errorf("status %d, want %d\n%s", status, want, p.logged())
				}
			}
			var s *Sender
			for i := range p.settings.Senders {
				if p.settings.Senders[i].Kind == kind {
					s = &p.settings.Senders[i]
				}
			}
			send(testSecret, http.StatusOK)
			send(next, http.StatusUnauthorized)
			s.PreviousSecretFile, s.SecretFile = s.SecretFile, p.file("next", next)
			p.apply()
			send(testSecret, http.StatusOK)
			send(next, http.StatusOK)
			s.PreviousSecretFile = ""
			p.apply()
			send(testSecret, http.StatusUnauthorized)
			send(next, http.StatusOK)
		})
	}
}

func TestASecretIsReadAgainWhenItsFileChanges(t *testing.T) {
	const next = "the-next-webhook-secret"
	p := newPlace(t)
	path := p.settings.Senders[0].SecretFile
	body := fixture(t, "github-push")
	send := func(secret string, want int) {
		t.Helper()
		if status, _ := p.send("github", body, sign(GitHub, secret, body, p.clock())); status != want {
			t.Errorf("status %d, want %d\n%s", status, want, p.logged())
		}
	}
	write := func(text string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	write(testSecret, time.Hour)
	send(testSecret, http.StatusAccepted)
	send(testSecret, http.StatusAccepted) // From memory now.
	write(next, time.Minute)
	send(testSecret, http.StatusUnauthorized)
	send(next, http.StatusAccepted)
	// Two changes within one step of the file system's clock, of one length.
	write(strings.ToUpper(next), 0)
	send(strings.ToUpper(next), http.StatusAccepted)
	write(next, 0)
	send(next, http.StatusAccepted)

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	send(next, http.StatusServiceUnavailable)
	write("", 0)
	send(next, http.StatusServiceUnavailable)
	if !strings.Contains(p.logged(), "its secret cannot be read") {
		t.Errorf("nothing told:\n%s", p.logged())
	}
	write(next, 0)
	send(next, http.StatusAccepted)
	if got := p.redactor.Redact("x " + next); strings.Contains(got, next) {
		t.Errorf("the redactor does not know the new secret: %s", got)
	}
	p.pass(2 * time.Minute)
	if got := p.redactor.Redact("x " + strings.ToUpper(next)); !strings.Contains(got, strings.ToUpper(next)) {
		t.Errorf("the redactor still knows a secret of long ago")
	}
}

func TestApplyRefusesWhatItCannotStandFor(t *testing.T) {
	p := newPlace(t)
	for name, s := range map[string]Sender{
		"the file is missing":          {Name: "x", Kind: GitHub, SecretFile: filepath.Join(t.TempDir(), "missing")},
		"the file is a folder":         {Name: "x", Kind: GitHub, SecretFile: t.TempDir()},
		"the file is empty":            {Name: "x", Kind: GitHub, SecretFile: p.file("empty", "")},
		"a line end alone":             {Name: "x", Kind: GitHub, SecretFile: p.file("line", "\r\n")},
		"too short":                    {Name: "x", Kind: GitHub, SecretFile: p.file("short", "fifteen-bytes!!")},
		"too long":                     {Name: "x", Kind: GitHub, SecretFile: p.file("long", strings.Repeat("x", maxSecretBytes+1))},
		"no file":                      {Name: "x", Kind: GitHub},
		"no kind":                      {Name: "x", SecretFile: p.file("s", testSecret)},
		"the previous one":             {Name: "x", Kind: GitHub, SecretFile: p.file("s", testSecret), PreviousSecretFile: p.file("empty", "")},
		"a signing token that is none": {Name: "x", Kind: GitLab, SecretFile: p.file("s", "whsec_notBase64!!!!!!!!!!!")},
		"a signing token too short":    {Name: "x", Kind: GitLab, SecretFile: p.file("s", "whsec_c2hvcnRzaG9ydA==")},
	} {
		bad := p.settings
		bad.Senders = append(slices.Clone(p.settings.Senders), s)
		err := p.handler.Apply(bad)
		if err == nil || !strings.Contains(err.Error(), "webhook sender x") || strings.Contains(err.Error(), "notBase64") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The old settings stand.
	body := fixture(t, "github-push")
	if status, _ := p.send("github", body, sign(GitHub, testSecret, body, p.clock())); status != http.StatusAccepted {
		t.Errorf("status %d after a refused change", status)
	}
}

func TestAReloadTakesNewSendersAndDropsOldOnes(t *testing.T) {
	p := newPlace(t)
	p.settings.Senders = []Sender{{Name: "renamed", Kind: GitHub, SecretFile: p.settings.Senders[0].SecretFile}}
	p.apply()
	body := fixture(t, "github-push")
	headers := sign(GitHub, testSecret, body, p.clock())
	if status, _ := p.send("github", body, headers); status != http.StatusNotFound {
		t.Errorf("a sender that is gone gets %d", status)
	}
	if status, _ := p.send("renamed", body, headers); status != http.StatusAccepted {
		t.Errorf("a new sender gets %d", status)
	}
	if got := p.redactor.Redact("x " + testSecret); strings.Contains(got, testSecret) {
		t.Error("the redactor forgot a secret that is still in use")
	}
}

func TestTheListenerServesNothingElse(t *testing.T) {
	p := newPlace(t)
	for _, request := range []struct{ method, path string }{
		{"GET", "/"},
		{"GET", "/healthz"},
		{"GET", "/readyz"},
		{"GET", "/metrics"},
		{"GET", "/version"},
		{"GET", "/debug/pprof/"},
		{"GET", "/hooks/github"},
		{"HEAD", "/hooks/github"},
		{"PUT", "/hooks/github"},
		{"OPTIONS", "/hooks/github"},
		{"POST", "/hooks"},
		{"POST", "/hooks/"},
		{"POST", "/hooks/unknown"},
		{"POST", "/hooks/github/"},
		{"POST", "/hooks//github"},
		{"POST", "/x/../hooks/github"},
		{"POST", "/Hooks/github"},
		{"POST", "/"},
		{"POST", "/v1/bindings"},
	} {
		w := httptest.NewRecorder()
		p.handler.ServeHTTP(w, httptest.NewRequest(request.method, request.path, strings.NewReader("{}")))
		if w.Code != http.StatusNotFound || w.Body.Len() > 0 || len(w.Header()) > 0 {
			t.Errorf("%s %s: %d, %q, %v", request.method, request.path, w.Code, w.Body, w.Header())
		}
	}
	if p.last() != "" || p.logged() != "" {
		t.Errorf("counted %q, logged %q", p.last(), p.logged())
	}
}

func TestTooManyRequestsAreTurnedAway(t *testing.T) {
	p := newPlace(t)
	from := func(address string) int {
		r := httptest.NewRequest(http.MethodPost, "/hooks/github", strings.NewReader("{}"))
		r.RemoteAddr = address
		w := httptest.NewRecorder()
		p.handler.ServeHTTP(w, r)
		if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
		return w.Code
	}
	for range remoteBurst {
		if got := from("192.0.2.1:1000"); got != http.StatusUnauthorized {
			t.Fatalf("within the limit: %d", got)
		}
	}
	if got := from("192.0.2.1:2000"); got != http.StatusTooManyRequests || p.last() != "github limited" {
		t.Errorf("past the limit: %d, counted %q", got, p.last())
	}
	if got := from("192.0.2.2:1000"); got != http.StatusUnauthorized {
		t.Errorf("another address: %d", got)
	}
	if n := strings.Count(p.logged(), "\n"); n > 20 {
		t.Errorf("%d lines about requests that prove nothing", n)
	}
	p.pass(time.Second)
	if got := from("192.0.2.1:3000"); got != http.StatusUnauthorized {
		t.Errorf("a second later: %d", got)
	}
	// From many addresses the sender's own limit holds.
	limited := 0
	for i := range 2 * senderBurst {
		if from(fmt.Sprintf("198.51.100.%d:1", i)) == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited < senderBurst-senderPerSecond {
		t.Errorf("%d of %d from many addresses turned away", limited, 2*senderBurst)
	}
}

func TestTheLimitsNeedBoundedMemory(t *testing.T) {
	r, now := newRemotes(), time.Unix(0, 0)
	for i := range 10 * maxRemotes {
		r.allow(fmt.Sprintf("[2001:db8:%x:%x::1]:1", i/65536, i%65536), now)
	}
	if len(r.known) > maxRemotes {
		t.Errorf("%d addresses known, want at most %d", len(r.known), maxRemotes)
	}
	if r.allow("[2001:db8:ffff::1]:1", now) {
		t.Error("those that found no room share no limit")
	}
	// Idle ones make room.
	now = now.Add(time.Hour)
	r.allow("[2001:db8:ffff::1]:1", now)
	if len(r.known) != 1 {
		t.Errorf("%d addresses known after an hour", len(r.known))
	}
	// The addresses of one IPv6 subscriber are one; so are the ways to write
	// one IPv4 address.
	for i := range remoteBurst {
		r.allow(fmt.Sprintf("[2001:db8::%x]:1", i), now)
		r.allow(map[bool]string{true: "192.0.2.1:1", false: "[::ffff:192.0.2.1]:2"}[i%2 == 0], now)
	}
	if r.allow("[2001:db8::ffff]:1", now) || r.allow("192.0.2.1:3", now) {
		t.Error("one subscriber has several limits")
	}
	for _, odd := range []string{"", "@", "unix", "192.0.2.1"} {
		r.allow(odd, now)
	}
}

func TestAFaultCostsOneRequest(t *testing.T) {
	p := newPlace(t)
	p.handler.opts.Pushed = func(Push) { panic("with " + testSecret) }
	body := fixture(t, "github-push")
	if status, _ := p.send("github", body, sign(GitHub, testSecret, body, p.clock())); status != http.StatusInternalServerError {
		t.Errorf("status %d", status)
	}
	if log := p.logged(); !strings.Contains(log, "a fault of this program") || strings.Contains(log, testSecret) {
		t.Errorf("log:\n%s", log)
	}
	if len(p.handler.slots) != 0 {
		t.Error("the request keeps its slot")
	}
}

// TestAStorm sends from many sides at once while the settings change.
func TestAStorm(t *testing.T) {
	p := newPlace(t)
	body := fixture(t, "github-push")
	headers := sign(GitHub, testSecret, body, p.clock())
	headers["X-GitHub-Delivery"] = "one"
	var storm sync.WaitGroup
	for i := range 16 {
		storm.Go(func() {
			for range 5 {
				r := httptest.NewRequest(http.MethodPost, "/hooks/github", bytes.NewReader(body))
				r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", i)
				for h, v := range headers {
					r.Header.Set(h, v)
				}
				w := httptest.NewRecorder()
				p.handler.ServeHTTP(w, r)
				if w.Code != http.StatusOK && w.Code != http.StatusAccepted {
					t.Errorf("status %d", w.Code)
				}
			}
		})
		storm.Go(func() {
			if err := p.handler.Apply(p.settings); err != nil {
				t.Error(err)
			}
		})
	}
	storm.Wait()
	if n := len(p.heard()); n != 1 {
		t.Errorf("one delivery was accepted %d times", n)
	}
}

func TestNoSecretIsShown(t *testing.T) {
	p := newPlace(t)
	for _, kind := range []Kind{GitHub, GitLab, Bitbucket, Codeup, Generic} {
		for _, body := range []string{testSecret, `{"ref": "` + testSecret + `"}`, `{"object_kind": "push", "repository": "https://x:` + testSecret + `@h/a", "ref": "r"}`} {
			_, text := p.send(string(kind), []byte(body), sign(kind, testSecret, []byte(body), p.clock()))
			if strings.Contains(text, testSecret) {
				t.Errorf("the answer holds the secret: %s", text)
			}
		}
	}
	var masked bytes.Buffer
	log := slog.New(secrets.NewHandler(slog.NewTextHandler(&masked, nil), p.redactor))
	log.Info(p.logged()) //nolint:sloglint // The text is what is tested.
	log.Info("settings", "settings", fmt.Sprintf("%+v %+v", p.handler.current.Load().senders, p.settings))
	if strings.Contains(masked.String(), testSecret) {
		t.Errorf("the secret is shown:\n%s", masked.String())
	}
}
