package apply_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
)

// TestWhatIsForgottenOfRemovedBindingsIsInTheHistory: the number of removed
// bindings that are remembered because something is left is limited.
func TestWhatIsForgottenOfRemovedBindingsIsInTheHistory(t *testing.T) {
	s := newSite()
	link := binding.Link{Platform: binding.GitLab, Source: "pay/old", Trigger: binding.Auto}
	for n := range 53 {
		r := binding.Record{
			Instance: "prod", Binding: fmt.Sprintf("gone-%02d", n), Platform: binding.GitLab, Removed: true,
			Applied: s.Clock().Add(time.Duration(n-100) * time.Hour), Images: []binding.RecordedImage{{Image: fmt.Sprintf("pay/old-%02d", n), Link: &link}},
		}
		s.Repos[r.Images[0].Image] = &binding.RepositoryState{Exists: true, Link: &link}
		if err := s.State.PutRecord(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	s.options = func(o *apply.Options) { o.Settle = 2 * time.Minute }
	nothing := binding.Record{
		Instance: "prod", Binding: "gone-without-a-rest", Platform: binding.GitLab, Removed: true,
		Applied: s.Clock().Add(-200 * time.Hour), Written: binding.Write{At: s.Clock().Add(-time.Second), Seen: true},
	}
	if err := s.State.PutRecord(t.Context(), nothing); err != nil {
		t.Fatal(err)
	}
	s.apply(t.Context(), s.round(t))
	s.apply(t.Context(), s.round(t)) // It is reported once.
	events, err := s.State.Events(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var forgotten []string
	for _, e := range events {
		if e.Action == "forget" {
			forgotten = append(forgotten, fmt.Sprint(e.Binding, " ", e.Args.Get("images")))
		}
	}
	slices.Sort(forgotten)
	if want := []string{"gone-00 [pay/old-00]", "gone-01 [pay/old-01]", "gone-02 [pay/old-02]"}; !slices.Equal(forgotten, want) {
		t.Errorf("in the history: %q, want %q", forgotten, want)
	}
	if left := len(s.Records()); left != 50 {
		t.Errorf("%d records are left", left)
	}
}
