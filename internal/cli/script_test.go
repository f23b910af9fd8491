package cli

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"reconciler/internal/confine"
	"reconciler/internal/manifest"
	"reconciler/internal/sandbox"
)

// TestMain lets the test binary stand for the program: a story and the canary
// check run it as a process of its own, by the name reconciler.
func TestMain(m *testing.M) {
	confine.Child(manifest.ChildWork())
	for _, name := range []string{languageVariable, "LC_ALL", "LC_MESSAGES", "LANG"} {
		if filepath.Base(os.Args[0]) != "reconciler" { // A story says itself what is set.
			_ = os.Unsetenv(name) // Golden text is English on every machine.
		}
	}
	testscript.Main(m, map[string]func(){"reconciler": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		os.Exit(Main(ctx, os.Args[1:], Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}})
}

// TestStories runs the program from outside: one story a file, with what a
// person sees as golden text. `go test -update` rewrites the golden text.
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("TERM", "xterm")
			// Most processes of a story live for milliseconds, and a third of that
			// would be garbage collection.
			env.Setenv("GOGC", "400")
			compat, err := filepath.Abs(filepath.Join("..", "compat", "testdata", "v1"))
			if err != nil {
				return err
			}
			env.Setenv("COMPAT", compat)
			env.Values[worldKey{}] = new(*world)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"world": storyWorld, "steady": storySteady, "console": storyConsole, "token": storyToken,
			"vault": storyVault, "fault": storyFault, "commit": storyCommit, "await": storyAwait,
			"chinese": storyChinese, "calls": storyCalls, "lag": storyLag, "withdraw": storyWithdraw, "metric": storyMetric, "api": storyAPI, "status": storyStatus,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
	})
}

// worldKey is where a story keeps its outside world.
type worldKey struct{}

// storyWorld is `world [-git|-documented|-foreign]`: it starts the outside world, fills it with what
// the declarations under bindings/ take for granted, and writes
// reconciler.yaml. $GITLAB in a declaration becomes the sandbox's GitLab.
// With -documented the registry serves only what is documented, with -foreign it
// does the rest in another way than assumed, which the file foreign.yaml describes.
// `world -grow` adds what declarations that are new since then need.
func storyWorld(ts *testscript.TestScript, neg bool, args []string) {
	fromGit, word := slices.Equal(args, []string{"-git"}), strings.Join(args, " ")
	if slices.Equal(args, []string{"-grow"}) {
		ts.Check(worldOf(ts, neg).addMissing(context.Background()))
		return
	}
	if neg || !slices.Contains([]string{"", "-git", "-documented", "-foreign"}, word) {
		ts.Fatalf("usage: world [-git|-documented|-foreign|-grow]")
	}
	w, err := newWorld(context.Background(), ts.MkAbs("."), plainSecrets())
	ts.Check(err)
	ts.Defer(w.close)
	if fromGit {
		ts.Check(w.commit("Declare the bindings"))
	}
	ts.Check(w.configure(fromGit))
	switch word {
	case "-documented":
		w.Registry.Withdraw(sandbox.UndocumentedOperations()...)
	case "-foreign":
		w.Registry.ServeForeignAPI()
		ts.Check(os.WriteFile(ts.MkAbs("foreign.yaml"), sandbox.ForeignProfile(), 0o600))
	}
	ts.Setenv("GITLAB", w.GitLabHTTP)
	ts.Setenv("GIT_URL", w.GitURL)
	ts.Setenv("VAULT_URL", w.VaultURL)
	*ts.Value(worldKey{}).(**world) = w
}

// storySteady is `steady FILE NEW`: it copies FILE (or stdout, stderr) to NEW
// with a word in place of all that differs from run to run.
func storySteady(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: steady stdout|stderr|FILE NEW")
	}
	text := ts.ReadFile(args[0])
	for _, r := range []struct{ changing, attestation string }{
		{regexp.QuoteMeta(ts.Getenv("WORK")), "WORK"},
		{`127\.0\.0\.1:\d+`, "127.0.0.1:PORT"},
		{`(port |port": |:)\d{5}\b`, "${1}PORT"},
		{`sha256:[0-9a-f]{64}`, "sha256:DIGEST"},
		{`\b[0-9a-f]{64}\b`, "REVISION"},
		{`\b[0-9a-f]{40}\b`, "COMMIT"},
		{`\b(Base: |Head: | at )[0-9a-f]{8}\b`, "${1}COMMIT"},
		{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`, "TIME"},
		{`\buid \d+`, "uid UID"},
		{`(?m)(  )\d+[smhd]$`, "${1}AGE"},
		{`00000000-0000-4000-8000-\d{12}`, "REQUEST"},
	} {
		text = regexp.MustCompile(r.changing).ReplaceAllString(text, r.attestation)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}
