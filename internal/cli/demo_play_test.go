package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// demoOutput is what a demo wrote so far.
type demoOutput struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (o *demoOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.more <- struct{}{}:
	default:
	}
	return o.text.Write(p)
}

// await waits until the demo writes something after what it wrote before.
func (o *demoOutput) await(t *testing.T, what string) string {
	t.Helper()
	timeout := time.After(chapterTimeout)
	for {
		o.mu.Lock()
		output := o.text.String()
		if found := regexp.MustCompile(what).FindStringIndex(output); found != nil {
			o.text.Next(found[1])
			o.mu.Unlock()
			return output[found[0]:found[1]]
		}
		o.mu.Unlock()
		select {
		case <-o.more:
		case <-timeout:
			t.Fatalf("the demo did not tell %q; it told:\n%s", what, output)
		}
	}
}

// runInDemo runs a command and returns its exit code and all it wrote.
func runInDemo(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	code := Main(t.Context(), args, Streams{In: strings.NewReader(""), Out: &out, Err: &out})
	return code, out.String()
}

// TestTheDemoCanBePlayedWith does what the demo says that can be done, from
// another terminal.
func TestTheDemoCanBePlayedWith(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the demo")
	}
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("RECONCILER_CONFIG", "")
	if code, out := runInDemo(t, "demo", "unbind", "edge-gitlab"); code != 1 || !strings.Contains(out, "no demo is running; start one") {
		t.Errorf("without a demo: %d %s", code, out)
	}
	output := &demoOutput{more: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- runDemo(ctx, &demoOptions{streams: Streams{In: strings.NewReader(""), Out: output, Err: io.Discard}})
	}()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	config := strings.TrimPrefix(output.await(t, `RECONCILER_CONFIG=\S+`), "RECONCILER_CONFIG=")
	url := strings.TrimPrefix(output.await(t, `git clone \S+`), "git clone ")
	if info, err := os.Lstat(filepath.Join(filepath.Dir(config), demoSocket)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the demo's socket: %v, %v", info.Mode(), err)
	}
	for _, tc := range []struct {
		args []string
		code int
		want string
		then string
	}{
		{[]string{"unbind", "edge-gitlab"}, 0, "unbound GitLab from edge-shanghai", `✓ edge-shanghai/edge-gitlab: bind account`},
		{[]string{"unbind", "web-github"}, 0, "unbound GitHub", `authorize web-github`},
		{[]string{"unbind", "web-github"}, 1, "GitHub is not bound to prod-hangzhou", ""},
		{[]string{"bind", "web-github"}, 0, "bound GitHub to prod-hangzhou as octo-dev", `✓ prod-hangzhou/web-github: adopt account`},
		{[]string{"rotate", "platform-codeup"}, 0, "has version 2 of the token of platform-codeup", `✓ prod-hangzhou/platform-codeup: rebind account`},
		{[]string{"rotate", "web-github"}, 1, "has no token", ""},
		{[]string{"unbind", "edge-gitlub"}, 1, "did you mean edge-gitlab?", ""},
		{[]string{"fail", "vaul"}, 1, "did you mean vault?", ""},
		{[]string{"fail", "vault", "--for", "-1s"}, 1, "must not be negative", ""},
		{[]string{"fail", "git", "--for", "1ms"}, 0, "for 1ms", ""},
		{[]string{"fail", "vault"}, 0, "demo restore vault", ""},
	} {
		code, out := runInDemo(t, append([]string{"demo"}, tc.args...)...)
		if code != tc.code || !strings.Contains(out, tc.want) {
			t.Errorf("demo %v: %d %s", tc.args, code, out)
		}
		if tc.then != "" {
			output.await(t, tc.then)
		}
	}
	t.Setenv("RECONCILER_CONFIG", config)
	if _, out := runInDemo(t, "doctor"); !strings.Contains(out, "HTTP status 503") {
		t.Errorf("while Vault fails, doctor says:\n%s", out)
	}
	if code, out := runInDemo(t, "demo", "restore"); code != 0 || !strings.Contains(out, "Everything answers again") {
		t.Errorf("restore: %d %s", code, out)
	}
	pushRule(t, url)
	output.await(t, `✓ prod-hangzhou/payments-gitlab: add-rule payments/api#branch:develop=>latest`)
	if code, out := runInDemo(t, "doctor"); code != 0 {
		t.Errorf("doctor: %d\n%s", code, out)
	}
}

// pushRule clones the demo's repository, changes a rule and pushes that.
func pushRule(t *testing.T, url string) {
	t.Helper()
	dir := t.TempDir()
	for _, args := range [][]string{
		{"git", "clone", "--quiet", url, dir},
		{"sed", "-i", "s/branch: main/branch: develop/", "bindings/payments/gitlab.yaml"},
		{"git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "-am", "build develop"},
		{"git", "push", "--quiet"},
	} {
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
}
