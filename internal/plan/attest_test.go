package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// attest confirms every step that a person has to confirm.
func attest(in *plan.Input, p plan.Plan) (attested int) {
	type key struct {
		name     string
		platform binding.Platform
	}
	groups := map[key][]plan.Action{}
	for _, a := range p.Actions {
		if a.Attestable(in.Observation.Capabilities) {
			k := key{a.Binding, a.Platform}
			groups[k] = append(groups[k], a)
			attested++
		}
	}
	for k, actions := range groups {
		named := func(name string) func(binding.Record) bool {
			return func(r binding.Record) bool { return r.Binding == name && r.Platform == k.platform }
		}
		i := slices.IndexFunc(in.Records, named(k.name))
		if i < 0 && actions[0].Target.Record != nil {
			i = slices.IndexFunc(in.Records, named(actions[0].Target.Record.Binding))
		}
		var old *binding.Record
		if i >= 0 {
			old = new(in.Records[i])
			in.Records = slices.Delete(slices.Clone(in.Records), i, i+1)
		}
		if r := plan.Attested(actions, in.Observation.Capabilities, old); r != nil {
			in.Records = append(in.Records, *r)
		}
	}
	return attested
}

// console is an instance without an API.
func console(declarations ...binding.Declaration) plan.Input {
	in := input(declarations...)
	in.Observation.Capabilities = binding.Capabilities{}
	unasked := &binding.Unknown{Reason: "NotCapable", Message: message.Verbatim("the driver cannot tell")}
	for p := range in.Observation.Accounts {
		in.Observation.Accounts[p] = binding.AccountState{Unknown: unasked}
	}
	for image := range in.Observation.Repositories {
		in.Observation.Repositories[image] = binding.RepositoryState{Unknown: unasked}
	}
	return in
}

func TestWhatAPersonAttestedIsNotPlannedAgain(t *testing.T) {
	check := func(t *rapid.T) {
		in := drawInput(t)
		in.Observation.Capabilities = binding.Capabilities{}
		// At most three rounds: a removal frees the host of a secret, then the
		// account is bound, then a link that only its record has is removed.
		asked := map[string]bool{}
		for range 3 {
			p, records := plan.Make(in), in.Records
			for _, a := range p.Actions {
				if !a.Attestable(in.Observation.Capabilities) {
					continue
				}
				step := string(encode(t, []any{a.Binding, a.Object, a.Changes}))
				if asked[step] {
					t.Fatalf("asked for again after it was attested: %s", step)
				}
				asked[step] = true
			}
			before := encode(t, records)
			attest(&in, p)
			if diff := cmp.Diff(before, encode(t, records)); diff != "" {
				t.Fatalf("the records of before were changed:\n%s", diff)
			}
		}
		// The daemon itself adopts a renamed binding.
		left := slices.DeleteFunc(changing(plan.Make(in)), func(a plan.Action) bool { return a.Kind == plan.Adopt })
		if len(left) > 0 {
			t.Fatalf("attested, these are left:\n%s", encode(t, left))
		}
	}
	rapid.Check(t, check)
}

func TestTheWayToAttestEndsTheLastStepOfABinding(t *testing.T) {
	d := gitlabDeclaration()
	second := repository()
	second.Image, second.Source = "payments/web", "payments/web"
	d.Spec.Repositories = []binding.Repository{repository(), second}
	in := console(d, githubDeclaration())
	var ends []string
	for _, a := range plan.Make(in).Actions {
		last := text(a.Steps[len(a.Steps)-1])
		for _, s := range texts(a.Steps[:len(a.Steps)-1]) {
			if strings.Contains(s, "reconciler attest") {
				t.Errorf("%s %s asks for a word before its end: %q", a.Binding, a.Object, s)
			}
		}
		if strings.Contains(last, "reconciler attest") {
			ends = append(ends, a.Object.String()+" | "+last)
		}
	}
	want := []string{
		"payments/web | When all steps are done, run: reconciler attest payments-gitlab",
		"account | When it is done, run: reconciler attest web-github",
	}
	if diff := cmp.Diff(want, ends); diff != "" {
		t.Error(diff)
	}
}

func TestAttestedRecord(t *testing.T) {
	d := gitlabDeclaration()
	d.Spec.Repositories = []binding.Repository{repository()}
	in := console(d)
	attest(&in, plan.Make(in))
	want := []binding.Record{{
		Instance: "prod", Binding: "payments-gitlab", Platform: binding.GitLab, Managed: true,
		Username: "ci-bot", Address: "https://gitlab.example.com",
		Asked: binding.Account{Platform: binding.GitLab, Username: "ci-bot", Address: "https://gitlab.example.com"},
		Vault: d.Spec.Token.Vault, TokenVersion: 3, DeletionPolicy: binding.Retain,
		File: "payments/gitlab.yaml", Revision: "r1",
		Images: []binding.RecordedImage{{
			Image: "payments/api", Rules: []binding.RecordedRule{{Key: "branch:main=>latest", Dockerfile: "/Dockerfile"}},
			Link:        &binding.Link{Platform: binding.GitLab, Source: "payments/api", Trigger: binding.Auto, BuildCache: true},
			Unconfirmed: []string{"overseasBuild", "buildCache"},
		}},
	}}
	if diff := cmp.Diff(want, in.Records); diff != "" {
		t.Error(diff)
	}

	// Rules that are no longer declared are no longer remembered.
	in.Declarations[0].Spec.Repositories[0].Rules = []binding.BuildRule{{Branch: "next", Dockerfile: "/Dockerfile", ImageTag: "next"}}
	p := plan.Make(in)
	if diff := cmp.Diff([]string{"noop account", "manual payments/api rules[branch:main=>latest]:/Dockerfile> rules[branch:next=>next]:>/Dockerfile"}, brief(p)); diff != "" {
		t.Fatal(diff)
	}
	attest(&in, p)
	if diff := cmp.Diff([]string{"branch:next=>next"}, in.Records[0].Images[0].RuleKeys()); diff != "" {
		t.Error(diff)
	}

	// A removal removes the link, then the account, and leaves nothing.
	in.Declarations, in.Records[0].DeletionPolicy = nil, binding.Unbind
	if n := attest(&in, plan.Make(in)); n != 2 || len(in.Records) != 0 {
		t.Errorf("attested %d steps of a removal, left %d records", n, len(in.Records))
	}
}

// TestKind9WhatAPersonDidNotRemoveStaysOurs: the removal of rules failed, and a
// person unlinked and unbound meanwhile. If the rules that are left are declared
// again, they are ours.
func TestKind9WhatAPersonDidNotRemoveStaysOurs(t *testing.T) {
	image := binding.RecordedImage{Image: "payments/api", Link: &binding.Link{Platform: binding.GitLab, Source: "payments/api"}}
	for name, tt := range map[string]struct {
		rules []binding.BuildRule
		c     binding.Capabilities
		// unlinks is true if a person was asked to unlink too.
		unlinks bool
		left    []string
	}{
		"a rule":                    {[]binding.BuildRule{{Branch: "main", Dockerfile: "/v0", ImageTag: "latest"}}, binding.Capabilities{ReadRules: true}, true, []string{"branch:main=>latest"}},
		"no rule":                   {nil, binding.Capabilities{ReadRules: true}, true, nil},
		"no rule, unlinked before":  {nil, binding.Capabilities{ReadRules: true}, false, nil},
		"a rule, unlinked before":   {[]binding.BuildRule{{Branch: "main", Dockerfile: "/v0", ImageTag: "latest"}}, binding.Capabilities{}, false, []string{"branch:main=>latest"}},
		"rules that nobody can see": {[]binding.BuildRule{{Branch: "main", Dockerfile: "/v0", ImageTag: "latest"}}, binding.Capabilities{}, true, nil},
	} {
		had := image
		for _, rule := range tt.rules {
			had = had.WithRule(binding.ObservedRule{BuildRule: rule})
		}
		old := &binding.Record{Instance: "prod", Binding: "payments-gitlab", Platform: binding.GitLab, Managed: true, Images: []binding.RecordedImage{had}}
		unlink := plan.Action{Instance: "prod", Binding: old.Binding, Platform: old.Platform, Kind: plan.Manual, Object: binding.RepositoryObject(image.Image), Target: plan.Target{Image: image.Image, Record: old}}
		unbind := plan.Action{Instance: "prod", Binding: old.Binding, Platform: old.Platform, Kind: plan.Manual, Object: binding.AccountObject(), Target: plan.Target{Record: old}}
		done := []plan.Action{unlink, unbind}
		if !tt.unlinks {
			done, old.Images[0].Link = done[1:], nil
		}
		r := plan.Attested(done, tt.c, old)
		var left []string
		if (r != nil) != (tt.left != nil) {
			t.Errorf("%s: %+v is remembered", name, r)
		}
		if r != nil && tt.left != nil {
			if left = r.Images[0].RuleKeys(); !r.Removed {
				t.Errorf("%s: %+v is not removed", name, r)
			}
		}
		if diff := cmp.Diff(tt.left, left); diff != "" {
			t.Errorf("%s: left (-want +got):\n%s", name, diff)
		}
	}
}

// TestTheStepsOfAChangeShowWhatChanged: once a person confirmed a binding, its
// steps name only changed fields, and no step names a field that is not declared.
func TestTheStepsOfAChangeShowWhatChanged(t *testing.T) {
	const image = "payments/api > Build"
	repo := func(change func(*binding.Repository)) func(*plan.Input) {
		return func(in *plan.Input) { change(&in.Declarations[0].Spec.Repositories[0]) }
	}
	cases := map[string]struct {
		change func(*plan.Input)
		want   string
		steps  []string
	}{
		"trigger": {
			repo(func(r *binding.Repository) { r.Trigger = binding.Manual }), "trigger:auto>manual",
			[]string{image, "Build automatically on a change of code: off"},
		},
		"source": {
			repo(func(r *binding.Repository) { r.Source = "payments/next" }), "source:payments/api>payments/next",
			[]string{image, "Code source: GitLab, repository payments/next"},
		},
		"a flag that was declared": {
			repo(func(r *binding.Repository) { r.OverseasBuild = new(true) }), "overseasBuild:false>true",
			[]string{image, "Build outside mainland China: on"},
		},
		"a flag that nobody confirmed": {
			repo(func(r *binding.Repository) { r.BuildCache = new(true) }), "buildCache:>true",
			[]string{image, "Build without cache: off"},
		},
		"a flag that is declared no more": {repo(func(r *binding.Repository) { r.OverseasBuild = nil }), "", nil},
		"rules that are declared no more": {repo(func(r *binding.Repository) { r.Rules = nil }), "", nil},
		"a rule": {
			repo(func(r *binding.Repository) { r.Rules[0].Dockerfile = "/next/Dockerfile" }),
			"rules[branch:main=>latest]:/Dockerfile>/next/Dockerfile",
			[]string{image, "Build rule: branch main with /next/Dockerfile into image tag latest"},
		},
		"no rule": {
			repo(func(r *binding.Repository) { r.Rules = []binding.BuildRule{} }),
			"rules[branch:main=>latest]:/Dockerfile>",
			[]string{image, "Remove the build rule: branch main with /Dockerfile into image tag latest"},
		},
		"token": {
			func(in *plan.Input) {
				s := in.Observation.Tokens["payments-gitlab"]
				s.Version, s.Latest = 4, 4
				in.Observation.Tokens["payments-gitlab"] = s
			}, "token version:3>4",
			[]string{"Code Source", "row of GitLab", "unbind the account", "Bind Account", "As before: address https://gitlab.example.com, username ci-bot", "version 4", "Confirm"},
		},
		"username": {
			func(in *plan.Input) { in.Declarations[0].Spec.Username = "next-bot" }, "username:ci-bot>next-bot",
			[]string{"Code Source", "row of GitLab", "unbind the account", "Bind Account", "As before: address https://gitlab.example.com", "Username: next-bot", "version 3", "Confirm"},
		},
		"sign-in": {
			func(in *plan.Input) { in.Declarations[1].Spec.Username = "octo-next" }, "username:octo>octo-next",
			[]string{"Code Source", "row of GitHub", "unbind the account", "offers no such action", "Bind Account", "In the dialog GitHub", "Sign in to GitHub as octo-next", "Authorize AliyunDeveloper", "Back in the console"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := gitlabDeclaration()
			d.Spec.Repositories = []binding.Repository{repository()}
			d.Spec.Repositories[0].OverseasBuild = new(false)
			in := console(d, githubDeclaration())
			for _, s := range texts(plan.Make(in).Actions[1].Steps) {
				if strings.Contains(s, "cache") {
					t.Errorf("a step for a field that is not declared: %s", s)
				}
			}
			attest(&in, plan.Make(in))
			tc.change(&in)
			p := plan.Make(in)
			due := changing(p)
			if tc.want == "" {
				if len(due) > 0 {
					t.Fatalf("asked for: %+v", due)
				}
				return
			}
			if len(due) != 1 || len(due[0].Changes) != 1 {
				t.Fatalf("asked for: %q", brief(p))
			}
			if c := due[0].Changes[0]; c.Field+":"+before(c)+">"+after(c) != tc.want {
				t.Errorf("changes %+v, want %s", c, tc.want)
			}
			steps := texts(due[0].Steps)
			steps = steps[1 : len(steps)-1] // Without the console's address and the step to confirm.
			if len(steps) != len(tc.steps) {
				t.Fatalf("steps: %q", steps)
			}
			for i, s := range steps {
				if !strings.Contains(s, tc.steps[i]) {
					t.Errorf("step %q, want %q", s, tc.steps[i])
				}
			}
			attest(&in, p)
			if left := changing(plan.Make(in)); len(left) > 0 {
				t.Errorf("attested, these are left: %+v", left)
			}
		})
	}
}

func TestAnImageThatIsDeclaredNoMoreIsTakenAwayByHand(t *testing.T) {
	d := gitlabDeclaration()
	second := repository()
	second.Image, second.Source = "payments/web", "payments/web"
	d.Spec.Repositories = []binding.Repository{repository(), second}
	in := console(d)
	attest(&in, plan.Make(in))
	in.Policy.AllowDeletions = true

	in.Declarations[0].Spec.Repositories = d.Spec.Repositories[:1]
	in.Declarations[0].Spec.DeletionPolicy = binding.Retain
	want := []string{"noop payments/web", "noop account", "noop payments/api"}
	if diff := cmp.Diff(want, brief(plan.Make(in))); diff != "" {
		t.Errorf("with deletionPolicy Retain (-want +got):\n%s", diff)
	}

	in.Declarations[0].Spec.DeletionPolicy = binding.Unbind
	p := plan.Make(in)
	want = []string{"manual payments/web source:payments/web>", "noop account", "noop payments/api"}
	if diff := cmp.Diff(want, brief(p)); diff != "" {
		t.Fatalf("with deletionPolicy Unbind (-want +got):\n%s", diff)
	}
	if steps := strings.Join(texts(p.Actions[0].Steps), "\n"); !strings.Contains(steps, "payments/web > Build") || !strings.Contains(steps, "Remove the code source") {
		t.Errorf("steps: %s", steps)
	}
	if n := attest(&in, p); n != 1 || len(in.Records) != 1 || len(in.Records[0].Images) != 1 {
		t.Errorf("attested %d, records %+v; want the first image remembered alone", n, in.Records)
	}
	if left := changing(plan.Make(in)); len(left) > 0 {
		t.Errorf("attested, these are left: %+v", left)
	}
}

func TestWhatTheRegistryCanBeAskedIsNotAttested(t *testing.T) {
	in := input(gitlabDeclaration(), githubDeclaration())
	in.Observation.Capabilities.Bind = false
	p := plan.Make(in)
	if diff := cmp.Diff([]string{"manual", "authorize"}, []string{string(p.Actions[0].Kind), string(p.Actions[1].Kind)}); diff != "" {
		t.Fatal(diff)
	}
	if n := attest(&in, p); n != 0 {
		t.Errorf("%d steps wait for a person's word", n)
	}
}
