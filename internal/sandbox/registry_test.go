package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// signedV2 makes a request signed with the v2 kind, without a nonce.
func signedV2(now time.Time, method, target, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Date", now.UTC().Format(http.TimeFormat))
	r.Header.Set("X-Acs-Signature-Method", "HMAC-SHA1")
	r.Header.Set("X-Acs-Signature-Version", "1.0")
	r.Header.Set("X-Acs-Version", "2016-06-07")
	sr := signedRequest{method: method, path: r.URL.EscapedPath(), query: r.URL.Query(), header: r.Header}
	r.Header.Set("Authorization", "acs ak:"+sr.v2Signature("sk"))
	return r
}

// asked sends a signed request and gives the status and the body without the
// request's id.
func asked(t *testing.T, r *Registry, method, target, body string) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	r.ServeHTTP(w, signedV2(time.Now(), method, target, body))
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%s %s: %v in %q", method, target, err, w.Body)
	}
	if id, ok := got["requestId"].(string); !ok || id == "" {
		t.Errorf("%s %s: no request id", method, target)
	}
	return w.Code, got
}

func newTestRegistry() *Registry {
	r := NewRegistry(RegistryOptions{
		Principals:         []Principal{{AccessKey: "ak", Secret: "sk"}},
		SourceRepositories: func(_, _, username string) []string { return []string{username + "/app"} },
	})
	r.Instance("ak").AddRepository("team/app", "team/web")
	return r
}

func TestDocumentedAnswers(t *testing.T) {
	r := newTestRegistry()
	tests := []struct {
		method, target, body string
		status               int
		code                 string
	}{
		{"GET", "/regions", "", 200, ""},
		{"GET", "/repos", "", 200, ""},
		{"GET", "/repos?Page=0", "", 400, "INVALID_PARAMETER"},
		{"GET", "/repos/team", "", 200, ""},
		{"GET", "/repos/other", "", 404, "NAMESPACE_NOT_EXIST"},
		{"GET", "/repos/team/app", "", 200, ""},
		{"GET", "/repos/team/other", "", 404, "REPO_NOT_EXIST"},
		{"GET", "/repos/other/app", "", 404, "NAMESPACE_NOT_EXIST"},
		{"GET", "/nowhere", "", 404, "InvalidAction.NotFound"},
		{"PATCH", "/repos/team/app", "", 404, "InvalidAction.NotFound"},
		{"GET", "/users/sourceAccount", "", 400, "INVALID_PARAMETER"},
		{"GET", "/users/sourceAccount?SourceOriginType=GITEE", "", 400, "INVALID_PARAMETER"},
		{"DELETE", "/users/sourceAccount/9", "", 404, "SOURCE_ACCOUNT_NOT_EXIST"},
		{"PUT", "/users/sourceAccount", `{"SourceAccount":{"SourceOriginType":"GITHUB","SourceUserName":"u","SourceToken":"t"}}`, 400, "SOURCE_ACCOUNT_OAUTH_ONLY"},
		{"PUT", "/users/sourceAccount", `{"SourceAccount":{"SourceOriginType":"GITLAB","SourceUserName":"u","SourceToken":"t"}}`, 400, "INVALID_PARAMETER"},
		{"PUT", "/users/sourceAccount", `{"SourceAccount":{"SourceOriginType":"CODEUP","SourceUserName":"u"}}`, 400, "INVALID_PARAMETER"},
		{"PUT", "/users/sourceAccount", `{"Account":{}}`, 400, "INVALID_PARAMETER"},
		{"PUT", "/users/sourceAccount", `not JSON`, 400, "INVALID_PARAMETER"},
		{"PUT", "/repos/team/app/rules", `{"BuildRule":{"PushType":"GIT_BRANCH","PushName":"m","DockerfileLocation":"/","DockerfileName":"D","Tag":"t"}}`, 400, "INVALID_PARAMETER"},
		{"PUT", "/repos/team/app/rules", `{"BuildRule":{"PushType":"GIT_COMMIT","PushName":"m","DockerfileLocation":"/","DockerfileName":"Dockerfile","Tag":"t"}}`, 400, "INVALID_PARAMETER"},
		{"PUT", "/repos/team/app/rules", `{"BuildRule":{"PushType":"GIT_BRANCH","PushName":"m","DockerfileLocation":"/","DockerfileName":"Dockerfile","Tag":"t","ImageTag":"u"}}`, 400, "INVALID_PARAMETER"},
		{"PUT", "/repos/team/app/rules", `{"BuildRule":{"PushType":"GIT_BRANCH","PushName":"m","DockerfileLocation":"/","DockerfileName":"Dockerfile","ImageTag":"t"}}`, 400, "INVALID_PARAMETER"},
		{"POST", "/repos/team/app/rules/9", `{"BuildRule":{"PushType":"GIT_BRANCH","PushName":"m","DockerfileLocation":"/","DockerfileName":"Dockerfile","Tag":"t"}}`, 404, "BUILD_RULE_NOT_EXIST"},
		{"POST", "/repos/team/app/sourceRepo", `{"RepoSource":{"SourceRepoType":"GITLAB"}}`, 400, "INVALID_PARAMETER"},
	}
	for _, test := range tests {
		status, got := asked(t, r, test.method, test.target, test.body)
		code, _ := got["code"].(string)
		if status != test.status || code != test.code {
			t.Errorf("%s %s %s: got %d %q, want %d %q", test.method, test.target, test.body, status, code, test.status, test.code)
		}
	}
}

func TestRepositoriesArePaged(t *testing.T) {
	_, got := asked(t, newTestRegistry(), "GET", "/repos?Page=2&PageSize=1", "")
	data := got["data"].(map[string]any)
	name := data["repos"].([]any)[0].(map[string]any)["repoName"]
	if diff := cmp.Diff([]any{"web", 2.0, 2.0, 1.0}, []any{name, data["total"], data["page"], data["pageSize"]}); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

func TestAnAutomaticBuildOfASubgroupIsRefused(t *testing.T) {
	r := newTestRegistry()
	r.Instance("ak").ConsoleBind("gitlab", "https://g.example", "ci")
	body := `{"RepoSource":{"SourceRepoType":"GITLAB","SourceRepoNamespace":"a/b","SourceRepoName":"c","IsAutoBuild":true,"IsOversea":false,"IsDisableCache":false}}`
	if status, got := asked(t, r, "POST", "/repos/team/app/sourceRepo", body); status != 400 || got["code"] != "SOURCE_REPO_AUTO_BUILD_NOT_SUPPORTED" {
		t.Errorf("got %d %v", status, got)
	}
	if status, _ := asked(t, r, "POST", "/repos/team/app/sourceRepo", strings.Replace(body, "true", "false", 1)); status != 200 {
		t.Errorf("by hand: got %d, want 200", status)
	}
}

func TestThePersonInTheConsole(t *testing.T) {
	r := newTestRegistry()
	person := r.Instance("ak")
	account := person.ConsoleBind("github", "", "octo")
	if _, got := asked(t, r, "GET", "/users/sourceAccount?SourceOriginType=GITHUB", ""); len(got["data"].(map[string]any)["sourceAccounts"].([]any)) != 1 {
		t.Errorf("after binding got %v", got)
	}
	_, got := asked(t, r, "GET", "/users/sourceAccount/"+strconv.FormatInt(account.ID, 10)+"/repos", "")
	want := map[string]any{"sourceRepos": []any{map[string]any{"sourceRepoNamespace": "octo", "sourceRepoName": "app"}}}
	if diff := cmp.Diff(want, got["data"]); diff != "" {
		t.Errorf("projects (-want +got):\n%s", diff)
	}
	if !person.ConsoleUnbind("github") || person.ConsoleUnbind("github") {
		t.Error("unbinding says the wrong thing")
	}
	snapshot := RegistrySnapshot{Repositories: []ImageRepository{{Image: "team/app"}, {Image: "team/web"}}}
	if diff := cmp.Diff(snapshot, person.Snapshot()); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
}

func TestTheJournalCountsFaultsAndHoldsNoToken(t *testing.T) {
	r := newTestRegistry()
	r.Faults.Add(Throttling(1, 2*time.Second))
	w := httptest.NewRecorder()
	r.ServeHTTP(w, signedV2(time.Now(), "GET", "/regions", ""))
	if w.Code != 429 || w.Header().Get("Retry-After") != "2" {
		t.Errorf("got %d, Retry-After %q; want 429 and 2", w.Code, w.Header().Get("Retry-After"))
	}
	asked(t, r, "GET", "/regions", "")
	want := []RegistryCall{{Operation: "GetRegionList", AccessKey: "ak", Status: 429}, {Operation: "GetRegionList", AccessKey: "ak", Status: 200}}
	got := r.Calls()
	for i := range got {
		got[i].Time = time.Time{}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
}

func TestFaultsHappenInTheirOrderAndAsOftenAsSaid(t *testing.T) {
	var faults Faults
	var done atomic.Int32
	server := httptest.NewServer(faults.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if string(body) == "work" {
			done.Add(1)
		}
		_, _ = io.WriteString(w, "real")
	})))
	defer server.Close()
	post := func() string {
		response, err := http.Post(server.URL, "text/plain", strings.NewReader("work"))
		if err != nil {
			return "cut"
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return strconv.Itoa(response.StatusCode) + " " + string(body)
	}
	faults.Add(Fault{Times: 1, Match: func(r *http.Request) bool { return r.Method == http.MethodGet }, Status: 500})
	faults.Add(Fault{Times: 1, Status: 418, Body: "fault"})
	faults.Add(Fault{Times: 1, DropResponse: true})
	faults.Add(Fault{Times: 1, Cut: true})
	faults.Add(Fault{Times: 1, Delay: time.Millisecond})
	var got []string
	for range 5 {
		got = append(got, post())
	}
	if diff := cmp.Diff([]string{"418 fault", "cut", "cut", "200 real", "200 real"}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if got := done.Load(); got != 3 {
		t.Errorf("the work was done %d times, want 3: for the lost answer and the two real ones", got)
	}
	faults.Add(Fault{Status: 500})
	faults.Clear()
	if got := post(); got != "200 real" {
		t.Errorf("after Clear got %s", got)
	}
}
