package plan_test

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// text is a message in English.
func text(m message.Message) string { return report.English().Text(m) }

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func everything() binding.Capabilities {
	return binding.Capabilities{
		ListAccounts: true, Bind: true, Unbind: true,
		ReadRepositories: true, ReadSources: true, ReadRules: true, LinkRepositories: true, WriteRules: true,
		CreateRepositories: true,
	}
}

// gitlabDeclaration is a complete declaration that tests change.
func gitlabDeclaration() binding.Declaration {
	return binding.Declaration{
		Name: "payments-gitlab", File: "payments/gitlab.yaml", Revision: "r1",
		Positions: binding.NewPositions(binding.FieldPosition{Line: 1, Column: 1}, binding.FieldPosition{Path: "spec.token", Line: 9, Column: 5}),
		Spec: binding.Spec{
			Instance: "prod", Platform: binding.GitLab, Address: "https://gitlab.example.com", Username: "ci-bot",
			Token:          &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "acr/gitlab", Key: "token"}},
			DeletionPolicy: binding.Retain, DriftPolicy: binding.Correct,
		},
	}
}

func githubDeclaration() binding.Declaration {
	return binding.Declaration{
		Name: "web-github", File: "web/github.yaml", Revision: "r1",
		Positions: binding.NewPositions(binding.FieldPosition{Line: 1, Column: 1}),
		Spec: binding.Spec{
			Instance: "prod", Platform: binding.GitHub, Username: "octo",
			DeletionPolicy: binding.Retain, DriftPolicy: binding.Correct,
		},
	}
}

func repository() binding.Repository {
	return binding.Repository{
		Image: "payments/api", Source: "payments/api", Trigger: binding.Auto,
		Rules: []binding.BuildRule{{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"}},
	}
}

// gitlabAccount is the account of gitlabDeclaration, written in a different way.
func gitlabAccount() *binding.Account {
	return &binding.Account{ID: "7", Platform: binding.GitLab, Username: "CI-bot", Address: "HTTPS://gitlab.example.com:443/"}
}

// input is an input in which d is declared and nothing is bound.
func input(declarations ...binding.Declaration) plan.Input {
	in := plan.Input{
		Now: noon(), Instance: plan.Instance{Name: "prod", Region: "cn-hangzhou"},
		Declarations: declarations, Policy: plan.DefaultPolicy(),
		Observation: binding.Observation{
			Instance: "prod", Capabilities: everything(),
			Accounts:     map[binding.Platform]binding.AccountState{},
			Repositories: map[string]binding.RepositoryState{},
			Tokens:       map[string]binding.TokenState{},
			Projects:     map[string]map[string]binding.ProjectState{},
		},
	}
	for _, p := range binding.Platforms() {
		in.Observation.Accounts[p] = binding.AccountState{}
	}
	for _, d := range declarations {
		if d.Spec.Token != nil {
			in.Observation.Tokens[d.Name] = binding.TokenState{Version: 3, Latest: 3}
		}
		for _, r := range d.Spec.Repositories {
			in.Observation.Repositories[r.Image] = binding.RepositoryState{Exists: true}
		}
	}
	return in
}

// applied is the record of d, applied with version 3 of its token.
func applied(d binding.Declaration) binding.Record {
	r := binding.Record{
		Instance: "prod", Binding: d.Name, Platform: d.Spec.Platform, AccountID: "7", Managed: true,
		Username: d.Spec.Username, Address: d.Spec.Address, DeletionPolicy: d.Spec.DeletionPolicy,
	}
	if d.Spec.Token != nil {
		r.Vault, r.TokenVersion = d.Spec.Token.Vault, 3
	}
	return r
}

// boundTo sets the account of the declaration's platform.
func boundTo(in plan.Input, a *binding.Account) plan.Input {
	in.Observation.Accounts[a.Platform] = binding.AccountState{Account: a}
	return in
}

// world applies actions to an input as the registry, the daemon's memory and
// reliable people would.
type world struct {
	in     plan.Input
	nextID int
}

func (w *world) apply(p plan.Plan) {
	for _, a := range p.Actions {
		w.step(a)
	}
}

func (w *world) step(a plan.Action) {
	t := a.Target
	switch a.Kind {
	case plan.Bind, plan.Rebind:
		w.remember(a, w.bind(t.Declaration))
	case plan.Unbind:
		w.in.Observation.Accounts[a.Platform] = binding.AccountState{}
		w.forget(a.Binding, a.Platform)
	case plan.Authorize:
		account := w.bind(t.Declaration)
		if !w.in.Observation.Capabilities.ListAccounts {
			a.Kind = plan.Bind
			w.remember(a, account)
		}
	case plan.Manual:
		w.byHand(a)
	case plan.Adopt:
		w.remember(a, nil)
	case plan.Link, plan.Relink, plan.Unlink, plan.AddRule, plan.ChangeRule, plan.RemoveRule:
		w.write(a)
		w.remember(a, nil)
	case plan.Create: // No declaration of these inputs has it.
	case plan.Noop, plan.Forbidden:
	}
}

func (w *world) bind(d *binding.Declaration) *binding.Account {
	w.nextID++
	a := &binding.Account{
		ID: "new-" + strconv.Itoa(w.nextID), Platform: d.Spec.Platform, Username: d.Spec.Username, Address: d.Spec.Address,
	}
	w.in.Observation.Accounts[d.Spec.Platform] = binding.AccountState{Account: a}
	return a
}

// byHand is a person who does the steps, and confirms them if the driver cannot
// read the result.
func (w *world) byHand(a plan.Action) {
	t := a.Target
	attests := !w.in.Observation.Capabilities.ListAccounts || !w.in.Observation.Capabilities.ReadSources
	switch {
	case a.Object.IsAccount() && t.Declaration == nil:
		a.Kind = plan.Unbind
		w.step(a)
	case a.Object.IsAccount():
		account := w.bind(t.Declaration)
		a.Kind = plan.Bind
		w.remember(a, account)
	case t.Link != nil && t.Declaration != nil && declares(*t.Declaration, t.Image):
		a.Kind = plan.Link
		w.write(a)
		if attests {
			w.remember(a, nil)
			w.attestRules(a)
		}
	case t.Link != nil, a.Object.Kind == binding.ObjectRepository:
		a.Kind = plan.Unlink
		w.write(a)
		w.remember(a, nil)
	case t.Declaration != nil && declaresRule(*t.Declaration, t.Image, t.Rule.Key()):
		a.Kind = plan.AddRule
		if t.Rule.ID != "" {
			a.Kind = plan.ChangeRule
		}
		w.write(a)
	default:
		a.Kind = plan.RemoveRule
		w.write(a)
		w.remember(a, nil)
	}
}

func (w *world) attestRules(a plan.Action) {
	i := slices.IndexFunc(w.in.Records, func(r binding.Record) bool { return r.Binding == a.Binding && r.Platform == a.Platform })
	for j := range w.in.Records[i].Images {
		if w.in.Records[i].Images[j].Image == a.Target.Image {
			w.in.Records[i].Images[j].Rules = nil
		}
	}
	for _, r := range a.Target.Declaration.Spec.Repositories {
		for _, rule := range r.Rules {
			if r.Image == a.Target.Image {
				a.Kind, a.Target.Rule = plan.AddRule, binding.ObservedRule{BuildRule: rule}
				w.remember(a, nil)
			}
		}
	}
}

func declares(d binding.Declaration, image string) bool {
	return slices.ContainsFunc(d.Spec.Repositories, func(r binding.Repository) bool { return r.Image == image })
}

func declaresRule(d binding.Declaration, image, key string) bool {
	return slices.ContainsFunc(d.Spec.Repositories, func(r binding.Repository) bool {
		return r.Image == image && slices.ContainsFunc(r.Rules, func(b binding.BuildRule) bool { return b.Key() == key })
	})
}

func (w *world) write(a plan.Action) {
	st := w.in.Observation.Repositories[a.Target.Image]
	byID := func(r binding.ObservedRule) bool { return r.ID == a.Target.Rule.ID }
	st.Rules = slices.Clone(st.Rules)
	switch a.Kind {
	case plan.Link, plan.Relink:
		st.Exists, st.Link = true, a.Target.Link
	case plan.Unlink:
		st.Link = nil
	case plan.AddRule:
		w.nextID++
		st.Rules = append(st.Rules, binding.ObservedRule{ID: fmt.Sprint("r", w.nextID), BuildRule: a.Target.Rule.BuildRule})
	case plan.ChangeRule:
		st.Rules[slices.IndexFunc(st.Rules, byID)] = a.Target.Rule
	case plan.RemoveRule:
		st.Rules = slices.DeleteFunc(st.Rules, byID)
	default:
	}
	w.in.Observation.Repositories[a.Target.Image] = st
}

func (w *world) remember(a plan.Action, account *binding.Account) {
	var old *binding.Record
	for _, r := range w.in.Records {
		if r.Binding == a.Binding && r.Platform == a.Platform {
			old = &r
		}
	}
	record := plan.Remember(a, old, account)
	w.forget(a.Binding, a.Platform)
	if before := a.Target.Record; before != nil && before.Binding != a.Binding {
		w.forget(before.Binding, before.Platform)
	}
	if record != nil {
		w.in.Records = append(w.in.Records, *record)
	}
}

func (w *world) forget(name string, p binding.Platform) {
	w.in.Records = slices.DeleteFunc(slices.Clone(w.in.Records), func(r binding.Record) bool {
		return r.Binding == name && r.Platform == p
	})
}

// texts are messages in English.
func texts(messages []message.Message) []string {
	var all []string
	for _, m := range messages {
		all = append(all, text(m))
	}
	return all
}
