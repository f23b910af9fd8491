package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/manifest"
	"reconciler/internal/sandbox"
)

// importWorld is an instance that people have bound to all platforms in the
// console, and a configuration beside it.
func importWorld(t *testing.T) *world {
	t.Helper()
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "bindings"), 0o700); err != nil {
		t.Fatal(err)
	}
	w, err := newWorld(t.Context(), folder, plainSecrets())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	if err := w.configure(false); err != nil {
		t.Fatal(err)
	}
	instance := w.instance("prod-hangzhou")
	instance.ConsoleBind("codeup", "", "platform-ci")
	instance.ConsoleBind("github", "", "octo-dev")
	instance.ConsoleBind("bitbucket", "", "data-team")
	instance.ConsoleBind("gitlab", "http://"+w.GitLabHTTP, "ci-bot")
	for image, source := range map[string]sandbox.ImageSource{
		"platform/gateway": {Platform: "codeup", Project: "org/platform/gateway", Auto: true},
		"web/storefront":   {Platform: "github", Project: "octo-dev/storefront", Auto: true, CacheDisabled: true},
		"data/etl":         {Platform: "bitbucket", Project: "data-team/etl", Overseas: true},
		"payments/api":     {Platform: "gitlab", Project: "payments/api", Auto: true},
		"payments/ledger":  {Platform: "gitlab", Project: "payments/core/ledger"},
	} {
		instance.ConsoleLink(image, source)
		instance.ConsoleAddRule(image, sandbox.ImageRule{PushType: "GIT_BRANCH", PushName: "main", DockerfileLocation: "/", DockerfileName: "Dockerfile", ImageTag: "latest"})
		instance.ConsoleAddRule(image, sandbox.ImageRule{PushType: "GIT_TAG", PushName: "v$version", DockerfileLocation: "/build", DockerfileName: "Dockerfile", ImageTag: "$version"})
	}
	instance.AddRepository("payments/unlinked")
	return w
}

func runIn(t *testing.T, w *world, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	args = append(args, "--config", filepath.Join(w.folder, "reconciler.yaml"))
	code = Main(t.Context(), args, Streams{In: strings.NewReader(""), Out: &out, Err: &err})
	return code, out.String(), err.String()
}

// TestTheFirstPlanOfAnImportBindsTokensAndAdoptsTheRest imports all four platforms,
// fills in where the tokens are, and holds that nothing else is left to change.
func TestTheFirstPlanOfAnImportBindsTokensAndAdoptsTheRest(t *testing.T) {
	w := importWorld(t)
	bindings := filepath.Join(w.folder, "bindings")
	code, _, stderr := runIn(t, w, "import", "prod-hangzhou", "--out", bindings)
	if code != exitDone {
		t.Fatalf("exit code %d:\n%s", code, stderr)
	}
	for _, name := range []string{"prod-hangzhou-codeup", "prod-hangzhou-gitlab"} {
		if code, out, _ := runIn(t, w, "validate", filepath.Join(bindings, name+".yaml")); code != exitFindings || !strings.Contains(out, "field: spec.token.vault.path\n") || strings.Count(out, "error[") != 1 {
			t.Errorf("before it is filled in, validate says %d:\n%s", code, out)
		}
		fillIn(t, filepath.Join(bindings, name+".yaml"))
	}
	if err := w.addMissing(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := runIn(t, w, "validate", bindings); code != exitDone {
		t.Fatalf("filled in, validate says %d:\n%s", code, out)
	}
	// Nobody knows which token an account has that somebody bound: each of the two is
	// bound once, and nothing else changes.
	for _, test := range []struct {
		when string
		want []string
	}{
		{"before", []string{"adopt", "rebind"}},
		{"after", []string{"noop"}},
	} {
		code, out, stderr := runIn(t, w, "plan", "--preflight", "--output", "json")
		if kinds := kindsOf(t, out); code != exitDone || !cmp.Equal(test.want, kinds) {
			t.Fatalf("%s applying, plan has %v and code %d, want %v:\n%s%s", test.when, kinds, code, test.want, out, stderr)
		}
		if code, out, stderr := runIn(t, w, "apply", "--auto-approve"); code != exitDone {
			t.Fatalf("apply says %d:\n%s%s", code, out, stderr)
		}
	}
	accounts := map[string]int{"CreateUserSourceAccount": 2, "DeleteUserSourceAccount": 2}
	for _, call := range w.Registry.Calls() {
		if strings.HasPrefix(call.Operation, "Create") || strings.HasPrefix(call.Operation, "Update") || strings.HasPrefix(call.Operation, "Delete") {
			if accounts[call.Operation]--; accounts[call.Operation] < 0 {
				t.Errorf("%s was called", call.Operation)
			}
		}
	}
}

// fillIn does what the comment of an import asks a person to do.
func fillIn(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSuffix(filepath.Base(path), ".yaml")
	filled := strings.Replace(string(text), `path: ""`, "path: acr/"+name, 1)
	if err := os.WriteFile(path, []byte(filled), 0o600); err != nil {
		t.Fatal(err)
	}
}

func kindsOf(t *testing.T, text string) []string {
	t.Helper()
	var plan struct {
		Actions []struct{ Action string }
	}
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	var kinds []string
	for _, a := range plan.Actions {
		kinds = append(kinds, a.Action)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

func TestImportedDeclarationsAreCanonical(t *testing.T) {
	w := importWorld(t)
	code, out, stderr := runIn(t, w, "import", "prod-hangzhou")
	if code != exitDone {
		t.Fatalf("exit code %d:\n%s", code, stderr)
	}
	text, findings := manifest.NewFormatter().Format(binding.File{Path: "a.yaml", Data: []byte(out)})
	if diff := cmp.Diff(out, string(text)); diff != "" || len(findings) > 0 {
		t.Errorf("findings %v, imported and formatted (-imported +formatted):\n%s", findings, diff)
	}
}

func TestImportNeverTakesAFailureForAnAbsence(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func(*world)
		code   int
		// declared is how many declarations are written, says what stands on
		// the error stream.
		declared int
		want     string
	}{
		{"a registry that refuses", func(w *world) {
			w.Registry.Faults.Add(sandbox.Fault{Status: 403, ContentType: "application/json", Body: `{"code":"NoPermission","message":"no","requestId":"R"}`})
		}, exitError, 0, "unknown: the instance: "},
		{"a list that is not served", func(w *world) { w.Registry.Withdraw("GetRepoList") }, exitPartial, 4, "unknown: the list of image repositories: "},
		{"accounts that are not served", func(w *world) { w.Registry.Withdraw("GetUserSourceAccount") }, exitError, 0, "unknown: GitLab: "},
		{"sources that are not served", func(w *world) { w.Registry.Withdraw("GetRepoSourceRepo") }, exitPartial, 4, "unknown: payments/api: "},
		{"a link without its binding", func(w *world) { w.instance("prod-hangzhou").ConsoleUnbind("gitlab") }, exitDone, 3, "left out: payments/api builds from payments/api of GitLab"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := importWorld(t)
			test.damage(w)
			code, out, stderr := runIn(t, w, "import", "prod-hangzhou")
			if declared := strings.Count(out, "kind: SourceBinding"); code != test.code || declared != test.declared || !strings.Contains(stderr, test.want) {
				t.Errorf("code %d, %d declarations; want %d, %d, and %q:\n%s%s", code, declared, test.code, test.declared, test.want, out, stderr)
			}
			if test.code == exitPartial && !strings.Contains(out, "# Could not be asked") {
				t.Errorf("the files do not say what could not be asked:\n%s", out)
			}
		})
	}
}

func TestImportOverwritesNothingUnlessForced(t *testing.T) {
	w := importWorld(t)
	folder := filepath.Join(w.folder, "new", "folder")
	mine := filepath.Join(folder, "prod-hangzhou-github.yaml")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mine, []byte("mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := runIn(t, w, "import", "prod-hangzhou", "--out", folder); code != exitError || !strings.Contains(stderr, mine) {
		t.Errorf("code %d, want %d:\n%s", code, exitError, stderr)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
		t.Errorf("something was written: %v %v", entries, err)
	}
	if code, _, stderr := runIn(t, w, "import", "prod-hangzhou", "--out", folder, "--force"); code != exitDone {
		t.Errorf("code %d:\n%s", code, stderr)
	}
	if text, err := os.ReadFile(mine); err != nil || !bytes.Contains(text, []byte("octo-dev")) {
		t.Errorf("not overwritten: %s %v", text, err)
	}
}

func TestImportOfAnUnknownInstanceNamesTheKnownOnes(t *testing.T) {
	code, _, stderr := runIn(t, importWorld(t), "import", "prod-beijing")
	if code != exitError || !strings.Contains(stderr, "the configuration has edge-shanghai, prod-hangzhou") {
		t.Errorf("code %d:\n%s", code, stderr)
	}
}
