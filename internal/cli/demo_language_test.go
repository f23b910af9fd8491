package cli

import (
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/text/language"
	"gopkg.in/yaml.v3"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// madeUp is a language in which every text of the catalogue is between markers,
// without a word of English: its words are those of the text, backwards.
func madeUp(t *testing.T) *report.Language {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "report", "messages", "en.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]any
	if err := yaml.Unmarshal(data, &texts); err != nil {
		t.Fatal(err)
	}
	translate(texts)
	if data, err = yaml.Marshal(texts); err != nil {
		t.Fatal(err)
	}
	l, err := report.NewLanguage(language.MustParse("art-x-madeup"), data)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func translate(texts map[string]any) {
	action := regexp.MustCompile(`\{\{[^}]*\}\}`)
	for key, value := range texts {
		switch value := value.(type) {
		case map[string]any:
			translate(value)
		case string:
			texts[key] = "⟦" + action.ReplaceAllString(value, "⟧${0}⟦") + "⟧"
		}
	}
}

// unquoted is a message without its foreign texts.
func unquoted(m message.Message) message.Message {
	args := maps.Clone(m.Args)
	for name, value := range args {
		switch v := value.(type) {
		case message.Foreign:
			args[name] = message.Foreign("…")
		case message.Message:
			args[name] = unquoted(v)
		case []message.Message:
			list := make([]message.Message, len(v))
			for i := range v {
				list[i] = unquoted(v[i])
			}
			args[name] = list
		}
	}
	return message.Message{ID: m.ID, Args: args}
}

// english finds what a text shows in English: words next to each other that are
// neither the catalogue's nor quoted.
func english(l *report.Language, m message.Message) string {
	rest := regexp.MustCompile(`⟦[^⟦⟧]*⟧`).ReplaceAllString(l.Text(unquoted(m)), "\x00")
	return regexp.MustCompile(`\pL{2,}['’,;:]* \pL{2,}`).FindString(rest)
}

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

func TestEnglishBesidesTheCatalogueIsFound(t *testing.T) {
	l := madeUp(t)
	for _, c := range []struct {
		m    message.Message
		want string
	}{
		{message.New("reason.of-rule", "rule", "drift", "why", "it was not asked"), "it was"},
		{message.New("plan.of", "name", "web", "text", message.New("reason.and", "first", "the token ends", "second", "x")), "the token"},
		{message.New("list", "items", []message.Message{message.New("verbatim", "text", "no answer came")}), "no answer"},
		{message.New("plan.of", "name", "web", "text", message.Verbatim("connection refused by peer")), ""},
		{message.New("condition.bound"), ""},
	} {
		if got := english(l, c.m); got != c.want {
			t.Errorf("%v: found %q, want %q", c.m, got, c.want)
		}
	}
}

// TestDemoShowsNoEnglishInAnotherLanguage runs the demo in a made-up language.
// Each finding, condition, step and event is made of the catalogue's texts and
// of arguments; a foreign text is an argument that says so.
func TestDemoShowsNoEnglishInAnotherLanguage(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the demo")
	}
	l := madeUp(t)
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
				if found := english(l, m); found != "" {
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
