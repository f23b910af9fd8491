package plan_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// TestUnknownIsNeverActedOn makes some answers unknown: no change is planned
// because of that, and only plans for the unknown objects differ.
func TestUnknownIsNeverActedOn(t *testing.T) {
	u := &binding.Unknown{Reason: "Timeout", Message: message.Verbatim("no answer")}
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		in.Observation.Capabilities = everything()
		accounts, images, tokens := map[binding.Platform]bool{}, map[string]bool{}, map[string]bool{}
		for _, p := range binding.Platforms() {
			if rapid.Bool().Draw(t, "account unknown") {
				accounts[p], in.Observation.Accounts[p] = true, binding.AccountState{Unknown: u}
			}
		}
		for _, image := range sortedKeys(in.Observation.Repositories) {
			if rapid.Bool().Draw(t, "image unknown") {
				images[image], in.Observation.Repositories[image] = true, binding.RepositoryState{Unknown: u}
			}
		}
		for _, name := range sortedKeys(in.Observation.Tokens) {
			if rapid.Bool().Draw(t, "token unknown") {
				// The rest of the state then has no meaning, and may be anything.
				tokens[name], in.Observation.Tokens[name] = true, binding.TokenState{Unknown: u, Version: 9}
			}
		}
		for _, a := range plan.Make(in).Actions {
			takes := a.Kind == plan.Bind || a.Kind == plan.Rebind || a.Kind == plan.Adopt && a.Object.IsAccount()
			lets := a.Kind == plan.Unbind && a.Target.Record != nil && slices.ContainsFunc(a.Target.Record.Images, func(i binding.RecordedImage) bool {
				return i.HasLeftovers() && images[i.Image] && !declaredAnywhere(in, i.Image)
			})
			if a.Kind.Changes() && (accounts[a.Platform] || images[a.Target.Image]) || tokens[a.Binding] && takes && a.Target.Declaration != nil || lets {
				t.Fatalf("acts on an unknown:\n%s", encode(t, a))
			}
		}
	})
}

func declaredAnywhere(in plan.Input, image string) bool {
	return slices.ContainsFunc(in.Declarations, func(d binding.Declaration) bool { return declares(d, image) })
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
