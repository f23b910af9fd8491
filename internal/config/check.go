package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/registry/wire"
)

// minInterval is the shortest interval that the daemon takes: a shorter one
// only burdens the other side.
const minInterval = time.Second

// checker collects what the CUE definition cannot check, with places.
type checker struct {
	file  string
	root  *yaml.Node
	found []finding.Finding
}

func newChecker(file string, data []byte) *checker {
	check := &checker{file: file}
	var document yaml.Node
	// The same bytes were parsed before; a failure here only costs places.
	if yaml.Unmarshal(data, &document) == nil && len(document.Content) > 0 {
		check.root = document.Content[0]
	}
	return check
}

// add makes a finding at the field, or at the nearest enclosing one.
func (c *checker) add(code, path string, m message.Message) {
	line, column := position(c.root, path)
	c.found = append(c.found, finding.New(code, m).At(c.file, line, column).In(path))
}

// nameCredentials gives a secret that was found in the source's URL the code
// of that rule, which says better what to do.
func (c *checker) nameCredentials(found []finding.Finding) []finding.Finding {
	const at = "source.git.url"
	line, column := position(c.root, at)
	for i, f := range found {
		if f.Code == "secret-in-declaration" && f.Line == line && child(child(child(c.root, "source"), "git"), "url") != nil {
			found[i] = finding.New("source-url-credentials", message.New("config.password", "field", at)).At(c.file, line, column).In(at)
		}
	}
	return finding.Sort(found)
}

// position is where the value at path starts, or where the nearest enclosing
// one does.
func position(node *yaml.Node, path string) (line, column int) {
	for step := range strings.FieldsFuncSeq(path, func(r rune) bool { return strings.ContainsRune(".[]", r) }) {
		next := child(node, step)
		if next == nil {
			break
		}
		node = next
	}
	if node == nil {
		return 0, 0
	}
	return node.Line, node.Column
}

func child(node *yaml.Node, step string) *yaml.Node {
	if node == nil {
		return nil
	}
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == step {
				return node.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		for i, item := range node.Content {
			if fmt.Sprint(i) == step {
				return item
			}
		}
	default:
	}
	return nil
}

// choices checks the alternatives, before defaults are filled in.
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

// choice is one of several fields, and whether it is set.
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

// values checks what single values mean and how they go together.
func (c *checker) values(config Config) {
	c.git(config.Source.Git)
	c.instances(config)
	c.hosts(config)
	c.vault(config)
	c.webhooks(config)
	c.notify(config)
	c.windows(config)
	for path, d := range map[string]time.Duration{
		"sync.interval": config.Sync.Interval, "sync.driftInterval": config.Sync.DriftInterval,
		"drift.within": config.Drift.Within, "people.deadline": config.People.Deadline,
		"server.gracePeriod": config.Server.GracePeriod,
	} {
		c.atLeastSecond(path, d)
	}
	if config.Status.MaxAge != 0 {
		c.atLeastSecond("status.maxAge", config.Status.MaxAge)
	}
	c.api(config.Server.API)
	host, _, err := net.SplitHostPort(config.Server.Listen)
	switch {
	case err != nil:
		c.add("config-address", "server.listen", message.New("config.no-host-port", "field", "server.listen"))
	case !binding.Loopback(host):
		c.add("server-public", "server.listen", message.New("config.public", "address", config.Server.Listen))
	}
}

func (c *checker) atLeastSecond(path string, d time.Duration) {
	if d < minInterval {
		c.add("config-duration", path, message.New("config.short", "field", path, "is", d, "least", minInterval))
	}
}

// git checks the repository's URL. Its value is never printed: it may hold a
// credential.
func (c *checker) git(git *Git) {
	if git == nil {
		return
	}
	c.atLeastSecond("source.git.timeout", git.Timeout)
	const at = "source.git.url"
	u, err := binding.ParseGitURL(git.URL)
	if f, bad := errors.AsType[*binding.Failure](err); bad {
		code := "config-address"
		if f.Code == "source-url-credentials" {
			code = f.Code
		}
		c.add(code, at, message.New("config.git-url", "field", at, "err", f.Err))
		return
	}
	c.gitVerify(git.Verify)
	auth := git.Auth
	switch {
	case u.Scheme == "ssh" && auth == nil:
		c.add("config-conflict", at, message.New("config.ssh-auth", "field", at))
	case auth != nil && (auth.SSH != nil) != (u.Scheme == "ssh"):
		c.add("config-conflict", "source.git.auth", message.New("config.git-auth"))
	}
}

// gitVerify checks that every set of keys has files, and keys.
func (c *checker) gitVerify(verify *GitVerify) {
	if verify == nil {
		return
	}
	if len(verify.Keys) == 0 {
		c.add("config-one-of", "source.git.verify", message.New("config.none-of", "field", "source.git.verify", "fields", []string{"keys"}))
	}
	for i, keys := range verify.Keys {
		at := fmt.Sprintf("source.git.verify.keys[%d]", i)
		if keys.OpenPGPFile == "" && keys.AllowedSignersFile == "" {
			c.add("config-one-of", at, message.New("config.none-of", "field", at, "fields", []string{"openpgpFile", "allowedSignersFile"}))
		}
		if len(keys.Files) == 0 {
			c.add("config-policy", at+".files", message.New("config.rule-files", "name", keys.Name))
		}
		c.patterns(at+".files", keys.Files, manifest.CheckPathPattern)
	}
}

// unused reports what is written of an instance and has no effect, before defaults
// are filled in.
func (c *checker) unused(at string, i Instance) {
	switch i.Driver {
	case "console":
		for _, field := range []choice{
			{"credentials", i.Credentials != nil},
			{"endpoint", i.Endpoint != ""},
			{"wireProfile", i.WireProfileFile != ""},
			{"signature", i.Signature != ""},
			{"instanceId", i.InstanceID != ""},
			{"requestsPerSecond", i.RequestsPerSecond != 0},
			{"burst", i.Burst != 0},
			{"quotas", i.Quotas != Quotas{}},
		} {
			if field.set {
				c.add("config-unused", at+"."+field.name, message.New("config.console-unused", "field", field.name))
			}
		}
	case "enterprise":
		if i.Signature == "v2" {
			c.add("config-unused", at+".signature", message.New("config.enterprise-signature"))
		}
	}
}

func (c *checker) instances(config Config) {
	if len(config.Instances) == 0 {
		c.add("instance-required", "instances", message.New("config.no-instance"))
	}
	seen := map[string]int{}
	for i, instance := range config.Instances {
		at := fmt.Sprintf("instances[%d]", i)
		if first, ok := seen[instance.Name]; ok {
			c.add("instance-name-unique", at+".name", message.New("config.instance-twice", "name", instance.Name, "first", first))
		} else {
			seen[instance.Name] = i
		}
		if instance.Edition != "" && instance.Edition != instance.KnownEdition() {
			c.add("config-conflict", at+".edition", message.New("config.driver-edition", "driver", instance.Driver, "edition", instance.Edition))
		}
		if instance.Driver == "enterprise" && !strings.HasPrefix(instance.InstanceID, "cri-") {
			c.add("config-conflict", at+".instanceId", message.New("config.no-instance-id"))
		}
		c.endpoint(at+".endpoint", instance.Endpoint, false)
	}
}

func (c *checker) hosts(config Config) {
	hosts := config.CodeHosts
	for _, host := range []struct {
		name   string
		config CodeHost
	}{{"codeup", CodeHost{Endpoint: hosts.Codeup.Endpoint}}, {"github", hosts.GitHub}, {"bitbucket", hosts.Bitbucket}} {
		at := "codeHosts." + host.name
		c.endpoint(at+".endpoint", host.config.Endpoint, hosts.UnsafeAllowPrivateAddresses)
		if host.config.Observer != nil && config.Vault == nil {
			c.add("config-conflict", at+".observer", message.New("config.observer", "field", at))
		}
	}
	if hosts.UnsafeAllowPrivateAddresses {
		const at = "codeHosts.unsafeAllowPrivateAddresses"
		c.add("config-unsafe", at, message.New("config.unsafe", "field", at))
	}
}

func (c *checker) vault(config Config) {
	v := config.Vault
	if v == nil {
		return
	}
	// The switch for unsafe code hosts does not cover the store of all
	// secrets: clear text is for this machine only.
	c.endpoint("vault.address", v.Address, false)
	if (v.ClientCertFile == "") != (v.ClientKeyFile == "") {
		c.add("config-conflict", "vault", message.New("config.together", "fields", []string{"clientCertFile", "clientKeyFile"}))
	}
	if a := v.Auth.AppRole; a != nil && a.Wrapped && a.SecretIDFile == "" {
		c.add("config-conflict", "vault.auth.appRole", message.New("config.together", "fields", []string{"wrapped", "secretIdFile"}))
	}
	if v.Auth.Cert != nil && v.ClientCertFile == "" {
		c.add("config-conflict", "vault.auth.cert", message.New("config.vault-cert"))
	}
}

// endpoint checks the address of an API that credentials are sent to.
func (c *checker) endpoint(path, address string, private bool) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		c.add("config-address", path, message.New("config.odd-address", "field", path))
	case u.Scheme == "https" || (u.Scheme == "http" && (private || binding.Loopback(u.Hostname()))):
	default:
		c.add("config-address", path, message.New("config.no-https", "field", path))
	}
}

// files checks that what the configuration names is there now. It is a
// warning: a mount may come later, and CI checks configurations of machines
// that it is not.
func (c *checker) files(config Config) {
	for _, field := range config.fileFields() {
		if *field.value == "" {
			continue
		}
		info, err := os.Stat(*field.value)
		switch {
		case err != nil:
			c.add("file-missing", field.path, message.New("config.file", "field", field.path, "err", reason(err)))
		case info.IsDir() != field.folder:
			c.add("file-missing", field.path, message.New("config.file-kind", "field", field.path, "file", *field.value))
		}
	}
}

// wireProfiles checks the wire profiles and notes their digests.
func (c *checker) wireProfiles(config *Config) {
	for n := range config.Instances {
		i := &config.Instances[n]
		if i.WireProfileFile == "" || finding.HasErrors(c.found) {
			continue
		}
		profile, found, err := wire.Read(i.WireProfileFile)
		c.found = append(c.found, found...)
		if err != nil {
			at := fmt.Sprintf("instances[%d].wireProfile", n)
			c.add("file-missing", at, message.New("config.file", "field", at, "err", reason(err)))
		}
		if profile != nil {
			i.WireProfileDigest, i.WireNamesInstance = profile.Digest(), profile.Uses("instanceId")
			c.profileOf(fmt.Sprintf("instances[%d]", n), *i, profile)
		}
	}
}

// profileOf checks that an instance can send the calls of its wire profile, and does.
func (c *checker) profileOf(at string, i Instance, profile *wire.Profile) {
	switch {
	case i.Driver == "personal" && i.WireNamesInstance && i.InstanceID == "":
		c.add("config-conflict", at+".instanceId", message.New("config.profile-instance", "profile", profile.Name))
	case i.Driver == "enterprise":
		var unused []string
		for _, o := range wire.Operations() {
			if profile.Has(o) && !o.OnAccounts() {
				unused = append(unused, string(o))
			}
		}
		if len(unused) > 0 {
			c.add("config-unused", at+".wireProfile", message.New("config.profile-unused", "profile", profile.Name, "calls", unused))
		}
	}
}

// reason is the path and cause of a file system's error without its operation.
func reason(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", pathError.Path, pathError.Err)
	}
	return err
}
