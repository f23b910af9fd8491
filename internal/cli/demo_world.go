package cli

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"reconciler/examples"
	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/sandbox"
)

// demoFolder is the prefix of the name of a demo's folder.
const demoFolder = "reconciler-demo-"

// demoVaultToken opens the sandbox's secret store. It is useless anywhere else.
const demoVaultToken = "sandbox-vault-token"

// demoPageToken is the token for signing in to the demo's page.
const demoPageToken = "sandbox-page-token-to-read"

// demoWorld is a sandbox with everything that the examples name, and the
// configuration of a daemon that uses it.
type demoWorld struct {
	outside      *sandbox.Sandbox
	folder       string
	log          *os.File
	logPath      string
	config       config.Config
	configPath   string
	files        map[string][]byte
	declarations []binding.Declaration
	// tokens are the tokens of each Vault path, the newest last. mu guards them.
	mu     sync.Mutex
	tokens map[string][]string
}

func newDemoWorld(ctx context.Context) (_ *demoWorld, err error) {
	w := &demoWorld{files: map[string][]byte{}, tokens: map[string][]string{}}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if err := w.readExamples(ctx); err != nil {
		return nil, err
	}
	if w.outside, err = sandbox.Start(ctx, sandbox.Options{
		Principals: w.principals(), VaultToken: demoVaultToken, GitLabName: "gitlab.example.com",
	}); err != nil {
		return nil, err
	}
	for _, d := range w.declarations {
		w.populate(d)
	}
	w.outside.Git.AllowPushes()
	if _, err := w.outside.Git.Commit("Declare the bindings", w.files); err != nil {
		return nil, err
	}
	if w.folder, err = os.MkdirTemp("", demoFolder); err != nil {
		return nil, err
	}
	w.logPath = filepath.Join(w.folder, "daemon.log")
	if w.log, err = os.OpenFile(w.logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return nil, err
	}
	return w, w.configure()
}

// close stops the sandbox and removes the demo's folder.
func (w *demoWorld) close() {
	if w.outside != nil {
		_ = w.outside.Close()
	}
	if w.log != nil {
		_ = w.log.Close()
	}
	if w.folder != "" {
		_ = os.RemoveAll(w.folder)
	}
}

// readExamples reads the embedded declarations.
func (w *demoWorld) readExamples(ctx context.Context) error {
	var files []binding.File
	err := fs.WalkDir(examples.Bindings(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(examples.Bindings(), path)
		if err != nil {
			return err
		}
		w.files["bindings/"+path] = data
		if strings.HasSuffix(path, ".yaml") && !strings.HasPrefix(path, "drafts/") {
			files = append(files, binding.File{Path: path, Data: data})
		}
		return nil
	})
	if err != nil {
		return err
	}
	result := manifest.Load(ctx, files, manifest.Options{Now: time.Now()})
	if finding.HasErrors(result.Findings) {
		return brokenError(result.Findings)
	}
	w.declarations = result.Declarations
	return nil
}

// brokenError returns the findings about the demo's own files as an error.
func brokenError(findings []finding.Finding) error {
	var messages []message.Message
	for _, f := range findings {
		messages = append(messages, f.Message)
	}
	return message.NewError("list", "items", messages)
}

// instances returns the names of instances that the examples use, sorted.
func (w *demoWorld) instances() []string {
	var names []string
	for _, d := range w.declarations {
		names = append(names, d.Spec.Instance)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// principals returns an identity for each instance.
func (w *demoWorld) principals() []sandbox.Principal {
	var all []sandbox.Principal
	for _, name := range w.instances() {
		all = append(all, sandbox.Principal{AccessKey: accessKey(name), Secret: accessKey(name) + "-secret", Region: region(name)})
	}
	return all
}

func accessKey(instance string) string { return "sandbox-" + instance }

// region is the region that an example instance is named after.
func region(instance string) string {
	_, place, _ := strings.Cut(instance, "-")
	return "cn-" + place
}

// populate creates in the sandbox what a declaration requires: the image
// repositories, the account and its projects at the code host, and the token.
func (w *demoWorld) populate(d binding.Declaration) {
	platform := string(d.Spec.Platform)
	w.outside.Hosts.AddUser(platform, sandbox.HostUser{Username: d.Spec.Username})
	for _, r := range d.Spec.Repositories {
		w.instance(d.Spec.Instance).AddRepository(r.Image)
		w.outside.Hosts.AddProject(platform, sandbox.HostProject{Path: r.Source})
	}
	if d.Spec.Token != nil {
		w.newToken(d)
	}
}

// newToken creates a token at the code host, stores it in the secret store and
// returns its version.
func (w *demoWorld) newToken(d binding.Declaration) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	ref := d.Spec.Token.Vault
	token := fmt.Sprintf("sandbox-token-%s-%d", d.Name, len(w.tokens[ref.Path])+1)
	w.tokens[ref.Path] = append(w.tokens[ref.Path], token)
	w.outside.Hosts.AddToken(string(d.Spec.Platform), sandbox.HostToken{
		Value: token, Username: d.Spec.Username, Expires: d.Spec.Token.Expires.Time().AddDate(0, 0, 1),
	})
	w.outside.Vault.Put(ref.Mount, ref.Path, map[string]string{ref.Key: token})
	return len(w.tokens[ref.Path])
}

// rotate gives a binding's account a new token.
func (w *demoWorld) rotate(name string) error {
	i := slices.IndexFunc(w.declarations, func(d binding.Declaration) bool { return d.Name == name })
	if i < 0 || w.declarations[i].Spec.Token == nil {
		return message.NewError("demo.no-example", "name", name)
	}
	w.newToken(w.declarations[i])
	return nil
}

// configure writes the daemon's configuration and reads it back, as `run`
// does.
func (w *demoWorld) configure() error {
	var text strings.Builder
	fmt.Fprintf(&text, `apiVersion: reconciler/v1alpha1
kind: Configuration
source:
  git: {url: %q, branch: main, path: bindings}
vault: {address: %q, auth: {tokenFile: vault-token}}
codeHosts:
  codeup: {endpoint: %q}
  github: {endpoint: %q}
  bitbucket: {endpoint: %q}
  unsafeAllowPrivateAddresses: true
sync: {interval: 1s, driftInterval: 1s}
status: {maxAge: 1m}
state: {path: state.db}
server:
  listen: "127.0.0.1:0"
  socket: s.sock
  api: {listen: "127.0.0.1:0", tokens: [{name: demo, right: read, tokenFile: page-token}], page: {enabled: true}}
log: {level: debug}
instances:
`, w.outside.GitURL, w.outside.VaultURL, w.outside.CodeupURL, w.outside.GitHubURL, w.outside.BitbucketURL)
	files := map[string]string{"vault-token": demoVaultToken, "page-token": demoPageToken}
	for _, p := range w.principals() {
		name := strings.TrimPrefix(p.AccessKey, "sandbox-")
		fmt.Fprintf(&text, `  - name: %s
    region: %s
    endpoint: %q
    credentials: {static: {accessKeyIdFile: %s-id, accessKeySecretFile: %s-secret}}
    requestsPerSecond: 100
    burst: 100
`, name, p.Region, w.outside.RegistryURL, name, name)
		files[name+"-id"], files[name+"-secret"] = p.AccessKey, p.Secret
	}
	files["reconciler.yaml"] = text.String()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(w.folder, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	w.configPath = filepath.Join(w.folder, "reconciler.yaml")
	config, findings, err := config.Load(w.configPath)
	if err == nil && finding.HasErrors(findings) {
		err = brokenError(findings)
	}
	w.config = config
	return err
}

// The GitLab sites of the examples.
const (
	demoGitLab     = "gitlab.example.com:443"
	demoGitLabHTTP = "git.example.org:8929"
)

// dial sends connections to the GitLab sites of the examples to the sandbox.
func (w *demoWorld) dial() map[string]string {
	return map[string]string{
		demoGitLab:     w.outside.GitLabTLS,
		demoGitLabHTTP: w.outside.GitLabHTTP,
	}
}

func (w *demoWorld) instance(name string) *sandbox.RegistryInstance {
	return w.outside.Registry.Instance(accessKey(name))
}

func (w *demoWorld) bound(instance string, platform binding.Platform) bool {
	return slices.ContainsFunc(w.instance(instance).Accounts(), func(a sandbox.SourceAccount) bool { return a.Platform == string(platform) })
}

// boundWith reports whether a platform is bound with the newest token of a path.
func (w *demoWorld) boundWith(instance string, platform binding.Platform, path string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	tokens := w.tokens[path]
	return len(tokens) > 0 && w.instance(instance).TokenIs(string(platform), tokens[len(tokens)-1])
}

// removeRules removes the build rules of an image repository in the console.
func (w *demoWorld) removeRules(image string) {
	for _, name := range w.instances() {
		for _, r := range w.instance(name).Snapshot().Repositories {
			for _, rule := range r.Rules {
				if r.Image == image {
					w.instance(name).ConsoleRemoveRule(image, rule.ID)
				}
			}
		}
	}
}

// hasRule reports whether an image is built from a Dockerfile of that name.
func (w *demoWorld) hasRule(image, dockerfile string) bool {
	for _, name := range w.instances() {
		for _, r := range w.instance(name).Snapshot().Repositories {
			if r.Image == image && slices.ContainsFunc(r.Rules, func(rule sandbox.ImageRule) bool { return rule.DockerfileName == dockerfile }) {
				return true
			}
		}
	}
	return false
}

// nextSteps is the message about what a person can do while the demo runs.
func (w *demoWorld) nextSteps() message.Message {
	return message.New("demo.look-around", "program", program(), "config", w.configPath, "url", w.outside.GitURL, "log", w.logPath)
}

// page is the message with the page's address and how to sign in. Browsers keep
// its cookie over plain http for localhost only.
func (w *demoWorld) page(address string) message.Message {
	_, number, _ := net.SplitHostPort(address)
	return message.New("demo.page", "port", number, "token", demoPageToken)
}

// program is the command that this program was started with.
func program() string {
	exe, err := os.Executable()
	if err == nil && strings.HasPrefix(exe, filepath.Join(os.TempDir(), "go-build")) {
		return "go run ./cmd/reconciler"
	}
	return os.Args[0]
}
