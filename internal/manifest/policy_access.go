package manifest

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/schema"
)

// Access is the operator's policy: what the declarations of each folder may use.
// Every rule whose pattern matches a file applies to it, so that an additional rule
// only restricts more. The zero value restricts nothing.
type Access struct {
	// Rules are in the order of the configuration.
	Rules []AccessRule
	// Deny rejects files that no rule covers.
	Deny bool
	// RequireHTTPS rejects declarations that send a token over http.
	RequireHTTPS bool
	// RequireHTTPSWhere is where that is configured, for findings: file:line.
	RequireHTTPSWhere string
	// Where is where the policy is configured, for findings: file:line.
	Where string
}

// AccessRule is one rule of an Access. A nil list does not restrict; an empty
// one allows nothing.
type AccessRule struct {
	// Name is the rule's name in findings, Where is where it is configured:
	// file:line.
	Name  string `yaml:"name"`
	Where string `yaml:"-"`
	// Files are the patterns (see MatchPath) of the paths that the rule covers, and
	// Except those of the paths that it does not cover nevertheless.
	Files  []string `yaml:"files"`
	Except []string `yaml:"except"`
	// Names, Instances and Namespaces are patterns of one segment. Addresses are
	// patterns of hosts, with or without a port.
	Names      []string       `yaml:"names"`
	Instances  []string       `yaml:"instances"`
	Vault      []VaultPattern `yaml:"vault"`
	Addresses  []string       `yaml:"addresses"`
	Namespaces []string       `yaml:"namespaces"`
	// Require are fields that must be written. [] stands for each item of a list:
	// spec.token.expires, spec.repositories[].rules.
	Require []string `yaml:"require"`
}

// VaultPattern allows the secrets whose mount and path match its patterns (see
// MatchPath).
type VaultPattern struct {
	Mount string `yaml:"mount"`
	Path  string `yaml:"path"`
}

// String returns the pattern as findings show it.
func (v VaultPattern) String() string { return v.Mount + ": " + v.Path }

// checkPolicy checks declarations against the operator's policy and the
// organisation's policies. whole is false if no declaration may be used.
func checkPolicy(ctx context.Context, declarations []binding.Declaration, files []binding.File, opts Options) (findings []finding.Finding, whole bool) {
	requires := newRequirement(opts.Access)
	for _, d := range declarations {
		findings = append(findings, opts.Access.check(d, opts.policyPath(d.File), requires)...)
	}
	digests := make(map[string]string, len(files))
	for _, f := range files {
		digests[f.Path] = f.Digest
	}
	found, whole := opts.Policies.check(ctx, declarations, digests, opts)
	return append(findings, found...), whole
}

// policyPath is a file's path from the snapshot's root.
func (o Options) policyPath(file string) string {
	best := ""
	for _, root := range o.Roots {
		root = strings.Trim(root, "/") + "/"
		if strings.HasPrefix(strings.TrimPrefix(file, "/"), root) && len(root) > len(best) {
			best = root
		}
	}
	return strings.TrimPrefix(strings.TrimPrefix(file, "/"), best)
}

// accessCheck is one declaration under one rule.
type accessCheck struct {
	d        binding.Declaration
	rule     AccessRule
	findings []finding.Finding
}

func (c *accessCheck) add(code, path string, breach message.Message) {
	m := message.New("policy.rule", "breach", breach, "rule", c.rule.Name, "at", c.rule.Where)
	c.findings = append(c.findings, declarationField{&c.d, path}.finding(code, m))
}

func (a Access) check(d binding.Declaration, file string, requires *requirement) []finding.Finding {
	findings := a.overHTTP(d)
	covered := false
	for _, rule := range a.Rules {
		if !rule.covers(file) {
			continue
		}
		covered = true
		c := accessCheck{d: d, rule: rule}
		c.uses()
		c.requires(requires)
		findings = append(findings, c.findings...)
	}
	if a.Deny && !covered {
		m := message.New("policy.no-rule", "file", clip(file), "at", a.Where)
		findings = append(findings, declarationField{&d, ""}.finding("policy-no-rule", m))
	}
	return findings
}

// overHTTP finds a token that others could read on the network: a warning, or an
// error if the policy requires https. A token that stays on this machine is fine.
func (a Access) overHTTP(d binding.Declaration) []finding.Finding {
	target := binding.SecretTargetOf(d.Spec.Platform, d.Spec.Address)
	if d.Spec.Token == nil || target.Secure || isLoopback(d.Spec.Address) {
		return nil
	}
	f := finding.New("token-over-http", message.New("policy.over-http", "host", target.Host))
	if a.RequireHTTPS {
		f = finding.New(f.Code, message.New("policy.require-https", "breach", f.Message, "at", a.RequireHTTPSWhere)).As(finding.Error)
	}
	return []finding.Finding{declarationField{&d, "spec.address"}.place(f)}
}

func (r AccessRule) covers(file string) bool {
	matches := func(pattern string) bool { return MatchPath(pattern, file) }
	return slices.ContainsFunc(r.Files, matches) && !slices.ContainsFunc(r.Except, matches)
}

// uses checks what the declaration uses.
func (c *accessCheck) uses() {
	spec := c.d.Spec
	if !allowed(c.rule.Names, c.d.Name) {
		c.add("policy-name", "metadata.name", message.New("policy.name", "name", clip(c.d.Name), "allowed", listed(c.rule.Names)))
	}
	if !allowed(c.rule.Instances, spec.Instance) {
		c.add("policy-instance", "spec.instance", message.New("policy.instance", "instance", clip(spec.Instance), "allowed", listed(c.rule.Instances)))
	}
	if spec.Token != nil && c.rule.Vault != nil {
		ref := spec.Token.Vault
		if !slices.ContainsFunc(c.rule.Vault, func(v VaultPattern) bool { return MatchPath(v.Mount, ref.Mount) && MatchPath(v.Path, ref.Path) }) {
			c.add("policy-vault-path", "spec.token.vault.path", message.New("policy.vault", "allowed", listed(c.rule.Vault)))
		}
	}
	if spec.Address != "" && c.rule.Addresses != nil {
		if u, err := url.Parse(spec.Address); err != nil || !slices.ContainsFunc(c.rule.Addresses, func(p string) bool { return matchHost(p, u) }) {
			c.add("policy-address", "spec.address", message.New("policy.address", "allowed", listed(c.rule.Addresses)))
		}
	}
	for i, repository := range spec.Repositories {
		namespace, _, _ := strings.Cut(binding.NormalImage(repository.Image), "/")
		if !allowed(c.rule.Namespaces, namespace) {
			c.add("policy-image", "spec.repositories["+strconv.Itoa(i)+"].image",
				message.New("policy.image", "namespace", clip(namespace), "allowed", listed(c.rule.Namespaces)))
		}
	}
}

func (c *accessCheck) requires(fields *requirement) {
	for _, field := range c.rule.Require {
		for _, path := range fields.missing(c.d, field) {
			c.add("policy-required-field", path, message.New("policy.required", "field", message.Place{Field: path}))
		}
	}
}

// allowed reports whether one of the patterns matches value; nil allows every
// value.
func allowed(patterns []string, value string) bool {
	return patterns == nil || slices.ContainsFunc(patterns, func(p string) bool { return matchSegment(p, value) })
}

// listed returns the first few patterns for a message.
func listed[T any](patterns []T) []message.Message {
	const most = 5
	if len(patterns) == 0 {
		return []message.Message{message.New("list-none")}
	}
	var shown []message.Message
	for i, p := range patterns {
		if i == most {
			shown = append(shown, message.New("list-more", "count", len(patterns)-most))
			break
		}
		shown = append(shown, message.Verbatim(fmt.Sprint(p)))
	}
	return shown
}

// requirement knows which fields a platform has.
type requirement struct {
	platforms map[binding.Platform]*schema.Field
}

// newRequirement reads the schema, if some rule needs it.
func newRequirement(a Access) *requirement {
	if !slices.ContainsFunc(a.Rules, func(r AccessRule) bool { return len(r.Require) > 0 }) {
		return nil
	}
	r := &requirement{platforms: map[binding.Platform]*schema.Field{}}
	for _, p := range binding.AllPlatforms() {
		if name, ok := schema.Platform(string(p), string(binding.Enterprise)); ok {
			if d, err := schema.Lookup(name); err == nil {
				r.platforms[p] = d.Field
			}
		}
	}
	return r
}

// missing returns the paths at which a required field is not written. A field that
// the platform does not have is not required.
func (r *requirement) missing(d binding.Declaration, field string) []string {
	if f := r.platforms[d.Spec.Platform]; f != nil && !allowsField(f, field) {
		return nil
	}
	paths := []string{""}
	for step := range strings.SplitSeq(field, ".") {
		name, each := strings.CutSuffix(step, "[]")
		var next []string
		for _, path := range paths {
			path = join(path, name)
			if _, written := d.Positions.Find(path); !written || !each {
				next = append(next, path)
				continue
			}
			for i := 0; ; i++ {
				item := path + "[" + strconv.Itoa(i) + "]"
				if _, ok := d.Positions.Find(item); !ok {
					break
				}
				next = append(next, item)
			}
		}
		paths = next
	}
	return slices.DeleteFunc(paths, func(path string) bool { _, written := d.Positions.Find(path); return written })
}

// allowsField reports whether a definition has the field at a path like those of
// AccessRule.Require, and does not forbid it.
func allowsField(f *schema.Field, path string) bool {
	for step := range strings.SplitSeq(path, ".") {
		name, each := strings.CutSuffix(step, "[]")
		if f = f.Lookup(name); f == nil || f.Forbidden != "" {
			return false
		}
		if each {
			if f = f.Elem; f == nil {
				return false
			}
		}
	}
	return true
}

// CheckRequire returns an error if a path is not valid in AccessRule.Require.
func CheckRequire(path string) error {
	d, err := schema.Lookup(schema.SourceBinding)
	if err != nil {
		return err
	}
	if !allowsField(d.Field, path) {
		return message.NewError("pattern.no-field", "field", show(path))
	}
	return nil
}
