package apply_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// deeply writes out a value with all that it points at, to see whether something
// in it changed.
func deeply(out *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			deeply(out, v.Elem())
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			fmt.Fprint(out, v.Field(0), v.Field(1)) // The third is its location.
			return
		}
		for i := range v.NumField() {
			out.WriteString(v.Type().Field(i).Name + ":")
			deeply(out, v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			fmt.Fprint(out, i, "=")
			deeply(out, v.Index(i))
		}
	case reflect.Map:
		var entries []string
		for _, key := range v.MapKeys() {
			var entry strings.Builder
			deeply(&entry, key)
			entry.WriteString("=")
			deeply(&entry, v.MapIndex(key))
			entries = append(entries, entry.String())
		}
		slices.Sort(entries)
		fmt.Fprint(out, entries)
	case reflect.Func, reflect.Chan:
	default:
		fmt.Fprintf(out, "%v;", v)
	}
}

// unchanged calls do, and panics if the round is another one after it.
func unchanged(round *plan.Round, do func()) {
	var before, after strings.Builder
	deeply(&before, reflect.ValueOf(round))
	do()
	if deeply(&after, reflect.ValueOf(round)); before.String() != after.String() {
		panic(fmt.Sprintf("the round was changed:\n%s\nis now\n%s", before.String(), after.String()))
	}
}

// TestAChangedRoundIsNoticed holds what all tests of this package rely on: each of
// them fails if applying changes the round.
func TestAChangedRoundIsNoticed(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*plan.Round){
		"a record":      func(r *plan.Round) { r.Records[0].Images[0].Rules[0].Dockerfile = "/other" },
		"the plan":      func(r *plan.Round) { r.Plan.Actions[0].Target.Record.TokenVersion++ },
		"the time":      func(r *plan.Round) { r.Now = r.Now.Add(time.Second) },
		"an answer":     func(r *plan.Round) { r.Observation.Accounts[binding.GitLab] = binding.AccountState{} },
		"a retry state": func(r *plan.Round) { r.Retries["b"] = binding.Failed{Times: 2} },
	} {
		round := &plan.Round{
			Input: plan.Input{
				Records:     []binding.Record{{Images: []binding.RecordedImage{{Rules: []binding.RecordedRule{{}}}}}},
				Observation: binding.Observation{Accounts: map[binding.Platform]binding.AccountState{binding.GitLab: {Account: &binding.Account{ID: "1"}}}},
			},
			Retries: map[string]binding.Failed{"b": {Times: 1}},
			Plan:    plan.Plan{Actions: []plan.Action{{Target: plan.Target{Record: &binding.Record{}}}}},
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: the change was not noticed", name)
				}
			}()
			unchanged(round, func() { change(round) })
		}()
	}
}
