package github_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/providers/github"
	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
)

const observer = "ghp_observer"

func now() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func provider(t *testing.T, handler http.Handler) *github.Provider {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, RequestsPerSecond: 1e6, Burst: 1000})
	p, err := github.New(github.Options{Client: client, BaseURL: server.URL, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newSite(t *testing.T) (*sandbox.CodeHosts, *github.Provider) {
	t.Helper()
	hosts := sandbox.NewCodeHosts(now)
	hosts.AddUser(sandbox.HostGitHub, sandbox.HostUser{ID: 1, Username: "octocat"})
	hosts.AddUser(sandbox.HostGitHub, sandbox.HostUser{ID: 2, Username: "acme", Kind: "Organization"})
	hosts.AddUser(sandbox.HostGitHub, sandbox.HostUser{ID: 3, Username: "robot", Kind: "Bot"})
	hosts.AddUser(sandbox.HostGitHub, sandbox.HostUser{ID: 4, Username: "hubber"})
	hosts.AddToken(sandbox.HostGitHub, sandbox.HostToken{Value: observer, Username: "octocat", Scopes: []string{"repo"}})
	hosts.AddToken(sandbox.HostGitHub, sandbox.HostToken{Value: "ghp_small", Username: "octocat", Scopes: []string{"read:user"}})
	for _, path := range []string{"octocat/hello", "acme/site", "hubber/tool"} {
		hosts.AddProject(sandbox.HostGitHub, sandbox.HostProject{Path: path})
	}
	hosts.AddProject(sandbox.HostGitHub, sandbox.HostProject{Path: "octocat/secret", Private: true, Archived: true})
	return hosts, provider(t, hosts.GitHub())
}

func verdicts(answers []binding.Answer) map[string]string {
	out := map[string]string{}
	for _, a := range answers {
		out[string(a.Question)] = strings.TrimSpace(string(a.Verdict) + " " + a.Reason + " " + a.Code)
	}
	return out
}

func TestOnlyPersonalAccountsMayBeBound(t *testing.T) {
	_, p := newSite(t)
	for login, want := range map[string]map[string]string{
		"octocat": {"account-exists": "yes AccountExists", "account-personal": "yes PersonalAccount"},
		"OctoCat": {"account-exists": "yes AccountExists", "account-personal": "yes PersonalAccount"},
		"acme":    {"account-exists": "yes AccountExists", "account-personal": "no OrganizationAccount github-personal"},
		"robot":   {"account-exists": "yes AccountExists", "account-personal": "no BotAccount github-personal"},
		"nobody":  {"account-exists": "no AccountNotFound github-personal"},
	} {
		for _, token := range []secrets.Secret{{}, secrets.New([]byte(observer))} {
			got := verdicts(p.CheckAccount(t.Context(), binding.Account{Username: login}, token).Answers)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", login, diff)
			}
		}
	}
}

func TestRepositoryIsReadInEveryState(t *testing.T) {
	found := func(path, owner, active string) map[string]string {
		return map[string]string{"project-exists": "yes ProjectExists", "project-path": path, "project-owner": owner, "project-active": active}
	}
	for _, tt := range []struct {
		name, source, token string
		want                map[string]string
	}{
		{"own and public", "octocat/hello", "", found("yes PathCurrent", "yes OwnerMatches", "yes ProjectActive")},
		{"by its name alone", "hello", "", found("yes PathCurrent", "yes OwnerMatches", "yes ProjectActive")},
		{"of an organization", "acme/site", "", found("yes PathCurrent", "no OrganizationAccount github-personal", "yes ProjectActive")},
		{"of another person", "hubber/tool", "", found("yes PathCurrent", "unknown OtherOwner", "yes ProjectActive")},
		{"renamed", "octocat/old", "", found("no ProjectMoved", "yes OwnerMatches", "yes ProjectActive")},
		{"private, without a token", "octocat/secret", "", map[string]string{"project-exists": "unknown ProjectNotVisible"}},
		{"private, with too small a token", "octocat/secret", "ghp_small", map[string]string{"project-exists": "unknown ProjectNotVisible"}},
		{"private and archived, with the owner's token", "octocat/secret", observer, found("yes PathCurrent", "yes OwnerMatches", "no ProjectArchived")},
		{"missing, with the owner's token", "octocat/none", observer, map[string]string{"project-exists": "no ProjectNotVisible"}},
		{"missing, of another person", "hubber/none", observer, map[string]string{"project-exists": "unknown ProjectNotVisible"}},
		{"with a dead token", "octocat/hello", "ghp_dead", map[string]string{"project-exists": "unknown TokenRefused"}},
		{"with a token of another host", "octocat/hello", "glpat-x", map[string]string{"project-exists": "unknown TokenMalformed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hosts, p := newSite(t)
			hosts.AddProject(sandbox.HostGitHub, sandbox.HostProject{Path: "octocat/old"})
			hosts.MoveProject(sandbox.HostGitHub, "octocat/old", "octocat/new")
			state := p.CheckProject(t.Context(), binding.Account{Username: "octocat"}, tt.source, secrets.New([]byte(tt.token)))
			if diff := cmp.Diff(tt.want, verdicts(state.Answers)); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			if state.Subgroup.Verdict != binding.No {
				t.Errorf("subgroup is %s", state.Subgroup.Verdict)
			}
		})
	}
}

// TestARepositoryTakenByAStrangerIsSeen: a name that was given up can be
// registered by anybody, and would be built from.
func TestARepositoryTakenByAStrangerIsSeen(t *testing.T) {
	hosts, p := newSite(t)
	account := binding.Account{Username: "octocat"}
	first := p.CheckProject(t.Context(), account, "octocat/hello", secrets.Secret{})
	hosts.RemoveProject(sandbox.HostGitHub, "octocat/hello")
	hosts.AddProject(sandbox.HostGitHub, sandbox.HostProject{Path: "octocat/hello"})
	second := p.CheckProject(t.Context(), account, "octocat/hello", secrets.Secret{})
	if got := verdicts(second.Identified("octocat/hello", first.ID).Answers)["project-path"]; got != "no PathTakenByAnother" || first.ID == second.ID {
		t.Errorf("project-path is %q, id %s before and %s after", got, first.ID, second.ID)
	}
}

// TestNamesThatLeadElsewhereAreNotAsked: an empty login asks whose the
// observer token is, and dots another question.
func TestNamesThatLeadElsewhereAreNotAsked(t *testing.T) {
	var asked []string
	p := provider(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"login":"observer","type":"User","id":1,"full_name":"a/b","owner":{"login":"a"}}`))
	}))
	token := secrets.New([]byte(observer))
	for _, name := range []string{"", ".", "..", "a/b", "a?b", "%2e%2e"} {
		for _, a := range p.CheckAccount(t.Context(), binding.Account{Username: name}, token).Answers {
			if a.Verdict != binding.UnknownAsked || a.Reason != github.ReasonNoName {
				t.Errorf("account %q: %+v", name, a)
			}
		}
	}
	for _, source := range []string{"", "../user", "a/..", "a/b/c", "..", "a/b?c"} {
		for _, a := range p.CheckProject(t.Context(), binding.Account{Username: "octocat"}, source, token).Answers {
			if a.Verdict != binding.UnknownAsked || a.Reason != github.ReasonNoName {
				t.Errorf("source %q: %+v", source, a)
			}
		}
	}
	if asked != nil {
		t.Errorf("asked: %v", asked)
	}
}

// TestEveryReadingOfA403IsNoVerdict: a limit, a permission, a missing
// User-Agent and an app's token all come with it.
func TestEveryReadingOfA403IsNoVerdict(t *testing.T) {
	for body, want := range map[string]string{
		`{"message":"Resource not accessible by integration"}`:                                                    "unknown Forbidden",
		`{"message":"Request forbidden by administrative rules. Please make sure your request has a User-Agent"}`: "unknown Forbidden",
		`{"message":"Repository access blocked","block":{"reason":"dmca"}}`:                                       "unknown Forbidden",
	} {
		p := provider(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(body))
		}))
		got := verdicts(p.CheckProject(t.Context(), binding.Account{Username: "octocat"}, "octocat/hello", secrets.New([]byte(observer))).Answers)
		if got["project-exists"] != want {
			t.Errorf("%s: %q, want %q", body, got["project-exists"], want)
		}
	}
}

func TestLimitsAreNoVerdict(t *testing.T) {
	for name, header := range map[string]map[string]string{
		"primary":   {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795349000"},
		"secondary": {"Retry-After": "60"},
	} {
		p := provider(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for k, v := range header {
				w.Header().Set(k, v)
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"message":"You have exceeded a secondary rate limit.","documentation_url":"https://docs.github.com/#secondary-rate-limits"}`))
		}))
		got := verdicts(p.CheckAccount(t.Context(), binding.Account{Username: "octocat"}, secrets.Secret{}).Answers)
		want := map[string]string{"account-exists": "unknown RateLimited", "account-personal": "unknown RateLimited"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestAnAccountIsKnownByItsNumber: whoever takes the name of a renamed or deleted
// account is another account, and so are the repositories below the name.
func TestAnAccountIsKnownByItsNumber(t *testing.T) {
	for _, tt := range []struct {
		name           string
		known          string
		change         func(*sandbox.CodeHosts)
		identity, user string
		owner          string
	}{
		{"not known yet", "", func(*sandbox.CodeHosts) {}, "", "1", "yes OwnerMatches"},
		{"unchanged", "1", func(*sandbox.CodeHosts) {}, "yes AccountUnchanged", "1", "yes OwnerMatches"},
		{"renamed", "1", func(h *sandbox.CodeHosts) { h.RenameUser(sandbox.HostGitHub, "octocat", "octopus") }, "no AccountRenamed github-personal", "", "yes OwnerMatches"},
		{"renamed, and the name taken", "1", func(h *sandbox.CodeHosts) {
			h.RenameUser(sandbox.HostGitHub, "octocat", "octopus")
			h.AddUser(sandbox.HostGitHub, sandbox.HostUser{ID: 66, Username: "octocat"})
		}, "no AccountRenamed github-personal", "", "no NameTakenByAnother"},
		{"deleted, and the name taken", "12", func(*sandbox.CodeHosts) {}, "no NameTakenByAnother github-personal", "", "no NameTakenByAnother"},
		{"only written another way", "1", func(h *sandbox.CodeHosts) { h.RenameUser(sandbox.HostGitHub, "octocat", "OctoCat") }, "yes AccountUnchanged", "1", "yes OwnerMatches"},
		{"a number that is none", "x", func(*sandbox.CodeHosts) {}, "no NameTakenByAnother github-personal", "", "no NameTakenByAnother"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hosts, p := newSite(t)
			tt.change(hosts)
			account := binding.Account{Platform: binding.GitHub, Username: "octocat", UserID: tt.known}
			report := p.CheckAccount(t.Context(), account, secrets.Secret{})
			if got := verdicts(report.Answers)["account-identity"]; got != tt.identity || report.User.ID != tt.user {
				t.Errorf("account-identity is %q of user %q, want %q of %q", got, report.User.ID, tt.identity, tt.user)
			}
			project := p.CheckProject(t.Context(), account, "octocat/hello", secrets.Secret{})
			if got := verdicts(project.Answers)["project-owner"]; tt.name != "renamed" && got != tt.owner {
				t.Errorf("project-owner is %q, want %q", got, tt.owner)
			}
		})
	}
}

// TestADisabledRepositoryIsNotActive, archived or not.
func TestADisabledRepositoryIsNotActive(t *testing.T) {
	for want, project := range map[string]sandbox.HostProject{
		"no ProjectDisabled": {Path: "octocat/off", Disabled: true, Archived: true},
		"no ProjectArchived": {Path: "octocat/off", Archived: true},
		"yes ProjectActive":  {Path: "octocat/off"},
	} {
		hosts, p := newSite(t)
		hosts.AddProject(sandbox.HostGitHub, project)
		state := p.CheckProject(t.Context(), binding.Account{Username: "octocat"}, "octocat/off", secrets.Secret{})
		if got := verdicts(state.Answers)["project-active"]; got != want {
			t.Errorf("project-active is %q, want %q", got, want)
		}
	}
}

// TestAFailureIsNoOtherAccount: where the number's account cannot be asked for, only
// what was answered is said.
func TestAFailureIsNoOtherAccount(t *testing.T) {
	for name, tt := range map[string]struct {
		byLogin, byNumber int
		want              string
	}{
		"both fail":                        {http.StatusBadGateway, http.StatusBadGateway, ""},
		"the name is gone, the rest fails": {http.StatusNotFound, http.StatusTooManyRequests, ""},
		"the name is another's":            {http.StatusOK, http.StatusTooManyRequests, "no NameTakenByAnother github-personal"},
	} {
		p := provider(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			status := tt.byLogin
			if strings.HasPrefix(r.URL.Path, "/user/") {
				status = tt.byNumber
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"login":"octocat","type":"User","id":66}`))
		}))
		got := verdicts(p.CheckAccount(t.Context(), binding.Account{Username: "octocat", UserID: "1"}, secrets.Secret{}).Answers)["account-identity"]
		if got != tt.want {
			t.Errorf("%s: account-identity is %q, want %q", name, got, tt.want)
		}
	}
}
