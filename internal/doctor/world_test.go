package doctor_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/config"
	"reconciler/internal/doctor"
	"reconciler/internal/engine"
	"reconciler/internal/finding"
	"reconciler/internal/report"
	"reconciler/internal/sandbox"
)

var update = flag.Bool("update", false, "write the golden files")

// patientVaultToken is the doctor's sign-in, and marked as all secrets of
// these tests are.
const (
	canary            = "canary5d1c0ffee"
	patientVaultToken = "hvs.vault-" + canary
)

// world is an outside world to be looked at.
type world struct {
	t       *testing.T
	outside *sandbox.Sandbox
	folder  string
	// now is the clock of everything, so that no day ends during a test.
	now time.Time
	// observer is put into codeHosts.github.
	observer string
}

// newWorld starts a world with three instances. The identity of lab
// has no registry.
func newWorld(t *testing.T) *world {
	t.Helper()
	p := &world{t: t, folder: t.TempDir(), now: time.Now().UTC()}
	var err error
	p.outside, err = sandbox.Start(t.Context(), sandbox.Options{
		Principals: []sandbox.Principal{
			{AccessKey: "key-prod", Secret: "secret-prod-" + canary, Region: "cn-hangzhou"},
			{AccessKey: "key-edge", Secret: "secret-edge-" + canary, Region: "cn-shanghai"},
			{AccessKey: "key-lab", Secret: "secret-lab-" + canary, Region: "cn-beijing", NoRegistry: true},
		},
		VaultToken: patientVaultToken, GitLabName: "gitlab.example.com", Now: func() time.Time { return p.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.outside.Close() })
	return p
}

// declare commits declarations, each in a file of its own.
func (p *world) declare(documents ...string) {
	p.t.Helper()
	files := map[string][]byte{}
	for i, d := range documents {
		files[fmt.Sprintf("bindings/%d.yaml", i)] = []byte(d)
	}
	if _, err := p.outside.Git.Commit("declare", files); err != nil {
		p.t.Fatal(err)
	}
}

// document is a declaration; more are further lines of its spec.
func document(name, instance, platform, username string, more ...string) string {
	text := fmt.Sprintf("apiVersion: reconciler/v1alpha1\nkind: SourceBinding\nmetadata: {name: %s}\nspec:\n  instance: %s\n  platform: %s\n  username: %s\n",
		name, instance, platform, username)
	for _, line := range more {
		text += "  " + line + "\n"
	}
	return text
}

func gitlabSite() string { return "address: https://gitlab.example.com" }

func tokenAt(path string, more string) string {
	return fmt.Sprintf("token: {vault: {mount: secret, path: %s, key: token%s}}", path, more)
}

func builds(image, source, trigger string) string {
	return fmt.Sprintf("repositories: [{image: %s, source: %s, trigger: %s}]", image, source, trigger)
}

// config writes the configuration and loads it.
func (p *world) config(gitURL string) (config.Config, string) {
	p.t.Helper()
	text := fmt.Sprintf(`apiVersion: reconciler/v1alpha1
kind: Configuration
source: {git: {url: %q, branch: main, path: bindings, timeout: 1m}}
vault: {address: %q, auth: {tokenFile: vault-token}}
codeHosts:
  codeup: {endpoint: %q}
  github: {endpoint: %q%s}
  bitbucket: {endpoint: %q}
  unsafeAllowPrivateAddresses: true
state: {path: state.db}
server: {socket: none.sock}
instances:
`, gitURL, p.outside.VaultURL, p.outside.CodeupURL, p.outside.GitHubURL, p.observer, p.outside.BitbucketURL)
	p.write("vault-token", patientVaultToken)
	for _, i := range [][2]string{{"prod", "hangzhou"}, {"edge", "shanghai"}, {"lab", "beijing"}} {
		text += fmt.Sprintf(`  - name: %s
    region: cn-%s
    endpoint: %q
    credentials: {static: {accessKeyIdFile: %s-id, accessKeySecretFile: %s-secret}}
    requestsPerSecond: 100
    burst: 100
`, i[0], i[1], p.outside.RegistryURL, i[0], i[0])
		p.write(i[0]+"-id", "key-"+i[0])
		p.write(i[0]+"-secret", "secret-"+i[0]+"-"+canary)
	}
	text += "  - {name: hand, region: cn-beijing, driver: console}\n"
	path := p.write("reconciler.yaml", text)
	cfg, found, err := config.Load(path)
	if err != nil || finding.HasErrors(found) {
		p.t.Fatal(err, found)
	}
	return cfg, path
}

func (p *world) write(name, content string) string {
	path := filepath.Join(p.folder, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// diagnose looks at the world as it is.
func (p *world) diagnose(names ...string) []report.Check {
	p.t.Helper()
	return p.diagnoseFrom(p.outside.GitURL, names...)
}

func (p *world) diagnoseFrom(gitURL string, names ...string) []report.Check {
	p.t.Helper()
	config, path := p.config(gitURL)
	before := listFolder(p.t, p.folder)
	writes := p.writes()
	checks := doctor.Diagnose(p.t.Context(), doctor.Options{
		Engine: engine.Options{
			Config: config, Now: func() time.Time { return p.now }, RootCAs: p.outside.RootCAs,
			Dial: map[string]string{"gitlab.example.com:443": p.outside.GitLabTLS, "git.example.org:8929": p.outside.GitLabHTTP},
		},
		Path: path, Bindings: names, Timeout: time.Minute,
	})
	if diff := cmp.Diff(before, listFolder(p.t, p.folder)); diff != "" {
		p.t.Errorf("files were written (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(writes, p.writes()); diff != "" {
		p.t.Errorf("the outside was written to:\n%s", diff)
	}
	p.noCanary(checks)
	return checks
}

// writes are the calls so far that were more than reads.
func (p *world) writes() []string {
	var all []string
	for _, c := range p.outside.Registry.Calls() {
		if c.Operation != "" && !strings.HasPrefix(c.Operation, "Get") {
			all = append(all, c.Operation)
		}
	}
	for _, c := range p.outside.Vault.Calls() {
		if c.Method != "GET" {
			all = append(all, c.Method+" "+c.Path)
		}
	}
	return all
}

func listFolder(t *testing.T, folder string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(data)
	}
	return all
}

// noCanary holds everything that is printed free of secrets.
func (p *world) noCanary(checks []report.Check) {
	p.t.Helper()
	var out bytes.Buffer
	if err := report.ChecklistJSON(&out, checks); err != nil {
		p.t.Fatal(err)
	}
	if err := report.Checklist(&out, checks, report.Style{Color: true, Width: 80}); err != nil {
		p.t.Fatal(err)
	}
	if strings.Contains(out.String(), canary) {
		p.t.Errorf("a secret came out:\n%s", out.String())
	}
}

// golden compares checks with the golden text, and with the golden JSON of the
// same name.
func (p *world) golden(name string, checks []report.Check) {
	p.t.Helper()
	var text, object bytes.Buffer
	if err := report.Checklist(&text, checks, report.Style{}); err != nil {
		p.t.Fatal(err)
	}
	if err := report.ChecklistJSON(&object, checks); err != nil {
		p.t.Fatal(err)
	}
	for file, got := range map[string]string{name + ".txt": p.normalize(text.String()), name + ".json": p.normalize(object.String())} {
		path := filepath.Join("testdata", file)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				p.t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			p.t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			p.t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

// normalize puts a word in place of all that differs from run to run.
func (p *world) normalize(text string) string {
	o := p.outside
	text = strings.NewReplacer(
		o.GitURL, "GIT", o.VaultURL, "VAULT", o.RegistryURL, "REGISTRY", o.CodeupURL, "CODEUP",
		o.GitHubURL, "GITHUB", o.BitbucketURL, "BITBUCKET", p.folder, "FOLDER",
		strings.TrimPrefix(o.GitHubURL, "http://"), "GITHUB-HOST",
		strings.TrimSuffix(strings.TrimPrefix(o.CodeupURL, "http://"), "/oapi/v1"), "CODEUP-HOST",
		strings.TrimSuffix(strings.TrimPrefix(o.BitbucketURL, "http://"), "/2.0"), "BITBUCKET-HOST",
	).Replace(text)
	for pattern, word := range map[string]string{
		`\b20\d\d-\d\d-\d\d\b`: "DAY", `\b[0-9a-f]{40}\b`: "COMMIT", `127\.0\.0\.1:\d+`: "LOOPBACK", `request [0-9A-F-]{36}`: "request ID",
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, word)
	}
	return text
}
