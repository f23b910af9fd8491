package page

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"reconciler/internal/message"
	"reconciler/internal/server"
	"reconciler/internal/server/port"
)

// maxForm limits what a browser may send, in bytes.
const maxForm = 8 << 10

// signIn is the data of the sign-in page.
type signIn struct {
	// Next is the page to show after the sign-in, relative to the first page.
	Next string
	// Problem says why the sign-in failed; zero if it did not.
	Problem message.Message
}

// loginFor is the address of the sign-in page that leads back to this page.
func loginFor(r *http.Request) string {
	here := strings.TrimPrefix(r.URL.RequestURI(), "/")
	if r.Method != http.MethodGet || here == "" {
		return "login"
	}
	return "login?" + url.Values{"next": {here}}.Encode()
}

// nextOf returns next if it is a page of ours, and otherwise the first page.
func nextOf(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || u.Opaque != "" || strings.HasPrefix(next, "/") || strings.ContainsAny(next, "\\\r\n\t") {
		return ""
	}
	if slices.Contains(strings.Split(u.Path, "/"), "..") { // A browser treats %2e%2e as .. too.
		return ""
	}
	return next
}

func (p *pages) showLogin(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	data := signIn{Next: nextOf(q.Get("next"))}
	if q.Has("kept") {
		found, err := p.sessions.find(sessionID(r))
		if found != nil && err == nil {
			redirect(w, r, data.Next)
			return
		}
		data.Problem = message.New("page.login.no-cookie")
	}
	if q.Has("out") {
		data.Problem = message.New("page.login.out")
	}
	p.write(w, r, http.StatusOK, screen{name: "login", data: data})
}

// login begins a session for a person who sends a valid token. The redirect to the
// next page detects a browser without cookies.
func (p *pages) login(w http.ResponseWriter, r *http.Request) {
	from := port.Peer(r.RemoteAddr)
	data := signIn{Next: nextOf(r.PostFormValue("next"))}
	token, accepted, err := p.gate.SignIn(from, strings.TrimSpace(r.PostFormValue("token")))
	switch {
	case errors.Is(err, server.ErrTooManyWrong):
		data.Problem = message.New("page.login.limited")
		w.Header().Set("Retry-After", "10")
		p.write(w, r, http.StatusTooManyRequests, screen{name: "login", data: data})
	case errors.Is(err, server.ErrWrongToken):
		data.Problem = message.New("page.login.wrong")
		p.write(w, r, http.StatusForbidden, screen{name: "login", data: data})
	case err != nil:
		data.Problem = message.New("page.login.unread")
		p.write(w, r, http.StatusServiceUnavailable, screen{name: "login", data: data})
	default:
		p.sessions.end(sessionID(r))
		id, _ := p.sessions.begin(token.Name, accepted)
		setCookie(w, r, id, p.Session)
		p.Log.Info("a person signed in to the page", "token", token.Name, "from", from)
		redirect(w, r, "login?"+url.Values{"kept": {""}, "next": {data.Next}}.Encode())
	}
}

func (p *pages) logout(w http.ResponseWriter, r *http.Request) {
	p.sessions.end(sessionID(r))
	setCookie(w, r, "", 0)
	w.Header().Set("Clear-Site-Data", `"cache"`)
	redirect(w, r, "login?out")
}
