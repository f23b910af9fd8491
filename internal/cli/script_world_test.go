package cli

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/manifest"
	"reconciler/internal/sandbox"
)

// world is the outside of a story: the sandbox, and the folder that the
// program runs in, with declarations under bindings/.
type world struct {
	*sandbox.Sandbox
	folder       string
	declarations []binding.Declaration
	// tokens are those made for each binding, by name, the newest last.
	tokens map[string][]string
	// committed are the files of the last commit.
	committed map[string][]byte
	secrets   worldSecrets
	// log is the daemon's log section.
	log string
}

// worldSecrets are the secrets of a world.
type worldSecrets struct {
	vault string
	// git is the password of the user git; empty where everybody may read.
	git string
	// access gives an instance's access key secret, and its security token or
	// nothing.
	access func(instance string) (secret, securityToken string)
	// token gives the nth token of a binding, from 1.
	token func(binding string, n int) string
	// hook gives the secret of a webhook's sender; nil where there is no
	// webhook.
	hook func(sender string) string
}

// plainSecrets are those of the stories.
func plainSecrets() worldSecrets {
	return worldSecrets{
		vault:  "story-vault-token",
		access: func(instance string) (string, string) { return accessKey(instance) + "-secret", "" },
		token:  func(binding string, n int) string { return fmt.Sprintf("story-token-%s-%d", binding, n) },
	}
}

// worldInstances are the registry instances of every story.
func worldInstances() []string { return []string{"edge-shanghai", "prod-hangzhou"} }

// worldSenders are the webhook senders of a world that has any. Each is named
// as its type.
func worldSenders() []string {
	return []string{"github", "gitlab", "gitlab-signed", "bitbucket", "codeup", "generic"}
}

// newWorld starts a sandbox and fills it with what the declarations in folder
// take for granted.
func newWorld(ctx context.Context, folder string, secrets worldSecrets) (*world, error) {
	w := &world{
		folder: folder, tokens: map[string][]string{}, committed: map[string][]byte{},
		secrets: secrets, log: "{level: info, format: text}",
	}
	var principals []sandbox.Principal
	for _, name := range worldInstances() {
		secret, securityToken := secrets.access(name)
		principals = append(principals, sandbox.Principal{
			AccessKey: accessKey(name), Secret: secret, SecurityToken: securityToken, Region: region(name),
			InstanceID: "cri-" + strings.ReplaceAll(name, "-", ""),
		})
	}
	var err error
	if w.Sandbox, err = sandbox.Start(ctx, sandbox.Options{
		Principals: principals, VaultToken: secrets.vault, GitLabName: "gitlab.example.com",
	}); err != nil {
		return nil, err
	}
	if secrets.git != "" {
		w.Git.RequireBasicAuth("git", secrets.git)
	}
	return w, w.addMissing(ctx)
}

// addMissing fills the world with what declarations that it has not seen before take
// for granted. Those that are not valid are left out.
func (w *world) addMissing(ctx context.Context) error {
	files, err := w.files(ctx)
	if err != nil {
		return err
	}
	var list []binding.File
	for path, data := range files {
		list = append(list, binding.File{Path: path, Data: data})
	}
	for _, d := range manifest.Load(ctx, list, manifest.Options{Now: time.Now(), AllowPrivateAddresses: true, Roots: []string{"bindings"}}).Declarations {
		if w.declaration(d.Name) == nil {
			w.declarations = append(w.declarations, d)
			w.populate(d)
		}
	}
	return nil
}

func (w *world) close() { _ = w.Close() }

// files reads the declarations, and puts the sandbox's GitLab in place of
// $GITLAB in each.
func (w *world) files(ctx context.Context) (map[string][]byte, error) {
	files := map[string][]byte{}
	root := os.DirFS(w.folder)
	err := fs.WalkDir(root, "bindings", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		data = bytes.ReplaceAll(data, []byte("$GITLAB"), []byte(w.GitLabHTTP))
		files[path] = data
		return os.WriteFile(filepath.Join(w.folder, path), data, 0o600)
	})
	return files, joinContext(ctx, err)
}

func joinContext(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// populate gives the sandbox the image repositories, the account with its
// projects, and the token that a declaration names.
func (w *world) populate(d binding.Declaration) {
	platform := string(d.Spec.Platform)
	w.Hosts.AddUser(platform, sandbox.HostUser{Username: d.Spec.Username})
	for _, r := range d.Spec.Repositories {
		if r.Create == nil {
			w.instance(d.Spec.Instance).AddRepository(r.Image)
		}
		w.Hosts.AddProject(platform, sandbox.HostProject{Path: r.Source})
	}
	if d.Spec.Token != nil {
		w.newToken(d)
	}
}

// newToken makes a token at the code host and puts it into the secret store.
func (w *world) newToken(d binding.Declaration) {
	token := w.secrets.token(d.Name, len(w.tokens[d.Name])+1)
	w.tokens[d.Name] = append(w.tokens[d.Name], token)
	made := sandbox.HostToken{Value: token, Username: d.Spec.Username}
	if expires := d.Spec.Token.Expires.Time(); !expires.IsZero() {
		made.Expires = expires.AddDate(0, 0, 1)
	}
	w.Hosts.AddToken(string(d.Spec.Platform), made)
	ref := d.Spec.Token.Vault
	w.Vault.Put(ref.Mount, ref.Path, map[string]string{ref.Key: token})
}

func (w *world) instance(name string) *sandbox.RegistryInstance {
	return w.Registry.Instance(accessKey(name))
}

// declaration finds a binding by name; nil where there is none.
func (w *world) declaration(name string) *binding.Declaration {
	for i := range w.declarations {
		if w.declarations[i].Name == name {
			return &w.declarations[i]
		}
	}
	return nil
}

// commit brings the sandbox's git repository to what is under bindings/.
func (w *world) commit(message string) error {
	files, err := w.files(context.Background())
	if err != nil {
		return err
	}
	change := map[string][]byte{}
	for path := range w.committed {
		change[path] = nil
	}
	for path, data := range files {
		change[path] = data
	}
	if _, err := w.Git.Commit(message, change); err != nil {
		return err
	}
	w.committed = files
	return nil
}

// configure writes reconciler.yaml and the secrets that it names.
func (w *world) configure(fromGit bool) error {
	source := "folder: {path: bindings}"
	if fromGit {
		source = fmt.Sprintf("git: {url: %q, branch: main, path: bindings%s}", w.GitURL, w.gitAuth())
	}
	var text strings.Builder
	fmt.Fprintf(&text, `apiVersion: reconciler/v1alpha1
kind: Configuration
source:
  %s
vault: {address: %q, auth: {tokenFile: secrets/vault-token}}
codeHosts:
  codeup: {endpoint: %q}
  github: {endpoint: %q}
  bitbucket: {endpoint: %q}
  unsafeAllowPrivateAddresses: true
sync: {interval: 1s, driftInterval: 1s}
state: {path: state.db}
server: {listen: "127.0.0.1:0", socket: s.sock}
log: %s
instances:
`, source, w.VaultURL, w.CodeupURL, w.GitHubURL, w.BitbucketURL, w.log)
	files := map[string]string{"vault-token": w.secrets.vault, "git-password": w.secrets.git}
	for _, name := range worldInstances() {
		fmt.Fprintf(&text, `  - name: %s
    region: %s
    endpoint: %q
    requestsPerSecond: 100
    burst: 100
    credentials:
      static:
        accessKeyIdFile: secrets/%[1]s-id
        accessKeySecretFile: secrets/%[1]s-secret
`, name, region(name), w.RegistryURL)
		files[name+"-id"] = accessKey(name)
		secret, securityToken := w.secrets.access(name)
		files[name+"-secret"] = secret
		if securityToken != "" {
			fmt.Fprintf(&text, "        securityTokenFile: secrets/%s-sts\n", name)
			files[name+"-sts"] = securityToken
		}
	}
	if w.secrets.hook != nil {
		fmt.Fprintln(&text, "webhooks:\n  listen: \"127.0.0.1:0\"\n  senders:")
		for _, name := range worldSenders() {
			fmt.Fprintf(&text, "    - {name: %s, type: %s, secretFile: secrets/hook-%[1]s}\n", name, strings.TrimSuffix(name, "-signed"))
			files["hook-"+name] = w.secrets.hook(name)
		}
	}
	if err := os.MkdirAll(filepath.Join(w.folder, "secrets"), 0o700); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(w.folder, "secrets", name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(w.folder, "reconciler.yaml"), []byte(text.String()), 0o600)
}

// gitAuth is the auth section of the git source, as part of a flow mapping.
func (w *world) gitAuth() string {
	if w.secrets.git == "" {
		return ""
	}
	return ", auth: {basic: {username: git, passwordFile: secrets/git-password}}"
}
