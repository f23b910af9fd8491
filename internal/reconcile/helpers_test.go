package reconcile_test

import (
	"context"
	"maps"
	"slices"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
)

type store struct{ *world }

func (w store) Records(_ context.Context, of string) (all []binding.Record, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return nil, errDead
	}
	for _, k := range slices.Sorted(maps.Keys(w.records)) {
		if w.records[k].Instance == of {
			all = append(all, w.records[k])
		}
	}
	return all, nil
}

func (w store) SecretTargets(context.Context) (binding.SecretTargets, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return binding.SecretTargets{}, errDead
	}
	sent := slices.Collect(maps.Values(w.records))
	for _, i := range w.intents {
		sent = append(sent, i.Record, i.After)
	}
	return binding.SecretTargets{}.With(sent, nil), nil
}

func recordKey(r binding.Record) string { return r.Binding + "/" + string(r.Platform) }
func intentKey(i binding.Intent) string {
	return i.Binding + "/" + string(i.Platform) + "/" + i.Object.String()
}

func (w store) Suspensions(context.Context, string) ([]binding.Suspension, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return nil, errDead
	}
	return slices.Clone(w.suspensions), nil
}

func (w store) DeleteSuspension(_ context.Context, s binding.Suspension) error {
	return w.do("store delete-suspension", func() error {
		w.suspensions = slices.DeleteFunc(w.suspensions, func(o binding.Suspension) bool { return o.Binding == s.Binding })
		return nil
	})
}

func (w store) PutRecord(_ context.Context, r binding.Record) error {
	return w.do("store put-record", func() error { w.records[recordKey(r)] = r; return nil })
}

func (w store) DeleteRecord(_ context.Context, r binding.Record) error {
	return w.do("store delete-record", func() error { delete(w.records, recordKey(r)); return nil })
}

func (w store) Intents(_ context.Context, of string) (all []binding.Intent, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return nil, errDead
	}
	for _, k := range slices.Sorted(maps.Keys(w.intents)) {
		if w.intents[k].Instance == of {
			all = append(all, w.intents[k])
		}
	}
	return all, nil
}

func (w store) PutIntent(_ context.Context, i binding.Intent) error {
	return w.do("store put-intent", func() error { w.intents[intentKey(i)] = i; return nil })
}

func (w store) DeleteIntent(_ context.Context, i binding.Intent) error {
	return w.do("store delete-intent", func() error { delete(w.intents, intentKey(i)); return nil })
}

func (w store) RetryStates(_ context.Context, of string) (all []binding.RetryState, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return nil, errDead
	}
	for _, k := range slices.Sorted(maps.Keys(w.states)) {
		if w.states[k].Instance == of {
			all = append(all, w.states[k])
		}
	}
	return all, nil
}

func (w store) PutRetryState(_ context.Context, e binding.RetryState) error {
	return w.do("store put-effort", func() error { w.states[e.Binding] = e; return nil })
}

func (w store) DeleteRetryState(_ context.Context, e binding.RetryState) error {
	return w.do("store delete-effort", func() error { delete(w.states, e.Binding); return nil })
}

func (w store) AppendEvent(_ context.Context, e binding.HistoryEntry) error {
	return w.do("store append-event", func() error { w.history = append(w.history, e); return nil })
}

// Declarations.

func gitlab(edit ...func(*binding.Declaration)) binding.Declaration {
	d := binding.Declaration{Name: "pay-gitlab", File: "pay.yaml", Spec: binding.Spec{
		Instance: instance, Platform: binding.GitLab, Address: "https://gitlab.example.com", Username: "ci-bot",
		Token:          &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "acr/gitlab", Key: "token"}},
		DeletionPolicy: binding.Retain, DriftPolicy: binding.Correct,
		Repositories: []binding.Repository{{
			Image: "pay/api", Source: "pay/api", Trigger: binding.Auto,
			Rules: []binding.BuildRule{
				{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"},
				{Tag: "v$version", Dockerfile: "/Dockerfile", ImageTag: "$version"},
			},
		}},
	}}
	for _, e := range edit {
		e(&d)
	}
	return d
}

func codeup() binding.Declaration {
	return binding.Declaration{Name: "pay-codeup", File: "codeup.yaml", Spec: binding.Spec{
		Instance: instance, Platform: binding.Codeup, Username: "ci",
		Token:          &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "acr/codeup", Key: "token"}},
		DeletionPolicy: binding.Unbind, DriftPolicy: binding.Correct,
	}}
}

func desire(ds ...binding.Declaration) plan.Desired {
	return plan.Desired{Revision: "r1", Declarations: ds}
}

func sync1(t *testing.T, r *reconcile.Reconciler, d plan.Desired) plan.Result {
	t.Helper()
	result, err := r.Sync(t.Context(), d, binding.DepthPreflight)
	if err != nil {
		t.Fatalf("sync: %v", err)
	}
	return result
}

// synced syncs and demands that everything was done.
func synced(t *testing.T, r *reconcile.Reconciler, d plan.Desired) {
	t.Helper()
	if err := sync1(t, r, d).Err(); err != nil {
		t.Fatalf("apply: %v", err)
	}
}

// settled demands that nothing is left to be done and nothing open.
func (w *world) settled(t *testing.T, r *reconcile.Reconciler, d plan.Desired) {
	t.Helper()
	p, err := r.Plan(t.Context(), d, binding.DepthPreflight)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range p.Plan.Actions {
		if a.Kind.Changes() {
			t.Errorf("still planned: %s %s of %s: %s", a.Kind, a.Object, a.Binding, a.Reason)
		}
	}
	if len(w.intents) > 0 {
		t.Errorf("open intents: %+v", w.intents)
	}
	for image, state := range w.repos {
		keys := map[string]int{}
		for _, rule := range state.Rules {
			if keys[rule.Key()]++; keys[rule.Key()] > 1 {
				t.Errorf("rule %s of %s was made twice", rule.Key(), image)
			}
		}
	}
	if w.effects["double bind"] > 0 {
		t.Error("an account was bound while one was bound")
	}
	for i, s := range w.handedOut {
		if !s.IsZero() {
			t.Errorf("secret %d that was handed out is not wiped", i)
		}
	}
}

func conditionOf(t *testing.T, r *reconcile.Reconciler, name string, c binding.ConditionType) binding.Condition {
	t.Helper()
	for _, s := range r.Statuses() {
		if s.Name == name {
			if found := binding.FindCondition(s.Conditions, c); found != nil {
				return *found
			}
		}
	}
	t.Fatalf("no condition %s of %s in %+v", c, name, r.Statuses())
	return binding.Condition{}
}

// text is a message in English.
func text(m message.Message) string { return report.English().Text(m) }

// texts are messages in English.
func texts(messages []message.Message) []string {
	var all []string
	for _, m := range messages {
		all = append(all, text(m))
	}
	return all
}

func (w store) Reserve(context.Context) error {
	return w.do("store reserve", func() error { return nil })
}
