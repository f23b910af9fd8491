package bitbucket_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/providers/bitbucket"
	_ "reconciler/internal/report" // The texts of errors.
	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
)

func now() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// newSite is a played Bitbucket; sent takes the Authorization of each request.
func newSite(t *testing.T, sent *[]string) (*sandbox.CodeHosts, *bitbucket.Provider) {
	t.Helper()
	hosts := sandbox.NewCodeHosts(now)
	hosts.AddUser(sandbox.HostBitbucket, sandbox.HostUser{ID: 1, Username: "acme"})
	hosts.AddToken(sandbox.HostBitbucket, sandbox.HostToken{Value: "ATCTT3-observer", Username: "acme", Scopes: []string{"repository"}})
	hosts.AddToken(sandbox.HostBitbucket, sandbox.HostToken{Value: "ATCTT3-small", Username: "acme", Scopes: []string{"account"}})
	hosts.AddToken(sandbox.HostBitbucket, sandbox.HostToken{Value: "ATATT3-basic", Username: "acme", Scopes: []string{"read:repository:bitbucket"}})
	hosts.AddProject(sandbox.HostBitbucket, sandbox.HostProject{Path: "acme/site"})
	hosts.AddProject(sandbox.HostBitbucket, sandbox.HostProject{Path: "acme/secret", Private: true})
	hosts.AddProject(sandbox.HostBitbucket, sandbox.HostProject{Path: "other/tool"})
	played := hosts.Bitbucket()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*sent = append(*sent, r.Header.Get("Authorization"))
		played.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, RequestsPerSecond: 1e6, Burst: 1000})
	p, err := bitbucket.New(bitbucket.Options{Client: client, BaseURL: server.URL + "/2.0", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return hosts, p
}

func verdicts(answers []binding.Answer) map[string]string {
	out := map[string]string{}
	for _, a := range answers {
		out[string(a.Question)] = strings.TrimSpace(string(a.Verdict) + " " + a.Reason + " " + a.Code)
	}
	return out
}

func TestAccountIsItsWorkspace(t *testing.T) {
	for name, want := range map[string]string{"acme": "yes AccountExists", "nobody": "no AccountNotFound"} {
		var sent []string
		_, p := newSite(t, &sent)
		got := verdicts(p.CheckAccount(t.Context(), binding.Account{Username: name}, secrets.Secret{}).Answers)
		if diff := cmp.Diff(map[string]string{"account-exists": want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestRepositoryIsReadInEveryState(t *testing.T) {
	found := func(owner string) map[string]string {
		return map[string]string{"project-exists": "yes ProjectExists", "project-path": "yes PathCurrent", "project-owner": owner}
	}
	for _, tt := range []struct {
		name, source, token string
		want                map[string]string
	}{
		{"public", "acme/site", "", found("yes OwnerMatches")},
		{"by its name alone", "site", "", found("yes OwnerMatches")},
		{"of another workspace", "other/tool", "", found("unknown OtherOwner")},
		{"private, without a token", "acme/secret", "", map[string]string{"project-exists": "unknown Forbidden"}},
		{"private, with an access token", "acme/secret", "ATCTT3-observer", found("yes OwnerMatches")},
		{"private, with an API token", "acme/secret", "ci@example.com:ATATT3-basic", found("yes OwnerMatches")},
		{"private, with too small a token", "acme/secret", "ATCTT3-small", map[string]string{"project-exists": "unknown ScopeMissing"}},
		{"missing is unknown, for it may have moved", "acme/none", "ATCTT3-observer", map[string]string{"project-exists": "unknown ProjectNotVisible"}},
		{"dead token", "acme/site", "ATCTT3-dead", map[string]string{"project-exists": "unknown TokenRefused"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var sent []string
			_, p := newSite(t, &sent)
			state := p.CheckProject(t.Context(), binding.Account{Username: "acme"}, tt.source, secrets.New([]byte(tt.token)))
			if diff := cmp.Diff(tt.want, verdicts(state.Answers)); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTokensThatCannotWorkAreSentNowhere(t *testing.T) {
	for token, want := range map[string]string{
		"ATBBabc":                "unknown AppPasswordGone",
		"me@example.com:ATBBabc": "unknown AppPasswordGone",
		"ATATT3-basic":           "unknown TokenMalformed",
		"ATCTT3-observer\n":      "unknown TokenMalformed",
		"ghp_abc":                "unknown TokenOfAnotherHost",
		"hvs.abc":                "unknown TokenOfAnotherHost",
	} {
		var sent []string
		_, p := newSite(t, &sent)
		state := p.CheckProject(t.Context(), binding.Account{Username: "acme"}, "acme/site", secrets.New([]byte(token)))
		if got := verdicts(state.Answers)["project-exists"]; got != want || len(sent) != 0 {
			t.Errorf("%q: %q after %d requests, want %q after none", token, got, len(sent), want)
		}
	}
}

func TestMovedRepositoryIsFoundByItsUUID(t *testing.T) {
	var sent []string
	hosts, p := newSite(t, &sent)
	account := binding.Account{Username: "acme"}
	before := p.CheckProject(t.Context(), account, "acme/site", secrets.Secret{})
	hosts.MoveProject(sandbox.HostBitbucket, "acme/site", "acme/web")
	after := p.CheckProject(t.Context(), account, "acme/site", secrets.Secret{})
	if got := verdicts(after.Answers)["project-path"]; got != "no ProjectMoved" || after.ID != before.ID || after.ID == "" {
		t.Errorf("project-path is %q, id %q before and %q after", got, before.ID, after.ID)
	}
}

// TestAWorkspaceIsKnownByItsUUID: a slug can be given up and taken by others.
func TestAWorkspaceIsKnownByItsUUID(t *testing.T) {
	const uuid = "{00000000-0000-4000-8000-00000000000%s}"
	rename := func(h *sandbox.CodeHosts) { h.RenameUser(sandbox.HostBitbucket, "acme", "acme-new") }
	for _, tt := range []struct {
		name, known     string
		change          func(*sandbox.CodeHosts)
		identity, owner string
	}{
		{"not known yet", "", func(*sandbox.CodeHosts) {}, "", "yes OwnerMatches"},
		{"unchanged", "1", func(*sandbox.CodeHosts) {}, "yes AccountUnchanged", "yes OwnerMatches"},
		{"renamed", "1", rename, "no AccountRenamed", "yes OwnerMatches"},
		{"renamed, and the slug taken", "1", func(h *sandbox.CodeHosts) {
			rename(h)
			h.AddUser(sandbox.HostBitbucket, sandbox.HostUser{ID: 6, Username: "acme"})
		}, "no AccountRenamed", "no NameTakenByAnother"},
		{"deleted, and the slug taken", "7", func(*sandbox.CodeHosts) {}, "no NameTakenByAnother", "no NameTakenByAnother"},
	} {
		var sent []string
		hosts, p := newSite(t, &sent)
		tt.change(hosts)
		account := binding.Account{Platform: binding.Bitbucket, Username: "acme"}
		if tt.known != "" {
			account.UserID = strings.Replace(uuid, "%s", tt.known, 1)
		}
		report := p.CheckAccount(t.Context(), account, secrets.Secret{})
		if got := verdicts(report.Answers)["account-identity"]; got != tt.identity {
			t.Errorf("%s: account-identity is %q, want %q", tt.name, got, tt.identity)
		}
		project := p.CheckProject(t.Context(), account, "acme/site", secrets.Secret{})
		if got := verdicts(project.Answers)["project-owner"]; tt.name != "renamed" && got != tt.owner {
			t.Errorf("%s: project-owner is %q, want %q", tt.name, got, tt.owner)
		}
	}
}

// TestAFormerSlugIsNoticed where Bitbucket answers to it.
func TestAFormerSlugIsNoticed(t *testing.T) {
	for slug, want := range map[string]string{"acme-new": "no AccountRenamed", "ACME": "", "acme": ""} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"uuid":"{a}","slug":"` + slug + `"}`))
		}))
		defer server.Close()
		client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, RequestsPerSecond: 1e6, Burst: 1000})
		p, err := bitbucket.New(bitbucket.Options{Client: client, BaseURL: server.URL + "/2.0", Now: now})
		if err != nil {
			t.Fatal(err)
		}
		report := p.CheckAccount(t.Context(), binding.Account{Username: "acme"}, secrets.Secret{})
		if got := verdicts(report.Answers)["account-identity"]; got != want || (want == "") != (report.User.ID == "{a}") {
			t.Errorf("%s: account-identity is %q of %+v, want %q", slug, got, report.User, want)
		}
	}
}
