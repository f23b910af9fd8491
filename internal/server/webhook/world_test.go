package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

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

// world is a handler in a world of its own.
type world struct {
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

// newWorld has one sender of each kind, named as its kind, for a repository at
// git.example.com.
func newWorld(t *testing.T, edit ...func(*Settings)) *world {
	t.Helper()
	p := &world{t: t, now: time.Unix(1764097200, 0)}
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

// take has the handler take settings.
func (p *world) take(s Settings) error {
	take, err := p.handler.Prepare(s)
	if err == nil {
		take()
	}
	return err
}

func (p *world) apply() {
	p.t.Helper()
	if err := p.take(p.settings); err != nil {
		p.t.Fatal(err)
	}
}

func (p *world) file(name, text string) string {
	p.t.Helper()
	path := filepath.Join(p.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

func (p *world) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *world) pass(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

// Write takes the log.
func (p *world) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *world) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// received are the pushes so far.
func (p *world) received() []Push {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.pushes)
}

// last is the last result.
func (p *world) last() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.results) == 0 {
		return ""
	}
	return p.results[len(p.results)-1]
}

// send delivers; it gives the status and the body of the answer.
func (p *world) send(name string, body []byte, headers map[string]string) (int, string) {
	r := httptest.NewRequest(http.MethodPost, "/hooks/"+name, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for h, v := range headers {
		r.Header.Set(h, v)
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// sign gives the headers that a sender of a kind signs a body with.
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
