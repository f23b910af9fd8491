package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"reconciler/internal/secrets/vault/vaulttest"
)

// pageBlock is a code block of a page.
type pageBlock struct{ page, language, text string }

var fence = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

func pageBlocks(t *testing.T, page string) (blocks []pageBlock) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", page))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, pageBlock{page, m[1], m[2]})
	}
	return blocks
}

// notRun are the blocks that do not run here, by a part of their text, each
// with the reason.
var notRun = map[string]string{
	"go run ./cmd/reconciler demo":       "make e2e runs the demo, and TestDemoConvergesAndIsWhatTheReadmeShows holds it to the README",
	"make test":                          "it runs the tests, this one among others",
	"-/+ rebind payments-gitlab":         "TestDemoConvergesAndIsWhatTheReadmeShows holds it to the demo",
	"on: pull_request":                   "it needs GitHub; the tests of ci run the ready-made files",
	"LoadCredential=":                    "it needs systemd",
	"helm install":                       "it needs a cluster; make chart checks the chart, and the values are rendered here",
	"payments-gitlab is suspended until": "it shows what the stories of get hold",
}

// pagesWorld is a registry and code hosts of the sandbox, a real Vault, and a real
// git server over HTTP.
type pagesWorld struct {
	*world
	vault *vaulttest.Server
	// mount is what the pages call secret.
	mount string
}

func newPagesWorld(t *testing.T, declaration string) *pagesWorld {
	t.Helper()
	folder := t.TempDir()
	t.Chdir(folder)
	t.Setenv("RECONCILER_CONFIG", "")
	write(t, "bindings/payments/gitlab.yaml", declaration)
	p := &pagesWorld{vault: vaulttest.Start(t, vaulttest.Options{})}
	p.mount = p.vault.Mount(t, 2)
	declaration = strings.ReplaceAll(declaration, "mount: secret", "mount: "+p.mount)
	w, err := newWorld(t.Context(), folder, plainSecrets())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	write(t, "ci/bindings/payments/gitlab.yaml", declaration) // As a job without a configuration has it.
	// The sites of the pages' names are the sandbox's.
	declaration = strings.ReplaceAll(declaration, "https://gitlab.example.com", "http://"+w.GitLabHTTP)
	write(t, "bindings/payments/gitlab.yaml", declaration)
	if err := w.addMissing(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.configure(true); err != nil {
		t.Fatal(err)
	}
	p.world = w
	p.vault.Write(t, p.mount+"/data/acr/payments/gitlab", map[string]any{"data": map[string]any{"token": w.tokens["payments-gitlab"][0]}})
	config := read(t, "reconciler.yaml")
	config = strings.ReplaceAll(config, w.VaultURL, p.vault.Address)
	config = strings.ReplaceAll(config, w.GitURL, gitOverHTTP(t))
	write(t, "reconciler.yaml", config)
	return p
}

// gitOverHTTP serves the folder's bindings with git's own server.
func gitOverHTTP(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main", "."},
		{"add", "bindings"},
		{"-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "-m", "declare"},
		{"clone", "--quiet", "--bare", ".", filepath.Join(root, "bindings.git")},
	} {
		if out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	path, err := exec.CommandContext(t.Context(), "git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(&cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1"},
	})
	t.Cleanup(server.Close)
	return server.URL + "/bindings.git"
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestE2EThePagesBlocksRun runs the code blocks of the pages that a newcomer and an
// operator copy from.
func TestE2EThePagesBlocksRun(t *testing.T) {
	var blocks []pageBlock
	for _, page := range []string{"README.md", "docs/production.md", "docs/operations.md"} {
		blocks = append(blocks, pageBlocks(t, page)...)
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	var declaration string
	for _, b := range blocks {
		if b.language == "yaml" && strings.Contains(b.text, "kind: SourceBinding") {
			declaration = b.text
		}
	}
	w := newPagesWorld(t, declaration)
	used := map[string]bool{}
	for _, b := range blocks {
		first, _, _ := strings.Cut(b.text, "\n")
		t.Run(b.page+"/"+b.language+"/"+first, func(t *testing.T) {
			for part, why := range notRun {
				if strings.Contains(b.text, part) {
					used[part] = true
					t.Logf("not run: %s", why)
					return
				}
			}
			w.run(t, b, root)
		})
	}
	for part := range notRun {
		if !used[part] {
			t.Errorf("no block has %q any longer", part)
		}
	}
}

func (w *pagesWorld) run(t *testing.T, b pageBlock, root string) {
	t.Helper()
	switch {
	case b.language == "sh":
		runLines(t, strings.Split(b.text, "\n"))
	case b.language == "hcl":
		w.vault.Write(t, "sys/policies/acl/pages", map[string]any{"policy": strings.ReplaceAll(b.text, `"secret/`, `"`+w.mount+"/")})
		token := w.vault.Write(t, "auth/token/create", map[string]any{"policies": []string{"pages"}, "no_default_policy": true, "ttl": "1h"})
		write(t, "secrets/vault-token", token.Auth.ClientToken)
	case b.language == "json":
		if !json.Valid([]byte(b.text)) {
			t.Error("not JSON")
		}
	case strings.HasPrefix(b.text, "# values.yaml"):
		renderValues(t, b.text, root)
	case strings.Contains(b.text, "kind: SourceBinding"):
		write(t, "page.yaml", b.text)
		runLines(t, []string{"reconciler validate page.yaml"})
	case strings.HasPrefix(b.text, "policy:"):
		base := read(t, "reconciler.yaml")
		host := strings.NewReplacer("gitlab.example.com", w.GitLabHTTP, "mount: secret", "mount: "+w.mount).Replace(b.text)
		write(t, "policed.yaml", base+host)
		runLines(t, []string{"reconciler validate --config policed.yaml bindings/"})
	case strings.HasPrefix(b.text, "# .gitlab-ci.yml"):
		var file map[string]struct{ Script []string }
		if err := yaml.Unmarshal([]byte(b.text), &file); err != nil {
			t.Fatal(err)
		}
		t.Chdir("ci")
		runLines(t, file["validate"].Script)
	default:
		t.Errorf("a block that nothing runs; say in notRun why:\n%s", b.text)
	}
}

// runLines runs commands of reconciler; the daemon until its first answer.
func runLines(t *testing.T, lines []string) {
	t.Helper()
	for _, line := range lines {
		line, _, _ = strings.Cut(line, " #")
		args := strings.Fields(line)
		if len(args) == 0 {
			continue
		}
		if args[0] != "reconciler" {
			t.Errorf("%q is no command of reconciler; say in notRun why it does not run", line)
			continue
		}
		if args[1] == "apply" {
			args = append(args, "--auto-approve")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if args[1] == "run" {
			go runUntilReady(ctx, cancel)
		}
		var out bytes.Buffer
		code := Main(ctx, args[1:], Streams{In: strings.NewReader(""), Out: &out, Err: &out})
		cancel()
		if code != 0 {
			t.Errorf("%s: exit code %d\n%s", line, code, out.String())
		}
	}
}

// runUntilReady ends the daemon once every binding is ready, or its time is up.
func runUntilReady(ctx context.Context, end func()) {
	defer end()
	for ctx.Err() == nil {
		var out bytes.Buffer
		code := Main(ctx, []string{"get", "--config", "reconciler.yaml", "--output", "json"}, Streams{In: strings.NewReader(""), Out: &out, Err: &out})
		if code == 0 && strings.Contains(out.String(), `"AsDeclared"`) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// renderValues renders the chart with values, where helm and kubeconform are.
func renderValues(t *testing.T, values, root string) {
	t.Helper()
	helm, kubeconform := filepath.Join(root, ".cache/bin/helm"), filepath.Join(root, ".cache/bin/kubeconform")
	for _, program := range []string{helm, kubeconform} {
		if _, err := os.Stat(program); err != nil {
			t.Skipf("%s is missing; make chart builds it", program)
		}
	}
	write(t, "values.yaml", values)
	objects, err := exec.CommandContext(t.Context(), helm, "template", "--kube-version", "1.34.0", "page", filepath.Join(root, "deploy/helm/reconciler"), "--values", "values.yaml").Output()
	if err != nil {
		t.Fatal(err)
	}
	check := exec.CommandContext(t.Context(), kubeconform, "-strict", "-schema-location", filepath.Join(root, "deploy/helm/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json"))
	check.Stdin = bytes.NewReader(objects)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
