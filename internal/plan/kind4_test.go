package plan_test

import (
	"testing"

	"reconciler/internal/binding"
)

// made are rules of ours with these numbers, all with the same key.
func made(ids ...string) []binding.RecordedRule {
	var rules []binding.RecordedRule
	for _, id := range ids {
		rules = append(rules, binding.RecordedRule{ID: id, Key: "branch:main=>latest", Dockerfile: "/Dockerfile"})
	}
	return rules
}

func there(id, dockerfile string) binding.ObservedRule {
	return binding.ObservedRule{ID: id, BuildRule: mainRule(dockerfile)}
}

// TestKind4OneRuleBuildsAnImageTag checks that it matters how often a rule exists:
// a second rule for a declared image tag is removed if it is ours, and reported
// otherwise.
func TestKind4OneRuleBuildsAnImageTag(t *testing.T) {
	with := func(known []binding.RecordedRule, rules ...binding.ObservedRule) func(*linkWorld) {
		return func(w *linkWorld) { w.record.Images[0].Rules, w.state.Rules = known, rules }
	}
	linked := []string{accountLine, "noop payments/api"}
	copyOf := func(id string) string { return "payments/api#copy:" + id + ":branch:main=>latest" }
	duplicate := []string{"error rule-duplicate"}
	runCases(t, map[string]planCase{
		"a second one of others with another Dockerfile": {
			in:   linkCase(with(made("1"), there("1", "/Dockerfile"), there("2", "/old/Dockerfile"))),
			want: append(linked, "forbidden "+copyOf("2")), codes: duplicate,
		},
		"a second one of others that means the same": {
			in:   linkCase(with(made("2"), there("1", "/Dockerfile"), there("2", "/Dockerfile"))),
			want: append(linked, "forbidden "+copyOf("1")), codes: duplicate,
		},
		"a second one of ours": {
			in:   linkCase(with(made("1", "2"), there("1", "/Dockerfile"), there("2", "/Dockerfile"))),
			want: append([]string{"remove-rule " + copyOf("2") + " dockerfile:/Dockerfile>"}, linked...),
		},
		"a second one of ours with another Dockerfile": {
			in:   linkCase(with(made("1", "2"), there("1", "/old/Dockerfile"), there("2", "/Dockerfile"))),
			want: append([]string{"remove-rule " + copyOf("1") + " dockerfile:/old/Dockerfile>"}, linked...),
		},
		"three, of which one is not ours": {
			in: linkCase(with(made("1", "3"), there("1", "/Dockerfile"), there("2", "/Dockerfile"), there("3", "/Dockerfile"))),
			want: append([]string{"remove-rule " + copyOf("3") + " dockerfile:/Dockerfile>"},
				append(linked, "forbidden "+copyOf("2"))...), codes: duplicate,
		},
		"a second one under a record that knows no numbers": {
			in:   linkCase(with(made(""), there("1", "/old/Dockerfile"), there("2", "/Dockerfile"))),
			want: append(linked, "forbidden "+copyOf("1")), codes: duplicate,
		},
		"a second one that means the same, under a record that knows no numbers": {
			in:   linkCase(with(made(""), there("1", "/Dockerfile"), there("2", "/Dockerfile"))),
			want: append(linked, "forbidden "+copyOf("2")), codes: duplicate,
		},
		"changed by declaration while there are two of ours": {
			in: linkCase(func(w *linkWorld) {
				with(made("1", "2"), there("1", "/Dockerfile"), there("2", "/Dockerfile"))(w)
				w.repository.Rules = []binding.BuildRule{mainRule("/build/Dockerfile")}
			}),
			want: append([]string{"remove-rule " + copyOf("2") + " dockerfile:/Dockerfile>"},
				append(linked, "change-rule "+ruleObject+" dockerfile:/Dockerfile>/build/Dockerfile")...),
		},
		"two of ours, declared no more": {
			in: linkCase(func(w *linkWorld) {
				with(made("1", "2"), there("1", "/Dockerfile"), there("2", "/Dockerfile"))(w)
				w.repository.Rules = []binding.BuildRule{}
			}),
			want: append([]string{
				"remove-rule " + ruleObject + " dockerfile:/Dockerfile>", "remove-rule " + copyOf("2") + " dockerfile:/Dockerfile>",
			}, linked...),
		},
		"of others, declared no more, beside ours": {
			in: linkCase(func(w *linkWorld) {
				with(made("1"), there("1", "/Dockerfile"), there("2", "/Dockerfile"))(w)
				w.repository.Rules = []binding.BuildRule{}
			}),
			want: append([]string{"remove-rule " + ruleObject + " dockerfile:/Dockerfile>"}, linked...),
		},
		"made anew by somebody in place of ours": {
			in:   linkCase(with(made("1"), there("5", "/Dockerfile"))),
			want: append(linked, "adopt "+ruleObject),
		},
	})
}

func TestKind4ASecondRuleThatIsNotOursToRemove(t *testing.T) {
	with := func(known []binding.RecordedRule, rules ...binding.ObservedRule) func(*linkWorld) {
		return func(w *linkWorld) { w.record.Images[0].Rules, w.state.Rules = known, rules }
	}
	linked := []string{accountLine, "noop payments/api"}
	copyOf := func(id string) string { return "payments/api#copy:" + id + ":branch:main=>latest" }
	dev := binding.ObservedRule{ID: "9", BuildRule: binding.BuildRule{Branch: "dev", Dockerfile: "/dev/Dockerfile", ImageTag: "latest"}}
	devObject := "payments/api#copy:9:branch:dev=>latest"
	duplicate := []string{"error rule-duplicate"}
	runCases(t, map[string]planCase{
		"another branch of others builds the same image tag": {
			in:   linkCase(with(made("1"), there("1", "/Dockerfile"), dev)),
			want: append(linked, "forbidden "+devObject), codes: duplicate,
		},
		"a second one, rules not managed": {
			in: linkCase(func(w *linkWorld) {
				with(made("1"), there("1", "/Dockerfile"), there("2", "/Dockerfile"))(w)
				w.repository.Rules = nil
			}),
			want: linked,
		},
		"a second one under Observe": {
			in: linkCase(func(w *linkWorld) {
				with(made("1", "2"), there("1", "/Dockerfile"), there("2", "/Dockerfile"))(w)
				w.spec.ManagementPolicy = binding.Observe
			}),
			want: append([]string{"noop " + copyOf("2") + " dockerfile:/Dockerfile>"}, linked...), codes: []string{"warning observed-difference"},
		},
	})
}
