package providertest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/secrets"
)

// played gives every request the same answer, without a network.
type played struct {
	status                     int
	kind, location, extra, own string
	body                       []byte
}

// RoundTrip implements http.RoundTripper.
func (p played) RoundTrip(req *http.Request) (*http.Response, error) {
	h := http.Header{"Content-Type": {p.kind}, "Location": {p.location}, p.own: {p.extra}}
	return &http.Response{
		StatusCode: p.status, Status: fmt.Sprint(p.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(bytes.NewReader(p.body)), Request: req, ContentLength: int64(len(p.body)),
	}, nil
}

// Fuzz makes a host answer anything to every request, and checks that nothing
// panics, that every answer is complete, that none repeats the token, and that
// only a success or a refusal (400, 401, 403, 404) can be a no.
func Fuzz(f *testing.F, s Subject) {
	f.Helper()
	const json = "application/json"
	for _, seed := range []struct {
		status                          int
		kind, location, header, content string
		body                            string
	}{
		{200, json, "", "X-OAuth-Scopes", "repo", `{"id":1,"user_id":1,"active":true,"revoked":false,"scopes":["api"],"expires_at":"2027-01-31","username":"ci-bot","login":"ci-bot","type":"User"}`},
		{200, json, "", "X-OAuth-Scopes", "repository", `{"id":7,"path_with_namespace":"payments/api","archived":true,"namespace":{"kind":"group","full_path":"payments","parent_id":null},"permissions":{"project_access":{"access_level":30}}}`},
		{200, json, "", "X-Credential-Type", "api_token", `{"id":7,"full_name":"payments/api","uuid":"{1}","slug":"a","owner":{"login":"payments","type":"Organization"},"pathWithNamespace":"o/payments/api"}`},
		{200, json, "", "", "", `[{"id":"a"},null,7]`},
		{200, json, "", "GitHub-Authentication-Token-Expiration", "2027-02-04 16:42:10 UTC", `null`},
		{301, "text/plain", "/api/v4/projects/7", "", "", ``},
		{301, json, "/repositories/7", "", "", `{"url":"x"}`},
		{401, json, "", "", "", `{"error":"invalid_token","error_description":"Token is expired."}`},
		{401, "text/plain", "", "", "", `no`},
		{403, json, "", "Retry-After", "7", `{"error":{"detail":{"required":["repository"],"granted":[]}}}`},
		{403, json, "", "X-Credential-Type", "workspace_access_token", `{"error":"insufficient_scope","scope":"api"}`},
		{404, json, "", "", "", `{"message":"404 Not found"}`},
		{429, "text/plain", "", "RateLimit-Reset", "99999999999999999999", "Retry later\n"},
		{503, "text/html", "", "", "", "<h1>"},
	} {
		f.Add(seed.status, seed.kind, seed.location, seed.header, seed.content, []byte(seed.body))
	}
	f.Fuzz(func(t *testing.T, status int, kind, location, header, content string, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		host := played{status, kind, location, content, http.CanonicalHeaderKey(header), body}
		answers := s.askOnce(t, host)
		for _, a := range answers {
			if a.Question == "" || a.Verdict == "" || a.Reason == "" || a.Message.IsZero() || a.At.IsZero() {
				t.Errorf("an answer lacks its question, verdict, reason, message or time: %+v", a)
			}
			if strings.Contains(fmt.Sprintf("%+v", a), Canary) && !strings.Contains(string(body)+content+location, Canary) {
				t.Errorf("the token is in the answer to %s", a.Question)
			}
			conclusive := status < 300 || status == 400 || status == 401 || status == 403 || status == 404
			if fixed := a.Question == "subgroup" && s.Platform != binding.GitLab; a.Verdict == binding.No && !conclusive && !fixed {
				t.Errorf("status %d is read as a no: %+v", status, a)
			}
		}
	})
}

// askOnce runs all checks against a played host.
func (s Subject) askOnce(t *testing.T, host played) []binding.Answer {
	t.Helper()
	client := &http.Client{
		Transport:     host,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	const address = "https://host.example.com"
	account := binding.Account{Platform: s.Platform, Username: "ci-bot", Address: address}
	token := secrets.New([]byte(s.Token))
	p := s.New(t, client, address)
	answers := p.CheckToken(t.Context(), account, []string{"payments/api"}, token).Answers
	answers = append(answers, p.CheckAccount(t.Context(), account, token).Answers...)
	project := p.CheckProject(t.Context(), account, "payments/api", token)
	return append(append(answers, project.Answers...), project.Subgroup)
}
