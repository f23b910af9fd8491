package cli

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/daemon"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
	"reconciler/internal/report/reporttest"
	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
)

// brokenFile and brokenConfiguration violate many rules at once, one field each.
const (
	brokenFile = `
apiVersion: reconciler/v1alpha1
kind: SourceBinding
metadata: {name: A_b}
spec:
  instance: [prod]
  platform: gitlab
  address: http://user@localhost:22/a/b?c
  username: a b
  token: {vault: {mount: /s, path: ../x, key: "k k", version: 0}, expires: tomorrow}
  deletionPolicy: Keep
  driftPolicy: 3
  adopt: yes
  suspend: {until: 2020-01-01, reason: "", owner: o}
  unknown: 1
  repositories:
    - {image: A, source: a, trigger: never, overseasBuild: maybe, rules: [{branch: "a b", tag: x, dockerfile: /, imageTag: "-"}]}
---
apiVersion: reconciler/v1alpha1
kind: SourceBinding
metadata: {name: b}
spec: {instance: prod, platform: github, address: https://github.com, token: {}, username: -x, repositories: 4}
`
	brokenConfiguration = `
apiVersion: reconciler/v1alpha1
kind: Configuration
source: {folder: {path: ""}, git: {url: "https://u:p@h/x", branch: "", commit: abc}}
instances: [{name: A, region: "", driver: other, windows: {allow: [{schedule: "* *", duration: 1s, timeZone: Mars/Base}]}}, {name: a, region: cn-hangzhou}, {name: a, region: cn-hangzhou}]
vault: {address: ftp://x, auth: {}}
codeHosts: {github: {observer: {vault: {mount: m}}}}
sync: {interval: 1ms, parallel: 0}
safety: {maxDeletionPercent: 200}
policy: {default: maybe, rules: [{name: r, files: ["["]}]}
expiryWarnings: [-1]
server: {listen: "0.0.0.0:1"}
webhooks: {listen: x, senders: [{name: n, kind: k}]}
log: {level: loud, format: xml}
people: {dueAfter: soon}
`
)

// foreign is what other programs say: the answers of failures, and Go's network.
var foreign = regexp.MustCompile(`down for the demo|nonsense|EOF|connection re|no such file|invalid character|invalid pkt-len|Service Unavailable|Forbidden`)

// publishedNames hides the names of the demo's instances, which stand before another name,
// and those of commands that have two words.
var publishedNames = strings.NewReplacer("prod-hangzhou ", "", "edge-shanghai ", "", "by NAME", "", "reason TEXT", "", "reconciler ", "", "notify ", "", "audit ", "", "registry ", "")

// failures are chapters in which parts of the outside fail, until shown says that
// something new is shown. It looks at the daemon, too.
func failures(shown func(*daemon.Daemon) int) func(*story) []chapter {
	const page = "<p>nonsense</p>"
	garbage := sandbox.Fault{Status: http.StatusOK, ContentType: "text/html", Body: page, Probes: true}
	forbidden := sandbox.Fault{Status: http.StatusForbidden, ContentType: "text/html", Body: page, Probes: true}
	cut := sandbox.Fault{Cut: true, Probes: true}
	return func(s *story) (chapters []chapter) {
		control := &demoControl{world: s.world, bindings: s.narrator.bindings}
		for _, failing := range []map[string]sandbox.Fault{
			{sandbox.HostGitHub: forbidden, sandbox.HostGitLab: garbage, sandbox.HostBitbucket: cut, sandbox.HostCodeup: garbage},
			{"git": garbage, "vault": forbidden, "registry": garbage},
			{"registry": forbidden},
			{"": sandbox.DownUntil(time.Time{}, false)},
		} {
			before := 0
			chapters = append(chapters, chapter{message.New("demo.restored-all"), func() error {
				_, err := control.restore("")
				before = shown(s.daemon)
				for name, fault := range failing {
					parts, unknown := control.parts(name)
					err = errors.Join(err, unknown)
					for _, part := range parts {
						part.faults.Add(fault)
					}
				}
				return err
			}, func() bool { return shown(s.daemon) > before }, none})
		}
		sealed := func(is bool) func() error { return func() error { s.world.outside.Vault.Seal(is); return nil } }
		down := func(part binding.PartKind, reason string) func() bool {
			return func() bool {
				shown(s.daemon)
				return slices.ContainsFunc(s.daemon.Problems().Unanswered, func(u report.UnansweredPart) bool { return u.Part == part && (reason == "" || u.Reason == reason) })
			}
		}
		return append(chapters, chapter{message.New("demo.restored-all"), func() error {
			_, err := control.restore("")
			return errors.Join(err, sealed(true)())
		}, down(binding.PartVault, "Sealed"), none}, chapter{message.New("demo.restored-all"), func() error {
			_, err := s.world.outside.Git.Commit("Break a file", map[string][]byte{"bindings/payments/broken.yaml": []byte(brokenFile)})
			return errors.Join(err, sealed(false)())
		}, func() bool { shown(s.daemon); return len(s.daemon.Problems().BrokenFiles) > 0 }, none}, chapter{message.New("demo.restored-all"), func() error {
			segments, err := filepath.Glob(filepath.Join(s.world.folder, "state.db.journal", "*.journal"))
			for _, segment := range segments {
				err = errors.Join(err, os.Remove(segment))
			}
			return errors.Join(err, s.unbind()) // The repair finds that it cannot be written.
		}, down(binding.PartJournal, ""), none})
	}
}

// happened lists the messages in the daemon's events and in its history. What the
// daemon itself sees, such as a source that is not read, is there only.
func happened(t *testing.T, d *daemon.Daemon) (all []message.Message) {
	t.Helper()
	events, err := d.Events(t.Context(), "", 0, 0)
	if err != nil {
		t.Error(err)
	}
	for _, e := range events.Items {
		all = append(all, message.Message{ID: e.ID, Args: e.Args})
	}
	history, err := d.History(t.Context(), "", "", time.Time{}, 0)
	if err != nil && len(d.Problems().Unanswered) == 0 {
		t.Error(err)
	}
	for _, e := range history.Items {
		all = append(all, message.Message{ID: e.ID, Args: e.Args})
	}
	return all
}

// known lists the messages of what the daemon shows above its bindings.
func known(d *daemon.Daemon) (all []message.Message) {
	problems := d.Problems()
	for _, u := range problems.Unanswered {
		all = append(all, u.Why())
	}
	for _, r := range problems.Refused {
		all = append(all, message.Message{ID: r.ID, Args: r.Args})
	}
	for _, c := range problems.Instances {
		all = append(all, message.Message{ID: c.ID, Args: c.Args})
	}
	for _, c := range d.Conditions() {
		all = append(all, c.Message)
	}
	return all
}

// refusedCommands are command lines that fail, each for a reason of its own.
func refusedCommands(t *testing.T) [][]string {
	t.Helper()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	source := filepath.Join(dir, "bindings")
	if err := os.Mkdir(source, 0o700); err != nil {
		t.Fatal(err)
	}
	configuration := file("c.yaml", `{apiVersion: reconciler/v1alpha1, kind: Configuration, source: {folder: {path: bindings}}, state: {path: state/state.db},
  server: {socket: s.sock}, instances: [{name: prod, region: cn-hangzhou, driver: console}]}`)
	broken := file("broken.yaml", brokenConfiguration)
	odd, old := file("odd", "{}"), file("old", `{"apiVersion": "reconciler/v1alpha1", "kind": "PlanFile"}`)
	return [][]string{
		{"apply", odd, "-c", configuration},
		{"apply", old, "-c", configuration},
		{"apply", "-c", broken},
		{"apply", "-c", filepath.Join(dir, "none.yaml")},
		{"apply", "--expect", "x", "-c", configuration},
		{"apply", "--break-glass", "-c", configuration},
		{"plan", "--snapshot", odd, "-c", configuration},
		{"plan", "--snapshot", "http://example.com/x", "-c", configuration},
		{"plan", "--explain", "nobody", "-c", configuration},
		{"plan", "--base", "main", "--repo", dir, "-c", configuration},
		{"plan", "--output", "loud"},
		{"import", "elsewhere", "-c", configuration},
		{"notify", "test", "ops", "-c", configuration},
		{"notify", "preview", "-c", configuration},
		{"get", "-c", configuration},
		{"sync", "x", "-c", configuration},
		{"suspend", "x", "--until", "1h", "--reason", "r", "-c", configuration},
		{"suspend", "--until", "never", "--reason", "r"},
		{"get", "--server", "http://example.com", "--token-file", odd},
		{"get", "--server", "https://example.com", "--token-file", file("empty", "")},
		{"attest", "x", "-c", configuration},
		{"audit", "accept", "-c", configuration},
		{"comment", "--host", "github", "--project", "a/b", "--number", "1", odd},
		{"registry", "record", "--har", odd},
		{"registry", "record"},
		{"explain", "nothing-such"},
		{"validate", filepath.Join(dir, "none")},
		{"validate", source},
		{"fmt", filepath.Join(dir, "none")},
		{"init", dir, "--team", "../x"},
		{"schema", "--format", "x"},
		{"nothing"},
		{"get", "--nothing"},
	}
}

// TestDemoShowsNoEnglishInAnotherLanguage runs the demo in a made-up language.
// Each finding, condition, step and event is made of the catalogue's texts and
// of arguments; a foreign text is an argument that says so.
func TestDemoShowsNoEnglishInAnotherLanguage(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the demo")
	}
	l := reporttest.Pseudo(t)
	var mu sync.Mutex
	seen := map[string]map[string]bool{}
	check := func(what string, messages ...message.Message) {
		mu.Lock()
		defer mu.Unlock()
		for _, m := range messages {
			if seen[what] == nil {
				seen[what] = map[string]bool{}
			}
			if key := m.Key(); !seen[what][key] {
				seen[what][key] = true
				if found := reporttest.Besides(publishedNames.Replace(l.Text(reporttest.Unquoted(m)))); found != "" {
					t.Errorf("%s %s shows %q", what, m.ID, found)
				}
				if what != "event" && what != "error" && !foreign.MatchString(key) && strings.Contains(key, `"id":"`+message.VerbatimID+`"`) {
					t.Errorf("%s: %s has a text that is not in the catalogue", what, key)
				}
			}
		}
	}
	watch := func(ev plan.Event) {
		for _, item := range report.EventItems(ev) {
			check("event", message.Message{ID: item.ID, Args: item.Args})
		}
		if ev.Err != nil {
			check("error", message.FromError(ev.Err))
		}
		if ev.Plan != nil {
			for _, f := range ev.Plan.Findings {
				check("finding", f.Message, f.Rule, f.Hint)
			}
			for _, a := range ev.Plan.Actions {
				check("reason", a.Reason)
				check("step", a.Steps...)
			}
		}
		for _, s := range ev.Statuses {
			for _, c := range s.Conditions {
				check("condition", c.Message)
			}
			check("step", s.Steps...)
		}
	}
	shown := func(d *daemon.Daemon) (n int) {
		check("event", happened(t, d)...)
		check("condition", known(d)...)
		mu.Lock()
		defer mu.Unlock()
		for _, texts := range seen {
			n += len(texts)
		}
		return n
	}
	var out bytes.Buffer
	err := runDemo(t.Context(), &demoOptions{
		streams: Streams{In: strings.NewReader(""), Out: &out, Err: io.Discard, text: &textOptions{color: "never", language: languageChoice{chosen: l}}}, once: true, watch: watch, more: failures(shown),
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, args := range refusedCommands(t) {
		root := newRoot(Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, text: &textOptions{color: "never", language: languageChoice{chosen: l}}, redactor: &secrets.Redactor{}})
		root.SetArgs(args)
		root.SetOut(io.Discard)
		root.SetErr(io.Discard)
		err := root.ExecuteContext(t.Context())
		if err == nil {
			t.Errorf("%q is not refused", args)
			continue
		}
		check("error", message.FromError(err))
	}
	broken := manifest.Load(t.Context(), []binding.File{{Path: "a.yaml", Data: []byte(brokenFile)}, {Path: "b.yaml", Data: []byte("\tx")}}, manifest.Options{Now: time.Now()})
	_, refused, _ := config.Parse("c.yaml", []byte(brokenConfiguration))
	for _, f := range append(broken.Findings, refused...) {
		check("finding", f.Message, f.Rule, f.Hint)
	}
	for _, id := range []string{"state.replaced", "vault.sealed"} {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(seen["condition"])), func(key string) bool { return strings.Contains(key, id) }) {
			t.Errorf("%s was not seen", id)
		}
	}
	for what, least := range map[string]int{"event": 15, "error": 30, "finding": 40, "reason": 10, "step": 10, "condition": 30} {
		if len(seen[what]) < least {
			t.Errorf("only %d different texts of kind %s were seen", len(seen[what]), what)
		}
	}
}
