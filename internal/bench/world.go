package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// platforms are the platforms of each instance in a world, one declaration
// each.
func platforms() []string { return []string{"codeup", "github", "bitbucket", "gitlab"} }

// definitions are the platforms' definitions in the schema.
func definitions() map[string]string {
	return map[string]string{"codeup": "#Codeup", "github": "#GitHub", "bitbucket": "#Bitbucket", "gitlab": "#GitLab"}
}

// world is a folder of declarations, four for each instance.
type world struct {
	// folder has the declarations, one per file.
	folder    string
	bindings  int
	instances []string
	// secrets are the paths of the tokens.
	secrets []string
}

// newWorld writes a number of declarations to folder.
func newWorld(folder string, bindings int) (world, error) {
	w := world{folder: folder, bindings: bindings}
	for n := range bindings {
		team, platform := fmt.Sprintf("team%05d", n/4), platforms()[n%4]
		if n%4 == 0 {
			w.instances = append(w.instances, instanceOf(n/4))
			if err := os.MkdirAll(filepath.Join(folder, team), 0o750); err != nil {
				return w, err
			}
		}
		if takesToken(platform) {
			w.secrets = append(w.secrets, "acr/"+team+"/"+platform)
		}
		if err := os.WriteFile(filepath.Join(folder, team, platform+".yaml"), []byte(declaration(n, "main")), 0o600); err != nil {
			return w, err
		}
	}
	return w, nil
}

// temporaryWorld writes declarations into a temporary folder. remove removes
// it.
func temporaryWorld(bindings int) (w world, remove func(), err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return w, nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	if w, err = newWorld(filepath.Join(dir, "bindings"), bindings); err != nil {
		remove()
	}
	return w, remove, err
}

// commitChange turns a world's folder into a clone with two commits: one of all
// files, and one that changes one file.
func (w world) commitChange(ctx context.Context) error {
	git := func(args ...string) error {
		_, err := run(ctx, w.folder, "git", append([]string{"-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "user.name=bench", "-c", "user.email=bench@example.com"}, args...)...)
		return err
	}
	if err := errors.Join(git("init", "-q", "."), git("add", "-A"), git("commit", "-q", "-m", "all"), git("repack", "-a", "-d", "-q")); err != nil {
		return err
	}
	last := w.bindings - 1
	file := filepath.Join(w.folder, fmt.Sprintf("team%05d", last/4), platforms()[last%4]+".yaml")
	if err := os.WriteFile(file, []byte(declaration(last, "develop")), 0o600); err != nil {
		return err
	}
	return git("commit", "-q", "-a", "-m", "one")
}

func instanceOf(team int) string { return fmt.Sprintf("edge-%05d", team) }

func takesToken(platform string) bool { return platform == "codeup" || platform == "gitlab" }

// declaration is the text of one declaration, of fourteen to seventeen lines.
func declaration(n int, branch string) string {
	number, platform := n/4, platforms()[n%4]
	team, source := fmt.Sprintf("team%05d", number), fmt.Sprintf("team%05d/api", number)
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("apiVersion: reconciler/v1alpha1\nkind: SourceBinding\nmetadata:\n  name: %s-%s", team, platform)
	line("spec:\n  instance: %s\n  platform: %s", instanceOf(number), platform)
	if platform == "gitlab" {
		line("  address: https://gitlab%d.example.com", number%50)
	}
	line("  username: ci-bot%d", number)
	if takesToken(platform) {
		line("  token:\n    vault: {mount: secret, path: acr/%s/%s, key: token}\n    expires: \"2099-12-31\"", team, platform)
	}
	if platform == "github" {
		source = fmt.Sprintf("ci-bot%d/api", number)
	}
	line("  repositories:\n    - image: %s/%s-api\n      source: %s\n      trigger: auto", team, platform, source)
	line("      rules:\n        - {branch: %s, dockerfile: /Dockerfile, imageTag: latest}", branch)
	return b.String()
}

// configure writes a configuration of this world's instances, all without an
// API, into dir, and returns its path and the daemon's socket.
func (w world) configure(dir, vault string) (config, socket string, err error) {
	socket = filepath.Join(dir, "s.sock")
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: reconciler/v1alpha1\nkind: Configuration\nsource: {folder: {path: %q}}\n", w.folder)
	fmt.Fprintf(&b, "vault: {address: %q, auth: {tokenFile: vault-token}}\n", vault)
	fmt.Fprintf(&b, "state: {path: state/state.db}\nserver: {socket: %q, listen: \"127.0.0.1:0\"}\n", socket)
	b.WriteString("codeHosts: {unsafeAllowPrivateAddresses: true}\ninstances:\n")
	for _, name := range w.instances {
		fmt.Fprintf(&b, "  - {name: %s, region: cn-hangzhou, driver: console}\n", name)
	}
	if err := os.WriteFile(filepath.Join(dir, "vault-token"), []byte(vaultToken), 0o600); err != nil {
		return "", "", err
	}
	config = filepath.Join(dir, "reconciler.yaml")
	return config, socket, os.WriteFile(config, []byte(b.String()), 0o600)
}
