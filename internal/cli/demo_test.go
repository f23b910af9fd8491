package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"reconciler/internal/plan"
	"reconciler/internal/report"
	"reconciler/internal/sandbox"
)

// TestDemoConvergesAndIsWhatTheReadmeShows runs the README's first command to
// its end, and holds the README's plan and declaration to what was real.
func TestDemoConvergesAndIsWhatTheReadmeShows(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the demo")
	}
	var out bytes.Buffer
	if err := runDemo(t.Context(), &demoOptions{streams: Streams{In: strings.NewReader(""), Out: &out, Err: &out}, once: true}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	output := out.String()
	for _, want := range []string{
		"bind platform-codeup", "authorize web-github", "authorize data-bitbucket", "link payments/api",
		"change-rule payments/api", "drift: GitLab is no longer bound", "rebind payments-gitlab",
		"Everything is as declared.",
	} {
		if !strings.Contains(output, want) {
			t.Errorf("the demo does not tell %q", want)
		}
	}
	if strings.Contains(output, "sandbox-token") || strings.Contains(output, demoVaultToken) {
		t.Error("the demo shows a token")
	}
	if failed := regexp.MustCompile(`(?m)^  ✗.*$`).FindString(output); failed != "" {
		t.Errorf("an action failed: %s", failed)
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	// The digest covers the registry's address, which has another port each time.
	masked := func(text string) string {
		return regexp.MustCompile(`sha256:[0-9a-f]{64}`).ReplaceAllString(text, "sha256:DIGEST")
	}
	if plan := block(t, string(readme), "text"); !strings.Contains(masked(output), masked(plan)) {
		t.Errorf("the README's plan is not what the demo shows; README:\n%s\ndemo:\n%s", plan, output)
	}
	example, err := os.ReadFile(filepath.Join("..", "..", "examples", "bindings", "payments", "gitlab.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if declaration := block(t, string(readme), "yaml"); !strings.HasSuffix(string(example), declaration) {
		t.Error("the README's declaration is not examples/bindings/payments/gitlab.yaml")
	}
}

// TestTheDemoOfTheDocumentedRegistryConverges holds what people do there, and what
// the API does: every build rule, and nothing that is not documented.
func TestTheDemoOfTheDocumentedRegistryConverges(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the demo")
	}
	var out bytes.Buffer
	opts := &demoOptions{streams: Streams{In: strings.NewReader(""), Out: &out, Err: &out}, once: true, registry: registryDocumented}
	byPeople, byAPI := map[string]bool{}, map[string]bool{}
	var mu sync.Mutex // Each instance has a loop of its own.
	opts.watch = func(e plan.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case e.Kind == plan.PlanMade:
			for _, a := range e.Plan.Actions {
				if a.Kind.ByPerson() {
					byPeople[string(a.Kind)+" "+a.Instance+" "+a.Binding+" "+a.Object.String()] = true
				}
			}
		case e.Kind == plan.ActionDone && e.Outcome.State == plan.Done && !e.Action.Kind.ByPerson():
			byAPI[string(e.Action.Kind)+" "+e.Action.Object.String()] = true
		}
	}
	if err := runDemo(t.Context(), opts); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	output := out.String()
	if strings.Contains(output, "Build rule:") || !strings.Contains(output, "add-rule payments/api") || !strings.Contains(output, "Everything is as declared.") {
		t.Errorf("the demo asks people for rules, or does not make them:\n%s", output)
	}
	for action := range byAPI {
		if !strings.Contains(action, "rule") {
			t.Errorf("by the API: %s", action)
		}
	}
	t.Logf("%d actions by people, %d by the API", len(byPeople), len(byAPI))
}

// hangup closes the terminal, so to speak, at the first word that is reported.
type hangup struct{ once sync.Once }

func (h *hangup) Write(p []byte) (int, error) {
	h.once.Do(func() { _ = syscall.Kill(os.Getpid(), syscall.SIGHUP) })
	return len(p), nil
}

func TestTheDemoEndsWithItsTerminalAndLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	if err := runDemo(t.Context(), &demoOptions{streams: Streams{In: strings.NewReader(""), Out: &hangup{}, Err: io.Discard}}); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// block is the content of a text's first fenced block in a language.
func block(t *testing.T, text, language string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "```"+language+"\n")
	content, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatalf("no block in %s", language)
	}
	return content
}

func TestTheDemoSaysHowToLookAroundWithCommandsThatExist(t *testing.T) {
	w := demoWorld{configPath: "reconciler.yaml", outside: &sandbox.Sandbox{}}
	root, commands := newRoot(Streams{}), 0
	for line := range strings.Lines(report.English().Text(w.nextSteps())) {
		rest, ours := strings.CutPrefix(strings.TrimSpace(line), program()+" ")
		if !ours {
			continue
		}
		commands++
		if cmd, _, err := root.Find(strings.Fields(rest)); err != nil || cmd == root {
			t.Errorf("%s: %v", strings.TrimSpace(line), err)
		}
	}
	if commands < 5 {
		t.Errorf("only %d commands are listed", commands)
	}
}
