package status

import (
	"maps"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// token is what is known of the binding's token; asked is false where nobody
// was asked.
func (v view) token() (state binding.TokenState, asked bool) {
	state, asked = v.obs.Tokens[v.declared.Name]
	return state, asked
}

// answers are the code host's, those about the token or the account apart from
// those about the site.
func (v view) answers() (own, site []binding.Answer) {
	state, _ := v.token()
	for _, a := range state.Answers {
		if a.AboutSite() {
			site = append(site, a)
		} else {
			own = append(own, a)
		}
	}
	return own, site
}

func (v view) secretAvailable() binding.Condition {
	state, asked := v.token()
	switch u := state.Unknown; {
	case !asked:
		return condition(binding.SecretAvailable, binding.Unclear, ReasonNotAsked, message.New("condition.store-not-asked"))
	case u == nil:
		return condition(binding.SecretAvailable, binding.True, ReasonRead, message.New("condition.secret-available", "version", state.Version))
	case u.Certain:
		return condition(binding.SecretAvailable, binding.False, u.Reason, u.Message)
	default:
		return condition(binding.SecretAvailable, binding.Unclear, u.Reason, u.Message)
	}
}

func (v view) tokenValid() binding.Condition {
	own, _ := v.answers()
	return answered(binding.TokenValid, own, "token")
}

func (v view) accountAllowed() binding.Condition {
	own, _ := v.answers()
	return answered(binding.AccountAllowed, own, "account")
}

// answered sums the answers of a code host up in a condition.
func answered(t binding.ConditionType, answers []binding.Answer, what string) binding.Condition {
	switch verdict := binding.VerdictOf(answers); {
	case len(answers) == 0:
		return condition(t, binding.Unclear, ReasonNotAsked, message.New("condition.host-unknown"))
	case verdict == binding.Yes:
		return condition(t, binding.True, ReasonAnswered, message.New("condition.accepted", "what", what, "complete", true))
	case verdict == binding.No:
		a := firstWith(answers, binding.No)
		return condition(t, binding.False, a.Reason, a.Message)
	}
	// Not everything can be asked of every host: what says that the token is
	// valid is enough where nothing says no.
	for _, a := range answers {
		if a.AboutToken() && a.Verdict == binding.Yes {
			return condition(t, binding.True, ReasonAnswered, message.New("condition.accepted", "what", what, "complete", false))
		}
	}
	a := firstWith(answers, binding.UnknownAsked)
	return condition(t, binding.Unclear, a.Reason, a.Message)
}

func firstWith(answers []binding.Answer, verdict binding.Verdict) binding.Answer {
	for _, a := range answers {
		if a.Verdict == verdict {
			return a
		}
	}
	return binding.Answer{}
}

func (v view) tokenFresh() binding.Condition {
	state, _ := v.token()
	left, _ := state.End().Lifetime(v.now, v.warnings)
	pinned := message.Message{}
	if state.Latest > state.Version {
		pinned = message.New("condition.pinned", "version", state.Version, "latest", state.Latest)
	}
	switch {
	case v.record != nil && v.record.TokenVersion > 0 && state.Version > v.record.TokenVersion:
		return condition(binding.TokenFresh, binding.False, ReasonNewerVersion,
			message.New("condition.newer-version", "bound", v.record.TokenVersion, "latest", state.Version))
	case v.record != nil && v.record.TokenVersion == state.Version && binding.MadeAnew(v.record.TokenCreated, state.Created):
		return condition(binding.TokenFresh, binding.False, ReasonNewerVersion,
			message.New("condition.made-anew", "version", state.Version))
	case left == binding.EndUnknown && state.ExpiresUnreadable != "":
		return condition(binding.TokenFresh, binding.Unclear, ReasonExpiryUnreadable,
			message.New("condition.expiry-unreadable", "value", message.Foreign(state.ExpiresUnreadable)))
	case left == binding.EndUnknown:
		return condition(binding.TokenFresh, binding.Unclear, ReasonNoExpiryKnown,
			message.New("condition.no-expiry", "pinned", pinned))
	case left == binding.Ended:
		return condition(binding.TokenFresh, binding.False, ReasonExpired,
			message.New("condition.expired", "at", state.Expires, "source", state.ExpiresSource))
	case left == binding.EndsSoon:
		return condition(binding.TokenFresh, binding.False, ReasonExpiresSoon,
			message.New("condition.expires-soon", "at", state.Expires, "source", state.ExpiresSource))
	}
	return condition(binding.TokenFresh, binding.True, ReasonCurrent,
		message.New("condition.current", "at", state.Expires, "source", state.ExpiresSource, "pinned", pinned))
}

// reachable says whether the site is as the product needs it, as far as that
// was asked, and whether the code host answered at all.
func (v view) reachable() binding.Condition {
	own, site := v.answers()
	if binding.VerdictOf(site) == binding.No {
		a := firstWith(site, binding.No)
		return condition(binding.Reachable, binding.False, a.Reason, a.Message)
	}
	all := append(site, own...)
	for _, path := range slices.Sorted(maps.Keys(v.obs.Projects[v.declared.Name])) {
		all = append(all, v.obs.Projects[v.declared.Name][path].Answers...)
	}
	for _, a := range all {
		if a.Verdict != binding.UnknownAsked {
			return condition(binding.Reachable, binding.True, ReasonAnswered, message.New("condition.host-answers"))
		}
	}
	if len(all) > 0 {
		return condition(binding.Reachable, binding.Unclear, all[0].Reason, all[0].Message)
	}
	return condition(binding.Reachable, binding.Unclear, ReasonNotAsked, message.New("condition.host-not-asked"))
}
