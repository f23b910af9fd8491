package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

const notifyHead = head + `source: {git: {url: https://git.example.com/a/b.git}}
instances: [{name: prod, region: cn-hangzhou}]
notify:
`

// TestTheConfigurationOfTheMessagesPageLoads as docs/notify.md shows it.
func TestTheConfigurationOfTheMessagesPageLoads(t *testing.T) {
	page, err := os.ReadFile("../../docs/notify.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	got, found := load(t, text)
	for _, f := range found {
		if f.Code != "file-missing" {
			t.Errorf("finding: %+v", f)
		}
	}
	n := got.Notify
	if n == nil || n.Hold != 5*time.Minute || len(n.Receivers) != 4 || len(n.Routes) != 4 || n.Receivers[0].URL.Vault.Key != "url" || n.Receivers[1].Language != "en" {
		t.Errorf("got %+v", n)
	}
}

func TestNotifyIsChecked(t *testing.T) {
	const url, vault = "url: {file: /u}", "url: {vault: {mount: secret, path: a}}"
	for name, tt := range map[string]struct{ text, code, path string }{
		"no receivers":           {"  receivers: []", "config-conflict", "notify.receivers"},
		"twice":                  {"  receivers: [{name: a, type: slack, " + url + "}, {name: a, type: slack, " + url + "}]", "config-conflict", "notify.receivers[1].name"},
		"no url":                 {"  receivers: [{name: a, type: slack}]", "config-conflict", "notify.receivers[0]"},
		"a webhook, no secret":   {"  receivers: [{name: a, type: webhook, " + url + "}]", "config-conflict", "notify.receivers[0]"},
		"a secret of nobody":     {"  receivers: [{name: a, type: slack, " + url + ", secret: {file: /s}}]", "config-conflict", "notify.receivers[0].secret"},
		"a keyword of nobody":    {"  receivers: [{name: a, type: teams, " + url + ", keyword: x}]", "config-conflict", "notify.receivers[0].keyword"},
		"mail without a server":  {"  receivers: [{name: a, type: email}]", "config-conflict", "notify.receivers[0]"},
		"file and vault":         {"  receivers: [{name: a, type: slack, url: {file: /u, vault: {mount: s, path: a}}}]", "config-one-of", "notify.receivers[0].url.vault"},
		"neither":                {"  receivers: [{name: a, type: slack, url: {}}]", "config-one-of", "notify.receivers[0].url"},
		"no vault":               {"  receivers: [{name: a, type: slack, " + vault + "}]", "config-conflict", "notify.receivers[0].url.vault"},
		"an unknown receiver":    {"  receivers: [{name: a, type: slack, " + url + "}]\n  routes: [{receivers: [b]}]", "config-conflict", "notify.routes[0].receivers[0]"},
		"an unknown instance":    {"  receivers: [{name: a, type: slack, " + url + "}]\n  routes: [{receivers: [a], instances: [x]}]", "config-conflict", "notify.routes[0].instances[0]"},
		"a pattern":              {"  receivers: [{name: a, type: slack, " + url + "}]\n  routes: [{receivers: [a], files: [/x]}]", "config-policy", "notify.routes[0].files[0]"},
		"a short hold":           {"  hold: 1ms\n  receivers: [{name: a, type: slack, " + url + "}]", "config-duration", "notify.hold"},
		"a user and no password": {"  receivers: [{name: a, type: email, mail: {server: 'm:587', from: a@b.c, to: [d@e.f], username: u}}]", "config-conflict", "notify.receivers[0].mail"},
	} {
		t.Run(name, func(t *testing.T) {
			_, found := load(t, notifyHead+tt.text+"\n")
			for _, f := range found {
				if f.Code == tt.code && f.Path == tt.path {
					return
				}
			}
			t.Errorf("no finding %s at %s: %s", tt.code, tt.path, fmt.Sprint(found))
		})
	}
}
