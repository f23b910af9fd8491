package apply_test

import (
	"testing"
	"time"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/state"
)

// TestOnlyWhatIsCertainlyGoneIsForgotten: a round with nothing to do checks what it
// remembers about "pay", which was applied as account 7 and is not declared.
func TestOnlyWhatIsCertainlyGoneIsForgotten(t *testing.T) {
	const forgotten, removed, managed = "forgotten", "removed", "managed"
	noop := func(name string, p binding.Platform) func(*plan.Round) {
		return func(r *plan.Round) {
			r.Plan.Actions = append(r.Plan.Actions, plan.Action{Kind: plan.Noop, Cause: plan.CauseRetained, Binding: name, Platform: p, Object: binding.AccountObject()})
		}
	}
	declared := func(name string, p binding.Platform) func(*plan.Round) {
		return func(r *plan.Round) {
			r.Declarations = append(r.Declarations, binding.Declaration{Name: name, Spec: binding.Spec{Platform: p, DeletionPolicy: binding.Unbind}})
		}
	}
	// taken makes a binding with a different name have the platform, with a given
	// account.
	taken := func(number string) func(*plan.Round) {
		return func(r *plan.Round) {
			declared("next", binding.GitLab)(r)
			r.Records = append(r.Records, binding.Record{Instance: "prod", Binding: "next", Platform: binding.GitLab, AccountID: number, Managed: true})
		}
	}
	bound := func(number string) func(*plan.Round) {
		return func(r *plan.Round) {
			r.Observation.Accounts[binding.GitLab] = binding.AccountState{Account: &binding.Account{ID: number, Platform: binding.GitLab}}
		}
	}
	for name, tt := range map[string]struct {
		settle time.Duration
		change []func(*plan.Round)
		want   string
	}{
		"nothing is bound":  {0, nil, forgotten},
		"a read may be old": {time.Minute, nil, removed},
		"a link is left": {0, []func(*plan.Round){func(r *plan.Round) {
			r.Records[0].Images = []binding.RecordedImage{{Image: "a/b", Link: &binding.Link{}}}
		}}, removed},
		"it is to be kept": {0, []func(*plan.Round){func(r *plan.Round) { r.Records[0].DeletionPolicy = binding.Retain }}, managed},
		"it is bound":      {0, []func(*plan.Round){bound("7")}, managed},
		"it is not known": {0, []func(*plan.Round){func(r *plan.Round) {
			r.Observation.Accounts[binding.GitLab] = binding.AccountState{Unknown: &binding.Unknown{}}
		}}, managed},
		"the plan has an action of it":       {0, []func(*plan.Round){noop("pay", binding.GitLab)}, managed},
		"an action on another platform":      {0, []func(*plan.Round){noop("pay", binding.Codeup)}, forgotten},
		"an action of another binding":       {0, []func(*plan.Round){noop("other", binding.GitLab)}, forgotten},
		"another platform is declared":       {0, []func(*plan.Round){declared("next", binding.Codeup)}, forgotten},
		"the platform is declared":           {0, []func(*plan.Round){declared("next", binding.GitLab)}, managed},
		"another account took its place":     {0, []func(*plan.Round){taken("8"), bound("8")}, forgotten},
		"the same account has another name":  {0, []func(*plan.Round){taken("7"), bound("7")}, managed},
		"somebody bound a third one":         {0, []func(*plan.Round){taken("8"), bound("9")}, managed},
		"another account, and nothing there": {0, []func(*plan.Round){taken("8")}, forgotten},
		"a file is invalid":                  {0, []func(*plan.Round){func(r *plan.Round) { r.Broken = []string{"x.yaml"} }}, managed},
	} {
		round := &plan.Round{Input: plan.Input{
			Records: []binding.Record{{Instance: "prod", Binding: "pay", Platform: binding.GitLab, AccountID: "7", Managed: true, DeletionPolicy: binding.Unbind}},
			Observation: binding.Observation{
				Capabilities: binding.Capabilities{ListAccounts: true}, Accounts: map[binding.Platform]binding.AccountState{binding.GitLab: {}, binding.Codeup: {}},
			},
		}}
		for _, c := range tt.change {
			c(round)
		}
		store := state.NewMemory()
		for _, r := range round.Records {
			if err := store.PutRecord(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		apply.New(apply.Options{
			Instance: "prod", Store: store, Now: noon, Settle: tt.settle, Emit: func(plan.Event) {}, Moved: func() {},
		}).Apply(t.Context(), round)
		got := forgotten
		records, err := store.Records(t.Context(), "prod")
		for _, r := range records {
			switch {
			case r.Binding != "pay":
			case r.Removed:
				got = removed
			default:
				got = managed
			}
		}
		if err != nil || got != tt.want {
			t.Errorf("%s: %s, want %s (%v)", name, got, tt.want, err)
		}
	}
}

// TestTheDeclaredDeletionPolicyIsRemembered: a binding gets its own policy, and
// that of a different name only if it protects the account.
func TestTheDeclaredDeletionPolicyIsRemembered(t *testing.T) {
	for _, tt := range []struct {
		name          string
		platform      binding.Platform
		was, is, want binding.DeletionPolicy
	}{
		{"pay", binding.GitLab, binding.Retain, binding.Unbind, binding.Unbind},
		{"pay", binding.GitLab, binding.Unbind, binding.Retain, binding.Retain},
		{"pay", binding.GitLab, "", binding.Unbind, binding.Unbind},
		{"pay", binding.Codeup, binding.Retain, binding.Unbind, binding.Retain},
		{"next", binding.GitLab, binding.Unbind, binding.Retain, binding.Retain},
		{"next", binding.GitLab, binding.Retain, binding.Unbind, binding.Retain},
		{"next", binding.Codeup, binding.Unbind, binding.Retain, binding.Unbind},
	} {
		record := binding.Record{Instance: "prod", Binding: "pay", Platform: binding.GitLab, AccountID: "7", Managed: true, DeletionPolicy: tt.was}
		store := state.NewMemory()
		if err := store.PutRecord(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		round := &plan.Round{Input: plan.Input{
			Records:      []binding.Record{record},
			Declarations: []binding.Declaration{{Name: tt.name, Spec: binding.Spec{Platform: tt.platform, DeletionPolicy: tt.is}}},
			Observation:  binding.Observation{Unknown: &binding.Unknown{Reason: "Timeout"}},
		}}
		apply.New(apply.Options{Instance: "prod", Store: store, Now: noon, Emit: func(plan.Event) {}, Moved: func() {}}).Apply(t.Context(), round)
		records, err := store.Records(t.Context(), "prod")
		if err != nil || len(records) != 1 || records[0].DeletionPolicy != tt.want {
			t.Errorf("%s on %s says %s of what was %q: %v, %v", tt.name, tt.platform, tt.is, tt.was, records, err)
		}
	}
}

// TestARemovedBindingIsForgottenOnceNothingOfItIsRecent: the write of its account or of a
// source may still show up.
func TestARemovedBindingIsForgottenOnceNothingOfItIsRecent(t *testing.T) {
	image := func(w binding.Write) func(*binding.Record) {
		return func(r *binding.Record) { r.Images = []binding.RecordedImage{{Image: "a/b", LinkWritten: w}} }
	}
	recent, old := noon().Add(-time.Minute), noon().Add(-time.Hour)
	for name, tt := range map[string]struct {
		change func(*binding.Record)
		kept   bool
	}{
		"nothing was written":              {func(*binding.Record) {}, false},
		"the account, a minute ago":        {func(r *binding.Record) { r.Written = binding.Write{At: recent, Seen: true} }, true},
		"the account, an hour ago":         {func(r *binding.Record) { r.Written = binding.Write{At: old} }, false},
		"a source, a minute ago":           {image(binding.Write{At: recent}), true},
		"a source, a minute ago, and seen": {image(binding.Write{At: recent, Seen: true}), false},
		"a source, an hour ago":            {image(binding.Write{At: old}), false},
		"a source that is left": {func(r *binding.Record) {
			r.Images = []binding.RecordedImage{{Image: "a/b", Link: &binding.Link{}}}
		}, true},
	} {
		record := binding.Record{Instance: "prod", Binding: "pay", Platform: binding.GitLab, AccountID: "7", Removed: true}
		tt.change(&record)
		store := state.NewMemory()
		if err := store.PutRecord(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		apply.New(apply.Options{Instance: "prod", Store: store, Now: noon, Settle: 2 * time.Minute, Emit: func(plan.Event) {}, Moved: func() {}}).
			Apply(t.Context(), &plan.Round{Input: plan.Input{Records: []binding.Record{record}, Observation: binding.Observation{Capabilities: binding.Capabilities{ListAccounts: true}}}})
		records, err := store.Records(t.Context(), "prod")
		if err != nil || (len(records) > 0) != tt.kept {
			t.Errorf("%s: %+v, %v", name, records, err)
		}
	}
}
