package page

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net"
	"net/http"
	"sync"
	"time"

	"reconciler/internal/message"
	"reconciler/internal/server/port"
)

// maxSessions limits the sessions. One more ends the one that would expire first.
const maxSessions = 1000

// session is a person who signed in.
type session struct {
	// Name is the token's name, if it has one.
	Name string
	// Ends is when it expires.
	Ends time.Time
	// accepted checks whether its token is still accepted.
	accepted func() (bool, error)
}

// sessions are the current sessions. The key of a session is the hash of a random
// number that only the browser's cookie has; neither contains a token. They are
// in memory only, so that a restart ends them. It is safe for concurrent use.
type sessions struct {
	lasts time.Duration
	now   func() time.Time

	mu  sync.Mutex
	all map[[sha256.Size]byte]*session
}

func newSessions(lasts time.Duration, now func() time.Time) *sessions {
	return &sessions{lasts: lasts, now: now, all: map[[sha256.Size]byte]*session{}}
}

// begin begins a session and returns the value of its cookie.
func (s *sessions) begin(name string, accepted func() (bool, error)) (id string, ends time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.evict()
	id, ends = rand.Text(), s.now().Add(s.lasts)
	s.all[sha256.Sum256([]byte(id))] = &session{name, ends, accepted}
	return id, ends
}

// evict removes expired sessions and, if that is not enough, the one that
// expires next.
func (s *sessions) evict() {
	var next [sha256.Size]byte
	for key, one := range s.all {
		if !one.Ends.After(s.now()) {
			delete(s.all, key)
			continue
		}
		if first := s.all[next]; first == nil || one.Ends.Before(first.Ends) {
			next = key
		}
	}
	if len(s.all) >= maxSessions {
		delete(s.all, next)
	}
}

// find returns the session of a cookie; nil if there is none. A session ends with
// its token. The error says why it is unknown whether the token is still accepted.
func (s *sessions) find(id string) (*session, error) {
	key := sha256.Sum256([]byte(id))
	s.mu.Lock()
	found := s.all[key]
	s.mu.Unlock()
	if found == nil {
		return nil, nil //nolint:nilnil // No session is not an error.
	}
	if found.Ends.After(s.now()) {
		switch accepted, err := found.accepted(); {
		case accepted:
			return found, nil
		case err != nil:
			return nil, message.NewError("page.session", "why", err)
		}
	}
	s.end(id)
	return nil, nil //nolint:nilnil // No session is not an error.
}

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, sha256.Sum256([]byte(id)))
}

type sessionKey struct{}

func personOf(r *http.Request) *session {
	s, _ := r.Context().Value(sessionKey{}).(*session)
	return s
}

// signedIn requires a session, and redirects others to the sign-in page.
func (p *pages) signedIn(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, err := p.sessions.find(sessionID(r))
		switch {
		case err != nil:
			p.Log.Error("cannot check a session", "err", err)
			p.write(w, r, http.StatusServiceUnavailable, screen{name: "login", data: signIn{Problem: message.New("page.login.unread")}})
		case found == nil && followedFromElsewhere(r):
			p.write(w, r, http.StatusOK, screen{name: "again"})
		case found == nil && r.URL.Path == "/live":
			http.Error(w, "no session", http.StatusUnauthorized)
		case found == nil:
			redirect(w, r, loginFor(r))
		default:
			defer port.Protect(r.Context(), "the page, token "+found.Name)()
			next(w, r.WithContext(context.WithValue(r.Context(), sessionKey{}, found)))
		}
	})
}

// followedFromElsewhere reports whether a person followed a link on another site.
// Then the browser does not send the cookie, because it is SameSite=Strict. It does
// once the page reloads itself.
func followedFromElsewhere(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") == "navigate"
}

// cookieName includes the port, because browsers share cookies between all
// ports of a host, and a person may use several daemons through tunnels.
func cookieName(r *http.Request) string {
	_, number, err := net.SplitHostPort(r.Host)
	if err != nil {
		number = "443"
	}
	return "__Host-reconciler-" + number
}

// sessionID is the value of the request's cookie; empty if there is none.
func sessionID(r *http.Request) string {
	cookies := r.CookiesNamed(cookieName(r))
	if len(cookies) != 1 {
		return ""
	}
	return cookies[0].Value
}

// setCookie sets the browser's cookie, or deletes it if id is empty.
func setCookie(w http.ResponseWriter, r *http.Request, id string, lasts time.Duration) {
	age := int(lasts / time.Second)
	if id == "" {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Value: id, Path: "/", MaxAge: age, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}
