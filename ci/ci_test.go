package ci_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"gopkg.in/yaml.v3"

	"reconciler/internal/binding"
	"reconciler/internal/cli"
	"reconciler/internal/report"
	"reconciler/internal/sandbox"
)

// TestMain lets the test binary be the program: jobs run it by the name
// reconciler.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"reconciler": func() {
		os.Exit(cli.Main(context.Background(), os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}})
}

// job is a script of a ready-made file that calls reconciler.
type job struct {
	script string
	// env is what the file itself gives the script.
	env map[string]string
}

// expressions are GitHub's, as a pull request from base to HEAD has them.
func expressions(expression string) (string, error) {
	values := map[string]string{
		"github.event.pull_request.base.sha": "base",
		"github.event.pull_request.head.sha": "HEAD",
		"github.token":                       token,
		"vars.RECONCILER_SNAPSHOT":           os.Getenv("RECONCILER_SNAPSHOT"),
	}
	var unknown error
	text := regexp.MustCompile(`\$\{\{(.*?)\}\}`).ReplaceAllStringFunc(expression, func(found string) string {
		value, ok := values[strings.TrimSpace(strings.Trim(found, "${} "))]
		if !ok {
			unknown = fmt.Errorf("%s is no value that the test knows", found)
		}
		return value
	})
	return text, unknown
}

// githubFile, gitlabFile, flowFile and hook are what is read of each file.
type githubFile struct {
	On          string
	Permissions map[string]string
	Jobs        map[string]struct {
		Permissions map[string]string
		Steps       []struct {
			Uses, Run string
			Env, With map[string]string
		}
	}
}

type gitlabFile struct {
	Variables map[string]string
	Check     struct {
		Script    []string
		Artifacts struct {
			Paths   []string
			Reports map[string]string
		}
	} `yaml:"reconciler-check"`
	Comment struct {
		Script    []string
		Variables map[string]string
	} `yaml:"reconciler-comment"`
}

type flowFile struct {
	Stages map[string]struct {
		Jobs map[string]struct {
			Steps map[string]struct {
				With struct{ Run string }
			}
		}
	}
}

// actionFile is a GitHub Action, componentFile the second document of a GitLab
// component.
type actionFile struct {
	Inputs map[string]struct{ Default string }
	Runs   struct {
		Steps []struct {
			Run string
			Env map[string]string
		}
	}
}

type componentFile struct {
	Job struct{ Script []string } `yaml:"reconciler"`
}

type hook struct{ ID, Entry, Files string }

func read(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// readSecond reads the second document of a file.
func readSecond(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var first yaml.Node
	if err := errors.Join(decoder.Decode(&first), decoder.Decode(into)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// jobs are the scripts of every file that call reconciler, by file.
func jobs(t *testing.T) map[string][]job {
	t.Helper()
	all := map[string][]job{}
	add := func(name, script string, env map[string]string) {
		if regexp.MustCompile(`(?m)^\s*reconciler `).MatchString(script) {
			all[name] = append(all[name], job{script, env})
		}
	}
	var github githubFile
	read(t, "github-actions.yaml", &github)
	for _, name := range slices.Sorted(maps.Keys(github.Jobs)) {
		for _, s := range github.Jobs[name].Steps {
			add("github-actions.yaml", s.Run, s.Env)
		}
	}
	var gitlab gitlabFile
	read(t, "gitlab-ci.yaml", &gitlab)
	add("gitlab-ci.yaml", strings.Join(gitlab.Check.Script, "\n"), map[string]string{
		"CI_MERGE_REQUEST_DIFF_BASE_SHA": "base", "CI_COMMIT_SHA": "HEAD",
		"RECONCILER_SNAPSHOT": cmp.Or(os.Getenv("RECONCILER_SNAPSHOT"), gitlab.Variables["RECONCILER_SNAPSHOT"]),
	})
	add("gitlab-ci.yaml", strings.Join(gitlab.Comment.Script, "\n"), nil)
	var flow flowFile
	read(t, "codeup-flow.yaml", &flow)
	for _, stage := range flow.Stages {
		for _, j := range stage.Jobs {
			for _, s := range j.Steps {
				add("codeup-flow.yaml", s.With.Run, nil)
			}
		}
	}
	var action actionFile
	read(t, "../action.yml", &action)
	for _, s := range action.Runs.Steps {
		for name, value := range s.Env {
			input := strings.TrimSpace(strings.TrimPrefix(strings.Trim(value, "${} "), "inputs."))
			given, known := action.Inputs[input]
			if !known {
				t.Errorf("action.yml: %s: no input %q", name, input)
			}
			s.Env[name] = given.Default
			if input == "snapshot" {
				s.Env[name] = os.Getenv("RECONCILER_SNAPSHOT")
			}
		}
		add("action.yml", s.Run, s.Env)
	}
	var component componentFile
	readSecond(t, "../templates/reconciler.yml", &component)
	add("component.yaml", strings.Join(component.Job.Script, "\n"), map[string]string{
		"CI_MERGE_REQUEST_DIFF_BASE_SHA": "base", "CI_COMMIT_SHA": "HEAD", "RECONCILER_DECLARATIONS": "bindings",
		"RECONCILER_SNAPSHOT": os.Getenv("RECONCILER_SNAPSHOT"),
	})
	var hooks []hook
	read(t, "../.pre-commit-hooks.yaml", &hooks)
	for _, h := range hooks {
		const changed = "bindings/payments/gitlab.yaml"
		if !regexp.MustCompile(h.Files).MatchString(changed) {
			t.Errorf("hook %s does not look at %s", h.ID, changed)
		}
		add(".pre-commit-hooks.yaml", h.Entry+" "+changed, nil)
	}
	return all
}

// token is what the played hosts take.
const token = "ci-token-canary-9901"

// clone is a clone of a repository of declarations, with the tag base and a
// change after it, as a runner has it.
type clone struct {
	t   *testing.T
	dir string
	// hosts are the played code hosts, and env is what their runners give a
	// job.
	hosts *sandbox.CodeHosts
	env   []string
}

func newClone(t *testing.T) *clone {
	t.Helper()
	c := &clone{t: t, dir: filepath.Join(t.TempDir(), "clone")}
	c.play()
	origin := filepath.Join(t.TempDir(), "origin")
	if err := os.CopyFS(filepath.Join(origin, "bindings"), os.DirFS("../examples/bindings")); err != nil {
		t.Fatal(err)
	}
	c.write(filepath.Join(origin, "reconciler.yaml"), configuration)
	c.must(origin, "git", "init", "--quiet", "--initial-branch", "master")
	c.commit(origin, "base")
	c.must(".", "git", "clone", "--quiet", origin, c.dir)
	c.must(c.dir, "git", "tag", "base")
	c.must(c.dir, "git", "switch", "--quiet", "--create", "change")
	return c
}

// play starts the code hosts that comments go to.
func (c *clone) play() {
	c.t.Helper()
	c.hosts = sandbox.NewCodeHosts(time.Now)
	servers := map[string]string{}
	for platform, handler := range map[string]http.Handler{sandbox.HostGitHub: c.hosts.GitHub(), sandbox.HostGitLab: c.hosts.GitLab()} {
		c.hosts.AddUser(platform, sandbox.HostUser{Username: "ci"})
		c.hosts.AddToken(platform, sandbox.HostToken{Value: token, Username: "ci"})
		c.hosts.AddProject(platform, sandbox.HostProject{ID: 77, Path: "team/bindings"})
		server := httptest.NewServer(handler)
		c.t.Cleanup(server.Close)
		servers[platform] = server.URL
	}
	c.env = []string{
		"GITHUB_API_URL=" + servers[sandbox.HostGitHub], "GITHUB_REPOSITORY=team/bindings", "GITHUB_REF=refs/pull/12/merge",
		"CI_API_V4_URL=" + servers[sandbox.HostGitLab] + "/api/v4", "CI_PROJECT_ID=77", "CI_MERGE_REQUEST_IID=12", "GITLAB_TOKEN=" + token,
	}
}

// configuration is what stands beside the declarations. It names no secret.
const configuration = `apiVersion: reconciler/v1alpha1
kind: Configuration
source: {folder: {path: bindings}}
instances:
  - {name: prod-hangzhou, region: cn-hangzhou}
  - {name: edge-shanghai, region: cn-shanghai}
`

func (c *clone) write(path, text string) {
	c.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// change replaces a text of a declaration and commits it.
func (c *clone) change(file, before, after string) {
	c.t.Helper()
	path := filepath.Join(c.dir, "bindings", file)
	text, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(text, []byte(before)) {
		c.t.Fatalf("%s does not hold %q: %v", file, before, err)
	}
	c.write(path, strings.Replace(string(text), before, after, 1))
	c.commit(c.dir, "change")
}

func (c *clone) commit(dir, message string) {
	c.t.Helper()
	c.must(dir, "git", "add", "--all")
	c.must(dir, "git", "-c", "user.name=ci", "-c", "user.email=ci@example.com", "commit", "--quiet", "--message", message)
}

func (c *clone) must(dir string, args ...string) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// run carries out a job as a runner does: a shell that ends at the first
// failure, with nothing in the environment that a job is not given.
func (c *clone) run(j job) (output string, code int) {
	c.t.Helper()
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.t.TempDir(), "CI=true"}
	if snapshot := os.Getenv("RECONCILER_SNAPSHOT"); snapshot != "" {
		env = append(env, "RECONCILER_SNAPSHOT="+snapshot) // A variable of Flow's pipeline.
	}
	env = append(env, c.env...)
	for name, value := range j.env {
		value, err := expressions(value)
		if err != nil {
			c.t.Fatal(err)
		}
		env = append(env, name+"="+value)
	}
	cmd := exec.CommandContext(c.t.Context(), "sh", "-eu", "-c", j.script)
	cmd.Dir, cmd.Env = c.dir, env
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), exit.ExitCode()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return string(out), 0
}

func TestEveryFileLetsAGoodChangeThrough(t *testing.T) {
	c := newClone(t)
	c.change("payments/gitlab.yaml", "imageTag: latest", "imageTag: stable")
	files := map[string][]string{
		"github-actions.yaml": {"plan.md"}, "gitlab-ci.yaml": {"plan.md", "codequality.json", "junit.xml"},
		"codeup-flow.yaml": {"plan.md", "junit.xml"}, ".pre-commit-hooks.yaml": nil,
		"action.yml": {"plan.md"}, "component.yaml": {"plan.md", "codequality.json", "junit.xml"},
	}
	all := jobs(t)
	if len(all) != len(files) {
		t.Fatalf("%d files call reconciler, want %d", len(all), len(files))
	}
	for name, wanted := range files {
		t.Run(name, func(t *testing.T) {
			c.t = t
			for _, j := range all[name] {
				if out, code := c.run(j); code != 0 {
					t.Errorf("exit code %d of:\n%s\n%s", code, j.script, out)
				}
			}
			for _, file := range wanted {
				text, err := os.ReadFile(filepath.Join(c.dir, file))
				if err != nil || len(text) == 0 {
					t.Errorf("%s was not written: %v", file, err)
				}
				if file == "plan.md" && !strings.Contains(string(text), "payments-gitlab") {
					t.Errorf("the comment does not name the binding that changes:\n%s", text)
				}
				_ = os.Remove(filepath.Join(c.dir, file))
			}
			platform, _, _ := strings.Cut(name, "-")
			comments := c.hosts.PullRequestComments(platform, "team/bindings", "12")
			if want := map[string]int{"github": 1, "gitlab": 1}[platform]; len(comments) != want {
				t.Errorf("%d comments, want %d", len(comments), want)
			}
		})
	}
}

// TestEveryFilePlansFromASnapshot: what a daemon published is all that it takes
// to tell what a change does to what is there.
func TestEveryFilePlansFromASnapshot(t *testing.T) {
	var published bytes.Buffer
	if err := report.WritePublished(&published, report.Published{Source: "git", Instances: []report.PublishedInstance{{
		Name: "prod-hangzhou", Observed: time.Now(),
		Capabilities: report.CapabilitiesObject{Capabilities: binding.Capabilities{ListAccounts: true, Bind: true, ReadRepositories: true, LinkRepositories: true, WriteRules: true}},
		Accounts: map[binding.Platform]report.AccountObject{binding.GitLab: {Account: &binding.Account{
			ID: "7", Platform: binding.GitLab, Username: "ci-bot", Address: "https://gitlab.example.com",
		}}},
		Repositories: map[string]report.RepositoryObject{"payments/api": {RepositoryState: binding.RepositoryState{Exists: true}}},
		Bindings: []report.PublishedBinding{{
			Name: "payments-gitlab", Platform: binding.GitLab, Username: "ci-bot", Address: "https://gitlab.example.com",
			Vault: &binding.VaultRef{Mount: "secret", Path: "acr/payments/gitlab", Key: "token"}, Token: &report.PublishedToken{Version: 1, Latest: 1},
		}},
	}}}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "snapshot.json")
	if err := os.WriteFile(file, published.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RECONCILER_SNAPSHOT", file)
	c := newClone(t)
	c.change("payments/gitlab.yaml", "imageTag: latest", "imageTag: stable")
	planned := 0
	for name, list := range jobs(t) {
		for _, j := range list {
			out, _ := c.run(j)
			if !strings.Contains(j.script, "reconciler plan") {
				continue
			}
			planned++
			text, err := os.ReadFile(filepath.Join(c.dir, "plan.md"))
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, out)
			}
			for _, want := range []string{"add-rule", "`payments/api#branch:main=>stable`", "from a snapshot of what the daemon observed"} {
				if !strings.Contains(string(text), want) {
					t.Errorf("%s: the comment does not say %q:\n%s", name, want, text)
				}
			}
		}
	}
	if planned != 5 {
		t.Errorf("%d files plan, want 5", planned)
	}
}

func TestEveryFileStopsABadChange(t *testing.T) {
	c := newClone(t)
	c.change("payments/gitlab.yaml", "https://gitlab.example.com", "http://gitlab.example.com:22")
	for name, list := range jobs(t) {
		codes := []int{}
		for _, j := range list {
			_, code := c.run(j)
			codes = append(codes, code)
		}
		if !slices.Contains(codes, 3) {
			t.Errorf("%s: exit codes %v, want a 3", name, codes)
		}
	}
}

func TestTheHookSeesWhatIsNotInCanonicalForm(t *testing.T) {
	c := newClone(t)
	c.change("payments/gitlab.yaml", "  platform: gitlab\n", "  platform:   'gitlab'\n")
	for _, j := range jobs(t)[".pre-commit-hooks.yaml"] {
		out, code := c.run(j)
		if want := map[bool]int{true: 2, false: 0}[strings.Contains(j.script, " fmt ")]; code != want {
			t.Errorf("%s: exit code %d, want %d\n%s", j.script, code, want, out)
		}
	}
}

// TestGitHubsJobOnTheAuthorsFilesHasNoSecret holds the file to its first
// lines: secrets and rights to write are not where the author's files are.
func TestGitHubsJobOnTheAuthorsFilesHasNoSecret(t *testing.T) {
	var f githubFile
	read(t, "github-actions.yaml", &f)
	if f.On != "pull_request" || len(f.Permissions) != 0 {
		t.Errorf("on %q with permissions %v", f.On, f.Permissions)
	}
	for name, j := range f.Jobs {
		checksOut, token, writes := false, false, false
		for _, s := range j.Steps {
			checksOut = checksOut || strings.HasPrefix(s.Uses, "actions/checkout@")
			if s.Uses != "" && !regexp.MustCompile(`^actions/[a-z-]+@[0-9a-f]{40}$`).MatchString(s.Uses) {
				t.Errorf("job %s: %s is not pinned to a commit", name, s.Uses)
			}
			for _, value := range s.Env {
				token = token || strings.Contains(value, "github.token") || strings.Contains(value, "secrets.")
			}
			if strings.Contains(s.Run, "${{") {
				t.Errorf("job %s: an expression in a script is foreign text in a shell: %s", name, s.Run)
			}
		}
		for _, right := range j.Permissions {
			writes = writes || right == "write"
		}
		if checksOut == (token || writes) {
			t.Errorf("job %s: checks out %v, token %v, writes %v: want exactly one of files and rights", name, checksOut, token, writes)
		}
	}
}

func TestGitLabsReportsAreThoseThatTheJobWrites(t *testing.T) {
	var f gitlabFile
	read(t, "gitlab-ci.yaml", &f)
	script := strings.Join(f.Check.Script, "\n")
	for format, file := range f.Check.Artifacts.Reports {
		if !strings.Contains(script, "--output "+format+"="+file) {
			t.Errorf("no command writes %s as %s", file, format)
		}
	}
	for _, path := range f.Check.Artifacts.Paths {
		if !strings.Contains(script, "="+path) {
			t.Errorf("no command writes %s", path)
		}
	}
	if len(f.Check.Artifacts.Reports) < 2 {
		t.Error("the merge request's widgets are given too little")
	}
}
