package apply_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/worldtest"
)

// TestKind12WhatWasWrittenInTheFutureWasWrittenNow: our clock was ahead. The times
// pass from now on, even if the corrected ones cannot be written.
func TestKind12WhatWasWrittenInTheFutureWasWrittenNow(t *testing.T) {
	ahead, past := noon().Add(time.Hour), noon().Add(-time.Second)
	record := func(at time.Time, managed bool) binding.Record {
		return binding.Record{
			Instance: "prod", Binding: "pay", Platform: binding.GitLab, Managed: managed, TokenVersion: 3, Vault: binding.VaultRef{Path: "p"},
			Refused: binding.Refusal{Version: 9, At: at}, Written: binding.Write{At: at, Seen: true},
			Images: []binding.RecordedImage{{Image: "a/b", LinkWritten: binding.Write{At: at}, Rules: []binding.RecordedRule{{Key: "k", Written: binding.Write{At: at}}}}},
		}
	}
	intent := func(at time.Time) binding.Intent {
		return binding.Intent{Instance: "prod", Binding: "web", Platform: binding.Codeup, Action: string(plan.Bind), Object: binding.AccountObject(), Started: at, After: record(at, false)}
	}
	earlier := func(i binding.Intent, at time.Time) binding.Intent {
		i.Earlier = []binding.Intent{intent(at)}
		return i
	}
	doubtful := func(i binding.Intent) binding.Intent {
		i.Doubtful = true
		return i
	}
	numbered, unproven := record(ahead, true), record(noon(), true).WithoutToken()
	numbered.AccountID, unproven.Mistimed = "7", true
	known := record(noon(), true)
	known.AccountID = "7"
	half := earlier(intent(past), ahead)
	half.Record = record(ahead, false)
	believed := earlier(intent(past), noon())
	believed.Record, believed.Earlier[0].Doubtful = record(noon(), false), true
	for name, tt := range map[string]struct {
		record, wantRecord binding.Record
		intent, want       binding.Intent
	}{
		"all is over":                  {record(past, true), record(past, true), intent(past), intent(past)},
		"the account has no number":    {record(ahead, true), unproven, intent(ahead), doubtful(intent(noon()))},
		"it has one":                   {numbered, known, half, believed},
		"our clock was a little ahead": {record(noon().Add(30*time.Second), true), record(noon(), true), intent(noon().Add(30 * time.Second)), intent(noon())},
		"a record that is not of ours": {record(ahead, false), record(noon(), false), intent(noon()), intent(noon())},
	} {
		for full, f := range map[bool]worldtest.Fault{false: {}, true: {Before: errFull}} {
			w := worldtest.New()
			applier := apply.New(apply.Options{
				Instance: "prod", Store: worldtest.Store{World: w}, Now: noon, CallTimeout: 30 * time.Second, Settle: 2 * time.Minute, Emit: func(plan.Event) {}, Moved: func() {},
			})
			if err := errors.Join(w.State.PutRecord(t.Context(), tt.record), w.State.PutIntent(t.Context(), tt.intent)); err != nil {
				t.Fatal(err)
			}
			w.FailOn("store put", f)
			given := plan.Input{Records: []binding.Record{tt.record}, Intents: []binding.Intent{tt.intent}}
			round := plan.Round{Input: given}
			unknown := binding.Observation{Unknown: &binding.Unknown{Reason: "Transient"}}
			if err := applier.AnswerIntents(t.Context(), &round, unknown); err != nil {
				t.Errorf("%s, the disk is full %t: %v", name, full, err)
			}
			if diff := cmp.Diff([]binding.Record{tt.wantRecord}, round.Records) + cmp.Diff([]binding.Intent{tt.want}, round.Intents); diff != "" {
				t.Errorf("%s, the disk is full %t (-want +got)\n%s", name, full, diff)
			}
			records, intents := read(t, w.State.Records), read(t, w.State.Intents)
			if kept := cmp.Diff(records, round.Records) + cmp.Diff(intents, round.Intents); kept != "" && !full {
				t.Errorf("%s: not written again (-stored +believed)\n%s", name, kept)
			}
		}
	}
}
