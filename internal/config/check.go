package config

import (
	"errors"
	"fmt"
	"iter"
	"net"
	"net/url"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
)

// minInterval is the shortest allowed interval. A shorter one would only burden
// the other side.
const minInterval = time.Second

// checker checks what the CUE definition cannot check, and collects findings with
// their places.
type checker struct {
	file  string
	data  []byte
	found []finding.Finding
	// places has the positions of the fields by path; nil if the document
	// cannot be parsed.
	places binding.Positions
	// parsed is the document, for the places of findings; nil before the first
	// finding.
	parsed *yaml.Node
}

// root is the document, or a node without content if it cannot be parsed.
func (c *checker) root() *yaml.Node {
	if c.parsed == nil {
		c.parsed = &yaml.Node{}
		var document yaml.Node
		// The same bytes were parsed before. A failure here only loses the places.
		if yaml.Unmarshal(c.data, &document) == nil && len(document.Content) > 0 {
			c.parsed = document.Content[0]
		}
	}
	return c.parsed
}

// add adds a finding at the field, or at the nearest enclosing one.
func (c *checker) add(code, path string, m message.Message) {
	line, column := c.at(path)
	c.found = append(c.found, finding.New(code, m).At(c.file, line, column).In(path))
}

// at is the start of the value at path, or of the nearest enclosing one.
func (c *checker) at(path string) (line, column int) {
	if c.places == nil {
		return position(c.root(), path)
	}
	at := c.places.Nearest(path)
	return at.Line, at.Column
}

// nameCredentials replaces the code of a finding about a secret in the source's
// URL with that of the rule about such URLs, which says better what to do.
func (c *checker) nameCredentials(found []finding.Finding) []finding.Finding {
	const at = "source.git.url"
	line, column := position(c.root(), at)
	for i, f := range found {
		if f.Code == "secret-in-declaration" && f.Line == line && child(child(child(c.root(), "source"), "git"), "url") != nil {
			found[i] = finding.New("source-url-credentials", message.New("config.password", "field", at)).At(c.file, line, column).In(at)
		}
	}
	return finding.Sort(found)
}

// position is the start of the value at path, or of the nearest enclosing one.
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

// values checks single values and whether they fit together.
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

// twice yields the index of each element with the name of an earlier one, and the
// index of the first with that name.
func twice[T any](list []T, name func(T) string) iter.Seq2[int, int] {
	return func(yield func(i, first int) bool) {
		names := map[string]int{}
		for i, one := range list {
			if first, ok := names[name(one)]; !ok {
				names[name(one)] = i
			} else if !yield(i, first) {
				return
			}
		}
	}
}

func (c *checker) atLeastSecond(path string, d time.Duration) {
	if d < minInterval {
		c.add("config-duration", path, message.New("config.short", "field", path, "is", d, "least", minInterval))
	}
}

// git checks the repository's URL. It never prints the URL, which may contain a
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

// gitVerify checks that every set of keys has patterns of files, and keys.
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

// unused reports fields of an instance that have no effect. It must run before
// defaults are filled in.
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
	for i, first := range twice(config.Instances, func(i Instance) string { return i.Name }) {
		c.add("instance-name-unique", fmt.Sprintf("instances[%d].name", i), message.New("config.instance-twice", "name", config.Instances[i].Name, "first", first))
	}
	for i, instance := range config.Instances {
		at := fmt.Sprintf("instances[%d]", i)
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
	// The setting for unsafe code hosts does not apply to the secret store:
	// http is allowed only on this machine.
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
	case binding.MayGetSecrets(u) || u.Scheme == "http" && private:
	default:
		c.add("config-address", path, message.New("config.no-https", "field", path))
	}
}
