// Package page serves web pages on the API's port that show what the daemon knows.
// They change nothing. They work without JavaScript; with it, they update by
// themselves.
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

// Present reports the current state. Its methods are safe for concurrent use
// and return at once. What they return contains no secret.
type Present interface {
	// Statuses returns the current bindings.
	Statuses() []binding.Status
	// Problems returns what the daemon currently cannot know or do.
	Problems() report.Problems
	// Conditions returns the daemon's own conditions.
	Conditions() []binding.Condition
}

// Past reports what happened. Its methods are safe for concurrent use.
type Past interface {
	// Describe returns everything about a binding.
	Describe(ctx context.Context, name, instance string) (report.Description, error)
	// Events returns the events after a sequence number. If there are none, it waits
	// up to wait for one.
	Events(ctx context.Context, name string, after int64, wait time.Duration) (report.EventList, error)
	// Syncs returns the last syncs, the newest first.
	Syncs() []report.SyncRecord
}

// Options are the options of New.
type Options struct {
	Present Present
	Past    Past
	// Session is how long a sign-in lasts.
	Session time.Duration
	Now     func() time.Time
	Log     *slog.Logger
}

// pages is the handler of all pages.
type pages struct {
	Options
	gate      *server.Gate
	sessions  *sessions
	languages []*siteLanguage
	streams   chan struct{}
	files     map[string]file
}

// New makes a function that makes the handler of the pages for a gate that checks
// tokens.
func New(o Options) func(*server.Gate) http.Handler {
	return func(gate *server.Gate) http.Handler {
		p := &pages{
			Options: o, gate: gate, sessions: newSessions(o.Session, o.Now), languages: siteLanguages(o.Now),
			streams: make(chan struct{}, maxStreams), files: readFiles(),
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

// secured sets the security headers. A page loads everything from its own origin, and
// has no inline script or style.
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
	// name is the name of the template and, below page.title, of the title.
	name string
	// of is what the page is about; empty if the title says it.
	of   string
	data any
}

// view is the data of a template.
type view struct {
	// Root is the relative path from this page to the first one.
	Root string
	// Here is the address of this page below Root.
	Here string
	// Page is the name of the template, and Of what the page is about.
	Page, Of  string
	Lang      string
	Languages []*siteLanguage
	// Person is the session; nil if the page needs none.
	Person *session
	Now    time.Time
	Data   any
}

// screen makes the handler of a page. An unchanged page is not sent again.
func (p *pages) screen(show func(*http.Request) (screen, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch s, err := show(r); {
		case errors.Is(err, errNoBinding):
			p.notFound(w, r)
		case err != nil:
			p.Log.Warn("cannot show a page", "page", r.URL.Path, "err", err)
			p.write(w, r, http.StatusServiceUnavailable, screen{name: "unknown"})
		default:
			p.write(w, r, http.StatusOK, s)
		}
	}
}

// footer is the beginning of the page's footer. The footer has the time at which
// the page was made, and nothing else in it changes.
const footer = "<footer"

func (p *pages) write(w http.ResponseWriter, r *http.Request, status int, s screen) {
	language := p.languageOf(r)
	v := view{
		Root: rootOf(r), Here: strings.TrimPrefix(r.URL.RequestURI(), "/"), Page: s.name, Of: s.of, Lang: language.Tag, Languages: p.languages,
		Person: personOf(r), Now: p.Now(), Data: s.data,
	}
	var body bytes.Buffer
	if err := language.pages[s.name].ExecuteTemplate(&body, "layout", v); err != nil {
		p.Log.Error("cannot make a page", "page", s.name, "err", err)
		http.Error(w, language.words.Text(message.New("page.not-made")), http.StatusInternalServerError)
		return
	}
	text := clean(body.String())
	sum := sha256.Sum256([]byte(text[:max(strings.LastIndex(text, footer), 0)]))
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", language.Tag)
	h.Set("ETag", tag)
	if status == http.StatusOK && r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // The client may have gone.
}

// clean removes control characters, and those that change the direction of
// writing, from a page. The templates have none, so they come from other
// systems' texts.
func clean(page string) string {
	lines := strings.Split(page, "\n")
	for i, line := range lines {
		lines[i] = report.Clean(line)
	}
	return strings.Join(lines, "\n")
}

// notFound answers requests for an unknown address.
func (p *pages) notFound(w http.ResponseWriter, r *http.Request) {
	p.write(w, r, http.StatusNotFound, screen{name: "not-found"})
}

// foreign refuses a form that was sent from another site.
func (p *pages) foreign(w http.ResponseWriter, r *http.Request) {
	p.Log.Warn("refused a form from another site", "from", port.Peer(r.RemoteAddr))
	p.write(w, r, http.StatusForbidden, screen{name: "foreign"})
}

// rootOf is the relative path from a page to the first one, so that the pages
// work below any path of a proxy.
func rootOf(r *http.Request) string {
	return "./" + strings.Repeat("../", max(0, strings.Count(r.URL.EscapedPath(), "/")-1))
}

// redirect redirects a browser to a page, with a relative address.
func redirect(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Location", rootOf(r)+to)
	w.WriteHeader(http.StatusSeeOther)
}

// file is an asset, ready to send.
type file struct {
	kind string
	data []byte
	tag  string
}

// readFiles returns the assets that browsers may load.
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
	_, _ = w.Write(f.data) // The client may have gone.
}
