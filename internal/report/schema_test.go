package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

const published = "../../docs/schema/"

// validateOwn holds an output to the published schema of its kind.
func validateOwn(t *testing.T, data []byte) {
	t.Helper()
	var object struct{ Kind string }
	if err := json.Unmarshal(data, &object); err != nil {
		t.Fatal(err)
	}
	validateJSON(t, published+strings.ToLower(object.Kind)+".json", data)
}

func TestGoldenJSONKeepsToThePublishedSchemas(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json.golden")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(`"kind": "Checklist"`)) {
			continue // Not one of the outputs whose schema is published.
		}
		checked++
		t.Run(filepath.Base(file), func(t *testing.T) { validateOwn(t, data) })
	}
	if checked < 3 {
		t.Errorf("only %d golden files", checked)
	}
}

func TestABindingWithEveryFieldKeepsToThePublishedSchema(t *testing.T) {
	yes := true
	day, err := binding.ParseDate("2027-01-31")
	if err != nil {
		t.Fatal(err)
	}
	s := statuses()[1]
	s.Revision = "4be1"
	s.Spec.Adopt, s.Spec.DeletionPolicy, s.Spec.DriftPolicy = true, binding.Unbind, binding.Report
	s.Spec.ManagementPolicy = binding.Observe
	s.Retry = &binding.Retry{Failures: 3, Next: day.Time()}
	s.Pending = []binding.PendingStep{{
		Object: binding.AccountObject(), Action: "authorize", Reason: message.Verbatim("not bound"), Since: day.Time(), Due: day.Time(), Overdue: true, Steps: []message.Message{message.Verbatim("click")},
	}}
	s.Spec.Token = &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "a", Key: "token", Version: 2}, Expires: day}
	s.Spec.Suspend = &binding.Suspend{Until: day, Reason: "freeze", Owner: "payments"}
	s.Spec.Repositories = []binding.Repository{{
		Image: "a/b", Source: "a/b", Trigger: binding.Auto, OverseasBuild: &yes, BuildCache: &yes,
		Rules: []binding.BuildRule{{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"}, {Tag: "v1", Dockerfile: "/Dockerfile", ImageTag: "1"}},
	}}
	var out bytes.Buffer
	if err := report.JSON(&out, report.NewBindingList([]binding.Status{s})); err != nil {
		t.Fatal(err)
	}
	validateOwn(t, out.Bytes())
}

// properties are the fields of one definition of a published schema.
func properties(t *testing.T, file, definition string) []string {
	t.Helper()
	data, err := os.ReadFile(published + file)
	if err != nil {
		t.Fatal(err)
	}
	type object struct {
		Properties map[string]struct{ Description string }
		Defs       map[string]json.RawMessage `json:"$defs"`
	}
	var schema object
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	if definition != "" {
		text := schema.Defs[definition]
		schema = object{}
		if err := json.Unmarshal(text, &schema); err != nil {
			t.Fatalf("%s: definition %s: %v", file, definition, err)
		}
	}
	var names []string
	for name := range schema.Properties {
		names = append(names, name)
	}
	return names
}

// fields are the JSON names of a struct's fields.
func fields(t reflect.Type) []string {
	var names, hidden []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-", !f.IsExported():
		case f.Anonymous && name == "":
			names = append(names, fields(f.Type)...)
		case f.Type.Name() == "hidden":
			hidden = append(hidden, name) // It takes the place of one that is embedded.
		default:
			names = append(names, name)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(hidden, name) })
}

func TestTheSchemaOfAPlanListsEveryCauseAndKind(t *testing.T) {
	var published struct {
		Defs struct {
			Action struct {
				Properties struct {
					Action struct{ Enum []plan.Kind }
					Cause  struct{ Enum []plan.Cause }
				}
			}
		} `json:"$defs"`
	}
	data, err := os.ReadFile("../../docs/schema/plan.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &published); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plan.Causes(), published.Defs.Action.Properties.Cause.Enum); diff != "" {
		t.Errorf("causes (-type +schema)\n%s", diff)
	}
	if diff := cmp.Diff(plan.Kinds(), published.Defs.Action.Properties.Action.Enum); diff != "" {
		t.Errorf("kinds (-type +schema)\n%s", diff)
	}
}

func TestPublishedSchemasHaveTheFieldsOfTheTypes(t *testing.T) {
	sorted := cmp.Transformer("set", func(names []string) map[string]bool {
		set := map[string]bool{}
		for _, n := range names {
			set[n] = true
		}
		return set
	})
	for _, tt := range []struct {
		file, definition string
		value            any
	}{
		{"findings.json", "Finding", report.FindingObject{}},
		{"plan.json", "Finding", report.FindingObject{}},
		{"plan.json", "Action", report.ActionObject{}},
		{"plan.json", "Instance", plan.Instance{}},
		{"plan.json", "Change", plan.Change{}},
		{"plan.json", "Touched", report.Touched{}},
		{"bindinglist.json", "", report.BindingList{}},
		{"bindinglist.json", "Binding", report.BindingItem{}},
		{"bindinglist.json", "Metadata", report.BindingMetadata{}},
		{"bindinglist.json", "Status", report.BindingStatus{}},
		{"bindinglist.json", "Condition", report.ConditionObject{}},
		{"bindinglist.json", "Waiting", report.PendingObject{}},
		{"bindinglist.json", "Retry", binding.Retry{}},
		{"bindinglist.json", "Spec", binding.Spec{}},
		{"bindinglist.json", "Token", binding.Token{}},
		{"bindinglist.json", "VaultRef", binding.VaultRef{}},
		{"bindinglist.json", "Suspend", binding.Suspend{}},
		{"bindinglist.json", "Repository", binding.Repository{}},
		{"bindinglist.json", "BuildRule", binding.BuildRule{}},
		{"eventlist.json", "", report.EventList{}},
		{"eventlist.json", "Event", report.EventItem{}},
		{"history.json", "", report.History{}},
		{"history.json", "Entry", binding.HistoryEntry{}},
		{"bindingdescription.json", "", report.Description{}},
		{"bindingdescription.json", "Token", report.DescribedToken{}},
		{"bindingdescription.json", "Apply", report.DescribedApply{}},
		{"bindingdescription.json", "Object", report.DescribedObject{}},
		{"bindingdescription.json", "Image", report.DescribedImage{}},
		{"bindingdescription.json", "Rule", report.DescribedRule{}},
		{"bindinglist.json", "RefusedChange", report.RefusedChange{}},
		{"syncresult.json", "", report.SyncResult{}},
		{"suspensionlist.json", "", report.SuspensionList{}},
		{"suspensionlist.json", "Suspension", binding.Suspension{}},
		{"bindinglist.json", "Unanswered", report.UnansweredPart{}},
		{"bindinglist.json", "InstanceCondition", report.InstanceCondition{}},
		{"bindinglist.json", "BrokenFile", report.BrokenFile{}},
		{"bindinglist.json", "Held", report.HeldBinding{}},
		{"bindinglist.json", "Finding", report.FindingObject{}},
		{"syncresult.json", "Unanswered", report.UnansweredPart{}},
		{"syncresult.json", "InstanceCondition", report.InstanceCondition{}},
		{"syncresult.json", "BrokenFile", report.BrokenFile{}},
		{"syncresult.json", "Held", report.HeldBinding{}},
		{"syncresult.json", "Finding", report.FindingObject{}},
		{"syncresult.json", "Instance", report.SyncedInstance{}},
		{"syncresult.json", "Binding", report.SyncedBinding{}},
		{"journalverification.json", "", report.JournalVerification{}},
		{"journalverification.json", "Damage", binding.JournalDamage{}},
		{"registryrecord.json", "", report.RegistryRecord{}},
		{"registryrecord.json", "Call", report.RecordedCall{}},
		{"registryrecord.json", "ProfileCall", report.ProfileCall{}},
		{"registryrecord.json", "Shape", report.Shape{}},
		{"registryrecord.json", "ShapeField", report.ShapeField{}},
		{"registryverification.json", "", report.RegistryVerification{}},
		{"registryverification.json", "Assumption", report.Assumption{}},
		{"registryverification.json", "LeftBehind", report.LeftBehind{}},
		{"journalentries.json", "Entry", binding.JournalEntry{}},
		{"journalentries.json", "Change", binding.JournalChange{}},
		{"planexplanation.json", "", report.Explanation{}},
		{"planexplanation.json", "Explained", report.Explained{}},
		{"planexplanation.json", "Snapshot", report.ExplainedFrom{}},
		{"planexplanation.json", "Declaration", report.ExplainedDeclaration{}},
		{"planexplanation.json", "Registry", report.ExplainedRegistry{}},
		{"planexplanation.json", "Memory", report.ExplainedMemory{}},
		{"planexplanation.json", "Window", report.ExplainedWindow{}},
		{"planexplanation.json", "Action", report.ExplainedAction{}},
		{"planexplanation.json", "PlanInstance", plan.Instance{}},
		{"planexplanation.json", "Spec", binding.Spec{}},
		{"planexplanation.json", "Retry", binding.Retry{}},
		{"snapshot.json", "", report.Published{}},
		{"snapshot.json", "Instance", report.PublishedInstance{}},
		{"snapshot.json", "Binding", report.PublishedBinding{}},
		{"snapshot.json", "Token", report.PublishedToken{}},
		{"snapshot.json", "Record", report.PublishedRecord{}},
		{"snapshot.json", "Intent", report.PublishedIntent{}},
		{"snapshot.json", "Effort", report.PublishedRetryState{}},
		{"snapshot.json", "Repairs", binding.Repairs{}},
		{"snapshot.json", "Repair", binding.Repair{}},
		{"snapshot.json", "Wait", binding.PendingSince{}},
		{"snapshot.json", "Suspension", report.PublishedSuspension{}},
		{"snapshot.json", "Unknown", report.UnknownObject{}},
		{"snapshot.json", "Capabilities", report.CapabilitiesObject{}},
		{"snapshot.json", "AccountState", report.AccountObject{}},
		{"snapshot.json", "Account", binding.Account{}},
		{"snapshot.json", "RepositoryState", report.RepositoryObject{}},
		{"snapshot.json", "Usage", report.UsageObject{}},
		{"snapshot.json", "Link", binding.Link{}},
		{"snapshot.json", "ObservedRule", binding.ObservedRule{}},
		{"snapshot.json", "VaultRef", binding.VaultRef{}},
		{"snapshot.json", "PreviousToken", report.PreviousObject{}},
		{"snapshot.json", "Project", report.ProjectObject{}},
		{"snapshot.json", "Answer", report.AnswerObject{}},
		{"snapshot.json", "Refusal", binding.Refusal{}},
		{"snapshot.json", "Write", binding.Write{}},
		{"snapshot.json", "RecordedRule", binding.RecordedRule{}},
		{"snapshot.json", "RecordedImage", binding.RecordedImageJSON{}},
	} {
		got := properties(t, tt.file, tt.definition)
		if diff := cmp.Diff(fields(reflect.TypeOf(tt.value)), got, sorted); diff != "" {
			t.Errorf("docs/schema/%s %s (-type +schema):\n%s", tt.file, tt.definition, diff)
		}
	}
}
