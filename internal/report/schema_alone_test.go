package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// nothing is a loader for a machine without the other schemas.
type nothing struct{}

func (nothing) Load(url string) (any, error) { return nil, errors.New(url + " is not here") }

// TestEachSchemaStandsAlone: whoever has one file can check an output with it.
func TestEachSchemaStandsAlone(t *testing.T) {
	files, err := filepath.Glob(published + "*.json")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d schemas, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		c.UseLoader(nothing{})
		url := "https://schemas.invalid/" + filepath.Base(file)
		if err := c.AddResource(url, decoded(t, data)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Compile(url); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// document is a schema as plain data.
func document(t *testing.T, file string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(published + file)
	if err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestCopiesInSchemasAreEqual: a schema that stands alone has copies of what
// others define.
func TestCopiesInSchemasAreEqual(t *testing.T) {
	for _, file := range []string{"planfile.json", "bindingdescription.json"} {
		for name, copied := range document(t, file)["$defs"].(map[string]any) {
			if !strings.HasSuffix(name, ".json") {
				continue
			}
			whole := document(t, name)
			whole["$id"] = name
			if diff := cmp.Diff(any(whole), copied); diff != "" {
				t.Errorf("%s: copy %s into its $defs (-file +copy):\n%s", file, name, diff)
			}
		}
	}
	explained, snapshot := document(t, "planexplanation.json")["$defs"].(map[string]any), document(t, "snapshot.json")["$defs"].(map[string]any)
	copies := 0
	for name, copied := range explained {
		if original, ok := snapshot[name]; ok {
			copies++
			if diff := cmp.Diff(original, copied); diff != "" {
				t.Errorf("planexplanation.json: copy the definition %s of snapshot.json (-file +copy):\n%s", name, diff)
			}
		}
	}
	if copies < 15 {
		t.Errorf("only %d copies", copies)
	}
}

func TestAnExplanationWithEveryFieldKeepsToThePublishedSchema(t *testing.T) {
	e := filled[report.Explanation](t)
	e.APIVersion, e.Kind = binding.APIVersion, report.KindExplanation
	on := &e.Instances[0]
	on.Depth, on.Token.ExpiresSource = report.Live, "vault"
	on.Actions[0].Kind, on.Actions[0].Cause = plan.Bind, plan.CauseAbsent
	on.Declaration.Spec.DeletionPolicy, on.Declaration.Spec.DriftPolicy, on.Declaration.Spec.ManagementPolicy = binding.Retain, binding.Correct, binding.Manage
	for i := range on.Declaration.Spec.Repositories {
		on.Declaration.Spec.Repositories[i].Trigger = binding.Auto
	}
	var out bytes.Buffer
	if err := report.JSON(&out, e); err != nil {
		t.Fatal(err)
	}
	validateOwn(t, out.Bytes())
}
