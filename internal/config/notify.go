package config

import (
	"fmt"
	"net"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
)

// Notify says who gets messages, and about what.
type Notify struct {
	// Hold is how long a condition must keep its status before it is reported,
	// and DownFor how long a part must give no answer.
	Hold      time.Duration    `yaml:"hold"`
	DownFor   time.Duration    `yaml:"downFor"`
	Receivers []NotifyReceiver `yaml:"receivers"`
	Routes    []NotifyRoute    `yaml:"routes"`
}

// NotifyReceiver is one receiver. Which of the fields apply depends on Type.
type NotifyReceiver struct {
	Name string `yaml:"name"`
	// Type is "webhook", "dingtalk", "feishu", "wecom", "slack", "teams" or "email".
	Type     string `yaml:"type"`
	Language string `yaml:"language"`
	// URL is a secret, because for most services it contains the credential.
	URL    *NotifySecret `yaml:"url"`
	Secret *NotifySecret `yaml:"secret"`
	// Keyword is a word that the service requires in every message.
	Keyword string `yaml:"keyword"`
	Mail    *Mail  `yaml:"mail"`
	// AllowPrivateAddresses allows the receiver to be in a private network.
	AllowPrivateAddresses bool `yaml:"allowPrivateAddresses"`
}

// Mail is a mail server and the addresses of its mails.
type Mail struct {
	Server   string        `yaml:"server"`
	From     string        `yaml:"from"`
	To       []string      `yaml:"to"`
	Username string        `yaml:"username"`
	Password *NotifySecret `yaml:"password"`
	CAFile   string        `yaml:"caFile"`
}

// NotifySecret says where a credential of a receiver is; exactly one field is
// set.
type NotifySecret struct {
	ValueFile string            `yaml:"file"`
	Vault     *binding.VaultRef `yaml:"vault"`
}

// NotifyRoute sends what it matches to receivers. Empty fields restrict nothing.
type NotifyRoute struct {
	Receivers []string `yaml:"receivers"`
	Files     []string `yaml:"files"`
	Instances []string `yaml:"instances"`
	Platforms []string `yaml:"platforms"`
	Kinds     []string `yaml:"kinds"`
	Severity  string   `yaml:"severity"`
}

// ReceiverNames returns the names of the receivers of messages.
func (c *Config) ReceiverNames() []string {
	if c.Notify == nil {
		return nil
	}
	var names []string
	for _, r := range c.Notify.Receivers {
		names = append(names, r.Name)
	}
	return names
}

// fillDefaults sets the defaults of the configured receivers.
func (n *Notify) fillDefaults() {
	setDefault(&n.Hold, 5*time.Minute)
	setDefault(&n.DownFor, 10*time.Minute)
	for i := range n.Receivers {
		r := &n.Receivers[i]
		setDefault(&r.Language, "en")
		secrets := []*NotifySecret{r.URL, r.Secret}
		if r.Mail != nil {
			secrets = append(secrets, r.Mail.Password)
		}
		for _, s := range secrets {
			if s != nil && s.Vault != nil {
				setDefault(&s.Vault.Key, "token")
			}
		}
	}
}

// notify checks the receivers and the routes.
func (c *checker) notify(config Config) {
	n := config.Notify
	if n == nil {
		return
	}
	c.atLeastSecond("notify.hold", n.Hold)
	c.atLeastSecond("notify.downFor", n.DownFor)
	for i, first := range twice(n.Receivers, func(r NotifyReceiver) string { return r.Name }) {
		c.add("config-conflict", fmt.Sprintf("notify.receivers[%d].name", i), message.New("config.receiver-twice", "name", n.Receivers[i].Name, "first", first))
	}
	for i, r := range n.Receivers {
		c.receiver(fmt.Sprintf("notify.receivers[%d]", i), r, config.Vault != nil)
	}
	if len(n.Receivers) == 0 {
		c.add("config-conflict", "notify.receivers", message.New("config.no-receivers"))
	}
	for i, route := range n.Routes {
		at := fmt.Sprintf("notify.routes[%d]", i)
		c.patterns(at+".files", route.Files, manifest.CheckPathPattern)
		c.known(at+".receivers", route.Receivers, config.ReceiverNames())
		c.known(at+".instances", route.Instances, config.InstanceNames())
	}
}

// known checks that names are among those that exist.
func (c *checker) known(at string, names, exist []string) {
	for i, name := range names {
		if !slices.Contains(exist, name) {
			c.add("config-conflict", fmt.Sprintf("%s[%d]", at, i), message.New("config.unknown-name", "field", at, "name", name))
		}
	}
}

// receiver checks that a receiver has the fields that its type needs, and no others.
func (c *checker) receiver(at string, r NotifyReceiver, vault bool) {
	mail := r.Type == "email"
	signs := r.Type == "webhook" || r.Type == "dingtalk" || r.Type == "feishu"
	for _, field := range []struct {
		name                 string
		set, needed, allowed bool
	}{
		{"url", r.URL != nil, !mail, !mail},
		{"secret", r.Secret != nil, r.Type == "webhook", signs},
		{"keyword", r.Keyword != "", false, r.Type == "dingtalk" || r.Type == "feishu"},
		{"mail", r.Mail != nil, mail, mail},
	} {
		switch {
		case field.needed && !field.set:
			c.add("config-conflict", at, message.New("config.receiver-needs", "type", r.Type, "field", field.name))
		case field.set && !field.allowed:
			c.add("config-conflict", at+"."+field.name, message.New("config.receiver-unused", "type", r.Type, "field", field.name))
		}
	}
	c.receiverSecret(at+".url", r.URL, vault)
	c.receiverSecret(at+".secret", r.Secret, vault)
	if m := r.Mail; m != nil {
		if _, _, err := net.SplitHostPort(m.Server); err != nil {
			c.add("config-address", at+".mail.server", message.New("config.no-host-port", "field", at+".mail.server"))
		}
		if (m.Username == "") != (m.Password == nil) {
			c.add("config-conflict", at+".mail", message.New("config.together", "fields", []string{"username", "password"}))
		}
		c.receiverSecret(at+".mail.password", m.Password, vault)
	}
}

func (c *checker) receiverSecret(at string, s *NotifySecret, vault bool) {
	if s == nil {
		return
	}
	c.one(at, []choice{{"file", s.ValueFile != ""}, {"vault", s.Vault != nil}})
	if s.Vault != nil && !vault {
		c.add("config-conflict", at+".vault", message.New("config.receiver-vault", "field", at))
	}
}
