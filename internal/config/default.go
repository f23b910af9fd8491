package config

import (
	"cmp"
	"fmt"
	"time"
)

// Default returns the defaults of every section that always exists.
// schema/config.cue states the same ones; a test checks that they agree.
func Default() Config {
	return Config{
		Source: Source{MaxFiles: 50_000},
		CodeHosts: CodeHosts{
			Codeup:    Codeup{Endpoint: "https://openapi-rdc.aliyuncs.com/oapi/v1"},
			GitHub:    CodeHost{Endpoint: "https://api.github.com"},
			Bitbucket: CodeHost{Endpoint: "https://api.bitbucket.org/2.0"},
		},
		Sync:           Sync{Interval: time.Minute, Jitter: 0.1, DriftInterval: 5 * time.Minute, Settle: 2 * time.Minute},
		Drift:          Drift{MaxRepairs: 5, Within: time.Hour},
		People:         People{Deadline: 7 * 24 * time.Hour},
		Safety:         Safety{MaxDeletionPercent: 30, MinDeletions: 3},
		Policy:         Policy{Default: "allow"},
		Windows:        Windows{TimeZone: "UTC"},
		ExpiryWarnings: []int{30, 14, 7, 1},
		State:          State{Path: "/var/lib/reconciler/state.db"},
		Server:         Server{Listen: "127.0.0.1:9440", Socket: "/run/reconciler/reconciler.sock", GracePeriod: 25 * time.Second},
		Log:            Log{Level: "info", Format: "text"},
	}
}

// fillDefaults sets the defaults of optional sections.
func (c *Config) fillDefaults() {
	if git := c.Source.Git; git != nil {
		if git.Branch == "" && git.Tag == "" && git.Commit == "" {
			git.Branch = "main"
		}
		setDefault(&git.Timeout, time.Minute)
		if git.Auth != nil && git.Auth.SSH != nil {
			setDefault(&git.Auth.SSH.User, "git")
		}
	}
	for i := range c.Instances {
		c.Instances[i].fillDefaults()
	}
	if c.Vault != nil {
		c.Vault.Auth.fillDefaults()
	}
	if c.Webhooks != nil {
		setDefault(&c.Webhooks.Listen, ":9441")
	}
	if c.Server.API != nil {
		setDefault(&c.Server.API.Page.Session, 8*time.Hour)
	}
	if c.Notify != nil {
		c.Notify.fillDefaults()
	}
	for _, observer := range []*Observer{c.CodeHosts.GitHub.Observer, c.CodeHosts.Bitbucket.Observer} {
		if observer != nil {
			setDefault(&observer.Vault.Key, "token")
		}
	}
}

func (i *Instance) fillDefaults() {
	setDefault(&i.Driver, "personal")
	setDefault(&i.Endpoint, fmt.Sprintf("https://cr.%s.aliyuncs.com", i.Region))
	setDefault(&i.Signature, "acs3")
	setDefault(&i.RequestsPerSecond, 2)
	setDefault(&i.Burst, 4)
	if i.Windows != nil {
		setDefault(&i.Windows.TimeZone, "UTC")
	}
	if i.Credentials == nil {
		return
	}
	if i.Credentials.Profile != nil {
		setDefault(&i.Credentials.Profile.Name, "default")
	}
	if i.Credentials.OIDC != nil {
		setDefault(&i.Credentials.OIDC.SessionName, "reconciler")
	}
}

func (a *VaultAuth) fillDefaults() {
	switch {
	case a.Token != nil:
		setDefault(&a.Token.Environment, "VAULT_TOKEN")
	case a.AppRole != nil:
		setDefault(&a.AppRole.Mount, "approle")
	case a.Kubernetes != nil:
		setDefault(&a.Kubernetes.Mount, "kubernetes")
		setDefault(&a.Kubernetes.TokenFile, "/var/run/secrets/kubernetes.io/serviceaccount/token")
	case a.JWT != nil:
		setDefault(&a.JWT.Mount, "jwt")
	case a.Cert != nil:
		setDefault(&a.Cert.Mount, "cert")
	}
}

// setDefault sets value to the default if it is zero.
func setDefault[T comparable](value *T, def T) {
	*value = cmp.Or(*value, def)
}
