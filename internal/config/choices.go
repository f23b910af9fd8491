package config

import (
	"fmt"

	"reconciler/internal/message"
)

// choices checks alternative fields. It must run before defaults are filled in.
func (c *checker) choices(config Config) {
	c.one("source", []choice{{"git", config.Source.Git != nil}, {"folder", config.Source.Folder != nil}})
	if git := config.Source.Git; git != nil {
		c.atMostOne("source.git", []choice{{"branch", git.Branch != ""}, {"tag", git.Tag != ""}, {"commit", git.Commit != ""}})
		c.gitAuth(git.Auth)
	}
	for i, instance := range config.Instances {
		if cr := instance.Credentials; cr != nil {
			c.one(fmt.Sprintf("instances[%d].credentials", i), []choice{
				{"environment", cr.Environment != nil},
				{"profile", cr.Profile != nil},
				{"static", cr.Static != nil},
				{"ramRole", cr.RAMRole != nil},
				{"oidc", cr.OIDC != nil},
			})
		}
		c.unused(fmt.Sprintf("instances[%d]", i), instance)
	}
	if config.Vault == nil {
		return
	}
	auth := config.Vault.Auth
	c.one("vault.auth", []choice{
		{"tokenFile", auth.TokenFile != ""},
		{"token", auth.Token != nil},
		{"appRole", auth.AppRole != nil},
		{"kubernetes", auth.Kubernetes != nil},
		{"jwt", auth.JWT != nil},
		{"cert", auth.Cert != nil},
	})
}

func (c *checker) gitAuth(auth *GitAuth) {
	if auth == nil {
		return
	}
	c.atMostOne("source.git.auth", []choice{
		{"basic", auth.Basic != nil}, {"tokenFile", auth.TokenFile != ""}, {"ssh", auth.SSH != nil},
	})
	if auth.SSH != nil {
		c.one("source.git.auth.ssh", []choice{{"keyFile", auth.SSH.KeyFile != ""}, {"agent", auth.SSH.Agent}})
	}
}

// choice is one of several alternative fields, and whether it is set.
type choice struct {
	name string
	set  bool
}

func (c *checker) one(path string, choices []choice) {
	set, names := chosen(choices)
	if len(set) == 0 {
		c.add("config-one-of", path, message.New("config.none-of", "field", path, "fields", names))
	}
	c.several(path, set)
}

func (c *checker) atMostOne(path string, choices []choice) {
	set, _ := chosen(choices)
	c.several(path, set)
}

func (c *checker) several(path string, set []string) {
	if len(set) > 1 {
		c.add("config-one-of", path+"."+set[1], message.New("config.several-of", "field", path, "fields", set))
	}
}

func chosen(choices []choice) (set, names []string) {
	for _, ch := range choices {
		names = append(names, ch.name)
		if ch.set {
			set = append(set, ch.name)
		}
	}
	return set, names
}
