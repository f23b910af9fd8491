package daemon

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// TestKind11WhatDoesNotAnswerIsKnown: each part is reported from its first
// failure until it answers again, or until nobody needs it any longer.
func TestKind11WhatDoesNotAnswerIsKnown(t *testing.T) {
	t.Parallel()
	var (
		prod, edge = instancePart("prod"), instancePart("edge")
		vault      = binding.Part{Kind: binding.PartVault}
		site       = binding.Part{Kind: binding.PartCodeHost, Name: "gitlab.example.com", Platform: binding.GitLab}
		other      = binding.Part{Kind: binding.PartCodeHost, Name: "git.example.com", Platform: binding.GitLab}
	)
	up := func(p binding.Part) binding.PartAnswer { return binding.PartAnswer{Part: p, Asked: true} }
	down := func(p binding.Part) binding.PartAnswer {
		return binding.PartAnswer{Part: p, Asked: true, Reason: "Timeout", Message: message.Verbatim("no")}
	}
	unasked := func(p binding.Part) binding.PartAnswer { return binding.PartAnswer{Part: p} }
	type step struct {
		from    binding.Part
		answers []binding.PartAnswer
		// keep, if not nil, are the reporters that stay.
		keep []binding.Part
	}
	for name, tt := range map[string]struct {
		steps []step
		// want are the parts with the number of the step since which they fail.
		want map[binding.Part]int
	}{
		"nothing was asked yet":                {nil, nil},
		"not asked at all":                     {[]step{{prod, []binding.PartAnswer{unasked(vault)}, nil}}, nil},
		"down":                                 {[]step{{prod, []binding.PartAnswer{up(prod), down(vault)}, nil}}, map[binding.Part]int{vault: 0}},
		"down for long":                        {[]step{{prod, []binding.PartAnswer{down(vault)}, nil}, {prod, []binding.PartAnswer{down(vault)}, nil}, {prod, []binding.PartAnswer{down(vault)}, nil}}, map[binding.Part]int{vault: 0}},
		"it answers again":                     {[]step{{prod, []binding.PartAnswer{down(vault)}, nil}, {prod, []binding.PartAnswer{up(vault)}, nil}}, nil},
		"flapping":                             {[]step{{prod, []binding.PartAnswer{down(vault)}, nil}, {prod, []binding.PartAnswer{up(vault)}, nil}, {prod, []binding.PartAnswer{down(vault)}, nil}}, map[binding.Part]int{vault: 2}},
		"two instances ask one store":          {[]step{{prod, []binding.PartAnswer{down(vault)}, nil}, {edge, []binding.PartAnswer{down(vault)}, nil}, {prod, []binding.PartAnswer{up(vault)}, nil}}, map[binding.Part]int{vault: 0}},
		"and both see that it answers":         {[]step{{prod, []binding.PartAnswer{down(vault)}, nil}, {edge, []binding.PartAnswer{down(vault)}, nil}, {prod, []binding.PartAnswer{up(vault)}, nil}, {edge, []binding.PartAnswer{up(vault)}, nil}}, nil},
		"a host that cannot be asked any more": {[]step{{prod, []binding.PartAnswer{down(site)}, nil}, {prod, []binding.PartAnswer{unasked(site), down(vault)}, nil}}, map[binding.Part]int{site: 0, vault: 1}},
		"a host that nobody names":             {[]step{{prod, []binding.PartAnswer{down(site)}, nil}, {prod, []binding.PartAnswer{up(other)}, nil}}, nil},
		"two sites":                            {[]step{{prod, []binding.PartAnswer{down(site), up(other)}, nil}}, map[binding.Part]int{site: 0}},
		"the instance is gone":                 {[]step{{prod, []binding.PartAnswer{down(prod), down(vault)}, nil}, {edge, []binding.PartAnswer{up(edge)}, nil}, {keep: []binding.Part{edge}}}, nil},
		"another instance needs it still":      {[]step{{prod, []binding.PartAnswer{down(vault)}, nil}, {edge, []binding.PartAnswer{down(vault)}, nil}, {keep: []binding.Part{edge}}}, map[binding.Part]int{vault: 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, at := newParts(), time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
			for n, s := range tt.steps {
				now := at.Add(time.Duration(n) * time.Minute)
				if s.keep != nil {
					p.keep(now, s.keep...)
					continue
				}
				p.report(s.from, now, s.answers...)
			}
			got := map[binding.Part]int{}
			for _, o := range p.outages() {
				got[o.Part] = int(o.Since.Sub(at) / time.Minute)
			}
			if want := tt.want; len(got)+len(want) > 0 && !cmp.Equal(want, got) {
				t.Errorf("-want +got:\n%s", cmp.Diff(want, got))
			}
		})
	}
}

// TestKind12AnOutageDoesNotBeginInTheFuture: our clock was ahead when a part first gave no
// answer.
func TestKind12AnOutageDoesNotBeginInTheFuture(t *testing.T) {
	t.Parallel()
	p, now := newParts(), time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	down := binding.PartAnswer{Part: binding.Part{Kind: binding.PartVault}, Asked: true, Reason: "Timeout"}
	p.report(instancePart("prod"), now.AddDate(0, 1, 0), down)
	for _, later := range []time.Duration{0, time.Minute} {
		p.report(instancePart("prod"), now.Add(later), down)
		if all := p.outages(); len(all) != 1 || !all[0].Since.Equal(now) {
			t.Errorf("%+v", all)
		}
	}
}

// TestKind11ARoundSaysWhichPartsAnswer: a part is down only if it answered
// nothing that it was asked; a "no" about one thing is an answer.
func TestKind11ARoundSaysWhichPartsAnswer(t *testing.T) {
	t.Parallel()
	failed := &binding.Unknown{Reason: "Timeout", Fault: binding.FaultService}
	d := func(name, host string) binding.Declaration {
		return binding.Declaration{Name: name, Spec: binding.Spec{Platform: binding.GitLab, Address: "https://" + host, Token: &binding.Token{}}}
	}
	answer := func(v binding.Verdict, reason string) []binding.Answer {
		return []binding.Answer{{Question: "token-valid", Verdict: v, Reason: reason}}
	}
	silent := func(reason string) []binding.Answer {
		return []binding.Answer{{Question: "token-valid", Verdict: binding.UnknownAsked, Reason: reason, NoAnswer: true}}
	}
	projects := func(of ...string) map[string]map[string]binding.ProjectState {
		all := map[string]map[string]binding.ProjectState{}
		for _, name := range of {
			all[name] = map[string]binding.ProjectState{"x/y": {Answers: silent("HostFailed")}}
		}
		return all
	}
	for name, tt := range map[string]struct {
		seen     binding.Observation
		declared []binding.Declaration
		want     []string
	}{
		"nothing asked":                        {binding.Observation{}, []binding.Declaration{d("a", "one.example.com")}, nil},
		"offline":                              {binding.Observation{Unknown: &binding.Unknown{Reason: binding.Offline}}, nil, nil},
		"stopped meanwhile":                    {binding.Observation{Unknown: &binding.Unknown{Reason: binding.Interrupted, Fault: binding.FaultUnknown}}, nil, nil},
		"the registry":                         {binding.Observation{Unknown: failed}, nil, []string{"registry prod Timeout"}},
		"the registry refuses our credentials": {binding.Observation{Unknown: &binding.Unknown{Reason: "Forbidden", Fault: binding.FaultCredentials, Certain: true}}, nil, []string{"registry prod Forbidden"}},
		"every question to the registry": {binding.Observation{
			Accounts: map[binding.Platform]binding.AccountState{binding.GitLab: {Unknown: failed}}, Repositories: map[string]binding.RepositoryState{"a/b": {Unknown: failed}},
		}, nil, []string{"registry prod Timeout"}},
		"one of several accounts": {binding.Observation{
			Accounts: map[binding.Platform]binding.AccountState{binding.GitLab: {}, binding.Codeup: {Unknown: failed}},
		}, nil, nil},
		"one of several image repositories": {binding.Observation{
			Repositories: map[string]binding.RepositoryState{"a/b": {Unknown: failed}, "a/c": {Exists: true}},
		}, nil, nil},
		"accounts, and no image repository": {binding.Observation{
			Accounts: map[binding.Platform]binding.AccountState{binding.GitLab: {}}, Repositories: map[string]binding.RepositoryState{"a/b": {Unknown: failed}, "a/c": {Unknown: failed}},
		}, nil, []string{"registry prod Timeout"}},
		"image repositories, and no account": {binding.Observation{
			Accounts: map[binding.Platform]binding.AccountState{binding.GitLab: {Unknown: failed}}, Repositories: map[string]binding.RepositoryState{"a/b": {Exists: true}},
		}, nil, []string{"registry prod Timeout"}},
		"no build rules": {binding.Observation{
			Accounts: map[binding.Platform]binding.AccountState{binding.GitLab: {}}, Repositories: map[string]binding.RepositoryState{"a/b": {Exists: true, RulesUnknown: failed}},
		}, nil, []string{"registry prod Timeout"}},
		"no sources": {binding.Observation{
			Accounts: map[binding.Platform]binding.AccountState{binding.GitLab: {}}, Repositories: map[string]binding.RepositoryState{"a/b": {Exists: true, SourceUnknown: failed}},
		}, nil, []string{"registry prod Timeout"}},
		"a registry without sources": {binding.Observation{
			Accounts:     map[binding.Platform]binding.AccountState{binding.GitLab: {}},
			Repositories: map[string]binding.RepositoryState{"a/b": {Exists: true, SourceUnknown: &binding.Unknown{Reason: binding.NotCapable}}},
		}, nil, nil},
		"a registry without these calls": {binding.Observation{Accounts: map[binding.Platform]binding.AccountState{binding.GitLab: {Unknown: &binding.Unknown{Reason: binding.NotCapable}}}}, nil, nil},
		"Vault":                          {binding.Observation{Tokens: map[string]binding.TokenState{"a": {Unknown: failed}}}, []binding.Declaration{d("a", "one.example.com")}, []string{"vault  Timeout"}},
		"Vault has one secret and not the other": {binding.Observation{Tokens: map[string]binding.TokenState{
			"a": {Unknown: &binding.Unknown{Reason: "NotFound", Fault: binding.FaultUnknown, Certain: true}}, "b": {Unknown: failed},
		}}, []binding.Declaration{d("a", "one.example.com"), d("b", "one.example.com")}, nil},
		"one of two sites": {binding.Observation{Tokens: map[string]binding.TokenState{
			"a": {Answers: silent("Unreachable")}, "b": {Answers: answer(binding.Yes, "")},
		}}, []binding.Declaration{d("a", "one.example.com"), d("b", "two.example.com")}, []string{"code-host one.example.com Unreachable"}},
		"a site that answers one of two": {binding.Observation{Tokens: map[string]binding.TokenState{
			"a": {Answers: silent("Unreachable")}, "b": {Answers: answer(binding.No, "TokenInvalid")},
		}}, []binding.Declaration{d("a", "one.example.com"), d("b", "one.example.com")}, nil},
		"a host that does not say": {binding.Observation{Tokens: map[string]binding.TokenState{
			"a": {Answers: answer(binding.UnknownAsked, "ScopesNotTold")},
		}}, []binding.Declaration{d("a", "one.example.com")}, nil},
		"a site that answers about users, and about no project": {binding.Observation{
			Tokens:   map[string]binding.TokenState{"a": {Answers: answer(binding.Yes, "")}, "b": {Answers: answer(binding.Yes, "")}},
			Projects: projects("a"),
		}, []binding.Declaration{d("a", "one.example.com"), d("b", "one.example.com")}, []string{"code-host one.example.com HostFailed"}},
		"about the project of one of two": {binding.Observation{
			Projects: map[string]map[string]binding.ProjectState{"a": projects("a")["a"], "b": {"x/z": {Answers: answer(binding.No, "ProjectMoved")}}},
		}, []binding.Declaration{d("a", "one.example.com"), d("b", "one.example.com")}, nil},
		"projects of two sites": {binding.Observation{
			Projects: projects("a", "b"),
		}, []binding.Declaration{d("a", "one.example.com"), d("b", "two.example.com")}, []string{"code-host one.example.com HostFailed", "code-host two.example.com HostFailed"}},
		"only the project": {binding.Observation{
			Tokens:   map[string]binding.TokenState{"a": {}},
			Projects: map[string]map[string]binding.ProjectState{"a": {"x/y": {Answers: silent("HostFailed")}}},
		}, []binding.Declaration{d("a", "one.example.com")}, []string{"code-host one.example.com HostFailed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			round := &plan.Round{Input: plan.Input{Instance: plan.Instance{Name: "prod"}, Declarations: tt.declared, Observation: tt.seen}}
			var got []string
			for _, a := range round.PartAnswers() {
				if a.Failed() {
					got = append(got, fmt.Sprintf("%s %s %s", a.Kind, a.Name, a.Reason))
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
