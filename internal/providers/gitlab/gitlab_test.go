package gitlab_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/providers/gitlab"
	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
)

const live = "glpat-sandbox-live"

// now is the clock of these tests.
func now() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// site is a played GitLab with a provider that asks it.
type site struct {
	hosts    *sandbox.CodeHosts
	provider *gitlab.Provider
	account  binding.Account
}

func newSite(t *testing.T) site {
	t.Helper()
	hosts := sandbox.NewCodeHosts(now)
	server := httptest.NewServer(hosts.GitLab())
	t.Cleanup(server.Close)
	hosts.AddUser(sandbox.HostGitLab, sandbox.HostUser{ID: 42, Username: "ci-bot"})
	hosts.AddToken(sandbox.HostGitLab, sandbox.HostToken{Value: live, Username: "ci-bot"})
	client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, RequestsPerSecond: 1e6, Burst: 1000})
	return site{
		hosts, gitlab.New(gitlab.Options{Client: client, Now: now}),
		binding.Account{Platform: binding.GitLab, Username: "ci-bot", Address: server.URL},
	}
}

// verdicts are the answers as "question=verdict Reason code".
func verdicts(answers []binding.Answer) map[string]string {
	out := map[string]string{}
	for _, a := range answers {
		out[string(a.Question)] = strings.TrimSpace(string(a.Verdict) + " " + a.Reason + " " + a.Code)
	}
	return out
}

func TestTokenIsReadInEveryState(t *testing.T) {
	const scope = " gitlab-token-scope"
	tests := []struct {
		name  string
		token sandbox.HostToken
		user  sandbox.HostUser
		send  string
		want  map[string]string
	}{
		{"alive with scope api", sandbox.HostToken{}, sandbox.HostUser{}, "", map[string]string{"token-valid": "yes TokenActive", "token-scope": "yes ScopePresent", "token-kind": "yes PersonalToken", "token-owner": "yes OwnerMatches"}},
		{"read_api reads all of ours and is refused", sandbox.HostToken{Scopes: []string{"read_api"}}, sandbox.HostUser{}, "", map[string]string{"token-valid": "yes TokenActive", "token-scope": "no ScopeMissing" + scope, "token-kind": "yes PersonalToken", "token-owner": "yes OwnerMatches"}},
		{"too small to say whose it is", sandbox.HostToken{Scopes: []string{"write_repository"}}, sandbox.HostUser{}, "", map[string]string{"token-valid": "yes TokenActive", "token-scope": "no ScopeMissing" + scope, "token-owner": "unknown Forbidden"}},
		{"fine-grained", sandbox.HostToken{Granular: true}, sandbox.HostUser{}, "", map[string]string{"token-valid": "yes TokenActive", "token-scope": "unknown GranularToken", "token-kind": "no GranularToken" + scope, "token-owner": "yes OwnerMatches"}},
		{"OAuth", sandbox.HostToken{OAuth: true}, sandbox.HostUser{}, "", map[string]string{"token-kind": "no OAuthToken" + scope}},
		{"revoked", sandbox.HostToken{Revoked: true}, sandbox.HostUser{}, "", map[string]string{"token-valid": "no TokenRevoked" + scope}},
		{"dead since midnight", sandbox.HostToken{Expires: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)}, sandbox.HostUser{}, "", map[string]string{"token-valid": "no TokenExpired" + scope}},
		{"unknown there", sandbox.HostToken{}, sandbox.HostUser{}, "glpat-never-seen", map[string]string{"token-valid": "no TokenInvalid" + scope}},
		{"of a project", sandbox.HostToken{}, sandbox.HostUser{Username: "project_7_bot_ab12", Bot: true}, "", map[string]string{"token-valid": "yes TokenActive", "token-scope": "yes ScopePresent", "token-kind": "yes ProjectAccessToken gitlab-token-kind", "token-owner": "no OtherOwner" + scope}},
		{"of a group", sandbox.HostToken{}, sandbox.HostUser{Username: "group_7_bot_ab12", Bot: true}, "", map[string]string{"token-valid": "yes TokenActive", "token-scope": "yes ScopePresent", "token-kind": "yes GroupAccessToken gitlab-token-kind", "token-owner": "no OtherOwner" + scope}},
		{"of a service account", sandbox.HostToken{}, sandbox.HostUser{Username: "robot", Bot: true}, "", map[string]string{"token-valid": "yes TokenActive", "token-scope": "yes ScopePresent", "token-kind": "yes ServiceAccount gitlab-token-kind", "token-owner": "no OtherOwner" + scope}},
		{"of someone else", sandbox.HostToken{}, sandbox.HostUser{Username: "mallory"}, "", map[string]string{"token-valid": "yes TokenActive", "token-scope": "yes ScopePresent", "token-kind": "yes PersonalToken", "token-owner": "no OtherOwner" + scope}},
		{"of a blocked user is no verdict on the token", sandbox.HostToken{}, sandbox.HostUser{Username: "gone", State: "blocked"}, "", map[string]string{"token-valid": "unknown Forbidden"}},
		{"deploy token, sent nowhere", sandbox.HostToken{}, sandbox.HostUser{}, "gldt-abc", map[string]string{"token-kind": "no NotAPersonalToken" + scope}},
		{"token of another host, sent nowhere", sandbox.HostToken{}, sandbox.HostUser{}, "ghp_abc", map[string]string{"token-kind": "no TokenOfAnotherHost" + scope}},
		{"with a line end, sent nowhere", sandbox.HostToken{}, sandbox.HostUser{}, live + "\n", map[string]string{"token-kind": "no TokenMalformed" + scope}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			tt.token.Value, tt.token.Username = "glpat-other", "ci-bot"
			if tt.user.Username != "" {
				s.hosts.AddUser(sandbox.HostGitLab, tt.user)
				tt.token.Username = tt.user.Username
			}
			s.hosts.AddToken(sandbox.HostGitLab, tt.token)
			send := tt.send
			if send == "" {
				send = tt.token.Value
			}
			report := s.provider.CheckToken(t.Context(), s.account, nil, secrets.New([]byte(send)))
			if diff := cmp.Diff(tt.want, verdicts(report.Answers)); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAnotherUsersTokenIsAWarningWhereThatUserIsDeclared holds that a token of a
// project, a group or a service account is not refused for its kind.
func TestAnotherUsersTokenIsAWarningWhereThatUserIsDeclared(t *testing.T) {
	for username, reason := range map[string]string{
		"project_7_bot_ab12": "ProjectAccessToken",
		"group_7_bot_ab12":   "GroupAccessToken",
		"robot":              "ServiceAccount",
	} {
		s := newSite(t)
		s.hosts.AddUser(sandbox.HostGitLab, sandbox.HostUser{Username: username, Bot: true})
		s.hosts.AddToken(sandbox.HostGitLab, sandbox.HostToken{Value: "glpat-other", Username: username})
		s.account.Username = username
		want := map[string]string{
			"token-valid": "yes TokenActive", "token-scope": "yes ScopePresent",
			"token-kind": "yes " + reason + " gitlab-token-kind", "token-owner": "yes OwnerMatches",
		}
		report := s.provider.CheckToken(t.Context(), s.account, nil, secrets.New([]byte("glpat-other")))
		if diff := cmp.Diff(want, verdicts(report.Answers)); diff != "" {
			t.Errorf("%s: answers (-want +got):\n%s", username, diff)
		}
	}
}

func TestExpiryIsTheInstantBeforeMidnightUTC(t *testing.T) {
	s := newSite(t)
	s.hosts.AddToken(sandbox.HostGitLab, sandbox.HostToken{
		Value: "glpat-ending", Username: "ci-bot", Expires: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC),
	})
	report := s.provider.CheckToken(t.Context(), s.account, nil, secrets.New([]byte("glpat-ending")))
	if want := time.Date(2026, 11, 22, 23, 59, 59, 0, time.UTC); !report.Expires.Equal(want) {
		t.Errorf("expires %v, want %v", report.Expires, want)
	}
	report = s.provider.CheckToken(t.Context(), s.account, nil, secrets.New([]byte(live)))
	if !report.Expires.IsZero() {
		t.Errorf("a token without an end expires %v", report.Expires)
	}
}

func TestRenamedUserIsToldFromAnotherPerson(t *testing.T) {
	s := newSite(t)
	token := secrets.New([]byte(live))
	s.provider.CheckToken(t.Context(), s.account, nil, token)
	s.hosts.RenameUser(sandbox.HostGitLab, "ci-bot", "ci-robot")
	got := verdicts(s.provider.CheckToken(t.Context(), s.account, nil, token).Answers)["token-owner"]
	if want := "no UserRenamed gitlab-token-scope"; got != want {
		t.Errorf("token-owner is %q, want %q", got, want)
	}
}

func TestProjectIsReadInEveryPlace(t *testing.T) {
	tests := []struct {
		name     string
		project  sandbox.HostProject
		moveTo   string
		subgroup string
		want     map[string]string
	}{
		{
			"top-level group",
			sandbox.HostProject{Path: "payments/api"},
			"", "no InTopLevelGroup",
			map[string]string{"project-exists": "yes ProjectExists", "project-path": "yes PathCurrent", "project-active": "yes ProjectActive", "project-role": "yes RoleMaintainer", "project-webhooks": "yes WebhooksReadable"},
		},
		{
			"subgroup",
			sandbox.HostProject{Path: "payments/core/api"},
			"", "yes InSubgroup gitlab-subgroup-manual",
			map[string]string{"project-exists": "yes ProjectExists", "project-path": "yes PathCurrent", "project-active": "yes ProjectActive", "project-role": "yes RoleMaintainer", "project-webhooks": "yes WebhooksReadable"},
		},
		{
			"archived, as a developer",
			sandbox.HostProject{Path: "payments/api", Archived: true, Access: 30},
			"", "no InTopLevelGroup",
			map[string]string{"project-exists": "yes ProjectExists", "project-path": "yes PathCurrent", "project-active": "no ProjectArchived", "project-role": "unknown RoleBelowMaintainer"},
		},
		{
			"moved into a subgroup",
			sandbox.HostProject{Path: "payments/api"},
			"payments/core/api", "yes InSubgroup gitlab-subgroup-manual",
			map[string]string{"project-exists": "yes ProjectExists", "project-path": "no ProjectMoved", "project-active": "yes ProjectActive", "project-role": "yes RoleMaintainer", "project-webhooks": "yes WebhooksReadable"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			s.hosts.AddProject(sandbox.HostGitLab, tt.project)
			if tt.moveTo != "" {
				s.hosts.MoveProject(sandbox.HostGitLab, tt.project.Path, tt.moveTo)
			}
			state := s.provider.CheckProject(t.Context(), s.account, tt.project.Path, secrets.New([]byte(live)))
			if diff := cmp.Diff(tt.want, verdicts(state.Answers)); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			if got := verdicts([]binding.Answer{state.Subgroup})["subgroup"]; got != tt.subgroup {
				t.Errorf("subgroup is %q, want %q", got, tt.subgroup)
			}
			if state.ID == "" {
				t.Error("the project has no id")
			}
		})
	}
}

func TestMissingProjectIsNoAndPathTakenByAnotherIsSeen(t *testing.T) {
	s := newSite(t)
	token := secrets.New([]byte(live))
	state := s.provider.CheckProject(t.Context(), s.account, "payments/api", token)
	if diff := cmp.Diff(map[string]string{"project-exists": "no ProjectNotVisible"}, verdicts(state.Answers)); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	if state.Subgroup.Verdict != binding.UnknownAsked {
		t.Errorf("subgroup of a missing project is %s", state.Subgroup.Verdict)
	}
	s.hosts.AddProject(sandbox.HostGitLab, sandbox.HostProject{Path: "payments/api"})
	before := s.provider.CheckProject(t.Context(), s.account, "payments/api", token)
	s.hosts.RemoveProject(sandbox.HostGitLab, "payments/api")
	s.hosts.AddProject(sandbox.HostGitLab, sandbox.HostProject{Path: "payments/api"})
	state = s.provider.CheckProject(t.Context(), s.account, "payments/api", token)
	if got := verdicts(state.Identified("payments/api", before.ID).Answers)["project-path"]; got != "no PathTakenByAnother" {
		t.Errorf("project-path is %q", got)
	}
}

func TestSignInPageAndRelativeURLInstallsAreUnderstood(t *testing.T) {
	for _, path := range []string{"/", "/users/sign_in", "/gitlab", "/gitlab/", "/gitlab/users/sign_in"} {
		t.Run(path, func(t *testing.T) {
			s := newSite(t)
			s.hosts.AddProject(sandbox.HostGitLab, sandbox.HostProject{Path: "payments/a.b"})
			s.hosts.MoveProject(sandbox.HostGitLab, "payments/a.b", "payments/c.d")
			s.account.Address += path
			state := s.provider.CheckProject(t.Context(), s.account, "payments/a.b", secrets.New([]byte(live)))
			if got := verdicts(state.Answers)["project-path"]; got != "no ProjectMoved" {
				t.Errorf("project-path is %q: %+v", got, state.Answers)
			}
		})
	}
}

// answering is a provider whose host gives the same answers by path suffix.
func answering(t *testing.T, answers map[string]string) (*gitlab.Provider, binding.Account) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for suffix, body := range answers {
			if strings.HasSuffix(r.URL.Path, suffix) {
				_, _ = w.Write([]byte(body))
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"error":"404 Not Found"}`))
	}))
	t.Cleanup(server.Close)
	client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, RequestsPerSecond: 1e6, Burst: 1000})
	return gitlab.New(gitlab.Options{Client: client, Now: now}), binding.Account{Username: "ci-bot", Address: server.URL}
}

func TestAnswersThatDisagreeAreNotGuessed(t *testing.T) {
	p, account := answering(t, map[string]string{
		"/personal_access_tokens/self": `{"id":1,"user_id":7,"active":true,"revoked":false,"scopes":["api"],"expires_at":"31/12/2026"}`,
		"/user":                        `{"id":8,"username":"ci-bot"}`,
		"/projects/a/b":                `{"id":5,"path_with_namespace":"a/b","namespace":{"kind":"group","full_path":"a","parent_id":3}}`,
		"/projects/a/c":                `{"id":6,"path_with_namespace":"a/c","namespace":{"kind":"group","full_path":"x/a","parent_id":null}}`,
		"/projects/me/d":               `{"id":7,"path_with_namespace":"me/d","namespace":{"kind":"user","full_path":"me","parent_id":null}}`,
	})
	token := secrets.New([]byte(live))
	got := verdicts(p.CheckToken(t.Context(), account, nil, token).Answers)
	want := map[string]string{
		"token-valid": "yes TokenActive", "token-scope": "yes ScopePresent",
		"token-expiry": "unknown ExpiryUnreadable", "token-owner": "unknown AnswersDisagree",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("token (-want +got):\n%s", diff)
	}
	for source, want := range map[string]binding.Verdict{"a/b": binding.UnknownAsked, "a/c": binding.UnknownAsked, "me/d": binding.No} {
		if got := p.CheckProject(t.Context(), account, source, token).Subgroup; got.Verdict != want {
			t.Errorf("%s: subgroup is %+v, want %s", source, got, want)
		}
	}
}

// TestATokenThatActsAsAnotherUserIsNotTheDeclaredOnes, also where the description of
// the token names the declared user's number, or one that nobody knows.
func TestATokenThatActsAsAnotherUserIsNotTheDeclaredOnes(t *testing.T) {
	for user, want := range map[string]string{
		`{"id":8,"username":"somebody"}`:            "no OtherOwner gitlab-token-scope",
		`{"id":8,"username":"somebody","bot":true}`: "no OtherOwner gitlab-token-scope",
		`{"id":7,"username":"somebody"}`:            "no OtherOwner gitlab-token-scope",
		`{"id":8,"username":"CI-BOT"}`:              "unknown AnswersDisagree",
		`{"id":8,"username":""}`:                    "unknown Unreadable",
	} {
		p, account := answering(t, map[string]string{
			"/personal_access_tokens/self": `{"id":1,"user_id":7,"active":true,"revoked":false,"scopes":["api"]}`, "/user": user,
		})
		if got := verdicts(p.CheckToken(t.Context(), account, nil, secrets.New([]byte(live))).Answers)["token-owner"]; got != want {
			t.Errorf("%s: %s, want %s", user, got, want)
		}
	}
}

func TestOldGitLabTellsNoScopes(t *testing.T) {
	p, account := answering(t, map[string]string{"/version": `{"version":"14.10.5","revision":"ab"}`})
	got := verdicts(p.CheckToken(t.Context(), account, nil, secrets.New([]byte(live))).Answers)
	if diff := cmp.Diff(map[string]string{"token-valid": "yes TokenActive", "token-scope": "unknown GitLabTooOld"}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

func TestRevokedWhileListedIsRead(t *testing.T) {
	for body, want := range map[string]string{
		`{"id":1,"user_id":7,"active":false,"revoked":true,"scopes":["api"]}`:                            "no TokenRevoked gitlab-token-scope",
		`{"id":1,"user_id":7,"active":false,"revoked":false,"scopes":["api"]}`:                           "no TokenInactive gitlab-token-scope",
		`{"id":1,"user_id":7,"active":false,"revoked":false,"scopes":["api"],"expires_at":"2026-11-22"}`: "no TokenExpired gitlab-token-scope",
		// Our clock is ahead of GitLab's: what GitLab calls active is.
		`{"id":1,"user_id":7,"active":true,"revoked":false,"scopes":["api"],"expires_at":"2026-11-22"}`: "yes TokenActive",
		`{"id":1,"user_id":7,"active":true,"revoked":false,"scopes":["api"],"expires_at":"2026-11-23"}`: "yes TokenActive",
		`{"id":1,"user_id":7,"scopes":["api"]}`:                                                         "unknown Unreadable",
		`{"id":1,"user_id":7,"active":true,"revoked":false,"expires_at":"2027-01-01T00:00:00Z"}`:        "yes TokenActive",
	} {
		p, account := answering(t, map[string]string{"/personal_access_tokens/self": body})
		if got := verdicts(p.CheckToken(t.Context(), account, nil, secrets.New([]byte(live))).Answers)["token-valid"]; got != want {
			t.Errorf("%s: token-valid is %q, want %q", body, got, want)
		}
	}
}

func TestAddressesThatAreNoSiteAreNotAsked(t *testing.T) {
	s := newSite(t)
	for _, address := range []string{"", "gitlab.example.com", "ftp://gitlab.example.com", "https://u:p@gitlab.example.com?x=1", "://"} {
		s.account.Address = address
		answers := s.provider.CheckToken(t.Context(), s.account, nil, secrets.New([]byte(live))).Answers
		if len(answers) == 0 || answers[0].Verdict != binding.UnknownAsked {
			t.Errorf("%q: answers are %+v", address, answers)
		}
	}
}

// TestATokensUserIsKnownByItsNumber, also by a process that never saw it before.
func TestATokensUserIsKnownByItsNumber(t *testing.T) {
	for _, tt := range []struct{ name, known, username, want string }{
		{"not known yet", "", "ci-bot", "yes OwnerMatches"},
		{"unchanged", "42", "ci-bot", "yes OwnerMatches"},
		{"written another way", "42", "CI-Bot", "yes OwnerMatches"},
		{"renamed", "42", "ci-robot", "no UserRenamed gitlab-token-scope"},
		{"the name taken by a stranger", "41", "ci-bot", "no NameTakenByAnother gitlab-token-scope"},
		{"another person's token", "41", "mallory", "no OtherOwner gitlab-token-scope"},
	} {
		for _, self := range []bool{true, false} {
			s := newSite(t)
			s.hosts.RenameUser(sandbox.HostGitLab, "ci-bot", tt.username)
			if !self {
				s.hosts.Faults(sandbox.HostGitLab).Add(sandbox.Fault{
					Match: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/self") }, Status: http.StatusNotFound,
					ContentType: "application/json", Body: `{"error":"404 Not Found"}`,
				})
			}
			s.account.UserID = tt.known
			report := s.provider.CheckToken(t.Context(), s.account, nil, secrets.New([]byte(live)))
			got := verdicts(report.Answers)["token-owner"]
			if known := report.User.ID == "42"; got != tt.want || known != strings.HasPrefix(tt.want, "yes") {
				t.Errorf("%s (self %t): token-owner is %q of %+v, want %q", tt.name, self, got, report.User, tt.want)
			}
		}
	}
}
