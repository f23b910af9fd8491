// Package providertest is the test suite for every provider: whatever a host
// does, a failure is an unknown with a reason and a time, no text contains the
// token, and no redirect is followed.
package providertest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/secrets"
)

// Canary is the part of the suite's token that the tests search for.
const Canary = "canary7f3a91c2d4e5"

// Subject is one provider under test.
type Subject struct {
	Platform binding.Platform
	// Token has the platform's format and contains Canary.
	Token string
	// New makes the provider for a host whose root is address. The account's
	// Address is set to it too.
	New func(t *testing.T, client *http.Client, address string) providers.Provider
}

// timeout is the guarded client's timeout, short enough for a host that never
// answers.
const timeout = 300 * time.Millisecond

// Run checks a provider against the contract.
func Run(t *testing.T, s Subject) {
	t.Helper()
	for name, handler := range failures() {
		t.Run(name, func(t *testing.T) { s.failsOpen(t, handler) })
	}
	t.Run("follows no redirect and carries no token along", s.followsNothing)
	t.Run("a host that echoes the token is not repeated", s.repeatsNothing)
	t.Run("a private address is refused", s.refusesPrivate)
	t.Run("a question given up is an unknown", s.givesUp)
	t.Run("a host that is not there is an unknown", s.findsNothing)
}

// failures returns hosts that give no useful answer.
func failures() map[string]http.HandlerFunc {
	answer := func(status int, kind, body string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	return map[string]http.HandlerFunc{
		"429 in plain text":               answer(429, "text/plain", "Retry later\n"),
		"429 with Retry-After":            answer(429, "application/json", `{}`, "Retry-After", "7"),
		"403 of a firewall":               answer(403, "text/html", "<h1>Forbidden</h1>"),
		"403 of a spent limit":            answer(403, "application/json", `{"message":"API rate limit exceeded"}`, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "99999999999"),
		"404 of something else":           answer(404, "text/html", "<h1>Not found</h1>"),
		"500":                             answer(500, "application/json", `{"message":"500 Internal Server Error"}`),
		"502 of a proxy":                  answer(502, "text/html", "<h1>Bad gateway</h1>"),
		"503 in maintenance":              answer(503, "text/html", "<h1>Down</h1>", "Retry-After", "Wed, 21 Oct 2065 07:28:00 GMT"),
		"200 with a sign-in page":         answer(200, "text/html", "<form>"),
		"200 with broken JSON":            answer(200, "application/json", `{"id":`),
		"200 with JSON of another shape":  answer(200, "application/json", `{"id":{"a":[1]},"uuid":7,"login":[],"type":{}}`),
		"200 with an empty object":        answer(200, "application/json", `{}`),
		"200 with null":                   answer(200, "application/json", `null`),
		"200 with an empty body":          answer(200, "application/json", ``),
		"200 with a list":                 answer(200, "application/json", `[]`),
		"200 larger than the bound":       answer(200, "application/json", `{"name":"`+strings.Repeat("x", 2<<20)+`"}`),
		"204":                             answer(204, "application/json", ""),
		"302 to a sign-in page":           answer(302, "text/html", "", "Location", "/users/sign_in"),
		"301 to a number on another host": answer(301, "text/plain", "", "Location", "https://evil.example/api/v4/projects/7"),
		"301 without a location":          answer(301, "text/plain", ""),
		"a cut connection":                func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"no answer at all":                func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}
}

// client makes a guarded client for loopback.
func client() *http.Client {
	return providers.NewHTTPClient(providers.Options{AllowPrivate: true, Timeout: timeout, RequestsPerSecond: 1e6, Burst: 1000})
}

// ask runs all checks, each with a new provider, so that a pause because of one
// answer does not hide another one.
func (s Subject) ask(ctx context.Context, t *testing.T, c func() *http.Client, address string) []binding.Answer {
	t.Helper()
	account := binding.Account{Platform: s.Platform, Username: "ci-bot", Address: address}
	token := secrets.New([]byte(s.Token))
	answers := s.New(t, c(), address).CheckToken(ctx, account, []string{"payments/api"}, token).Answers
	for _, asker := range []secrets.Secret{token, {}} {
		answers = append(answers, s.New(t, c(), address).CheckAccount(ctx, account, asker).Answers...)
		project := s.New(t, c(), address).CheckProject(ctx, account, "payments/api", asker)
		answers = append(append(answers, project.Answers...), project.Subgroup)
		if strings.Contains(project.ID, Canary) {
			t.Error("the token is in the project's id")
		}
	}
	for _, a := range answers {
		if strings.Contains(fmt.Sprintf("%+v", a), Canary) {
			t.Errorf("the token is in the answer to %s", a.Question)
		}
		if a.Question == "" || a.Verdict == "" || a.Reason == "" || a.Message.IsZero() || a.At.IsZero() {
			t.Errorf("an answer lacks its question, verdict, reason, message or time: %+v", a)
		}
	}
	return answers
}

func (s Subject) failsOpen(t *testing.T, handler http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	s.expectUnknowns(t, s.ask(t.Context(), t, client, server.URL))
}

// expectUnknowns fails on a no, and if nothing is unknown. That a host other
// than GitLab has no subgroups is known without a request.
func (s Subject) expectUnknowns(t *testing.T, answers []binding.Answer) {
	t.Helper()
	unknown := 0
	for _, a := range answers {
		switch {
		case a.Question == binding.QuestionSubgroup && s.Platform != binding.GitLab:
		case a.Verdict == binding.No:
			t.Errorf("a failure is read as a no: %+v", a)
		case a.Verdict == binding.UnknownAsked:
			unknown++
		}
	}
	if unknown == 0 {
		t.Errorf("no answer is unknown: %+v", answers)
	}
}

func (s Subject) followsNothing(t *testing.T) {
	var reached atomic.Int64
	otherHost := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached.Add(1)
		w.WriteHeader(http.StatusTeapot)
	}))
	defer otherHost.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, otherHost.URL+r.URL.Path, status)
		}))
		s.expectUnknowns(t, s.ask(t.Context(), t, client, server.URL))
		server.Close()
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d requests went where a redirect led", n)
	}
}

// repeatsNothing makes a host put the token into every field that is read.
func (s Subject) repeatsNothing(t *testing.T) {
	for _, status := range []int{200, 400, 401, 403, 404, 500} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sent := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") + r.Header.Get("X-Yunxiao-Token")
			q := fmt.Sprintf("%q", sent)
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Location", "http://"+sent+"/")
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `{"id":1,"user_id":1,"active":true,"revoked":false,"scopes":[%[1]s],"username":%[1]s,"state":%[1]s,"login":%[1]s,
				"type":%[1]s,"slug":%[1]s,"uuid":%[1]s,"full_name":%[1]s,"path_with_namespace":%[1]s,"pathWithNamespace":%[1]s,"httpsCloneUsername":%[1]s,
				"lastOrganization":%[1]s,"expires_at":%[1]s,"owner":{"login":%[1]s},"namespace":{"kind":"group","full_path":%[1]s},"errorCode":%[1]s,
				"error":%[1]s,"error_description":%[1]s,"message":%[1]s}`, q)
		}))
		if len(s.ask(t.Context(), t, client, server.URL)) == 0 {
			t.Error("nothing was answered")
		}
		server.Close()
	}
}

func (s Subject) refusesPrivate(t *testing.T) {
	var reached atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer server.Close()
	guarded := func() *http.Client { return providers.NewHTTPClient(providers.Options{}) }
	for _, address := range []string{server.URL, strings.Replace(server.URL, "127.0.0.1", "localhost", 1)} {
		answers := s.ask(t.Context(), t, guarded, address)
		s.expectUnknowns(t, answers)
		found := false
		for _, a := range answers {
			found = found || a.Reason == providers.ReasonAddressNotPublic
		}
		if !found {
			t.Errorf("%s: no answer says %s: %+v", address, providers.ReasonAddressNotPublic, answers)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d requests reached a private address", n)
	}
}

func (s Subject) givesUp(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.expectUnknowns(t, s.ask(ctx, t, client, server.URL))
}

func (s Subject) findsNothing(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	s.expectUnknowns(t, s.ask(t.Context(), t, client, server.URL))
}
