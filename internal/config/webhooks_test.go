package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"reconciler/internal/server/webhook"
)

func TestLoadReadsWebhooks(t *testing.T) {
	got, found := load(t, head+`source: {git: {url: https://git.example.com/a/b.git}}
instances: [{name: prod, region: cn-hangzhou}]
webhooks:
  certFile: tls/cert.pem
  keyFile: /tls/key.pem
  senders:
    - {name: github, type: github, secretFile: secrets/github, previousSecretFile: secrets/github-previous}
    - {name: mirror, type: generic, secretFile: /secrets/mirror}
  aliases: [{from: "git.internal:8443", to: git.example.com}]
`)
	for _, f := range found {
		if f.Code != "file-missing" {
			t.Errorf("finding: %v", f)
		}
	}
	if len(found) != 5 {
		t.Errorf("%d findings of missing files, want one for each of 5: %v", len(found), found)
	}
	folder := filepath.Dir(filepath.Dir(got.Webhooks.CertFile))
	want := &Webhooks{
		Listen: ":9441", CertFile: filepath.Join(folder, "tls/cert.pem"), KeyFile: "/tls/key.pem",
		Senders: []webhook.Sender{
			{
				Name: "github", Kind: "github",
				SecretFile: filepath.Join(folder, "secrets/github"), PreviousSecretFile: filepath.Join(folder, "secrets/github-previous"),
			},
			{Name: "mirror", Kind: "generic", SecretFile: "/secrets/mirror"},
		},
		Aliases: []WebhookAlias{{From: "git.internal:8443", To: "git.example.com"}},
	}
	if diff := gocmp.Diff(want, got.Webhooks); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	settings := got.WebhookSettings()
	if settings.Source != (webhook.Source{URL: "https://git.example.com/a/b.git", Ref: "refs/heads/main"}) || settings.Aliases["git.internal:8443"] != "git.example.com" {
		t.Errorf("settings: %+v", settings)
	}
}

func TestWhatAPushIsComparedWith(t *testing.T) {
	for ref, git := range map[string]Git{
		"refs/heads/release": {URL: "https://h/r", Branch: "release"},
		"refs/tags/v1":       {URL: "https://h/r", Tag: "v1"},
		"":                   {URL: "https://h/r", Commit: strings.Repeat("a", 40)},
	} {
		c := Config{Source: Source{Git: &git}}
		if got := c.WebhookSettings().Source; got != (webhook.Source{URL: "https://h/r", Ref: ref}) {
			t.Errorf("%+v gives %+v", git, got)
		}
	}
	c := Config{Source: Source{Folder: &Folder{Path: "/x"}}}
	if got := c.WebhookSettings().Source; got != (webhook.Source{}) {
		t.Errorf("a folder gives %+v", got)
	}
}

func TestLoadTellsEveryFaultOfWebhooks(t *testing.T) {
	const git = "source: {git: {url: https://h/r}}\ninstances: [{name: prod, region: cn-hangzhou}]\n"
	const sender = "{name: a, type: github, secretFile: .}"
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"no senders":       {git + "webhooks: {senders: []}\n", []string{"config-conflict webhooks.senders 5:21"}},
		"senders left out": {git + "webhooks: {}\n", []string{"field-missing webhooks.senders 5:11"}},
		"one name twice":   {git + "webhooks: {senders: [" + sender + ", " + sender + "]}\n", []string{"webhook-name-unique webhooks.senders[1].name 5:69"}},
		"unknown type":     {git + "webhooks: {senders: [{name: a, type: gitea, secretFile: .}]}\n", []string{"field-value webhooks.senders[0].type 5:38"}},
		"a name with a /":  {git + "webhooks: {senders: [{name: a/b, type: github, secretFile: .}]}\n", []string{"field-value webhooks.senders[0].name 5:29"}},
		"no secret":        {git + "webhooks: {senders: [{name: a, type: github}]}\n", []string{"field-missing webhooks.senders[0].secretFile 5:22"}},
		"key without cert": {git + "webhooks: {keyFile: ., senders: [" + sender + "]}\n", []string{"config-conflict webhooks 5:11"}},
		"no port":          {git + "webhooks: {listen: \"::1:9441\", senders: [" + sender + "]}\n", []string{"config-address webhooks.listen 5:20"}},
		"alias of a path":  {git + "webhooks: {senders: [" + sender + "], aliases: [{from: h/x, to: \"g:0:1\"}]}\n", []string{"config-address webhooks.aliases[0].from 5:80", "config-address webhooks.aliases[0].to 5:89"}},
		"alias of two":     {git + "webhooks: {senders: [" + sender + "], aliases: [{from: h, to: g}, {from: h, to: i}]}\n", []string{"webhook-name-unique webhooks.aliases[1].from 5:98"}},
		"source is a folder": {"source: {folder: {path: bindings}}\ninstances: [{name: prod, region: cn-hangzhou}]\nwebhooks: {senders: [" + sender + "]}\n", []string{
			"config-unused webhooks 5:11",
		}},
		"source is a commit": {"source: {git: {url: https://h/r, commit: " + strings.Repeat("a", 40) + "}}\ninstances: [{name: prod, region: cn-hangzhou}]\nwebhooks: {senders: [" + sender + "]}\n", []string{
			"config-unused webhooks 5:11",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_, found := load(t, head+tt.text)
			var got []string
			for _, f := range found {
				if f.Code != "file-missing" {
					got = append(got, fmt.Sprintf("%s %s %d:%d", f.Code, f.Path, f.Line, f.Column))
				}
			}
			slices.Sort(got)
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
