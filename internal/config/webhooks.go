package config

import (
	"cmp"
	"fmt"
	"net"

	"reconciler/internal/message"
	"reconciler/internal/server/webhook"
)

// Webhooks configures the port for code hosts' webhooks.
type Webhooks struct {
	Listen string `yaml:"listen"`
	// CertFile and KeyFile are both set if the port uses TLS.
	CertFile string           `yaml:"certFile"`
	KeyFile  string           `yaml:"keyFile"`
	Senders  []webhook.Sender `yaml:"senders"`
	Aliases  []WebhookAlias   `yaml:"aliases"`
}

// WebhookAlias is another name of a host.
type WebhookAlias struct {
	From string `yaml:"from"`
	To   string `yaml:"to"`
}

// WebhookSettings returns the settings of the webhooks.
func (c *Config) WebhookSettings() webhook.Settings {
	var s webhook.Settings
	if git := c.Source.Git; git != nil {
		s.Source.URL = git.URL
		switch {
		case git.Commit != "":
		case git.Tag != "":
			s.Source.Ref = "refs/tags/" + git.Tag
		default:
			s.Source.Ref = "refs/heads/" + git.Branch
		}
	}
	if c.Webhooks == nil {
		return s
	}
	s.Senders, s.Aliases = c.Webhooks.Senders, map[string]string{}
	for _, alias := range c.Webhooks.Aliases {
		s.Aliases[alias.From] = alias.To
	}
	return s
}

// webhooks checks the port, the senders and the aliases.
func (c *checker) webhooks(config Config) {
	w := config.Webhooks
	if w == nil {
		return
	}
	if _, _, err := net.SplitHostPort(w.Listen); err != nil {
		c.add("config-address", "webhooks.listen", message.New("config.no-host-port", "field", "webhooks.listen"))
	}
	if (w.CertFile == "") != (w.KeyFile == "") {
		c.add("config-conflict", "webhooks", message.New("config.together", "fields", []string{"certFile", "keyFile"}))
	}
	c.webhookSenders(w.Senders)
	c.webhookAliases(w.Aliases)
	switch git := config.Source.Git; {
	case git == nil:
		c.add("config-unused", "webhooks", message.New("config.hook-folder"))
	case cmp.Or(git.Branch, git.Tag) == "":
		c.add("config-unused", "webhooks", message.New("config.hook-commit"))
	}
}

func (c *checker) webhookSenders(senders []webhook.Sender) {
	if len(senders) == 0 {
		c.add("config-conflict", "webhooks.senders", message.New("config.no-senders"))
	}
	for i, first := range twice(senders, func(s webhook.Sender) string { return s.Name }) {
		c.add("webhook-name-unique", fmt.Sprintf("webhooks.senders[%d].name", i), message.New("config.sender-twice", "name", senders[i].Name, "first", first))
	}
}

func (c *checker) webhookAliases(aliases []WebhookAlias) {
	for i, a := range aliases {
		at := fmt.Sprintf("webhooks.aliases[%d]", i)
		for _, host := range []struct{ field, value string }{{".from", a.From}, {".to", a.To}} {
			if !webhook.ValidHost(host.value) {
				c.add("config-address", at+host.field, message.New("config.alias-host", "field", at+host.field))
			}
		}
	}
	for i, first := range twice(aliases, func(a WebhookAlias) string { return a.From }) {
		c.add("webhook-name-unique", fmt.Sprintf("webhooks.aliases[%d].from", i), message.New("config.alias-twice", "host", aliases[i].From, "first", first))
	}
}
