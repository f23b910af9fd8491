package enterprise_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"reconciler/internal/binding"
	"reconciler/internal/registry/enterprise"
	"reconciler/internal/registry/line"
	"reconciler/internal/registry/registrytest"
	"reconciler/internal/registry/wire"
	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
)

const (
	accessKeyID     = "AKcanaryID"
	accessKeySecret = "canary-secret-of-the-access-key"
	goodToken       = "glpat-canary-token-value"
	image           = "team/app"
	address         = "https://gitlab.example.com"
	instanceID      = "cri-sandbox0000001"
)

// world is a registry with an instance of the Enterprise Edition.
type world struct {
	registry *sandbox.Registry
	person   *sandbox.RegistryInstance
	url      string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, sandbox.RegistryOptions{})
}

// newWorldOf makes a world whose registry has options of its own.
func newWorldOf(t *testing.T, o sandbox.RegistryOptions) *world {
	t.Helper()
	r := sandbox.NewRegistry(sandbox.RegistryOptions{
		PageSize: o.PageSize, NextPage: o.NextPage,
		Principals:  []sandbox.Principal{{AccessKey: accessKeyID, Secret: accessKeySecret, InstanceID: instanceID}},
		VerifyToken: func(_, _, _, token string) bool { return token == goodToken },
	})
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	person := r.Instance(accessKeyID)
	person.AddRepository(image)
	return &world{r, person, server.URL}
}

// driver makes a driver of an instance at an endpoint.
func driver(t *testing.T, endpoint, id string) *enterprise.Driver {
	t.Helper()
	return profiled(t, endpoint, id, nil)
}

// profiled is driver with a wire profile.
func profiled(t *testing.T, endpoint, id string, profile *wire.Profile) *enterprise.Driver {
	t.Helper()
	var waited atomic.Int64
	d, err := enterprise.New(enterprise.Options{InstanceID: id, Profile: profile, Line: line.Options{
		Now:      func() time.Time { return time.Now().Add(time.Duration(waited.Load())) },
		Wait:     func(ctx context.Context, d time.Duration) error { waited.Add(int64(d)); return ctx.Err() },
		Instance: "lab", Region: "cn-hangzhou", Endpoint: endpoint, RequestsPerSecond: 1000, Burst: 1000, Timeout: time.Minute,
		Credentials: line.Credentials{Kind: line.Static, Static: func(context.Context) (line.Keys, error) {
			return line.Keys{AccessKeyID: accessKeyID, AccessKeySecret: secrets.New([]byte(accessKeySecret))}, nil
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestConformance(t *testing.T) {
	registrytest.Run(t, func(t *testing.T) registrytest.Subject {
		w := newWorld(t)
		return registrytest.Subject{
			Driver: driver(t, w.url, instanceID), Edition: binding.Enterprise, KeepsSources: true,
			Image: image, Token: goodToken, Username: "ci-bot", Address: address,
			BindByOAuth: func(p binding.Platform, username string) { w.person.ConsoleBind(string(p), "", username) },
		}
	})
}

// answered is a driver whose registry gives each action a fixed answer.
func answered(t *testing.T, answers map[string]string) *enterprise.Driver {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.Header.Get("X-Acs-Action")]
		w.Header().Set("Content-Type", "application/json")
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			answer = `{"RequestId":"r","Code":"InvalidAction.NotFound","Message":"Specified api is not found"}`
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	return driver(t, server.URL, instanceID)
}

const (
	repositoryAnswer = `{"Code":"success","IsSuccess":true,"RequestId":"r","RepoId":"crr-1","RepoNamespaceName":"team","RepoName":"app"}`
	sourceAnswer     = `{"CodeRepoType":"GITHUB","CodeRepoDomain":"https://github.com","CodeRepoNamespaceName":"ns","CodeRepoName":"app","RepoId":"crr-1",` +
		`"AutoBuild":"true","OverseaBuild":"false","DisableCacheBuild":"false","Code":"success","IsSuccess":true,"RequestId":"r"}`
	rulesAnswer = `{"BuildRules":[{"BuildRuleId":"crbr-1","PushType":"GIT_BRANCH","PushName":"main","ImageTag":"latest","DockerfileLocation":"/",` +
		`"DockerfileName":"Dockerfile","Platforms":["linux/amd64"],"BuildArgs":["a=b"]}],"PageNo":1,"PageSize":30,"TotalCount":"1","Code":"success","IsSuccess":true,"RequestId":"r"}`
)

// TestDocumentedExamplesAreRead holds the driver to the answers that the product
// documents: flags and totals are texts.
func TestDocumentedExamplesAreRead(t *testing.T) {
	d := answered(t, map[string]string{"GetRepository": repositoryAnswer, "GetRepoSourceCodeRepo": sourceAnswer, "ListRepoBuildRule": rulesAnswer})
	got, err := d.Repository(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	want := binding.RepositoryState{
		Exists: true, Link: &binding.Link{Platform: binding.GitHub, Source: "ns/app", Trigger: binding.Auto, BuildCache: true},
		Rules: []binding.ObservedRule{{ID: "crbr-1", BuildRule: binding.BuildRule{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("repository (-want +got):\n%s", diff)
	}
}

// TestWhatIsNotUnderstoodIsNoAnswer holds that no odd answer means that something
// is absent.
func TestWhatIsNotUnderstoodIsNoAnswer(t *testing.T) {
	for name, odd := range map[string]struct{ action, answer string }{
		"a flag that is no text":         {"GetRepoSourceCodeRepo", strings.Replace(sourceAnswer, `"true"`, `true`, 1)},
		"a flag that is another word":    {"GetRepoSourceCodeRepo", strings.Replace(sourceAnswer, `"true"`, `"yes"`, 1)},
		"a source of an unknown type":    {"GetRepoSourceCodeRepo", strings.Replace(sourceAnswer, "GITHUB", "CODE", 1)},
		"a source without a name":        {"GetRepoSourceCodeRepo", strings.Replace(sourceAnswer, `"CodeRepoName":"app",`, "", 1)},
		"an answer without IsSuccess":    {"GetRepoSourceCodeRepo", `{"RequestId":"r"}`},
		"another total than there are":   {"ListRepoBuildRule", strings.Replace(rulesAnswer, `"TotalCount":"1"`, `"TotalCount":"2"`, 1)},
		"no total":                       {"ListRepoBuildRule", strings.Replace(rulesAnswer, `"TotalCount":"1",`, "", 1)},
		"a rule of an unknown push type": {"ListRepoBuildRule", strings.Replace(rulesAnswer, "GIT_BRANCH", "GIT_COMMIT", 1)},
		"another repository":             {"GetRepository", strings.Replace(repositoryAnswer, `"RepoName":"app"`, `"RepoName":"api"`, 1)},
		"an unknown code":                {"GetRepository", `{"Code":"SOMETHING_NEW","IsSuccess":false,"RequestId":"r"}`},
		"an instance that is not there":  {"GetRepository", `{"Code":"INSTANCE_NOT_EXIST","IsSuccess":false,"RequestId":"r"}`},
	} {
		t.Run(name, func(t *testing.T) {
			answers := map[string]string{"GetRepository": repositoryAnswer, "GetRepoSourceCodeRepo": sourceAnswer, "ListRepoBuildRule": rulesAnswer}
			answers[odd.action] = odd.answer
			if got, err := answered(t, answers).Repository(t.Context(), image); err == nil {
				t.Errorf("read as %+v, want an error", got)
			}
		})
	}
}

func TestUnservedAccountCallsAreAPersonsSteps(t *testing.T) {
	w := newWorld(t)
	w.registry.Withdraw("ListSourceCodeAccount", "CreateSourceCodeAccount", "DeleteSourceCodeAccount")
	got, err := driver(t, w.url, instanceID).Capabilities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := binding.Capabilities{
		ReadRepositories: true, ReadSources: true, LinkRepositories: true, ReadRules: true, WriteRules: true, KeepsSources: true, CreateRepositories: true,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(binding.Capabilities{}, "Reasons")); diff != "" {
		t.Errorf("capabilities (-want +got):\n%s", diff)
	}
	if len(got.Reasons) != 3 {
		t.Errorf("reasons %v, want one for each call that is off", got.Reasons)
	}
}

// TestEachAccountCallIsProbedByItself: a rebind would lose the account where only
// the call that binds is not served.
func TestEachAccountCallIsProbedByItself(t *testing.T) {
	for _, gone := range []string{"ListSourceCodeAccount", "CreateSourceCodeAccount", "DeleteSourceCodeAccount"} {
		w := newWorld(t)
		w.registry.Withdraw(gone)
		got, err := driver(t, w.url, instanceID).Capabilities(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		served := map[string]bool{"ListSourceCodeAccount": got.ListAccounts, "CreateSourceCodeAccount": got.Bind, "DeleteSourceCodeAccount": got.Unbind}
		for call, on := range served {
			if on == (call == gone) {
				t.Errorf("without %s: %s is %t", gone, call, on)
			}
		}
	}
}

func TestOnlyACodeOfTheProfileCondemnsAToken(t *testing.T) {
	d := driver(t, newWorld(t).url, instanceID)
	_, err := d.Bind(t.Context(), binding.Account{Platform: binding.GitLab, Username: "ci", Address: address}, secrets.New([]byte("glpat-refused")))
	if f, ok := errors.AsType[*binding.Failure](err); !ok || f.Fault != binding.FaultToken {
		t.Errorf("got %v, want a failure whose fault is the token's", err)
	}
}

// TestAChangedRuleKeepsWhatIsNotDeclared holds that build arguments set in the
// console survive a change of the rule.
func TestAChangedRuleKeepsWhatIsNotDeclared(t *testing.T) {
	w := newWorld(t)
	d := driver(t, w.url, instanceID)
	rule, err := d.AddRule(t.Context(), image, binding.BuildRule{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"})
	if err != nil {
		t.Fatal(err)
	}
	number := w.person.Snapshot().Repositories[0].Rules[0].ID
	w.person.ConsoleBuildArgs(number, "VERSION=1", "DEBUG=0")
	rule.ImageTag = "stable"
	if err := d.ChangeRule(t.Context(), image, rule); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"VERSION=1", "DEBUG=0"}, w.person.ConsoleBuildArgs(number)); diff != "" {
		t.Errorf("build arguments (-want +got):\n%s", diff)
	}
}

// TestManyRulesAreReadOverAllPages holds the pages of a list.
func TestManyRulesAreReadOverAllPages(t *testing.T) {
	w := newWorld(t)
	d := driver(t, w.url, instanceID)
	for n := range 120 {
		if _, err := d.AddRule(t.Context(), image, binding.BuildRule{Branch: "b" + strconv.Itoa(n), Dockerfile: "/Dockerfile", ImageTag: "t"}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := d.Repository(t.Context(), image)
	if err != nil || len(got.Rules) != 120 {
		t.Errorf("%d rules, error %v; want 120", len(got.Rules), err)
	}
}

// TestAnotherInstanceStopsEverything holds that a wrong id is never "not there".
func TestAnotherInstanceStopsEverything(t *testing.T) {
	d := driver(t, newWorld(t).url, "cri-another")
	for name, err := range map[string]error{
		"account":      func() error { _, err := d.Account(t.Context(), binding.GitLab); return err }(),
		"repository":   func() error { _, err := d.Repository(t.Context(), image); return err }(),
		"capabilities": func() error { _, err := d.Capabilities(t.Context()); return err }(),
	} {
		if binding.KindOf(err) != binding.InstanceStop {
			t.Errorf("%s: got %v, want a failure that stops the instance", name, err)
		}
	}
}

// TestNothingShowsTheToken holds that a registry that repeats the request shows
// no secret, and that a redirect is not followed.
func TestNothingShowsTheToken(t *testing.T) {
	var reached atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer thief.Close()
	for name, handler := range map[string]http.HandlerFunc{
		"an error that repeats the call": func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{"Code": "InvalidParameter." + goodToken, "Message": r.URL.String() + string(body)})
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, thief.URL+"/?"+goodToken, http.StatusTemporaryRedirect)
		},
	} {
		server := httptest.NewServer(handler)
		_, err := driver(t, server.URL, instanceID).Bind(t.Context(), binding.Account{Platform: binding.GitLab, Username: "ci", Address: address}, secrets.New([]byte(goodToken)))
		server.Close()
		if err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err), goodToken) {
			t.Errorf("%s: got %v; want an error without the token", name, err)
		}
	}
	if reached.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

// TestKind3AListThatShiftsBetweenItsPagesLacksNothing: what moved to a page that was
// read before is not absent.
func TestKind3AListThatShiftsBetweenItsPagesLacksNothing(t *testing.T) {
	rule := func(name string) sandbox.ImageRule {
		return sandbox.ImageRule{PushType: "GIT_BRANCH", PushName: name, DockerfileLocation: "/", DockerfileName: "Dockerfile", ImageTag: name}
	}
	first := func(i *sandbox.RegistryInstance) int64 { return i.Peek().Repositories[0].Rules[0].ID }
	for name, shift := range map[string]func(i *sandbox.RegistryInstance){
		"a rule is removed": func(i *sandbox.RegistryInstance) { i.ConsoleRemoveRule(image, first(i)) },
		"a rule is added":   func(i *sandbox.RegistryInstance) { i.ConsoleAddRule(image, rule("new")) },
		"a rule is removed and another added": func(i *sandbox.RegistryInstance) {
			i.ConsoleRemoveRule(image, first(i))
			i.ConsoleAddRule(image, rule("new"))
		},
		"a rule is made again": func(i *sandbox.RegistryInstance) {
			r := i.Peek().Repositories[0].Rules[0]
			i.ConsoleRemoveRule(image, r.ID)
			i.ConsoleAddRule(image, r)
		},
		"three rules are made again": func(i *sandbox.RegistryInstance) {
			for range 3 {
				r := i.Peek().Repositories[0].Rules[0]
				i.ConsoleRemoveRule(image, r.ID)
				i.ConsoleAddRule(image, r)
			}
		},
	} {
		for at := range 6 {
			t.Run(fmt.Sprintf("%s before page %d", name, at+2), func(t *testing.T) {
				var w *world
				pages := 0
				w = newWorldOf(t, sandbox.RegistryOptions{PageSize: 2, NextPage: func(string) {
					if pages++; pages == at+1 {
						shift(w.person)
					}
				}})
				names := []string{"a", "b", "c", "d", "e"}
				for _, name := range names {
					w.person.ConsoleAddRule(image, rule(name))
				}
				state, err := driver(t, w.url, instanceID).Repository(t.Context(), image)
				if err != nil {
					if binding.KindOf(err) != binding.Unreadable {
						t.Error(err)
					}
					return
				}
				for n, name := range names {
					gone := n == 0 && name != w.person.Peek().Repositories[0].Rules[0].PushName
					if !gone && !slices.ContainsFunc(state.Rules, func(r binding.ObservedRule) bool { return r.Branch == name }) {
						t.Errorf("%s is not listed: %+v", name, state.Rules)
					}
				}
			})
		}
	}
}
