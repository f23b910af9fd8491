package plan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// gone is an input in which payments-gitlab was applied, with one image repository,
// and is no longer declared.
func gone(change func(*plan.Input, *binding.Record)) func() plan.Input {
	return func() plan.Input {
		r := applied(gitlabDeclaration())
		r.DeletionPolicy = binding.Unbind
		r.Images = []binding.RecordedImage{recordedImage()}
		in := boundTo(input(), gitlabAccount())
		in.Observation.Repositories["payments/api"] = binding.RepositoryState{
			Exists: true, Link: wantedLink(),
			Rules: []binding.ObservedRule{
				{ID: "1", BuildRule: mainRule("/Dockerfile")},
				{ID: "2", BuildRule: binding.BuildRule{Branch: "theirs", Dockerfile: "/Dockerfile", ImageTag: "x"}},
			},
		}
		change(&in, &r)
		in.Records = []binding.Record{r}
		return in
	}
}

func removesAll() []string {
	return []string{
		"remove-rule " + ruleObject + " dockerfile:/Dockerfile>", "unlink payments/api source:payments/api>",
		"unbind account username:ci-bot>",
	}
}

func TestRemovedBinding(t *testing.T) {
	runCases(t, map[string]planCase{
		"is undone in reverse": {in: gone(func(*plan.Input, *binding.Record) {}), want: removesAll(), reason: "no longer declared"},
		"is kept under Retain": {
			in:   gone(func(_ *plan.Input, r *binding.Record) { r.DeletionPolicy = binding.Retain }),
			want: []string{accountLine}, reason: "Retain",
		},
		"is kept while a file is broken": {
			in:   gone(func(in *plan.Input, _ *binding.Record) { in.Broken = []string{"z.yaml", "b.yaml"} }),
			want: []string{accountLine}, reason: "b.yaml, z.yaml",
		},
		"is kept when somebody bound another account": {
			in: gone(func(in *plan.Input, _ *binding.Record) {
				*in = boundTo(*in, &binding.Account{ID: "8", Platform: binding.GitLab, Username: "ci-bot"})
			}),
			want: []string{accountLine}, reason: "another account",
		},
		"was never ours and stays": {
			in: gone(func(in *plan.Input, r *binding.Record) {
				d := githubDeclaration()
				in.Declarations, r.Managed = []binding.Declaration{d}, false
			}),
			want: []string{"authorize account username:>octo"},
		},
		"keeps an image that somebody linked elsewhere": {
			in: gone(func(in *plan.Input, _ *binding.Record) {
				st := in.Observation.Repositories["payments/api"]
				st.Link = &binding.Link{Platform: binding.GitLab, Source: "other/api", Trigger: binding.Auto}
				in.Observation.Repositories["payments/api"] = st
			}),
			want: []string{"unbind account username:ci-bot>"},
		},
		"is refused from an empty snapshot": {
			in:   gone(func(in *plan.Input, _ *binding.Record) { in.EmptySnapshot = true }),
			want: []string{"forbidden account"}, reason: "empty-snapshot", codes: []string{"error empty-snapshot"},
		},
		"is refused after a rewritten history": {
			in:   gone(func(in *plan.Input, _ *binding.Record) { in.Rewritten = true }),
			want: []string{"forbidden account"}, reason: "history-rewritten", codes: []string{"error history-rewritten"},
		},
		"is let through by the operator": {
			in: gone(func(in *plan.Input, _ *binding.Record) {
				in.Rewritten, in.EmptySnapshot, in.Policy.AllowDeletions = true, true, true
			}),
			want: removesAll(),
		},
	})
}

// TestRemovedBindingOfWhichNotAllIsKnown: it is kept, or a person gets steps.
func TestRemovedBindingOfWhichNotAllIsKnown(t *testing.T) {
	unknown := &binding.Unknown{Reason: "Timeout", Message: message.Verbatim("no answer")}
	runCases(t, map[string]planCase{
		"is kept when nothing is known": {
			in: gone(func(in *plan.Input, _ *binding.Record) {
				in.Observation.Accounts[binding.GitLab] = binding.AccountState{Unknown: unknown}
			}),
			want: []string{accountLine}, reason: "unknown (Timeout)",
		},
		"is kept when its images are not known": {
			in: gone(func(in *plan.Input, _ *binding.Record) {
				in.Observation.Repositories["payments/api"] = binding.RepositoryState{Unknown: unknown}
			}),
			want: []string{accountLine}, reason: "unknown (Timeout)",
		},
		"unlinks what has no rule of ours where rules cannot be read": {
			in: gone(func(in *plan.Input, r *binding.Record) {
				r.Images[0].Rules = nil
				in.Observation.Capabilities.ReadRules = false
			}),
			want: []string{"unlink payments/api source:payments/api>", "unbind account username:ci-bot>"},
		},
		"is a person's step where rules of ours cannot be read": {
			in:   gone(func(in *plan.Input, _ *binding.Record) { in.Observation.Capabilities.ReadRules = false }),
			want: []string{"manual payments/api source:payments/api>", "unbind account username:ci-bot>"},
		},
		"is a person's step where the driver cannot": {
			in: gone(func(in *plan.Input, _ *binding.Record) {
				in.Observation.Capabilities = binding.Capabilities{ListAccounts: true, ReadRepositories: true, ReadSources: true, ReadRules: true}
			}),
			want: []string{
				"manual " + ruleObject + " dockerfile:/Dockerfile>", "manual payments/api source:payments/api>",
				"manual account username:ci-bot>",
			},
		},
	})
}

// four is an instance with all four platforms applied and bound. Only those in
// declared are still declared.
func four(policy plan.Policy, declared ...binding.Platform) plan.Input {
	in := input()
	in.Policy = policy
	for _, p := range binding.Platforms() {
		d := binding.Declaration{Name: string(p), Spec: binding.Spec{Instance: "prod", Platform: p, Username: "bot", DeletionPolicy: binding.Unbind}}
		in = boundTo(in, &binding.Account{ID: "7", Platform: p, Username: "bot"})
		in.Records = append(in.Records, applied(d))
		for _, keep := range declared {
			if keep == p && p.OAuth() {
				in.Declarations = append(in.Declarations, d)
			}
		}
	}
	return in
}

func TestDeletionsBeyondTheThresholdStopAndAsk(t *testing.T) {
	allowed := plan.DefaultPolicy()
	allowed.AllowDeletions = true
	for name, tt := range map[string]struct {
		in      plan.Input
		refused bool
		unbinds int
	}{
		"two of four":            {four(plan.DefaultPolicy(), binding.GitHub, binding.Bitbucket), false, 2},
		"three of four":          {four(plan.DefaultPolicy(), binding.GitHub), true, 0},
		"four of four":           {four(plan.DefaultPolicy()), true, 0},
		"four of four, allowed":  {four(allowed), false, 4},
		"three of four, 80 %":    {four(plan.Policy{MaxDeletionPercent: 80, MinDeletions: 3}, binding.GitHub), false, 3},
		"two of four, minimum 1": {four(plan.Policy{MaxDeletionPercent: 30, MinDeletions: 1}, binding.GitHub, binding.Bitbucket), true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := plan.Make(tt.in)
			if p.Refused() != tt.refused || p.Counts()[plan.Unbind] != tt.unbinds {
				t.Errorf("refused %v with %d unbinds, want %v with %d", p.Refused(), p.Counts()[plan.Unbind], tt.refused, tt.unbinds)
			}
		})
	}
}

func TestRemovalsThatWaitForASuspensionCountForTheThreshold(t *testing.T) {
	for removed, want := range map[int]bool{2: false, 3: true} {
		in := four(plan.DefaultPolicy(), []binding.Platform{binding.GitHub, binding.Bitbucket}[:4-removed]...)
		in.Suspensions = []binding.Suspension{{
			Instance: in.Instance.Name, Binding: string(binding.GitLab), Until: in.Now.Add(time.Hour), Since: in.Now, Reason: "release freeze", Person: binding.Person{By: "ada"},
		}}
		p := plan.Make(in)
		if unbinds := p.Counts()[plan.Unbind]; p.Refused() != want || (unbinds > 0) == want {
			t.Errorf("%d removed, one of them suspended: refused %v with %d unbinds, want %v", removed, p.Refused(), unbinds, want)
		}
	}
}

func TestRefusalGivesTheNumbersAndTheOverride(t *testing.T) {
	p := plan.Make(four(plan.DefaultPolicy(), binding.GitHub))
	reason := text(p.Actions[0].Reason)
	want := "deletions-beyond-threshold: 3 of 4 managed bindings would be removed (75 %); allowed are 30 %, or fewer than 3; " +
		"to allow it: reconciler apply --unsafe-allow-deletions"
	if reason != want {
		t.Errorf("got  %s\nwant %s", reason, want)
	}
	if diff := cmp.Diff([]string{"error deletions-beyond-threshold"}, codes(p)); diff != "" {
		t.Errorf("one finding tells it (-want +got):\n%s", diff)
	}
}

func TestDroppedImages(t *testing.T) {
	dropped := func(change func(*linkWorld)) func() plan.Input {
		return linkCase(func(w *linkWorld) {
			w.spec.Repositories, w.spec.DeletionPolicy, w.record.DeletionPolicy = []binding.Repository{}, binding.Unbind, binding.Unbind
			change(w)
		})
	}
	many := func(w *linkWorld) {
		for _, image := range []string{"payments/b", "payments/c"} {
			w.in.Observation.Repositories[image] = w.state
			w.record.Images = append(w.record.Images, binding.RecordedImage{Image: image, Link: wantedLink()})
		}
	}
	runCases(t, map[string]planCase{
		"are unlinked, rules first": {
			in:   dropped(func(*linkWorld) {}),
			want: append(removesAll()[:2], accountLine),
		},
		"are kept under Retain": {
			in:   dropped(func(w *linkWorld) { w.spec.DeletionPolicy, w.record.DeletionPolicy = binding.Retain, binding.Retain }),
			want: []string{"noop payments/api", accountLine}, reason: "Retain",
		},
		"are kept when not managed": {in: dropped(func(w *linkWorld) { w.spec.Repositories = nil }), want: []string{accountLine, "noop payments/api"}},
		"beyond the threshold are refused": {
			in:     dropped(many),
			want:   []string{"forbidden payments/api", "forbidden payments/b", "forbidden payments/c", accountLine},
			reason: "3 of 3 linked image repositories", codes: []string{"error deletions-beyond-threshold"},
		},
		"that somebody linked elsewhere stay": {in: dropped(func(w *linkWorld) { w.state.Link.Source = "other/api" }), want: []string{accountLine}},
	})
}

func TestImageTakenOverByAnotherBindingIsNotUnlinked(t *testing.T) {
	in := gone(func(in *plan.Input, r *binding.Record) {
		d := githubDeclaration()
		d.Spec.Repositories = []binding.Repository{repository()}
		in.Declarations = []binding.Declaration{d}
		*in = boundTo(*in, &binding.Account{ID: "9", Platform: binding.GitHub, Username: "octo"})
	})()
	want := []string{
		"adopt account", "relink payments/api platform:gitlab>github", "adopt " + ruleObject,
		"unbind account username:ci-bot>",
	}
	if diff := cmp.Diff(want, brief(plan.Make(in))); diff != "" {
		t.Error(diff)
	}
}

func TestBrokenFileHoldsWhatItMayDeclare(t *testing.T) {
	// The binding was applied as "before"; its file is invalid now, and a different
	// declaration claims the platform.
	in := bound(func(d *binding.Declaration, r *binding.Record, in *plan.Input) {
		d.Spec.Username, d.Spec.Adopt, r.Binding = "new-bot", true, "before"
		in.Broken = []string{"before.yaml"}
	})()
	p := plan.Make(in)
	if p.HasChanges() || !strings.Contains(text(p.Actions[0].Reason), "before.yaml") {
		t.Errorf("got %+v", p.Actions)
	}
	// A record of a different platform, or one that is no longer ours, does not
	// hold this platform.
	for name, change := range map[string]func(*binding.Record){
		"not ours":         func(r *binding.Record) { r.Managed = false },
		"another platform": func(r *binding.Record) { r.Platform, r.Vault = binding.Codeup, binding.VaultRef{} },
	} {
		in := input(gitlabDeclaration())
		record := applied(gitlabDeclaration())
		record.Binding = "before"
		change(&record)
		in.Records, in.Broken = []binding.Record{record}, []string{"before.yaml"}
		if p := plan.Make(in); !slices.Contains(brief(p), bindLine) {
			t.Errorf("%s: %q", name, brief(p))
		}
	}
}

// TestKind10AFileThatBreaksDoesNotFreezeWhoTookThePlatformOver: a record of an
// earlier binding does not prevent changes to a binding that was applied since.
func TestKind10AFileThatBreaksDoesNotFreezeWhoTookThePlatformOver(t *testing.T) {
	d := gitlabDeclaration()
	in := input(d)
	own := binding.Record{Instance: "prod", Binding: d.Name, Platform: binding.GitLab, Managed: true, Username: "ci-bot", Address: d.Spec.Address, Asked: d.Spec.Account(), AccountID: "7", File: d.File}
	earlier := own
	earlier.Binding, earlier.File, earlier.AccountID = "earlier", "gone.yaml", "3"
	in.Records, in.Broken = []binding.Record{earlier, own}, []string{"other.yaml"}
	in.Observation.Accounts[binding.GitLab] = binding.AccountState{Account: gitlabAccount()}
	for _, a := range plan.Make(in).Actions {
		if a.Binding == d.Name && a.Cause == plan.CauseFileBroken {
			t.Errorf("%s %s: %s", a.Kind, a.Object, text(a.Reason))
		}
	}
	in.Records = []binding.Record{earlier}
	held := slices.ContainsFunc(plan.Make(in).Actions, func(a plan.Action) bool { return a.Binding == d.Name && a.Cause == plan.CauseFileBroken })
	if !held {
		t.Error("who was never applied takes a platform that an invalid file may declare")
	}
}
