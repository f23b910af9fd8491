package binding_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"reconciler/internal/binding"
)

func TestObjectsAreWrittenAsText(t *testing.T) {
	for text, object := range map[string]binding.Object{
		`""`:             {},
		`"account"`:      binding.AccountObject(),
		`"payments/api"`: binding.RepositoryObject("/payments/api/"),
		`"payments/api#branch:main=\u003elatest"`: binding.RuleObject("payments/api", binding.BuildRule{Branch: "main", ImageTag: "latest"}),
		`"payments/api#tag:v#1=\u003e$version"`:   binding.RuleObject("payments/api", binding.BuildRule{Tag: "v#1", ImageTag: "$version"}),
	} {
		got, err := json.Marshal(object)
		if err != nil || string(got) != text {
			t.Errorf("%+v is written as %s (%v), want %s", object, got, err, text)
		}
		var back binding.Object
		if err := json.Unmarshal([]byte(text), &back); err != nil || back != object {
			t.Errorf("%s is read as %+v (%v), want %+v", text, back, err, object)
		}
	}
}

func TestAnObjectThatIsNoneIsRefused(t *testing.T) {
	for _, text := range []string{"#", "#branch:main=>latest", "payments/api#", strings.Repeat("a", 65<<10)} {
		object := binding.AccountObject()
		if err := object.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%.40q is read as %.40v", text, object)
		}
		if !object.IsAccount() {
			t.Errorf("%.40q: a refused text changed the object", text)
		}
	}
}

func TestObjectsAreOrderedAccountFirst(t *testing.T) {
	rule := binding.RuleObject("b/a", binding.BuildRule{Branch: "main", ImageTag: "latest"})
	want := []binding.Object{
		binding.AccountObject(), binding.RepositoryObject("a/a"), binding.RepositoryObject("b/a"), rule, binding.RepositoryObject("b/a-c"),
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, binding.Object.Compare)
	if !slices.Equal(got, want) {
		t.Errorf("sorted: %v, want %v", got, want)
	}
}

func FuzzObject(f *testing.F) {
	for _, seed := range []string{"", "account", "a/b", "a/b#branch:main=>latest", "#", "a#", "a##b", "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var object binding.Object
		if object.UnmarshalText(text) != nil {
			return
		}
		if got, err := object.MarshalText(); err != nil || string(got) != string(text) {
			t.Errorf("%q is written as %q (%v)", text, got, err)
		}
	})
}
