package cli_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reconciler/internal/sandbox"
)

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
	if err := os.CopyFS(filepath.Join(origin, "bindings"), os.DirFS("../../examples/bindings")); err != nil {
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
