package cli

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
	"reconciler/internal/report/reporttest"
	"reconciler/internal/sandbox"
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
var foreign = regexp.MustCompile(`down for the demo|nonsense|EOF|connection re|invalid character|invalid pkt-len|Service Unavailable|Forbidden`)

// instances hides the names of the demo's instances, which stand before another
// name.
var instances = strings.NewReplacer("prod-hangzhou ", "", "edge-shanghai ", "")

// failures are chapters in which parts of the outside fail, until shown says that
// something new is shown.
func failures(shown func() int) func(*story) []chapter {
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
				before = shown()
				for name, fault := range failing {
					parts, unknown := control.parts(name)
					err = errors.Join(err, unknown)
					for _, part := range parts {
						part.faults.Add(fault)
					}
				}
				return err
			}, func() bool { return shown() > before }, none})
		}
		return chapters
	}
}

// TestDemoShowsNoEnglishInAnotherLanguage runs the demo in a made-up language.
// Each finding, condition, step and event is made of the catalogue's texts and
// of arguments; a foreign text is an argument that says so.
func TestDemoShowsNoEnglishInAnotherLanguage(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the demo")
	}
	l := reporttest.MadeUp(t)
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
				if found := reporttest.Besides(instances.Replace(l.Text(reporttest.Unquoted(m)))); found != "" {
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
			check("error", message.Says(ev.Err))
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
	shown := func() (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, texts := range seen {
			n += len(texts)
		}
		return n
	}
	var out bytes.Buffer
	err := runDemo(t.Context(), &demoOptions{
		streams: Streams{In: strings.NewReader(""), Out: &out, Err: io.Discard, look: &look{color: "never", language: languageChoice{chosen: l}}}, once: true, watch: watch, more: failures(shown),
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	broken := manifest.Load(t.Context(), []binding.File{{Path: "a.yaml", Data: []byte(brokenFile)}, {Path: "b.yaml", Data: []byte("\tx")}}, manifest.Options{Now: time.Now()})
	_, refused, _ := config.Parse("c.yaml", []byte(brokenConfiguration))
	for _, f := range append(broken.Findings, refused...) {
		check("finding", f.Message, f.Rule, f.Hint)
	}
	for what, least := range map[string]int{"event": 10, "finding": 40, "reason": 10, "step": 10, "condition": 25} {
		if len(seen[what]) < least {
			t.Errorf("only %d different texts of kind %s were seen", len(seen[what]), what)
		}
	}
}
