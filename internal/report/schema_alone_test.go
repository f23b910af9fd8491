package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
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

// copies says which definitions of a schema that stands alone are copies, and of
// what: the named ones of home or, if none is named, all that both have. A name
// that ends in .json is a whole schema. One that others copy is copied to before.
var copies = []struct {
	file, home string
	names      []string
}{
	{"bindinglist.json", "findings.json", []string{"Finding"}},
	{"plan.json", "findings.json", []string{"Finding"}},
	{"syncresult.json", "bindinglist.json", []string{"BrokenFile", "Finding", "Held", "InstanceCondition", "RefusedChange", "Unanswered"}},
	{"planexplanation.json", "snapshot.json", nil},
	{"planexplanation.json", "bindinglist.json", []string{"BuildRule", "Contact", "Repository", "Retry", "Suspend"}},
	{"planexplanation.json", "plan.json", []string{"Change"}},
	{"planfile.json", "plan.json", []string{"plan.json"}},
	{"bindingdescription.json", "bindinglist.json", []string{"bindinglist.json"}},
	{"bindingdescription.json", "plan.json", []string{"plan.json"}},
	{"bindingdescription.json", "eventlist.json", []string{"eventlist.json"}},
	{"bindingdescription.json", "history.json", []string{"history.json"}},
	{"bindingdescription.json", "suspensionlist.json", []string{"suspensionlist.json"}},
}

// TestCopiesInSchemasAreEqual: a schema that stands alone has copies of what
// others define. With -update they are made anew.
func TestCopiesInSchemasAreEqual(t *testing.T) {
	n := 0
	for _, c := range copies {
		home, file := readSchema(t, c.home), readSchema(t, c.file)
		original, copied := definitions(t, home), definitions(t, file)
		whole := bytes.TrimSpace(home)
		original[c.home] = append(whole[:len(whole)-1:len(whole)-1], `, "$id": "`+c.home+`"}`...)
		names := c.names
		if names == nil {
			names = slices.Sorted(maps.Keys(copied))
			names = slices.DeleteFunc(names, func(name string) bool { return original[name] == nil || strings.HasSuffix(name, ".json") })
		}
		for _, name := range names {
			n++
			var want, made bytes.Buffer
			if err := json.Indent(&want, original[name], "    ", "  "); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			made.Write(copied[name])
			if made.String() == want.String() {
				continue
			}
			if !update() || copied[name] == nil {
				t.Errorf("%s: the definition %s is not that of %s; renew it with -update (-home +copy):\n%s", c.file, name, c.home, cmp.Diff(want.String(), made.String()))
				continue
			}
			file = bytes.Replace(file, []byte(`"`+name+`": `+made.String()), []byte(`"`+name+`": `+want.String()), 1)
			if err := os.WriteFile(published+c.file, file, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d copies", n)
	}
}

func readSchema(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(published + file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// definitions are those of a schema, as they are written.
func definitions(t *testing.T, schema []byte) map[string]json.RawMessage {
	t.Helper()
	var d struct {
		Defs map[string]json.RawMessage `json:"$defs"`
	}
	if err := json.Unmarshal(schema, &d); err != nil {
		t.Fatal(err)
	}
	return d.Defs
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
