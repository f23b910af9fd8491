package plan

import (
	"maps"
	"slices"

	"reconciler/internal/binding"
)

// PartAnswers returns the answers of the parts that a round needs.
func (r *Round) PartAnswers() []binding.PartAnswer {
	answers := []binding.PartAnswer{registryAnswer(r), vaultAnswer(r)}
	users, projects := map[binding.Part][]binding.Answer{}, map[binding.Part][]binding.Answer{}
	for _, d := range r.Declarations {
		site := binding.SecretTargetOf(d.Spec.Platform, d.Spec.Address).Host
		part := binding.Part{Kind: binding.PartCodeHost, Name: site, Platform: d.Spec.Platform}
		users[part] = append(users[part], r.Observation.Tokens[d.Name].Answers...)
		for _, path := range slices.Sorted(maps.Keys(r.Observation.Projects[d.Name])) {
			projects[part] = append(projects[part], r.Observation.Projects[d.Name][path].Answers...)
		}
	}
	for part := range users {
		answers = append(answers, combineKinds(siteAnswer(part, users[part]), siteAnswer(part, projects[part])))
	}
	return answers
}

// combineKinds combines a part's answers to different kinds of questions. A part
// without an answer to one kind gives no usable answer.
func combineKinds(kinds ...binding.PartAnswer) binding.PartAnswer {
	all := kinds[0]
	for _, a := range kinds {
		if a.Failed() && !all.Failed() || a.Asked && !all.Asked {
			all = a
		}
	}
	return all
}

// combineAnswers combines a part's answers to several questions of one kind. One answer
// outweighs all missing ones, because a part that is down answers none.
func combineAnswers(part binding.Part, unknowns []*binding.Unknown) binding.PartAnswer {
	sum := binding.PartAnswer{Part: part}
	for _, u := range unknowns {
		switch {
		case u == nil, u.Certain && u.Fault != binding.FaultCredentials, u.Fault == binding.FaultRequest, u.Fault == binding.FaultToken:
			return binding.PartAnswer{Part: part, Asked: true}
		case u.Fault != "" && u.Reason != binding.Interrupted && !sum.Asked:
			sum.Asked, sum.Reason, sum.Message = true, u.Reason, u.Message
		}
	}
	return sum
}

func registryAnswer(r *Round) binding.PartAnswer {
	part, o := binding.Part{Kind: binding.PartRegistry, Name: r.Instance.Name}, r.Observation
	if o.Unknown != nil {
		return combineAnswers(part, []*binding.Unknown{o.Unknown})
	}
	var accounts, sources, rules []*binding.Unknown
	for _, platform := range slices.Sorted(maps.Keys(o.Accounts)) {
		accounts = append(accounts, o.Accounts[platform].Unknown)
	}
	for _, image := range slices.Sorted(maps.Keys(o.Repositories)) {
		state := o.Repositories[image]
		sources, rules = append(sources, state.NoSource()), append(rules, state.NoRules())
	}
	return combineKinds(combineAnswers(part, accounts), combineAnswers(part, sources), combineAnswers(part, rules))
}

func vaultAnswer(r *Round) binding.PartAnswer {
	var unknowns []*binding.Unknown
	for _, d := range r.Declarations {
		if state, asked := r.Observation.Tokens[d.Name]; asked && d.Spec.Token != nil {
			unknowns = append(unknowns, state.Unknown)
		}
	}
	return combineAnswers(binding.Part{Kind: binding.PartVault}, unknowns)
}

// siteAnswer combines the answers of a code host's site to questions of one kind.
func siteAnswer(site binding.Part, answers []binding.Answer) binding.PartAnswer {
	sum := binding.PartAnswer{Part: site}
	for _, a := range answers {
		switch {
		case a.AboutSite():
		case a.Verdict != binding.UnknownAsked:
			return binding.PartAnswer{Part: site, Asked: true}
		case a.NoAnswer && !sum.Asked:
			sum.Asked, sum.Reason, sum.Message = true, a.Reason, a.Message
		}
	}
	return sum
}
