package binding_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
)

// TestKind4RulesOfEarlierVersionsAreKept reads a file of an earlier version, and
// writes one that earlier versions can read.
func TestKind4RulesOfEarlierVersionsAreKept(t *testing.T) {
	const old = `{"image":"a/b","ruleKeys":["branch:main=>latest","tag:v$version=>$version"],"link":{"platform":"gitlab","source":"a/b","trigger":"auto",` +
		`"overseasBuild":false,"buildCache":true},"dockerfiles":{"branch:main=>latest":"/Dockerfile"}}`
	var image binding.RecordedImage
	if err := json.Unmarshal([]byte(old), &image); err != nil {
		t.Fatal(err)
	}
	want := []binding.RecordedRule{{Key: "branch:main=>latest", Dockerfile: "/Dockerfile"}, {Key: "tag:v$version=>$version"}}
	if diff := cmp.Diff(want, image.Rules); diff != "" || image.Link == nil {
		t.Errorf("link %v, rules (-want +got):\n%s", image.Link, diff)
	}
	var again map[string]any
	data, err := json.Marshal(image)
	if err == nil {
		err = json.Unmarshal(data, &again)
	}
	if err != nil {
		t.Fatal(err)
	}
	delete(again, "rules")
	var before map[string]any
	if err := json.Unmarshal([]byte(old), &before); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, again); diff != "" {
		t.Errorf("an earlier version reads something else (-was +is):\n%s", diff)
	}
}

func TestKind4RulesAreRememberedByTheirNumbers(t *testing.T) {
	rule := func(id, dockerfile string) binding.ObservedRule {
		return binding.ObservedRule{ID: id, BuildRule: binding.BuildRule{Branch: "main", Dockerfile: dockerfile, ImageTag: "latest"}}
	}
	known := func(id, dockerfile string, removed bool) binding.RecordedRule {
		return binding.RecordedRule{ID: id, Key: "branch:main=>latest", Dockerfile: dockerfile, Removed: removed}
	}
	start := binding.RecordedImage{Image: "a/b", Rules: []binding.RecordedRule{known("1", "/Dockerfile", false)}}
	for name, tt := range map[string]struct {
		got  binding.RecordedImage
		want []binding.RecordedRule
	}{
		"changed":                {start.WithRule(rule("1", "build/Dockerfile")), []binding.RecordedRule{known("1", "/build/Dockerfile", false)}},
		"a second one":           {start.WithRule(rule("2", "/Dockerfile")), []binding.RecordedRule{known("1", "/Dockerfile", false), known("2", "/Dockerfile", false)}},
		"added, for it was gone": {start.WithRule(rule("", "/Dockerfile")), []binding.RecordedRule{known("", "/Dockerfile", false), known("1", "/Dockerfile", true)}},
		"removed":                {start.WithoutRule(rule("1", "/Dockerfile")), []binding.RecordedRule{known("1", "/Dockerfile", true)}},
		"another one removed":    {start.WithoutRule(rule("2", "/Dockerfile")), []binding.RecordedRule{known("1", "/Dockerfile", false)}},
		"its number becomes known": {
			binding.RecordedImage{Rules: []binding.RecordedRule{known("", "/Dockerfile", false)}}.WithRule(rule("7", "/Dockerfile")),
			[]binding.RecordedRule{known("7", "/Dockerfile", false)},
		},
	} {
		if diff := cmp.Diff(tt.want, tt.got.Rules); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff([]binding.RecordedRule{known("1", "/Dockerfile", false)}, start.Rules); diff != "" {
		t.Errorf("the image repository before changed:\n%s", diff)
	}
}

func TestKind9RemovedRulesAreBounded(t *testing.T) {
	image := binding.RecordedImage{Image: "a/b"}
	for n := range 100 {
		rule := binding.ObservedRule{ID: string(rune('0'+n/10)) + string(rune('0'+n%10)), BuildRule: binding.BuildRule{Branch: "main", ImageTag: "latest"}}
		image = image.WithRule(rule).WithoutRule(rule)
		for i := range image.Rules {
			if image.Rules[i].ID == rule.ID {
				image.Rules[i].Written.At = time.Unix(int64(n), 0)
			}
		}
	}
	newest := false
	for _, r := range image.Rules {
		newest = newest || r.ID == "99"
	}
	if len(image.Rules) > 25 || !newest {
		t.Errorf("%d removed rules are remembered, the newest: %t", len(image.Rules), newest)
	}
}
