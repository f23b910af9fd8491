package binding_test

import (
	"testing"

	"reconciler/internal/binding"
)

func TestOnlyManualTriggersAreAllowedInAGitLabSubgroup(t *testing.T) {
	for _, tt := range []struct {
		platform binding.Platform
		trigger  binding.Trigger
		subgroup binding.Verdict
		want     binding.Verdict
	}{
		{binding.GitLab, binding.Auto, binding.Yes, binding.No},
		{binding.GitLab, binding.Auto, binding.No, binding.Yes},
		{binding.GitLab, binding.Auto, binding.UnknownAsked, binding.UnknownAsked},
		{binding.GitLab, binding.Auto, "", binding.UnknownAsked},
		{binding.GitLab, "", binding.Yes, binding.No},
		{binding.GitLab, binding.Manual, binding.Yes, binding.Yes},
		{binding.GitLab, binding.Manual, binding.UnknownAsked, binding.Yes},
		{binding.Codeup, binding.Auto, binding.UnknownAsked, binding.Yes},
	} {
		state := binding.ProjectState{Subgroup: binding.Answer{Verdict: tt.subgroup}}
		if got := state.Allows("", tt.platform, tt.trigger); got != tt.want {
			t.Errorf("%s, trigger %q, in a subgroup %q: %s, want %s", tt.platform, tt.trigger, tt.subgroup, got, tt.want)
		}
	}
}
