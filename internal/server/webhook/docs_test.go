package webhook

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestTheDocumentedRequestIsAccepted runs the example of docs/webhooks.md as a
// reader would.
func TestTheDocumentedRequestIsAccepted(t *testing.T) {
	for _, tool := range []string{"sh", "openssl", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not on this machine", tool)
		}
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "webhooks.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "```sh\nbody=")
	script, _, closed := strings.Cut(rest, "\n```")
	if !ok || !closed {
		t.Fatal("docs/webhooks.md has no example")
	}
	p := newWorld(t)
	p.pass(time.Since(p.clock()))
	s := p.serve()
	run := func(secret string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "sh", "-eu", "-c", "body="+script)
		cmd.Env = append(os.Environ(), "HOOK_URL=http://"+s.Address()+"/hooks/generic", "HOOK_SECRET_FILE="+p.file("s", secret),
			"REPOSITORY="+atExample, "COMMIT="+pushed, "no_proxy=127.0.0.1")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(testSecret + "\n"); err != nil || out != "accepted\n" {
		t.Errorf("%v: %s\n%s", err, out, p.logged())
	}
	if diff := cmp.Diff([]Push{{Sender: "generic", Commit: pushed}}, p.received()); diff != "" {
		t.Errorf("pushes -want +got:\n%s", diff)
	}
	if out, err := run("another-secret-of-22-bytes"); err == nil {
		t.Errorf("a wrong secret is taken: %s", out)
	}
}
