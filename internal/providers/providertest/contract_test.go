package providertest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/providers/bitbucket"
	"reconciler/internal/providers/github"
	"reconciler/internal/providers/gitlab"
	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
)

func now() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// description is a host's own description of its API, which both sides are
// held to.
type description struct {
	router routers.Router
	// prefix stands before the description's paths.
	prefix string
	// undeclared are answers that the host gives and its description does not
	// have, as "path status"; other undeclared ones fail.
	undeclared []string
	// fields are asserted to be present in a success, by the last element of
	// the description's path: GitLab's marks none as required.
	fields map[string][]string
	// missing counts what no operation was found for, by path.
	missing []string
	checked map[string]bool
}

// load reads a description from RECONCILER_SPECS, or from beside the project.
func load(t *testing.T, name string) *description {
	t.Helper()
	folder := os.Getenv("RECONCILER_SPECS")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "..", "shared", "specs")
	}
	file := filepath.Join(folder, name+".openapi.json")
	if _, err := os.Stat(file); err != nil {
		t.Skipf("no API description %s: set RECONCILER_SPECS to the folder that has it", file)
	}
	doc, err := openapi3.NewLoader().LoadFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil
	if err := doc.Validate(t.Context(), openapi3.DisableExamplesValidation()); err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &description{router: router, checked: map[string]bool{}}
}

// hold validates every request and answer that passes.
func (d *description) hold(t *testing.T, played http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		record := httptest.NewRecorder()
		played.ServeHTTP(record, r)
		d.check(t, r, record)
		for k, v := range record.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(record.Code)
		_, _ = w.Write(record.Body.Bytes())
	})
}

func (d *description) check(t *testing.T, r *http.Request, record *httptest.ResponseRecorder) {
	t.Helper()
	asked := r.Clone(context.Background())
	asked.URL.Path = strings.TrimPrefix(asked.URL.Path, d.prefix)
	asked.URL.RawPath = strings.TrimPrefix(asked.URL.RawPath, d.prefix)
	route, params, err := d.router.FindRoute(asked)
	if err != nil {
		d.missing = append(d.missing, r.URL.Path)
		return
	}
	options := &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true,
	}
	request := &openapi3filter.RequestValidationInput{Request: asked, PathParams: params, Route: route, Options: options}
	if err := openapi3filter.ValidateRequest(t.Context(), request); err != nil {
		t.Errorf("what we send, %s %s: %v", r.Method, r.URL.Path, err)
	}
	key := route.Path + " " + http.StatusText(record.Code)
	d.checked[key] = true
	if slices.Contains(d.undeclared, key) {
		return
	}
	answer := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: record.Code, Header: record.Header(), Options: options,
	}
	answer.SetBodyBytes(record.Body.Bytes())
	if err := openapi3filter.ValidateResponse(t.Context(), answer); err != nil {
		t.Errorf("what the sandbox answers, %s %s %d: %v", r.Method, r.URL.Path, record.Code, err)
	}
	if record.Code == http.StatusOK {
		d.present(t, route.Path, record.Body.Bytes())
	}
}

// present asserts the fields that our clients read, of each object of a list.
func (d *description) present(t *testing.T, path string, body []byte) {
	t.Helper()
	var list []map[string]any
	if err := json.Unmarshal(body, &list); err != nil {
		var one map[string]any
		if err := json.Unmarshal(body, &one); err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		list = append(list, one)
	}
	for _, got := range list {
		d.presentIn(t, path, got)
	}
}

func (d *description) presentIn(t *testing.T, path string, got map[string]any) {
	t.Helper()
	for _, field := range d.fields[path] {
		var value any = got
		for name := range strings.SplitSeq(field, ".") {
			inner, _ := value.(map[string]any)
			v, ok := inner[name]
			if !ok {
				t.Errorf("%s: the answer has no %s", path, field)
				break
			}
			value = v
		}
	}
}

// expect fails where one of the listed exchanges did not take place.
func (d *description) expect(t *testing.T, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if !d.checked[key] {
			t.Errorf("%s was never exchanged", key)
		}
	}
}

func serve(t *testing.T, h http.Handler) (client *http.Client, address string) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return providers.NewHTTPClient(providers.Options{AllowPrivate: true, RequestsPerSecond: 1e6, Burst: 1000}), server.URL
}

func TestGitLabExchangesAreAsItsDescriptionSays(t *testing.T) {
	d := load(t, "gitlab")
	const project = "/api/v4/projects/{id}"
	d.undeclared = []string{project + " Not Found", project + " Moved Permanently", project + " Forbidden", "/api/v4/personal_access_tokens/self Bad Request"}
	d.fields = map[string][]string{
		"/api/v4/personal_access_tokens/self": {"id", "user_id", "active", "revoked", "scopes", "expires_at", "granular"},
		"/api/v4/user":                        {"id", "username", "state", "bot"},
		project: {
			"id", "path_with_namespace", "archived", "namespace.kind", "namespace.full_path", "namespace.parent_id",
			"permissions.project_access.access_level", "permissions.group_access",
		},
		project + "/hooks": {"url", "alert_status", "disabled_until"},
	}
	hosts := sandbox.NewCodeHosts(now)
	hosts.AddUser(sandbox.HostGitLab, sandbox.HostUser{Username: "ci-bot"})
	for _, token := range []sandbox.HostToken{
		{Value: "glpat-live", Expires: now().AddDate(0, 1, 0)},
		{Value: "glpat-dead", Revoked: true},
		{Value: "glpat-oauth", OAuth: true},
		{Value: "glpat-granular", Granular: true},
		{Value: "glpat-small", Scopes: []string{"read_user"}},
	} {
		token.Username = "ci-bot"
		hosts.AddToken(sandbox.HostGitLab, token)
	}
	for _, path := range []string{"a/b", "a/b/c", "a/moves"} {
		hosts.AddProject(sandbox.HostGitLab, sandbox.HostProject{Path: path})
	}
	hosts.MoveProject(sandbox.HostGitLab, "a/moves", "a/moved")
	hosts.AddHook(sandbox.HostGitLab, "a/b", "https://cr.cn-hangzhou.aliyuncs.com/hook")
	client, address := serve(t, d.hold(t, hosts.GitLab()))
	p := gitlab.New(gitlab.Options{Client: client, Now: now})
	account := binding.Account{Username: "ci-bot", Address: address}
	for _, value := range []string{"glpat-live", "glpat-dead", "glpat-oauth", "glpat-granular", "glpat-small", "glpat-unknown"} {
		token := secrets.New([]byte(value))
		p.CheckToken(t.Context(), account, nil, token)
		if value == "glpat-live" || value == "glpat-small" {
			for _, source := range []string{"a/b", "a/b/c", "a/moves", "a/none"} {
				p.CheckProject(t.Context(), account, source, token)
			}
		}
	}
	self := "/api/v4/personal_access_tokens/self"
	d.expect(t, self+" OK", self+" Unauthorized", self+" Bad Request", "/api/v4/user OK",
		project+" OK", project+" Not Found", project+" Moved Permanently", project+" Forbidden", project+"/hooks OK")
	if len(d.missing) != 0 {
		t.Errorf("not in the description: %v", d.missing)
	}
}

func TestGitHubExchangesAreAsItsDescriptionSays(t *testing.T) {
	d := load(t, "github")
	hosts := sandbox.NewCodeHosts(now)
	hosts.AddUser(sandbox.HostGitHub, sandbox.HostUser{Username: "octocat"})
	hosts.AddUser(sandbox.HostGitHub, sandbox.HostUser{Username: "acme", Kind: "Organization"})
	hosts.AddToken(sandbox.HostGitHub, sandbox.HostToken{Value: "ghp_live", Username: "octocat", Scopes: []string{"repo"}, Expires: now().AddDate(0, 1, 0)})
	hosts.AddProject(sandbox.HostGitHub, sandbox.HostProject{Path: "octocat/hello"})
	hosts.AddProject(sandbox.HostGitHub, sandbox.HostProject{Path: "octocat/secret", Private: true})
	hosts.AddProject(sandbox.HostGitHub, sandbox.HostProject{Path: "octocat/old"})
	hosts.MoveProject(sandbox.HostGitHub, "octocat/old", "octocat/new")
	client, address := serve(t, d.hold(t, hosts.GitHub()))
	p, err := github.New(github.Options{Client: client, BaseURL: address, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	account := binding.Account{Username: "octocat"}
	for _, value := range []string{"", "ghp_live"} {
		token := secrets.New([]byte(value))
		for _, login := range []string{"octocat", "acme", "nobody"} {
			p.CheckAccount(t.Context(), binding.Account{Username: login}, token)
		}
		for _, source := range []string{"octocat/hello", "octocat/secret", "octocat/old", "octocat/none"} {
			p.CheckProject(t.Context(), account, source, token)
		}
	}
	d.expect(t, "/user OK", "/users/{username} OK", "/users/{username} Not Found",
		"/repos/{owner}/{repo} OK", "/repos/{owner}/{repo} Not Found", "/repos/{owner}/{repo} Moved Permanently")
	for _, path := range d.missing {
		if !strings.HasPrefix(path, "/repositories/") {
			t.Errorf("not in the description: %s", path)
		}
	}
}

func TestBitbucketExchangesAreAsItsDescriptionSays(t *testing.T) {
	d := load(t, "bitbucket")
	d.prefix = "/2.0"
	const repository = "/repositories/{workspace}/{repo_slug}"
	d.fields = map[string][]string{"/workspaces/{workspace}": {"uuid", "slug"}, repository: {"uuid", "full_name"}}
	hosts := sandbox.NewCodeHosts(now)
	hosts.AddUser(sandbox.HostBitbucket, sandbox.HostUser{Username: "acme"})
	hosts.AddToken(sandbox.HostBitbucket, sandbox.HostToken{Value: "ATCTT3-live", Username: "acme", Scopes: []string{"repository"}})
	hosts.AddToken(sandbox.HostBitbucket, sandbox.HostToken{Value: "ATCTT3-small", Username: "acme", Scopes: []string{"account"}})
	hosts.AddProject(sandbox.HostBitbucket, sandbox.HostProject{Path: "acme/site"})
	hosts.AddProject(sandbox.HostBitbucket, sandbox.HostProject{Path: "acme/secret", Private: true})
	client, address := serve(t, d.hold(t, hosts.Bitbucket()))
	p, err := bitbucket.New(bitbucket.Options{Client: client, BaseURL: address + "/2.0", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"", "ATCTT3-live", "ATCTT3-small"} {
		token := secrets.New([]byte(value))
		for _, name := range []string{"acme", "nobody"} {
			p.CheckAccount(t.Context(), binding.Account{Username: name}, token)
		}
		for _, source := range []string{"acme/site", "acme/secret", "acme/none"} {
			p.CheckProject(t.Context(), binding.Account{Username: "acme"}, source, token)
		}
	}
	d.expect(t, "/workspaces/{workspace} OK", "/workspaces/{workspace} Not Found",
		repository+" OK", repository+" Not Found", repository+" Forbidden")
	if len(d.missing) != 0 {
		t.Errorf("not in the description: %v", d.missing)
	}
}

// TestDescriptionCatchesAWrongAnswer shows that the oracle can fail: each of
// these answers must not pass as the host's.
func TestDescriptionCatchesAWrongAnswer(t *testing.T) {
	for name, tt := range map[string]struct{ path, body string }{
		"gitlab":    {"/api/v4/user", `{"id":"42"}`},
		"github":    {"/users/octocat", `{"login":"octocat","id":1,"type":"User"}`},
		"bitbucket": {"/workspaces/acme", `{"uuid":"{1}"}`},
	} {
		d := load(t, name)
		request := httptest.NewRequest(http.MethodGet, tt.path, http.NoBody)
		route, params, err := d.router.FindRoute(request)
		if err != nil {
			t.Fatal(err)
		}
		answer := &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, PathParams: params, Route: route},
			Status:                 http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		}
		answer.SetBodyBytes([]byte(tt.body))
		if openapi3filter.ValidateResponse(t.Context(), answer) == nil {
			t.Errorf("%s takes %s for its answer", name, tt.body)
		}
	}
}
