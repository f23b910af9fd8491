package schema_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/schema"
)

// compileJSON compiles a generated JSON Schema as an editor would.
func compileJSON(t *testing.T, generate func() ([]byte, error)) *jsonschema.Schema {
	t.Helper()
	text, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// instance returns a YAML document as a JSON Schema sees it: days stay texts.
func instance(t *testing.T, text string) any {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		t.Fatal(err)
	}
	var plain func(n *yaml.Node)
	plain = func(n *yaml.Node) {
		if n.Tag == "!!timestamp" {
			n.Tag = "!!str"
		}
		for _, below := range n.Content {
			plain(below)
		}
	}
	plain(&node)
	var value any
	if err := node.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// accepted reports whether validation by CUE finds no error.
func accepted(t *testing.T, text string) bool {
	t.Helper()
	result := manifest.Load(t.Context(), []binding.File{{Path: "a.yaml", Digest: "d", Data: []byte(text)}},
		manifest.Options{Now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)})
	return !finding.HasErrors(result.Findings)
}

const gitlab = `apiVersion: reconciler/v1alpha1
kind: SourceBinding
metadata: {name: payments}
spec:
  instance: prod
  platform: gitlab
  address: https://gitlab.example.com
  username: ci-bot
  token: {vault: {mount: secret, path: acr/gitlab}, expires: 2027-10-31}
  suspend: {until: 2026-12-24, reason: release freeze, owner: payments}
  repositories:
    - image: payments/api
      source: payments/api
      rules: [{branch: main, dockerfile: /Dockerfile, imageTag: latest}]
`

// change replaces old by replacement in the GitLab declaration.
func change(t *testing.T, old, replacement string) string {
	t.Helper()
	if !strings.Contains(gitlab, old) {
		t.Fatalf("%q is not in the declaration", old)
	}
	return strings.Replace(gitlab, old, replacement, 1)
}

func TestJSONSchemaAgreesWithValidation(t *testing.T) {
	compiled := compileJSON(t, schema.JSONSchema)
	withoutToken := "  token: {vault: {mount: secret, path: acr/gitlab}, expires: 2027-10-31}\n"
	github := strings.Replace(strings.Replace(change(t, "gitlab\n  address: https://gitlab.example.com", "github"), withoutToken, "", 1), "username: ci-bot", "username: payments", 1)
	codeup := change(t, "gitlab\n  address: https://gitlab.example.com", "codeup")
	tests := []struct {
		name, text string
		want       bool
	}{
		{"GitLab", gitlab, true},
		{"GitHub", github, true},
		{"Bitbucket", strings.Replace(github, "github", "bitbucket", 1), true},
		{"Codeup", codeup, true},
		{"no repositories", change(t, gitlab[strings.Index(gitlab, "  repositories"):], ""), true},
		{"empty repositories", change(t, gitlab[strings.Index(gitlab, "  repositories"):], "  repositories: []\n"), true},
		{"subgroup by hand", change(t, "source: payments/api", "source: payments/core/api\n      trigger: manual"), true},
		{"build by tag", change(t, "branch: main", `tag: "v$version"`), true},
		{"pinned version", change(t, "path: acr/gitlab", "path: acr/gitlab, version: 3"), true},
		{"unknown platform", change(t, "platform: gitlab", "platform: gitea"), false},
		{"no platform", change(t, "  platform: gitlab\n", ""), false},
		{"unknown field", change(t, "  username", "  site: x\n  username"), false},
		{"unknown field deep down", change(t, "imageTag: latest", "imageTag: latest, args: x"), false},
		{"other version", change(t, "v1alpha1", "v2"), false},
		{"no name", change(t, "{name: payments}", "{}"), false},
		{"name in capitals", change(t, "name: payments", "name: Payments"), false},
		{"no username", change(t, "  username: ci-bot\n", ""), false},
		{"username of the wrong kind", change(t, "ci-bot", "[a]"), false},
		{"GitLab without address", change(t, "  address: https://gitlab.example.com\n", ""), false},
		{"GitLab without token", change(t, withoutToken, ""), false},
		{"Codeup with address", strings.Replace(codeup, "platform: codeup", "platform: codeup\n  address: https://x.example", 1), false},
		{"GitHub with token", strings.Replace(github, "  repositories", withoutToken+"  repositories", 1), false},
		{"GitHub with address", strings.Replace(github, "platform: github", "platform: github\n  address: https://x.example", 1), false},
		{"subgroup by default", change(t, "source: payments/api", "source: payments/core/api"), false},
		{"subgroup on push", change(t, "source: payments/api", "source: payments/core/api\n      trigger: auto"), false},
		{"unknown trigger", change(t, "source: payments/api", "source: payments/api\n      trigger: nightly"), false},
		{"unknown policy", change(t, "  suspend", "  driftPolicy: Ignore\n  suspend"), false},
		{"unknown management policy", change(t, "  suspend", "  managementPolicy: Ignore\n  suspend"), false},
		{"only looked at", change(t, "  suspend", "  managementPolicy: Observe\n  suspend"), true},
		{"branch and tag", change(t, "branch: main", "branch: main, tag: v1"), false},
		{"neither branch nor tag", change(t, "branch: main, ", ""), false},
		{"image without namespace", change(t, "image: payments/api", "image: api"), false},
		{"version zero", change(t, "path: acr/gitlab", "path: acr/gitlab, version: 0"), false},
		{"key with a space", change(t, "path: acr/gitlab", "path: acr/gitlab, key: a b"), false},
		{"no such day", change(t, "2027-10-31", "2027-13-31"), false},
		{"suspension without owner", change(t, ", owner: payments", ""), false},
		{"repositories as a mapping", change(t, gitlab[strings.Index(gitlab, "  repositories"):], "  repositories: {}\n"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := compiled.Validate(instance(t, tt.text))
			if got := err == nil; got != tt.want {
				t.Errorf("JSON Schema accepts = %v, want %v: %v", got, tt.want, err)
			}
			if got := accepted(t, tt.text); got != tt.want {
				t.Errorf("validation accepts = %v, want %v", got, tt.want)
			}
		})
	}
}

// TestJSONSchemaLeavesToValidation has the rules that the JSON Schema cannot
// express, so that its comment and the reference stay true.
func TestJSONSchemaLeavesToValidation(t *testing.T) {
	compiled := compileJSON(t, schema.JSONSchema)
	for name, text := range map[string]string{
		"port of an address": change(t, "https://gitlab.example.com", "https://gitlab.example.com:8443"),
		"owner at GitHub": `apiVersion: reconciler/v1alpha1
kind: SourceBinding
metadata: {name: web}
spec:
  instance: prod
  platform: github
  username: octo-dev
  repositories: [{image: web/app, source: some-org/app}]
`,
	} {
		t.Run(name, func(t *testing.T) {
			if err := compiled.Validate(instance(t, text)); err != nil {
				t.Errorf("JSON Schema refuses: %v", err)
			}
			if accepted(t, text) {
				t.Error("validation accepts")
			}
		})
	}
}

func TestJSONSchemaAcceptsTheExamples(t *testing.T) {
	compiled := compileJSON(t, schema.JSONSchema)
	files := 0
	err := fs.WalkDir(os.DirFS("../examples/bindings"), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" || strings.HasPrefix(path, "drafts/") {
			return err
		}
		files++
		text, err := os.ReadFile(filepath.Join("../examples/bindings", path))
		if err != nil {
			return err
		}
		if err := compiled.Validate(instance(t, string(text))); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 5 {
		t.Errorf("only %d examples were found", files)
	}
}

func TestConfigurationJSONSchemaAgreesWithValidation(t *testing.T) {
	compiled := compileJSON(t, schema.ConfigurationJSONSchema)
	full, err := os.ReadFile("../examples/reconciler.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const small = "apiVersion: reconciler/v1alpha1\nkind: Configuration\nsource: {folder: {path: x}}\ninstances: [{name: a, region: cn-hangzhou}]\n"
	for _, tt := range []struct {
		name, text string
		want       bool
	}{
		{"full", string(full), true},
		{"small", small, true},
		{"empty environment", strings.Replace(small, "cn-hangzhou", "cn-hangzhou, credentials: {environment: {}}", 1), true},
		{"field in environment", strings.Replace(small, "cn-hangzhou", "cn-hangzhou, credentials: {environment: {a: b}}", 1), false},
		{"burst of nothing", strings.Replace(small, "cn-hangzhou", "cn-hangzhou, burst: 0", 1), false},
		{"half a burst", strings.Replace(small, "cn-hangzhou", "cn-hangzhou, burst: 1.5", 1), false},
		{"no rate", strings.Replace(small, "cn-hangzhou", "cn-hangzhou, requestsPerSecond: 0", 1), false},
		{"unknown driver", strings.Replace(small, "cn-hangzhou", "cn-hangzhou, driver: x", 1), false},
		{"empty endpoint", strings.Replace(small, "cn-hangzhou", `cn-hangzhou, endpoint: ""`, 1), false},
		{"interval without a unit", small + "sync: {interval: \"5\"}\n", false},
		{"jitter beyond", small + "sync: {jitter: 0.9}\n", false},
		{"negative warning", small + "expiryWarnings: [-1]\n", false},
		{"no warnings", small + "expiryWarnings: []\n", true},
		{"unknown level", small + "log: {level: loud}\n", false},
		{"unknown field", small + "logs: {}\n", false},
		{"address without port", small + "server: {listen: localhost}\n", false},
		{"path that climbs", strings.Replace(small, "folder: {path: x}", "git: {url: x, path: ../x}", 1), false},
		{"without source", strings.Replace(small, "source: {folder: {path: x}}\n", "", 1), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := compiled.Validate(instance(t, tt.text))
			if got := err == nil; got != tt.want {
				t.Errorf("JSON Schema accepts = %v, want %v: %v", got, tt.want, err)
			}
			var out map[string]any
			_, found := manifest.CheckDocument(binding.File{Path: "c.yaml", Data: []byte(tt.text)}, manifest.KindConfiguration, &out)
			if got := !finding.HasErrors(found); got != tt.want {
				t.Errorf("validation accepts = %v, want %v: %v", got, tt.want, found)
			}
		})
	}
}

func TestInstancesJSONSchemaAgreesWithValidation(t *testing.T) {
	compiled := compileJSON(t, schema.InstancesJSONSchema)
	const head = "apiVersion: reconciler/v1alpha1\nkind: Instances\ninstances:"
	for text, want := range map[string]bool{
		head + " [{name: prod-hangzhou, edition: enterprise}]": true,
		head + " []": true,
		head + "\n  - {name: a, edition: personal}\n  - {name: b, edition: enterprise}": true,
		head + " [{name: a}]":                                false,
		head + " [{edition: personal}]":                      false,
		head + " [{name: a, edition: Enterprise}]":           false,
		head + " [{name: Prod_1, edition: personal}]":        false,
		head + " [{name: a, edition: personal, region: x}]":  false,
		head + " {a: enterprise}":                            false,
		head + " [a]":                                        false,
		head + "":                                            false,
		"apiVersion: reconciler/v1alpha1\nkind: Instances\n": false,
		"kind: Instances\ninstances: []\n":                   false,
		head + " []\nmore: 1":                                false,
	} {
		err := compiled.Validate(instance(t, text))
		if got := err == nil; got != want {
			t.Errorf("%s\nJSON Schema accepts = %v: %v", text, got, err)
		}
		loaded := manifest.Load(t.Context(), []binding.File{{Path: manifest.InstancesFile, Digest: "d", Data: []byte(text)}}, manifest.Options{})
		if got := !finding.HasErrors(loaded.Findings); got != want {
			t.Errorf("%s\nvalidation accepts = %v: %v", text, got, loaded.Findings)
		}
	}
}

func TestJSONSchemaExplainsEveryFieldAndNamesDefaults(t *testing.T) {
	for name, generate := range map[string]func() ([]byte, error){
		"declaration": schema.JSONSchema, "enterprise declaration": schema.EnterpriseJSONSchema, "configuration": schema.ConfigurationJSONSchema,
	} {
		t.Run(name, func(t *testing.T) {
			text, err := generate()
			if err != nil {
				t.Fatal(err)
			}
			document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			var unexplained []string
			defaults := 0
			var walk func(path string, node any)
			walk = func(path string, node any) {
				object, ok := node.(map[string]any)
				if !ok {
					return
				}
				if object["default"] != nil {
					defaults++
				}
				for key, below := range object {
					if key == "if" || key == "then" || key == "oneOf" {
						continue
					}
					if properties, ok := below.(map[string]any); ok && key == "properties" {
						for field, property := range properties {
							if p, ok := property.(map[string]any); !ok || p["description"] == nil {
								unexplained = append(unexplained, path+"/"+field)
							}
						}
					}
					walk(path+"/"+key, below)
				}
			}
			walk("", document)
			if diff := cmp.Diff([]string(nil), unexplained); diff != "" {
				t.Errorf("fields without a description (- none):\n%s", diff)
			}
			if defaults < 4 {
				t.Errorf("only %d defaults are named", defaults)
			}
		})
	}
}
