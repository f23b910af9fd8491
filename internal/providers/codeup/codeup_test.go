package codeup_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/providers/codeup"
	words "reconciler/internal/report"
	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
)

const live = "pt-sandbox_live"

func now() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// leastPrivilege is the product's list.
func leastPrivilege() []string {
	return []string{
		sandbox.PermissionMembers, sandbox.PermissionDepartments, sandbox.PermissionRepositories, sandbox.PermissionBranches,
		sandbox.PermissionTags, sandbox.PermissionWebhooksRead, sandbox.PermissionWebhooksWrite,
	}
}

func without(list []string, drop string) []string {
	var kept []string
	for _, p := range list {
		if p != drop {
			kept = append(kept, p)
		}
	}
	return kept
}

func newSite(t *testing.T, o codeup.Options, permissions []string) (*sandbox.CodeHosts, *codeup.Provider) {
	t.Helper()
	hosts := sandbox.NewCodeHosts(now)
	server := httptest.NewServer(hosts.Codeup())
	t.Cleanup(server.Close)
	hosts.AddUser(sandbox.HostCodeup, sandbox.HostUser{ID: 42, Username: "clone-42", Login: "zhang.san"})
	hosts.AddToken(sandbox.HostCodeup, sandbox.HostToken{Value: live, Username: "clone-42", Permissions: permissions})
	hosts.AddProject(sandbox.HostCodeup, sandbox.HostProject{ID: 7, Path: "payments/api"})
	o.Client = providers.NewHTTPClient(providers.Options{AllowPrivate: true, RequestsPerSecond: 1e6, Burst: 1000})
	o.BaseURL, o.Now = server.URL+"/oapi/v1", now
	p, err := codeup.New(o)
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

// granted are the verdicts of a token that has everything, with changes.
func granted(changes map[string]string) map[string]string {
	want := map[string]string{
		"token-valid": "yes TokenAccepted", "token-kind": "yes PersonalToken", "token-owner": "yes CloneUsernameMatches",
		"permission-organization-members": "yes PermissionGranted", "permission-organization-departments": "yes PermissionGranted",
		"permission-code-repositories": "yes PermissionGranted", "permission-branches": "yes PermissionGranted",
		"permission-tags": "yes PermissionGranted", "permission-webhooks": "yes PermissionGranted",
	}
	for k, v := range changes {
		want[k] = v
	}
	return want
}

func TestEachPermissionIsNamedWhenMissing(t *testing.T) {
	const missing = "no PermissionMissing codeup-token-permissions"
	minimal := map[string]string{"token-valid": "yes IdentityUnproven", "token-owner": "unknown IdentityUnproven"}
	for permission, question := range map[string]string{
		sandbox.PermissionMembers: "permission-organization-members", sandbox.PermissionDepartments: "permission-organization-departments",
		sandbox.PermissionRepositories: "permission-code-repositories", sandbox.PermissionBranches: "permission-branches",
		sandbox.PermissionTags: "permission-tags", sandbox.PermissionWebhooksRead: "permission-webhooks",
	} {
		t.Run(permission, func(t *testing.T) {
			_, p := newSite(t, codeup.Options{}, without(leastPrivilege(), permission))
			report := p.CheckToken(t.Context(), binding.Account{Username: "clone-42"}, []string{"payments/api"}, secrets.New([]byte(live)))
			want := granted(minimal)
			want[question] = missing
			if diff := cmp.Diff(want, verdicts(report.Answers)); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("none is missing", func(t *testing.T) {
		_, p := newSite(t, codeup.Options{}, leastPrivilege())
		report := p.CheckToken(t.Context(), binding.Account{Username: "clone-42"}, []string{"payments/api"}, secrets.New([]byte(live)))
		if diff := cmp.Diff(granted(minimal), verdicts(report.Answers)); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
	})
}

// TestBothGenerationsOfAPermissionAreNamed: a token made years ago has scopes
// of other names, and its owner must find the missing one under that name too.
func TestBothGenerationsOfAPermissionAreNamed(t *testing.T) {
	_, p := newSite(t, codeup.Options{ProbeWebhooks: true}, []string{sandbox.PermissionRepositories})
	_, none := newSite(t, codeup.Options{}, []string{"none"})
	ask := func(p *codeup.Provider) map[string]string {
		said := map[string]string{}
		report := p.CheckToken(t.Context(), binding.Account{Username: "clone-42"}, []string{"payments/api"}, secrets.New([]byte(live)))
		for _, a := range report.Answers {
			if a.Verdict == binding.No {
				said[string(a.Question)] = words.English().Text(a.Message)
			}
		}
		return said
	}
	for _, tt := range []struct {
		p                   *codeup.Provider
		question, now, then string
	}{
		{p, "permission-organization-members", "organization members: read", "read:org"},
		{p, "permission-organization-departments", "organization departments: read", "read:group"},
		{none, "permission-code-repositories", "code repositories: read", "read:repo"},
		{p, "permission-branches", "branches: read", "read:repo:branch"},
		{p, "permission-tags", "tags: read", "read:repo:tag"},
		{p, "permission-webhooks", "webhooks: read and write", "read:repo:webhook, write:repo:webhook"},
		{p, "permission-webhooks-write", "webhooks: write", "write:repo:webhook"},
	} {
		if got := ask(tt.p)[tt.question]; !strings.Contains(got, tt.now) || !strings.Contains(got, "older generation: "+tt.then+")") {
			t.Errorf("%s: %q names not both %q and %q", tt.question, got, tt.now, tt.then)
		}
	}
}

// TestStatusesMeanWhatTheirFactsSay: 401 is no, 403 of the API is a token that
// may not say whose it is, and everything else leaves the question open.
func TestStatusesMeanWhatTheirFactsSay(t *testing.T) {
	for name, tt := range map[string]struct {
		status     int
		kind, body string
		want       string
	}{
		"401":                       {401, "application/json", `{"errorCode":"Unauthorized"}`, "no TokenInvalid codeup-token-permissions"},
		"401 of the API, by a part": {401, "application/json;charset=utf-8", `{"errorCode":"Unauthorized.TokenExpired"}`, "no TokenInvalid codeup-token-permissions"},
		"401 of a token":            {401, "application/json", `{"errorCode":"InvalidToken"}`, "no TokenInvalid codeup-token-permissions"},
		"401 in plain text":         {401, "text/plain", `token invalid`, "unknown TokenRefused"},
		"401 of our address":        {401, "application/json", `{"errorCode":"SYSTEM_FORBIDDEN_ERROR"}`, "unknown TokenRefused"},
		"401 of the system":         {401, "application/json", `{"errorCode":"SYSTEM_UNKNOWN_ERROR"}`, "unknown TokenRefused"},
		"401 of an organization":    {401, "application/json", `{"errorCode":"InvalidOrganization"}`, "unknown TokenRefused"},
		"401 that is cut":           {401, "application/json", `{"errorCode":"Unautho`, "unknown TokenRefused"},
		"401 that says JSON":        {401, "application/json", `<html>Unauthorized</html>`, "unknown TokenRefused"},
		"401 in a list":             {401, "application/json", `[{"errorCode":"Unauthorized"}]`, "unknown TokenRefused"},
		"401 of a sign-in page":     {401, "text/html", `<form>`, "unknown TokenRefused"},
		"401 of a gateway":          {401, "application/json", `{"message":"Unauthorized"}`, "unknown TokenRefused"},
		"401 without a body":        {401, "", ``, "unknown TokenRefused"},
		"403 of the API":            {403, "application/json", `{"errorCode":"Forbidden.AccessDenied"}`, "yes IdentityUnproven"},
		"403 of our address":        {403, "application/json", `{"errorCode":"SYSTEM_FORBIDDEN_ERROR"}`, "unknown Forbidden"},
		"403 of an organization":    {403, "application/json", `{"errorCode":"Forbidden.InvalidOrganization"}`, "unknown Forbidden"},
		"403 without a code":        {403, "application/json", `{"message":"no"}`, "unknown Forbidden"},
		"403 of a firewall":         {403, "text/html", `<h1>Forbidden</h1>`, "unknown Forbidden"},
		"404":                       {404, "application/json", `{"errorCode":"NotFound"}`, "unknown UnexpectedStatus"},
		"409":                       {409, "application/json", `{}`, "unknown UnexpectedStatus"},
		"422":                       {422, "application/json", `{}`, "unknown UnexpectedStatus"},
		"429":                       {429, "application/json", `{}`, "unknown RateLimited"},
		"500":                       {500, "application/json", `{"errorCode":"SYSTEM_UNKNOWN_ERROR"}`, "unknown HostFailed"},
		"200 in plain text":         {200, "text/plain", `ok`, "unknown NotJSON"},
		"200 with an error":         {200, "application/json", `{"errorCode":"SYSTEM_UNKNOWN_ERROR","errorMessage":"m"}`, "unknown Unreadable"},
		"200 with null":             {200, "application/json", `null`, "unknown Unreadable"},
		"200 with the token's user": {200, "application/json", `{"id":"u1"}`, "yes TokenAccepted"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", tt.kind)
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer server.Close()
			p, err := codeup.New(codeup.Options{Client: providers.NewHTTPClient(providers.Options{AllowPrivate: true}), BaseURL: server.URL, Now: now})
			if err != nil {
				t.Fatal(err)
			}
			got := verdicts(p.CheckToken(t.Context(), binding.Account{Username: "u"}, nil, secrets.New([]byte(live))).Answers)
			if got["token-valid"] != tt.want {
				t.Errorf("token-valid is %q, want %q", got["token-valid"], tt.want)
			}
		})
	}
}

// TestAProjectIsMissingOnlyByItsOwnCode: a 404 may also be about the organization,
// the call or something in front.
func TestAProjectIsMissingOnlyByItsOwnCode(t *testing.T) {
	for body, want := range map[string]string{
		`{"errorCode":"NotFound"}`: "no ProjectNotVisible", `{"errorCode":"REPOSITORY_NOT_FOUND"}`: "no ProjectNotVisible",
		`{"code":404,"errorCode":"SYSTEM_NOT_FOUND_ERROR"}`: "no ProjectNotVisible",
		`{"errorCode":"ORGANIZATION_NOT_FOUND"}`:            "unknown UnexpectedStatus", `{"errorCode":"Organization.NotFound"}`: "unknown UnexpectedStatus",
		`{"errorCode":"InvalidAction.NotFound"}`: "unknown UnexpectedStatus", `{"errorCode":"SYSTEM_UNKNOWN_ERROR"}`: "unknown UnexpectedStatus",
		`{"errorCode":"InvalidOrganization"}`: "unknown UnexpectedStatus", `{"message":"404 Route Not Found"}`: "unknown UnexpectedStatus", `404`: "unknown UnexpectedStatus",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(404)
			_, _ = w.Write([]byte(body))
		}))
		p, err := codeup.New(codeup.Options{Client: providers.NewHTTPClient(providers.Options{AllowPrivate: true}), BaseURL: server.URL, Organization: "o", Now: now})
		if err != nil {
			t.Fatal(err)
		}
		if got := verdicts(p.CheckProject(t.Context(), binding.Account{Username: "u"}, "a/b", secrets.New([]byte(live))).Answers); got["project-exists"] != want {
			t.Errorf("%s: %v, want %q", body, got, want)
		}
		server.Close()
	}
}

// TestAPermissionIsGrantedOnlyByAList: an answer that is not the list that was
// asked for proves nothing.
func TestAPermissionIsGrantedOnlyByAList(t *testing.T) {
	for body, want := range map[string]string{
		`[]`: "yes PermissionGranted", `null`: "unknown Unreadable", `{"errorCode":"x"}`: "unknown Unreadable",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if strings.HasSuffix(r.URL.Path, "/platform/user") {
				body := `{"id":"u1"}`
				_, _ = w.Write([]byte(body))
				return
			}
			_, _ = w.Write([]byte(body))
		}))
		client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, RequestsPerSecond: 1e6, Burst: 1000})
		p, err := codeup.New(codeup.Options{Client: client, BaseURL: server.URL, Organization: "org", Now: now})
		if err != nil {
			t.Fatal(err)
		}
		got := verdicts(p.CheckToken(t.Context(), binding.Account{Username: "u"}, []string{"a/b"}, secrets.New([]byte(live))).Answers)
		for question, verdict := range got {
			if strings.HasPrefix(question, "permission-") && verdict != want {
				t.Errorf("%s answered %s: %q, want %q", question, body, verdict, want)
			}
		}
		server.Close()
	}
}

func TestUsernameIsTheCloneUsername(t *testing.T) {
	for declared, want := range map[string]string{
		"clone-42":  "yes CloneUsernameMatches",
		"Clone-42":  "no OtherCloneUsername codeup-username",
		"zhang.san": "no LoginInsteadOfCloneUsername codeup-username",
		"li.si":     "no OtherCloneUsername codeup-username",
	} {
		_, p := newSite(t, codeup.Options{}, nil)
		report := p.CheckToken(t.Context(), binding.Account{Username: declared}, []string{"payments/api"}, secrets.New([]byte(live)))
		if got := verdicts(report.Answers)["token-owner"]; got != want {
			t.Errorf("%s: token-owner is %q, want %q", declared, got, want)
		}
	}
}

func TestDeadAndForeignTokensAreRefused(t *testing.T) {
	for token, want := range map[string]map[string]string{
		"pt-never_seen": {"token-valid": "no TokenInvalid codeup-token-permissions"},
		"oat-abc":       {"token-kind": "no OAuthToken codeup-token-permissions"},
		"glpat-abc":     {"token-kind": "no TokenOfAnotherHost codeup-token-permissions"},
		" pt-abc":       {"token-kind": "no TokenMalformed codeup-token-permissions"},
		"":              {"token-valid": "unknown NoToken"},
	} {
		_, p := newSite(t, codeup.Options{}, nil)
		got := verdicts(p.CheckToken(t.Context(), binding.Account{}, nil, secrets.New([]byte(token))).Answers)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", token, diff)
		}
	}
}

func TestWithoutAProjectThreePermissionsStayUnknown(t *testing.T) {
	_, p := newSite(t, codeup.Options{}, nil)
	report := p.CheckToken(t.Context(), binding.Account{Username: "clone-42"}, nil, secrets.New([]byte(live)))
	none := "unknown NoProjectDeclared"
	want := granted(map[string]string{"permission-branches": none, "permission-tags": none, "permission-webhooks": none})
	if diff := cmp.Diff(want, verdicts(report.Answers)); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

func TestWebhookIsWrittenOnlyByOptInAndCleanedUp(t *testing.T) {
	ask := func(o codeup.Options, permissions []string) (string, []string) {
		hosts, p := newSite(t, o, permissions)
		report := p.CheckToken(t.Context(), binding.Account{Username: "clone-42"}, []string{"payments/api"}, secrets.New([]byte(live)))
		return verdicts(report.Answers)["permission-webhooks-write"], hosts.Hooks(sandbox.HostCodeup, "payments/api")
	}
	for _, tt := range []struct {
		name        string
		o           codeup.Options
		permissions []string
		want        string
	}{
		{"not asked", codeup.Options{}, nil, ""},
		{"granted", codeup.Options{ProbeWebhooks: true}, nil, "yes PermissionGranted"},
		{"missing", codeup.Options{ProbeWebhooks: true}, without(leastPrivilege(), sandbox.PermissionWebhooksWrite), "no PermissionMissing codeup-token-permissions"},
	} {
		got, hooks := ask(tt.o, tt.permissions)
		if got != tt.want || len(hooks) != 0 {
			t.Errorf("%s: %q with webhooks %v left, want %q and none", tt.name, got, hooks, tt.want)
		}
	}
}

func TestProbeThatCannotCleanUpSaysSo(t *testing.T) {
	hosts, p := newSite(t, codeup.Options{ProbeWebhooks: true}, nil)
	hosts.Faults(sandbox.HostCodeup).Add(sandbox.Fault{
		Match: func(r *http.Request) bool { return r.Method == http.MethodDelete }, Status: http.StatusInternalServerError,
	})
	report := p.CheckToken(t.Context(), binding.Account{Username: "clone-42"}, []string{"payments/api"}, secrets.New([]byte(live)))
	if got := verdicts(report.Answers)["permission-webhooks-write"]; got != "unknown ProbeNotCleanedUp" {
		t.Errorf("permission-webhooks-write is %q", got)
	}
}

func TestProjectIsReadByItsPath(t *testing.T) {
	hosts, p := newSite(t, codeup.Options{}, nil)
	token := secrets.New([]byte(live))
	for source, want := range map[string]map[string]string{
		"payments/api": {"project-exists": "yes ProjectExists", "project-path": "yes PathCurrent", "project-active": "yes ProjectActive"},
		sandbox.CodeupOrganization + "/payments/api": {"project-exists": "yes ProjectExists", "project-path": "yes PathCurrent", "project-active": "yes ProjectActive"},
		"payments/gone": {"project-exists": "no ProjectNotVisible"},
	} {
		state := p.CheckProject(t.Context(), binding.Account{}, source, token)
		if diff := cmp.Diff(want, verdicts(state.Answers)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", source, diff)
		}
		if state.Subgroup.Verdict != binding.No {
			t.Errorf("%s: subgroup is %s", source, state.Subgroup.Verdict)
		}
	}
	before := p.CheckProject(t.Context(), binding.Account{}, "payments/api", token)
	hosts.RemoveProject(sandbox.HostCodeup, "payments/api")
	hosts.AddProject(sandbox.HostCodeup, sandbox.HostProject{Path: "payments/api", Archived: true})
	got := verdicts(p.CheckProject(t.Context(), binding.Account{}, "payments/api", token).Identified("payments/api", before.ID).Answers)
	want := map[string]string{"project-exists": "yes ProjectExists", "project-path": "no PathTakenByAnother", "project-active": "no ProjectArchived"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("replaced (-want +got):\n%s", diff)
	}
}

func TestRegionEditionNamesNoOrganization(t *testing.T) {
	var paths []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.EscapedPath())
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"id":7,"pathWithNamespace":"payments/api"}`))
	}))
	defer server.Close()
	p, err := codeup.New(codeup.Options{
		Client: providers.NewHTTPClient(providers.Options{AllowPrivate: true}), BaseURL: server.URL + "/oapi/v1", Region: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	state := p.CheckProject(t.Context(), binding.Account{}, "payments/api", secrets.New([]byte(live)))
	if diff := cmp.Diff([]string{"/oapi/v1/codeup/repositories/payments%2Fapi"}, paths); diff != "" || state.ID != "7" {
		t.Errorf("id %q, paths (-want +got):\n%s", state.ID, diff)
	}
}

// TestATokensUserIsKnownByItsNumber: Codeup's clone username can be given to
// another user.
func TestATokensUserIsKnownByItsNumber(t *testing.T) {
	for _, tt := range []struct{ name, known, declared, want string }{
		{"not known yet", "", "clone-42", "yes CloneUsernameMatches"},
		{"unchanged", "42", "clone-42", "yes CloneUsernameMatches"},
		{"renamed", "42", "clone-old", "no UserRenamed codeup-username"},
		{"the name taken by a stranger", "41", "clone-42", "no NameTakenByAnother codeup-username"},
		{"the login", "42", "zhang.san", "no LoginInsteadOfCloneUsername codeup-username"},
		{"another person's token", "41", "clone-41", "no OtherCloneUsername codeup-username"},
	} {
		_, p := newSite(t, codeup.Options{}, nil)
		account := binding.Account{Platform: binding.Codeup, Username: tt.declared, UserID: tt.known}
		report := p.CheckToken(t.Context(), account, []string{"payments/api"}, secrets.New([]byte(live)))
		got := verdicts(report.Answers)["token-owner"]
		if known := report.User.ID == "42"; got != tt.want || known != strings.HasPrefix(tt.want, "yes") {
			t.Errorf("%s: token-owner is %q of %+v, want %q", tt.name, got, report.User, tt.want)
		}
	}
}
