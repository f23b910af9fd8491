package plan_test

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// drawTimes adds to an input what depends on the time.
func drawTimes(t *rapid.T, in plan.Input) plan.Input {
	at := func(name string, around time.Duration) time.Time {
		return noon().Add(time.Duration(rapid.Int64Range(-int64(around), int64(around)).Draw(t, name))).Round(time.Second)
	}
	some := func(name string) bool { return rapid.IntRange(0, 3).Draw(t, name) == 0 }
	days := 24 * time.Hour
	in.Policy.Settle = 2 * time.Minute
	for i := range in.Declarations {
		d := &in.Declarations[i]
		if some("suspended in the file") {
			d.Spec.Suspend = &binding.Suspend{Until: binding.DateOf(at("suspended until", 3*days)), Reason: "r", Owner: "o"}
		}
		if d.Spec.Token != nil && some("declared end") {
			d.Spec.Token.Expires = binding.DateOf(at("declared expires", 40*days))
		}
		if token, asked := in.Observation.Tokens[d.Name]; asked && some("known end") {
			token.Expires, token.ExpiresSource = at("expires", 40*days), binding.FromHost
			in.Observation.Tokens[d.Name] = token
		}
	}
	for i := range in.Records {
		r := &in.Records[i]
		if some("written") {
			r.Written = binding.Write{At: at("written at", 5*time.Minute)}
		}
		for n := range r.Images {
			if some("link written") {
				r.Images[n].LinkWritten = binding.Write{At: at("link written at", 5*time.Minute), Seen: rapid.Bool().Draw(t, "seen")}
			}
		}
	}
	for i := range in.RetryStates {
		for n := range in.RetryStates[i].Repairs {
			for m := range in.RetryStates[i].Repairs[n].Made {
				in.RetryStates[i].Repairs[n].Made[m].At = at("repaired at", 2*time.Hour)
			}
		}
	}
	if some("suspended by a person") {
		in.Suspensions = append(in.Suspensions, binding.Suspension{Instance: "prod", Until: at("until", 2*time.Hour), Reason: "r", Person: binding.Person{By: "p"}})
	}
	if some("begun") && len(in.Declarations) > 0 {
		d := in.Declarations[0]
		in.Intents = append(in.Intents, binding.Intent{Instance: "prod", Binding: d.Name, Platform: d.Spec.Platform, Action: "bind", Object: binding.AccountObject(), Started: at("started", 5*time.Minute)})
	}
	if some("windows") {
		schedule, err := plan.ParseSchedule(rapid.SampledFrom([]string{"0 11 * * *", "0 13 * * *", "30 12 * * 0"}).Draw(t, "schedule"))
		if err != nil {
			t.Fatal(err)
		}
		window := []plan.Window{{Schedule: schedule, Zone: time.UTC, Length: 90 * time.Minute}}
		if in.Windows = (plan.Windows{Allow: window}); rapid.Bool().Draw(t, "deny") {
			in.Windows = plan.Windows{Deny: window}
		}
	}
	return in
}

// TestAPlanHoldsUntilItIsDue: before that, time changes nothing.
func TestAPlanHoldsUntilItIsDue(t *testing.T) {
	changed := 0
	rapid.Check(t, func(t *rapid.T) {
		in := drawTimes(t, drawInput(t))
		due, before := in.Due(), plan.Make(in)
		lasts := 400 * 24 * time.Hour
		if !due.IsZero() {
			lasts = due.Sub(in.Now)
		}
		later := in
		later.Now = in.Now.Add(time.Duration(rapid.Int64Range(0, max(int64(lasts)-1, 0)).Draw(t, "later")))
		if after := plan.Make(later); !reflect.DeepEqual(before, after) {
			t.Fatalf("due at %v, and at %v it is another plan:\n%s\n%s", due, later.Now, encode(t, before), encode(t, after))
		}
		later.Now = due.Add(time.Nanosecond)
		if !due.IsZero() && !reflect.DeepEqual(before, plan.Make(later)) {
			changed++
		}
	})
	if changed == 0 {
		t.Error("no plan changed when it was due: the test shows nothing")
	}
}
