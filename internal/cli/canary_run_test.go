package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"reconciler/internal/sandbox"
)

// canaryDeclarations bind with a token at two platforms, and without at one.
func canaryDeclarations() map[string]string {
	return map[string]string{
		"gitlab.yaml": `apiVersion: reconciler/v1alpha1
kind: SourceBinding
metadata: {name: payments-gitlab}
spec:
  instance: prod-hangzhou
  platform: gitlab
  address: http://$GITLAB
  username: ci-bot
  token: {vault: {mount: secret, path: acr/payments/gitlab, key: token}, expires: 2099-10-31}
  deletionPolicy: Unbind
  repositories:
    - image: payments/api
      source: payments/api
      rules: [{branch: main, dockerfile: /Dockerfile, imageTag: latest}]
`,
		"codeup.yaml": `apiVersion: reconciler/v1alpha1
kind: SourceBinding
metadata: {name: platform-codeup}
spec:
  instance: edge-shanghai
  platform: codeup
  username: platform-ci
  token: {vault: {mount: secret, path: acr/platform/codeup, key: token}, expires: 2099-10-31}
`,
		"github.yaml": `apiVersion: reconciler/v1alpha1
kind: SourceBinding
metadata: {name: web-github}
spec: {instance: prod-hangzhou, platform: github, username: octo-dev}
`,
	}
}

// canaryRun is the program in a world whose every secret is marked, and all
// that has come out of it.
type canaryRun struct {
	*world
	t       *testing.T
	markers []marker
	out     []output
	// debug is the environment variable DEBUG, at which the vendor's runtime
	// prints what it sends.
	debug string
	// recovers says that the failure is one that an apply gets over.
	recovers bool
	// ran are the commands that were run. Where others is set, those that were
	// not are run too while the daemon is asked.
	ran    map[string]bool
	others bool
}

// output is something that came out, and where.
type output struct {
	where string
	data  []byte
}

func newCanaryRun(t *testing.T) *canaryRun {
	t.Helper()
	c := &canaryRun{t: t, ran: map[string]bool{}}
	folder := t.TempDir()
	for name, text := range canaryDeclarations() {
		c.write(filepath.Join(folder, "bindings", name), text)
	}
	var err error
	c.world, err = newWorld(t.Context(), folder, worldSecrets{
		vault: c.mark("vault token"), git: c.mark("git password"),
		access: func(instance string) (string, string) {
			return c.mark(instance + " access key secret"), c.mark(instance + " security token")
		},
		hook:  c.hookSecret,
		token: func(binding string, n int) string { return c.mark(binding + " token " + strings.Repeat("I", n)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	c.log = "{level: debug, format: json}"
	if err := c.commit("Declare the bindings"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(folder, "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	return c
}

// mark makes a secret that is searched for.
func (c *canaryRun) mark(name string) string {
	m := newMarker(name)
	c.markers = append(c.markers, m)
	return m.secret()
}

func (c *canaryRun) write(path, text string) {
	c.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func (c *canaryRun) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(c.t.Context(), "reconciler", args...)
	cmd.Dir = c.folder
	cmd.Env = append(os.Environ(), "HOME="+c.folder, "TMPDIR="+filepath.Join(c.folder, "tmp"), "DEBUG="+c.debug, "RECONCILER_CONFIG=")
	return cmd
}

// run runs a command to its end, which has to be with one of the codes.
func (c *canaryRun) run(codes []int, args ...string) {
	c.t.Helper()
	var stdout, stderr bytes.Buffer
	c.ran[args[0]] = true
	cmd := c.command(args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	code := 0
	if err := cmd.Run(); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			c.t.Fatal(err)
		}
		code = exit.ExitCode()
	}
	name := strings.Join(args, " ")
	c.out = append(c.out, output{name + ": stdout", stdout.Bytes()}, output{name + ": stderr", stderr.Bytes()})
	for _, want := range codes {
		if code == want {
			return
		}
	}
	c.t.Errorf("%s ended with %d, want one of %v\n%s%s", name, code, codes, stdout.Bytes(), stderr.Bytes())
}

// daemon runs the daemon until it has tried everything once, asks all that it
// answers, and ends it with a signal.
func (c *canaryRun) daemon(until func(log string) bool, end os.Signal) {
	c.t.Helper()
	c.ran["run"] = true
	cmd, log := c.command("run"), &syncBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }() // How it ends is not the matter here.
	if c.waitFor(ended, func() bool { return until(log.String()) }) {
		c.ask(log.String())
	} else {
		c.t.Errorf("the daemon did not get there:\n%s", log.String())
	}
	_ = cmd.Process.Signal(end) // It may have ended by itself, which was told above.
	<-ended
	c.out = append(c.out, output{"run: log", []byte(log.String())})
}

// waitFor waits until holds, and says whether it came to that before the
// process ended.
func (c *canaryRun) waitFor(ended <-chan struct{}, holds func() bool) bool {
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ended:
			return holds()
		case <-deadline.C:
			return false
		}
	}
	return true
}

// ask asks the daemon's port and socket for everything.
func (c *canaryRun) ask(log string) {
	c.t.Helper()
	found := regexp.MustCompile(`"listen":"([^"]+)"`).FindStringSubmatch(log)
	if found == nil {
		c.t.Errorf("the daemon does not say where it listens:\n%s", log)
		return
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/debug/pprof/", "/none"} {
		c.fetch(http.DefaultClient, "http://"+found[1]+path)
	}
	socket := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(c.folder, "s.sock"))
	}}}
	for _, path := range []string{
		"bindings", "memory/prod-hangzhou", "memory/edge-shanghai", "sync", "attest", "suspend", "resume", "snapshot",
		"describe/platform-codeup", "events", "history", "plan", "none",
	} {
		c.fetch(socket, "http://daemon/v1alpha1/"+path)
	}
	c.deliver(log)
	c.run([]int{0}, "get")
	c.run([]int{0}, "get", "--output", "json")
	remote := []string{"get", "--server", "https://" + apiAddress(log), "--ca-file", "tls/cert.pem", "--token-file"}
	c.run([]int{0}, append(remote, filepath.Join("secrets", "api-token"))...)
	c.run([]int{1}, append(remote, filepath.Join("secrets", "wrong-token"))...)
	c.run([]int{1}, "get", "--server", "https://127.0.0.1:1", "--token-file", filepath.Join("secrets", "api-token"))
	c.run([]int{0}, "snapshot", "--out", "published.json")
	c.run([]int{0, 1, 3, 4}, "plan", "--snapshot", "published.json")
	for _, output := range []string{"text", "json"} {
		c.run([]int{0, 1}, "describe", "payments-gitlab", "--output", output)
		c.run([]int{0}, "events", "--output", output)
		c.run([]int{0}, "history", "--output", output)
		c.run([]int{0, 1, 3, 4}, "plan", "--from-daemon", "--full", "--output", output)
	}
	c.run([]int{0, 1}, "suspend", "--all", "--until", "1h", "--reason", "canary")
	c.run([]int{0, 1}, "resume", "--all", "--output", "json")
	c.run([]int{0, 1, 4}, "sync")
	c.run([]int{0, 1, 4}, "sync", "platform-codeup", "--output", "json")
	for _, cmd := range newRoot(Streams{}).Commands() {
		// The demo has a world and secrets of its own, which its test searches for.
		if name := cmd.Name(); c.others && !c.ran[name] && name != "demo" {
			c.run([]int{0, 1, 2, 3, 4, 5}, name)
			c.run([]int{0, 1, 2, 3, 4, 5}, name, "payments-gitlab")
		}
	}
}

func (c *canaryRun) fetch(client *http.Client, address string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		c.t.Error(err)
		return
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		c.t.Error(err)
	}
	c.out = append(c.out, output{address, body})
}

// search looks for every marker in all that came out, and in every file that
// the program may have written.
func (c *canaryRun) search() {
	c.t.Helper()
	err := filepath.WalkDir(c.folder, func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(c.folder, path)
		if err != nil || entry.IsDir() {
			if name == "secrets" {
				return fs.SkipDir // Where the program reads them from.
			}
			return err
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		c.out = append(c.out, output{"file " + name, data})
		return err
	})
	if err != nil {
		c.t.Error(err)
	}
	for _, o := range c.out {
		for _, m := range c.markers {
			if m.in(o.data) {
				c.t.Errorf("the %s came out in %s:\n%s", m.name, o.where, o.data)
			}
		}
	}
}

// anyFault is a fault for every request.
func anyFault(status int, contentType, body string) sandbox.Fault {
	return sandbox.Fault{Status: status, ContentType: contentType, Body: body}
}

// syncBuffer takes a process's output while it is read.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
