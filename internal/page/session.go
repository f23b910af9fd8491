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

// mostSessions bounds the sessions; one more ends the one that would end first.
const mostSessions = 1000

// session is a person who signed in.
type session struct {
	// Name is the token's; empty for the one without a name.
	Name string
	// Ends is when it ends by itself.
	Ends time.Time
	// accepted checks whether the token that it began with still is.
	accepted func() (bool, error)
}

// sessions are those of now. They are known by the hash of a random number, which
// only the browser's cookie has; neither holds a token. They are in memory: a
// restart ends all. It is safe for concurrent use.
type sessions struct {
	lasts time.Duration
	now   func() time.Time

	mu  sync.Mutex
	all map[[sha256.Size]byte]*session
}

func newSessions(lasts time.Duration, now func() time.Time) *sessions {
	return &sessions{lasts: lasts, now: now, all: map[[sha256.Size]byte]*session{}}
}

// begin begins a session and returns what the cookie holds.
func (s *sessions) begin(name string, accepted func() (bool, error)) (id string, ends time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoom()
	id, ends = rand.Text(), s.now().Add(s.lasts)
	s.all[sha256.Sum256([]byte(id))] = &session{name, ends, accepted}
	return id, ends
}

// makeRoom removes what has ended and, where that is not enough, what ends next.
func (s *sessions) makeRoom() {
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
	if len(s.all) >= mostSessions {
		delete(s.all, next)
	}
}

// find is the session of a cookie; nil for none. A session ends with its token. The
// error says why it is not known whether the token still is accepted.
func (s *sessions) find(id string) (*session, error) {
	key := sha256.Sum256([]byte(id))
	s.mu.Lock()
	found := s.all[key]
	s.mu.Unlock()
	if found == nil {
		return nil, nil //nolint:nilnil // No session is no error.
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
	return nil, nil //nolint:nilnil // No session is no error.
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

// signedIn lets those through who have a session, and asks others to sign in.
func (p *pages) signedIn(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, err := p.sessions.find(sessionID(r))
		switch {
		case err != nil:
			p.Log.Error("session not checked", "err", err)
			p.write(w, r, http.StatusServiceUnavailable, screen{name: "login", data: signIn{Problem: message.New("page.login.unread")}})
		case found == nil && followedFromElsewhere(r):
			p.write(w, r, http.StatusOK, screen{name: "again"})
		case found == nil && r.URL.Path == "/live":
			http.Error(w, "no session", http.StatusUnauthorized)
		case found == nil:
			goTo(w, r, loginFor(r))
		default:
			defer port.Hold(r.Context(), "the page, token "+found.Name)()
			next(w, r.WithContext(context.WithValue(r.Context(), sessionKey{}, found)))
		}
	})
}

// followedFromElsewhere reports whether a person followed a link on another site.
// Then the browser keeps the cookie back, because it is SameSite=Strict, and a page
// that loads itself again gets it.
func followedFromElsewhere(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") == "navigate"
}

// cookieName has the port, because browsers keep one cookie for all ports of a
// host, and a person may look at several daemons through tunnels.
func cookieName(r *http.Request) string {
	_, number, err := net.SplitHostPort(r.Host)
	if err != nil {
		number = "443"
	}
	return "__Host-reconciler-" + number
}

// sessionID is what the request's cookie holds; empty where there is not one.
func sessionID(r *http.Request) string {
	cookies := r.CookiesNamed(cookieName(r))
	if len(cookies) != 1 {
		return ""
	}
	return cookies[0].Value
}

// setCookie gives the browser a session, or takes it away where id is empty.
func setCookie(w http.ResponseWriter, r *http.Request, id string, lasts time.Duration) {
	age := int(lasts / time.Second)
	if id == "" {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Value: id, Path: "/", MaxAge: age, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}
