// Package page is a page for people on the API's port: what the daemon knows, to
// look at in a browser. It reads and changes nothing. It works without JavaScript;
// with it, it follows what happens.
package page

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/report"
	"reconciler/internal/server"
	"reconciler/internal/server/port"
)

//go:embed assets
var assets embed.FS

// Present is what is so now. Its methods are safe for concurrent use and answer
// at once. What they return holds no secret.
type Present interface {
	// Statuses are the bindings as they stand.
	Statuses() []binding.Status
	// Problems are what the daemon cannot know or do.
	Problems() report.Problems
	// Conditions are the daemon's own.
	Conditions() []binding.Condition
}

// Past is what happened. Its methods are safe for concurrent use.
type Past interface {
	// Describe returns everything about a binding.
	Describe(ctx context.Context, name, instance string) (report.Description, error)
	// Events gives what happened after a sequence, and waits for something to happen
	// as long as wait.
	Events(ctx context.Context, name string, after int64, wait time.Duration) (report.EventList, error)
	// Syncs are the last syncs, the newest first.
	Syncs() []report.SyncRecord
}

// Options are what the page is made of.
type Options struct {
	Present Present
	Past    Past
	// Session is how long a sign-in lasts.
	Session time.Duration
	Now     func() time.Time
	Log     *slog.Logger
}

// pages is the handler of everything on the page.
type pages struct {
	Options
	gate     *server.Gate
	sessions *sessions
	tongues  []*tongue
	streams  chan struct{}
	files    map[string]file
}

// New makes the page's handler for a gate that knows the tokens.
func New(o Options) func(*server.Gate) http.Handler {
	return func(gate *server.Gate) http.Handler {
		p := &pages{
			Options: o, gate: gate, sessions: newSessions(o.Session, o.Now), tongues: tongues(o.Now),
			streams: make(chan struct{}, mostStreams), files: readFiles(),
		}
		same := http.NewCrossOriginProtection()
		same.SetDenyHandler(http.HandlerFunc(p.foreign))
		return secured(same.Handler(p.routes()))
	}
}

func (p *pages) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /assets/{file}", p.asset)
	mux.HandleFunc("GET /login", p.showLogin)
	mux.HandleFunc("POST /login", p.login)
	mux.HandleFunc("POST /logout", p.logout)
	mux.HandleFunc("POST /language", p.chooseLanguage)
	mux.Handle("GET /live", p.signedIn(p.live))
	for pattern, show := range map[string]func(*http.Request) (screen, error){
		"GET /{$}":                           p.overview,
		"GET /waiting":                       p.waiting,
		"GET /waiting/{instance}/{binding}":  p.waitingFor,
		"GET /tokens":                        p.tokens,
		"GET /syncs":                         p.lastSyncs,
		"GET /problems":                      p.problems,
		"GET /bindings/{instance}/{binding}": p.binding,
	} {
		mux.Handle(pattern, p.signedIn(p.screen(show)))
	}
	mux.Handle("/", p.signedIn(p.notFound))
	return mux
}

// secured sets the headers that keep a page from being used by others. Everything
// that a page loads comes from its own origin, and it has no script or style of its own.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
}

type screen struct {
	// name is the template's and, below page.title, the title's.
	name string
	// of is what the page is about; empty where the title says it.
	of   string
	data any
}

// view is what a template gets.
type view struct {
	// Root is the way from this page to the first one.
	Root string
	// Here is the address of this page below Root.
	Here string
	// Page names the template, Of what it is about.
	Page, Of string
	Lang     string
	Tongues  []*tongue
	// Person is the session; nil for a page without one.
	Person *session
	Now    time.Time
	Data   any
}

// screen answers with a page. A page that did not change is not sent again.
func (p *pages) screen(show func(*http.Request) (screen, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch s, err := show(r); {
		case errors.Is(err, errNoBinding):
			p.notFound(w, r)
		case err != nil:
			p.Log.Warn("page not shown", "page", r.URL.Path, "err", err)
			p.write(w, r, http.StatusServiceUnavailable, screen{name: "unknown"})
		default:
			p.write(w, r, http.StatusOK, s)
		}
	}
}

// footer begins what has the time at which a page was made, and nothing else that
// changes.
const footer = "<footer"

func (p *pages) write(w http.ResponseWriter, r *http.Request, status int, s screen) {
	tongue := p.tongueOf(r)
	v := view{
		Root: rootOf(r), Here: strings.TrimPrefix(r.URL.RequestURI(), "/"), Page: s.name, Of: s.of, Lang: tongue.Tag, Tongues: p.tongues,
		Person: personOf(r), Now: p.Now(), Data: s.data,
	}
	var body bytes.Buffer
	if err := tongue.pages[s.name].ExecuteTemplate(&body, "layout", v); err != nil {
		p.Log.Error("page not made", "page", s.name, "err", err)
		http.Error(w, tongue.words.Text(message.New("page.not-made")), http.StatusInternalServerError)
		return
	}
	text := clean(body.String())
	sum := sha256.Sum256([]byte(text[:max(strings.LastIndex(text, footer), 0)]))
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", tongue.Tag)
	h.Set("ETag", tag)
	if status == http.StatusOK && r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // Who left needs no answer.
}

// clean is a whole page without characters that turn the direction of writing or
// control something. No template has one, so each is of a foreign text.
func clean(page string) string {
	lines := strings.Split(page, "\n")
	for i, line := range lines {
		lines[i] = report.Clean(line)
	}
	return strings.Join(lines, "\n")
}

// notFound answers for an address that shows nothing.
func (p *pages) notFound(w http.ResponseWriter, r *http.Request) {
	p.write(w, r, http.StatusNotFound, screen{name: "not-found"})
}

// foreign refuses a form that another site sent.
func (p *pages) foreign(w http.ResponseWriter, r *http.Request) {
	p.Log.Warn("a form of another site was refused", "from", port.Peer(r.RemoteAddr))
	p.write(w, r, http.StatusForbidden, screen{name: "foreign"})
}

// rootOf is the relative way from a page to the first one. So the page works
// below any path of a proxy.
func rootOf(r *http.Request) string {
	return "./" + strings.Repeat("../", max(0, strings.Count(r.URL.EscapedPath(), "/")-1))
}

// goTo sends a browser to a page, by an address that is relative.
func goTo(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Location", rootOf(r)+to)
	w.WriteHeader(http.StatusSeeOther)
}

// file is an asset as it is sent.
type file struct {
	kind string
	data []byte
	tag  string
}

// readFiles are the assets that browsers may load.
func readFiles() map[string]file {
	files := map[string]file{}
	for name, kind := range map[string]string{
		"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml",
	} {
		data, err := assets.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // It is embedded.
		}
		sum := sha256.Sum256(data)
		files[name] = file{kind, data, fmt.Sprintf(`"%x"`, sum[:8])}
	}
	return files
}

func (p *pages) asset(w http.ResponseWriter, r *http.Request) {
	f, ok := p.files[r.PathValue("file")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", f.tag)
	if r.Header.Get("If-None-Match") == f.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(f.data) // Who left needs no answer.
}
