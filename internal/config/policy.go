package config

import (
	"cmp"
	"fmt"
	"time"

	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// Policy says what the declarations of each folder may use.
type Policy struct {
	// Default is "allow" or "deny", for declarations to which no rule applies.
	Default string `yaml:"default"`
	// AllowAddressChangeWithSecret lets a token be sent to a different host than
	// the one it was applied with.
	AllowAddressChangeWithSecret bool `yaml:"allowAddressChangeWithSecret"`
	// RequireHTTPS refuses declarations that send a token over http.
	RequireHTTPS bool                  `yaml:"requireHTTPS"`
	Rules        []manifest.AccessRule `yaml:"rules"`

	// Where is the file and line of Default, and RequireHTTPSWhere that of
	// RequireHTTPS.
	Where             string `yaml:"-"`
	RequireHTTPSWhere string `yaml:"-"`
}

// Access returns the policy for checking declarations.
func (c *Config) Access() manifest.Access {
	return manifest.Access{
		Deny: c.Policy.Default == "deny", Where: c.Policy.Where, Rules: c.Policy.Rules,
		RequireHTTPS: c.Policy.RequireHTTPS, RequireHTTPSWhere: c.Policy.RequireHTTPSWhere,
	}
}

// knownIntervals is for how many drift intervals a last known status is shown
// by default.
const knownIntervals = 3

// PlanPolicy returns the policy for plans.
func (c *Config) PlanPolicy() plan.Policy {
	return plan.Policy{
		MaxDeletionPercent: c.Safety.MaxDeletionPercent, MinDeletions: c.Safety.MinDeletions,
		AllowDeletions: c.Safety.AllowDeletions, ExpiryWarnings: c.ExpiryWarnings,
		AllowAddressChangeWithSecret: c.Policy.AllowAddressChangeWithSecret,
		// If drift were checked too rarely, it would never count as flapping.
		StatusMaxAge: cmp.Or(c.Status.MaxAge, knownIntervals*max(c.Sync.DriftInterval, time.Second)),
		MaxRepairs:   c.Drift.MaxRepairs, PersonDeadline: c.People.Deadline, Settle: c.Sync.Settle, RepairsWithin: max(c.Drift.Within, 2*time.Duration(c.Drift.MaxRepairs)*c.Sync.DriftInterval),
	}
}

// policy checks the patterns, and stores the places of the rules.
func (c *checker) policy(policy *Policy) {
	if policy.Default == "deny" {
		policy.Where = c.place("policy.default")
	}
	if policy.RequireHTTPS {
		policy.RequireHTTPSWhere = c.place("policy.requireHTTPS")
	}
	seen := map[string]int{}
	for i := range policy.Rules {
		rule := &policy.Rules[i]
		at := fmt.Sprintf("policy.rules[%d]", i)
		rule.Where = c.place(at)
		if first, ok := seen[rule.Name]; ok {
			c.add("config-policy", at+".name", message.New("config.rule-twice", "name", rule.Name, "first", first))
		}
		seen[rule.Name] = i
		if len(rule.Files) == 0 {
			c.add("config-policy", at+".files", message.New("config.rule-files", "name", rule.Name))
		}
		c.patterns(at+".files", rule.Files, manifest.CheckPathPattern)
		c.patterns(at+".except", rule.Except, manifest.CheckPathPattern)
		c.patterns(at+".names", rule.Names, manifest.CheckPattern)
		c.patterns(at+".instances", rule.Instances, manifest.CheckPattern)
		c.patterns(at+".addresses", rule.Addresses, manifest.CheckHostPattern)
		c.patterns(at+".namespaces", rule.Namespaces, manifest.CheckPattern)
		c.patterns(at+".require", rule.Require, manifest.CheckRequire)
		for j, v := range rule.Vault {
			c.pattern(fmt.Sprintf("%s.vault[%d].mount", at, j), v.Mount, manifest.CheckPathPattern)
			c.pattern(fmt.Sprintf("%s.vault[%d].path", at, j), v.Path, manifest.CheckPathPattern)
		}
	}
}

func (c *checker) patterns(path string, patterns []string, check func(string) error) {
	for i, p := range patterns {
		c.pattern(fmt.Sprintf("%s[%d]", path, i), p, check)
	}
}

func (c *checker) pattern(path, pattern string, check func(string) error) {
	if err := check(pattern); err != nil {
		c.add("config-policy", path, message.New("config.pattern", "field", path, "pattern", pattern, "err", err))
	}
}

// place is the place of the field at path, as file:line.
func (c *checker) place(path string) string {
	line, _ := c.at(path)
	return fmt.Sprintf("%s:%d", c.file, line)
}
