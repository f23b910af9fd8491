package plan_test

import (
	"encoding/json"
	"testing"

	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// TestAChangeInJSONHasWordsAndData checks the JSON of values that are messages: it
// has English for people and data for programs. A plan that is read from JSON has
// the same digest as the one that was written.
func TestAChangeInJSONHasWordsAndData(t *testing.T) {
	t.Parallel()
	c := plan.Change{Field: plan.FieldTokenVersion, FromMessage: message.New("change-value.secret-deleted", "version", 3), To: "4"}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"field":"token version","from":"3 (of the deleted secret)","to":"4","fromMessage":{"id":"change-value.secret-deleted","args":{"version":3}}}`
	if string(data) != want {
		t.Errorf("JSON is %s, want %s", data, want)
	}
	var read plan.Change
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	digest := func(c plan.Change) string {
		return plan.Plan{Actions: []plan.Action{{Kind: plan.Rebind, Changes: []plan.Change{c}}}}.Digest()
	}
	if digest(read) != digest(c) {
		t.Error("a plan that was read has another digest than the one that was written")
	}
	c.FromMessage = message.New("change-value.created-unknown", "version", 3)
	if digest(read) == digest(c) {
		t.Error("two changes from different values have the same digest")
	}
}
