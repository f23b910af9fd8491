package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// filled is a value in which every field is set.
func filled[T any](t *testing.T) T {
	t.Helper()
	var value T
	fill(t, reflect.ValueOf(&value).Elem())
	return value
}

func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	if at, ok := v.Addr().Interface().(*time.Time); ok {
		*at = time.Date(2026, 11, 25, 19, 0, 0, 0, time.UTC)
		return
	}
	if object, ok := v.Addr().Interface().(*binding.Object); ok {
		*object = binding.Object{Kind: binding.ObjectRule, Image: "gitlab", Rule: "gitlab"}
		return
	}
	switch m := v.Addr().Interface().(type) {
	case *binding.Date:
		*m, _ = binding.ParseDate("2027-01-31")
		return
	case *message.Message:
		*m = message.New("unknown.token", "vault", "gitlab")
		return
	case *[]binding.Intent: // Of the writes before an intent no plan is made: they are not published.
		return
	case *message.Args:
		*m = message.Args{{Name: "text", Value: message.Foreign("gitlab")}}
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("gitlab")
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint64:
		v.SetUint(7)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key)
		fill(t, value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	default:
		t.Fatalf("no filling for %s", v.Type())
	}
}

func writeSnapshot(t *testing.T, s report.Published) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := report.WritePublished(&out, s); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func samplePublished(t *testing.T) report.Published {
	t.Helper()
	s := filled[report.Published](t)
	s.APIVersion, s.Kind, s.Source = binding.APIVersion, report.KindPublished, "git"
	s.Instances[0].Bindings[0].Token.ExpiresSource = "vault"
	return s
}

func TestASnapshotWithEveryFieldIsReadAsItWasWritten(t *testing.T) {
	want := samplePublished(t)
	text := writeSnapshot(t, want)
	validateOwn(t, text)
	got, err := report.ReadPublished(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	// What an object has itself takes the place of what is embedded in it.
	embedded := cmp.Options{
		cmpopts.IgnoreFields(report.UnknownObject{}, "Unknown.Message"), cmpopts.IgnoreFields(report.AnswerObject{}, "Answer.Message"),
		cmpopts.IgnoreFields(report.CapabilitiesObject{}, "Capabilities.Reasons", "Capabilities.ReadSources", "Capabilities.ReadRules"), cmpopts.IgnoreFields(report.PreviousObject{}, "PreviousToken.Unknown"),
		cmpopts.IgnoreFields(report.RepositoryObject{}, "RepositoryState.Unknown", "RepositoryState.SourceUnknown", "RepositoryState.RulesUnknown"),
		cmpopts.IgnoreFields(report.UsageObject{}, "Usage.Unknown"), cmpopts.IgnoreFields(report.PublishedRecord{}, "Record.Instance", "Record.Registry", "Record.TokenFingerprint", "Record.Mistimed"),
		cmpopts.IgnoreFields(report.PublishedIntent{}, "Intent.Instance", "Intent.TokenFingerprint", "Intent.Record", "Intent.After"),
		cmpopts.IgnoreFields(report.PublishedToken{}, "TokenState.Unknown", "TokenState.Previous", "TokenState.Answers", "TokenState.BoundAnswers", "TokenState.Fingerprint"),
		cmpopts.IgnoreFields(report.PublishedRetryState{}, "RetryState.Instance", "RetryState.Failed", "RetryState.BindForbidden", "RetryState.ContradictedSince"),
		cmpopts.IgnoreFields(report.PublishedSuspension{}, "Suspension.Instance", "Suspension.Person.Proven"),
		cmpopts.IgnoreFields(report.ProjectObject{}, "ProjectState.Subgroup", "ProjectState.Answers"),
	}
	if diff := cmp.Diff(want, got, embedded); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	empty := writeSnapshot(t, report.Published{Source: "folder"})
	validateOwn(t, empty)
	if _, err := report.ReadPublished(bytes.NewReader(empty)); err != nil {
		t.Error(err)
	}
}

// TestAnObservationIsReadAsItWasPublished: with its messages as data.
func TestAnObservationIsReadAsItWasPublished(t *testing.T) {
	want := filled[binding.Observation](t)
	instance := report.NewPublishedInstance(want.Instance, &plan.Round{Observed: time.Unix(1, 0), Input: plan.Input{Observation: want}})
	for name, state := range want.Tokens {
		state.Fingerprint = ""
		want.Tokens[name] = state
		instance.Bindings = append(instance.Bindings, report.PublishedBinding{
			Name: name, Token: report.NewPublishedToken(state), Projects: report.ProjectObjects(want.Projects[name]),
		})
	}
	published, err := report.ReadPublished(bytes.NewReader(writeSnapshot(t, report.Published{Instances: []report.PublishedInstance{instance}})))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, published.Instances[0].Observation()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Who adds a field to one of these types decides here whether it is published.
func TestASnapshotPublishesAllButFingerprints(t *testing.T) {
	record := filled[binding.Record](t)
	got := report.NewPublishedRecord(record).OnInstance(record.Instance)
	record.Registry, record.TokenFingerprint, record.Mistimed = "", "", false // No plan is made of Mistimed.
	if diff := cmp.Diff(record, got); diff != "" {
		t.Errorf("record (-want +got)\n%s", diff)
	}
	intent := filled[binding.Intent](t)
	back := report.NewPublishedIntent(intent).OnInstance(intent.Instance)
	intent.TokenFingerprint, intent.Record.TokenFingerprint, intent.After.TokenFingerprint = "", "", ""
	intent.Record.Mistimed, intent.After.Mistimed = false, false
	intent.Record.Registry, intent.After.Registry = "", ""
	if diff := cmp.Diff(intent, back); diff != "" {
		t.Errorf("intent (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(binding.Intent{Instance: "i"}, report.NewPublishedIntent(binding.Intent{}).OnInstance("i")); diff != "" {
		t.Errorf("intent without records (-want +got)\n%s", diff)
	}
	token := filled[binding.TokenState](t)
	state := report.NewPublishedToken(token).State()
	token.Fingerprint = ""
	if diff := cmp.Diff(token, state); diff != "" {
		t.Errorf("token (-want +got)\n%s", diff)
	}
	retry := filled[binding.RetryState](t)
	restored := report.NewPublishedRetryState(retry).OnInstance(retry.Instance)
	retry.Failed, retry.BindForbidden, retry.ContradictedSince = nil, time.Time{}, time.Time{} // No plan is made of them.
	if diff := cmp.Diff(retry, restored); diff != "" {
		t.Errorf("retry state (-want +got)\n%s", diff)
	}
	suspension := filled[binding.Suspension](t)
	held := report.NewPublishedSuspension(suspension).OnInstance(suspension.Instance)
	suspension.Proven = ""
	if diff := cmp.Diff(suspension, held); diff != "" {
		t.Errorf("suspension (-want +got)\n%s", diff)
	}
	if text := writeSnapshot(t, samplePublished(t)); bytes.Contains(bytes.ToLower(text), []byte("fingerprint")) {
		t.Errorf("it contains a fingerprint: %s", text)
	}
	for of, names := range map[reflect.Type]string{
		reflect.TypeFor[binding.Observation](): "Instance Unknown Capabilities Accounts Repositories Usage Tokens Projects",
		reflect.TypeFor[binding.Record](): "Instance Registry Binding Platform AccountID Username Address Asked UserID Written Unbound UnboundBefore Mistimed Vault TokenVersion TokenCreated " +
			"TokenFingerprint Refused DeletionPolicy Attested StepAsked Managed Removed Undeclared Images File Revision Applied",
		reflect.TypeFor[binding.Intent](): "Instance Binding Platform Action Object Record After Released Answered Tries Doubtful Announced Earlier Link Rule TokenVersion " +
			"TokenFingerprint Started Unbinds Requests",
		reflect.TypeFor[binding.TokenState](): "Unknown Version Latest Created Previous BoundAnswers Fingerprint Expires ExpiresSource ExpiresUnreadable Host Answers User",
		reflect.TypeFor[binding.RetryState](): "Instance Binding Digest Repairs Pending Failed BindForbidden ContradictedSince",
		reflect.TypeFor[binding.Suspension](): "Instance Binding Until Reason Person Since Damage",
	} {
		decided := strings.Fields(names)
		for f := range of.Fields() {
			if !slices.Contains(decided, f.Name) {
				t.Errorf("%s has a new field %s: decide whether it is published (a digest of a token is not), and name it here", of, f.Name)
			}
		}
	}
}

func TestWhatIsNoSnapshotIsRefused(t *testing.T) {
	good := string(writeSnapshot(t, samplePublished(t)))
	twice := samplePublished(t)
	twice.Instances = append(twice.Instances, twice.Instances[0])
	binding2 := samplePublished(t)
	binding2.Instances[0].Bindings = append(binding2.Instances[0].Bindings, binding2.Instances[0].Bindings[0])
	timeless := samplePublished(t)
	timeless.Instances[0].Observed = time.Time{}
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "not a snapshot"},
		{"a page", "<html>", "not a snapshot"},
		{"null", "null", "not a snapshot"},
		{"a plan", `{"apiVersion": "reconciler/v1alpha1", "kind": "Plan"}`, "not a snapshot"},
		{"half of it", good[:len(good)/2], "not a snapshot"},
		{"two of them", good + good, "not a snapshot"},
		{"a later version", strings.Replace(good, "v1alpha1", "v9", 1), `its apiVersion is "reconciler/v9", want reconciler/v1alpha1`},
		{"another type", strings.Replace(good, `"managed": true`, `"managed": "yes"`, 1), "not a snapshot"},
		{"an instance twice", string(writeSnapshot(t, twice)), `the instance "gitlab" twice`},
		{"a binding twice", string(writeSnapshot(t, binding2)), `the binding "gitlab" of gitlab twice`},
		{"no time", string(writeSnapshot(t, timeless)), "no time"},
	} {
		if _, err := report.ReadPublished(strings.NewReader(tt.text)); !errors.Is(err, report.ErrNotPublished) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := report.ReadPublished(endlessReader{}); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("without end: %v", err)
	}
	more := strings.Replace(good, `"kind"`, `"later": {"a": 1}, "kind"`, 1)
	if _, err := report.ReadPublished(strings.NewReader(more)); err != nil {
		t.Errorf("a field of a later version: %v", err)
	}
}

// endlessReader is a text without end.
type endlessReader struct{}

func (endlessReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func FuzzReadSnapshot(f *testing.F) {
	f.Add([]byte(`{"apiVersion":"reconciler/v1alpha1","kind":"Snapshot","source":"git","instances":[{"name":"a","observed":"2026-11-25T19:00:00Z"}]}`))
	f.Add([]byte(`{"apiVersion":"reconciler/v1alpha1","kind":"Snapshot","instances":[{"name":"a","observed":"2026-11-25T19:00:00Z","accounts":{"gitlab":{"account":{"id":"1"}}},"bindings":[{"name":"b","token":{"version":1}}],"records":[{"binding":"b","images":[{"image":"a/b"}]}],"intents":[{"binding":"b","record":{"binding":"b"}}]}]}`))
	f.Add([]byte("\xff{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := report.ReadPublished(bytes.NewReader(data))
		if err != nil {
			return
		}
		var first bytes.Buffer
		if err := report.WritePublished(&first, s); err != nil {
			// A time that JSON cannot hold can be read of none.
			t.Fatalf("what was read is not written: %v", err)
		}
		if !json.Valid(first.Bytes()) {
			t.Fatalf("not JSON: %s", first.Bytes())
		}
		again, err := report.ReadPublished(bytes.NewReader(first.Bytes()))
		if err != nil {
			t.Fatalf("what was written is not read: %v", err)
		}
		if diff := cmp.Diff(s, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-first +second)\n%s", diff)
		}
		for _, i := range s.Instances {
			for _, r := range i.Records {
				_ = r.OnInstance(i.Name)
			}
			for _, n := range i.Intents {
				_ = n.OnInstance(i.Name)
			}
		}
	})
}
