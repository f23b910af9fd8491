package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/report"
)

// token is what the played hosts take.
const token = "ci-token-canary-9901"

// configuration is what stands beside the declarations. It names no secret.
const configuration = `apiVersion: reconciler/v1alpha1
kind: Configuration
source: {folder: {path: bindings}}
instances:
  - {name: prod-hangzhou, region: cn-hangzhou}
  - {name: edge-shanghai, region: cn-shanghai}
`

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
			Vault: &binding.VaultRef{Mount: "secret", Path: "acr/payments/gitlab", Key: "token"}, Token: &report.PublishedToken{TokenState: binding.TokenState{Version: 1, Latest: 1}},
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
