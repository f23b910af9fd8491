package cli

import (
	"bytes"
	"io"
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
				if found := reporttest.English(l, m); found != "" {
					t.Errorf("%s %s shows %q", what, m.ID, found)
				}
				if what != "event" && strings.Contains(key, `"id":"`+message.VerbatimID+`"`) {
					t.Errorf("%s: %s has a text that is not in the catalogue", what, key)
				}
			}
		}
	}
	watch := func(ev plan.Event) {
		for _, item := range report.EventItems(ev) {
			check("event", message.Message{ID: item.ID, Args: item.Args})
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
	var out bytes.Buffer
	err := runDemo(t.Context(), &demoOptions{
		streams: Streams{In: strings.NewReader(""), Out: &out, Err: io.Discard, look: &look{color: "never", language: languageChoice{chosen: l}}}, once: true, watch: watch,
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	broken := manifest.Load(t.Context(), []binding.File{{Path: "a.yaml", Data: []byte(brokenFile)}, {Path: "b.yaml", Data: []byte("\tx")}}, manifest.Options{Now: time.Now()})
	_, refused, _ := config.Parse("c.yaml", []byte(brokenConfiguration))
	for _, f := range append(broken.Findings, refused...) {
		check("finding", f.Message, f.Rule, f.Hint)
	}
	for what, least := range map[string]int{"event": 10, "finding": 40, "reason": 10, "step": 10, "condition": 15} {
		if len(seen[what]) < least {
			t.Errorf("only %d different texts of kind %s were seen", len(seen[what]), what)
		}
	}
}
