package plan_test

import (
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

func wantedLink() *binding.Link {
	return &binding.Link{Platform: binding.GitLab, Source: "payments/api", Trigger: binding.Auto, BuildCache: true}
}

func mainRule(dockerfile string) binding.BuildRule {
	return binding.BuildRule{Branch: "main", Dockerfile: dockerfile, ImageTag: "latest"}
}

// recordedImage is payments/api, linked by us as declared.
func recordedImage() binding.RecordedImage {
	key := mainRule("").Key()
	return binding.RecordedImage{
		Image: "payments/api", Link: wantedLink(), Rules: []binding.RecordedRule{{Key: key, Dockerfile: "/Dockerfile"}},
	}
}

// linkWorld is a bound account with one image repository.
type linkWorld struct {
	repository binding.Repository
	state      binding.RepositoryState
	record     binding.Record
	spec       *binding.Spec
	in         *plan.Input
}

// linkCase is an image repository that we linked as declared, after a change.
func linkCase(change func(*linkWorld)) func() plan.Input {
	return func() plan.Input {
		d := gitlabDeclaration()
		w := linkWorld{
			repository: repository(), spec: &d.Spec, record: applied(d),
			state: binding.RepositoryState{Exists: true, Link: wantedLink(), Rules: []binding.ObservedRule{{ID: "1", BuildRule: mainRule("Dockerfile")}}},
		}
		w.record.Images = []binding.RecordedImage{recordedImage()}
		in := boundTo(input(d), gitlabAccount())
		w.in = &in
		change(&w)
		if d.Spec.Repositories == nil {
			d.Spec.Repositories = []binding.Repository{w.repository}
		}
		in.Declarations, in.Records = []binding.Declaration{d}, []binding.Record{w.record}
		in.Observation.Repositories["payments/api"] = w.state
		return in
	}
}

func foreign(w *linkWorld) { w.record.Images = nil }

const (
	accountLine = "noop account"
	ruleObject  = "payments/api#branch:main=>latest"
)

func TestLinks(t *testing.T) {
	yes := true
	runCases(t, map[string]planCase{
		"as declared":          {in: linkCase(func(*linkWorld) {}), want: []string{accountLine, "noop payments/api"}},
		"as declared, adopted": {in: linkCase(foreign), want: []string{accountLine, "adopt payments/api", "adopt " + ruleObject}},
		"missing": {
			in: linkCase(func(w *linkWorld) { w.state = binding.RepositoryState{Exists: true}; foreign(w) }),
			want: []string{
				accountLine, "link payments/api platform:>gitlab source:>payments/api trigger:>auto",
				"add-rule " + ruleObject + " dockerfile:>/Dockerfile",
			},
		},
		"another source": {
			in:   linkCase(func(w *linkWorld) { w.repository.Source = "payments/new" }),
			want: []string{accountLine, "relink payments/api source:payments/api>payments/new"},
		},
		"the same source in other words": {
			in:   linkCase(func(w *linkWorld) { w.repository.Source = "/Payments/API" }),
			want: []string{accountLine, "noop payments/api"},
		},
		"a flag that is not managed": {
			in:   linkCase(func(w *linkWorld) { w.state.Link.OverseasBuild = true }),
			want: []string{accountLine, "noop payments/api"},
		},
		"a flag that is managed": {
			in:   linkCase(func(w *linkWorld) { w.repository.OverseasBuild = &yes }),
			want: []string{accountLine, "relink payments/api overseasBuild:false>true"},
		},
		"never ours": {
			in:    linkCase(func(w *linkWorld) { foreign(w); w.repository.Source = "payments/new" }),
			want:  []string{accountLine, "forbidden payments/api source:payments/api>payments/new"},
			codes: []string{"error adopt-required"},
		},
		"never ours, with adopt": {
			in: linkCase(func(w *linkWorld) {
				foreign(w)
				w.spec.Adopt, w.repository.Source = true, "payments/new"
			}),
			want: []string{accountLine, "relink payments/api source:payments/api>payments/new", "adopt " + ruleObject},
		},
		"drift under Report": {
			in: linkCase(func(w *linkWorld) {
				w.spec.DriftPolicy, w.state.Link.Trigger = binding.Report, binding.Manual
			}),
			want: []string{accountLine, "noop payments/api"}, codes: []string{"warning drift"},
		},
		"drift under Correct": {
			in:   linkCase(func(w *linkWorld) { w.state.Link.Trigger = binding.Manual }),
			want: []string{accountLine, "relink payments/api trigger:manual>auto"},
		},
	})
}

func TestLinksWhoseDriverCannotDoAll(t *testing.T) {
	runCases(t, map[string]planCase{
		"a driver that cannot link": {
			in: linkCase(func(w *linkWorld) {
				w.state.Link, w.in.Observation.Capabilities.LinkRepositories = nil, false
			}),
			want: []string{accountLine, "manual payments/api platform:>gitlab source:>payments/api trigger:>auto"},
		},
		"a driver that cannot link, and rules that follow the link": {
			in: linkCase(func(w *linkWorld) {
				w.state.Link, w.state.Rules, w.in.Observation.Capabilities.LinkRepositories = nil, nil, false
			}),
			want: []string{accountLine, "manual payments/api platform:>gitlab source:>payments/api trigger:>auto"},
		},
		"a driver that cannot read, confirmed": {
			in: linkCase(func(w *linkWorld) {
				w.state, w.in.Observation.Capabilities = binding.RepositoryState{}, binding.Capabilities{ListAccounts: true}
			}),
			want: []string{accountLine, "noop payments/api"},
		},
		"a driver that cannot read, rule not confirmed": {
			in: linkCase(func(w *linkWorld) {
				w.in.Observation.Capabilities = binding.Capabilities{ListAccounts: true}
				w.record.Images[0].Rules = nil
			}),
			want: []string{accountLine, "manual payments/api rules[branch:main=>latest]:>/Dockerfile"},
		},
	})
}

// TestLinksThatCannotBeCompared are not changed; links of an account that this plan
// binds follow it.
func TestLinksThatCannotBeCompared(t *testing.T) {
	runCases(t, map[string]planCase{
		"no image repository": {
			in:   linkCase(func(w *linkWorld) { w.state = binding.RepositoryState{} }),
			want: []string{accountLine, "forbidden payments/api"}, codes: []string{"error image-repository-missing"},
		},
		"not known": {
			in: linkCase(func(w *linkWorld) {
				w.state = binding.RepositoryState{Unknown: &binding.Unknown{Reason: "Throttled", Message: message.Verbatim("slow down")}}
			}),
			want: []string{accountLine, "noop payments/api"}, codes: []string{"warning observation-unknown"},
		},
		"repositories that are not managed": {
			in: func() plan.Input {
				in := linkCase(func(*linkWorld) {})()
				in.Declarations[0].Spec.Repositories = nil
				return in
			},
			want: []string{accountLine},
		},
		"an account that is unknown leaves its repositories alone": {
			in: linkCase(func(w *linkWorld) {
				w.state.Link = nil
				w.in.Observation.Accounts[binding.GitLab] = binding.AccountState{Unknown: &binding.Unknown{Reason: "Timeout", Message: message.Verbatim("no answer")}}
			}),
			want: []string{accountLine}, codes: []string{"warning observation-unknown"},
		},
		"an account bound in this plan is followed": {
			in: linkCase(func(w *linkWorld) {
				w.state = binding.RepositoryState{Exists: true}
				w.record = binding.Record{Binding: "payments-gitlab", Platform: binding.GitLab}
				w.in.Observation.Accounts[binding.GitLab] = binding.AccountState{}
			}),
			want: []string{
				bindLine, "link payments/api platform:>gitlab source:>payments/api trigger:>auto",
				"add-rule " + ruleObject + " dockerfile:>/Dockerfile",
			},
		},
	})
}

func TestSourceProjects(t *testing.T) {
	project := func(w *linkWorld, p binding.ProjectState) {
		w.in.Observation.Projects["payments-gitlab"] = map[string]binding.ProjectState{"payments/api": p}
	}
	subgroup := binding.ProjectState{Subgroup: binding.Answer{Question: "subgroup", Verdict: binding.Yes}}
	gone := binding.ProjectState{Answers: []binding.Answer{{Question: "project-exists", Verdict: binding.No, Reason: "NotFound", Message: message.Verbatim("no such project")}}}
	unclear := binding.ProjectState{
		Subgroup: binding.Answer{Verdict: binding.UnknownAsked},
		Answers:  []binding.Answer{{Question: "project-exists", Verdict: binding.UnknownAsked}},
	}
	unlinked := func(p binding.ProjectState) func() plan.Input {
		return linkCase(func(w *linkWorld) { w.state.Link = nil; foreign(w); project(w, p) })
	}
	const forbidden = "forbidden payments/api platform:>gitlab source:>payments/api trigger:>auto"
	runCases(t, map[string]planCase{
		"in a subgroup takes no automatic trigger": {
			in: unlinked(subgroup), want: []string{accountLine, forbidden}, codes: []string{"error gitlab-subgroup-manual"},
		},
		"moved into a subgroup is told, and its link stays": {
			in:   linkCase(func(w *linkWorld) { project(w, subgroup) }),
			want: []string{accountLine, "noop payments/api"}, codes: []string{"error gitlab-subgroup-manual"},
		},
		"in a subgroup with a manual trigger is fine": {
			in: linkCase(func(w *linkWorld) {
				project(w, subgroup)
				w.repository.Trigger, w.state.Link.Trigger = binding.Manual, binding.Manual
				w.record.Images[0].Link.Trigger = binding.Manual
			}),
			want: []string{accountLine, "noop payments/api"},
		},
		"that does not exist is not linked": {
			in: unlinked(gone), want: []string{accountLine, forbidden}, codes: []string{"error source-missing"},
		},
		"that nobody answers for is linked": {
			in: unlinked(unclear),
			want: []string{
				accountLine, "link payments/api platform:>gitlab source:>payments/api trigger:>auto", "adopt " + ruleObject,
			},
		},
	})
}

func TestBuildRules(t *testing.T) {
	next := binding.ObservedRule{ID: "2", BuildRule: binding.BuildRule{Branch: "next", Dockerfile: "/Dockerfile", ImageTag: "next"}}
	runCases(t, map[string]planCase{
		"with another dockerfile is changed": {
			in:   linkCase(func(w *linkWorld) { w.repository.Rules = []binding.BuildRule{mainRule("/build/Dockerfile")} }),
			want: []string{accountLine, "noop payments/api", "change-rule " + ruleObject + " dockerfile:/Dockerfile>/build/Dockerfile"},
		},
		"with another dockerfile and never ours asks for adopt": {
			in: linkCase(func(w *linkWorld) {
				w.record.Images[0].Rules = nil
				w.repository.Rules = []binding.BuildRule{mainRule("/build/Dockerfile")}
			}),
			want:  []string{accountLine, "noop payments/api", "forbidden " + ruleObject + " dockerfile:/Dockerfile>/build/Dockerfile"},
			codes: []string{"error adopt-required"},
		},
		"with another dockerfile and never ours is changed with adopt": {
			in: linkCase(func(w *linkWorld) {
				w.record.Images[0].Rules, w.spec.Adopt = nil, true
				w.repository.Rules = []binding.BuildRule{mainRule("/build/Dockerfile")}
			}),
			want: []string{accountLine, "noop payments/api", "change-rule " + ruleObject + " dockerfile:/Dockerfile>/build/Dockerfile"},
		},
		"that is gone is added again": {
			in:   linkCase(func(w *linkWorld) { w.state.Rules = nil }),
			want: []string{accountLine, "noop payments/api", "add-rule " + ruleObject + " dockerfile:>/Dockerfile"},
		},
		"that is gone is told under Report": {
			in:    linkCase(func(w *linkWorld) { w.state.Rules, w.spec.DriftPolicy = nil, binding.Report }),
			want:  []string{accountLine, "noop payments/api", "noop " + ruleObject},
			codes: []string{"warning drift"},
		},
		"of somebody else stays": {
			in:   linkCase(func(w *linkWorld) { w.state.Rules = append(w.state.Rules, next) }),
			want: []string{accountLine, "noop payments/api"},
		},
		"not managed stays": {
			in:   linkCase(func(w *linkWorld) { w.repository.Rules = nil }),
			want: []string{accountLine, "noop payments/api"},
		},
		"none declared removes ours and nobody else's": {
			in: linkCase(func(w *linkWorld) {
				w.repository.Rules = []binding.BuildRule{}
				w.state.Rules = append(w.state.Rules, next)
			}),
			want: []string{"remove-rule " + ruleObject + " dockerfile:/Dockerfile>", accountLine, "noop payments/api"},
		},
		"is kept while a file is broken": {
			in: linkCase(func(w *linkWorld) {
				w.repository.Rules, w.in.Broken = []binding.BuildRule{}, []string{"b.yaml"}
			}),
			want: []string{"noop " + ruleObject, accountLine, "noop payments/api"}, reason: "b.yaml",
		},
		"that the driver cannot write is a person's step": {
			in:   linkCase(func(w *linkWorld) { w.state.Rules, w.in.Observation.Capabilities.WriteRules = nil, false }),
			want: []string{accountLine, "noop payments/api", "manual " + ruleObject + " dockerfile:>/Dockerfile"},
		},
	})
}

func TestFindingsOfRepositoriesHaveTheirPlace(t *testing.T) {
	in := linkCase(func(w *linkWorld) { w.state = binding.RepositoryState{} })()
	in.Declarations[0].Positions = binding.NewPositions(append(in.Declarations[0].Positions, binding.FieldPosition{Path: "spec.repositories[0].image", Line: 12, Column: 14})...)
	f := plan.Make(in).Findings[0]
	if f.File != "payments/gitlab.yaml" || f.Line != 12 || f.Column != 14 || f.Path != "spec.repositories[0].image" {
		t.Errorf("got %s:%d:%d %s", f.File, f.Line, f.Column, f.Path)
	}
	if !strings.Contains(report.English().Text(f.Message), "payments/api") {
		t.Errorf("the message does not name the image repository: %s", report.English().Text(f.Message))
	}
}
