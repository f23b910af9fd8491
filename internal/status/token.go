package status

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// token is what is known about the binding's token; asked is false if nobody was
// asked.
func (v view) token() (state binding.TokenState, asked bool) {
	state, asked = v.obs.Tokens[v.declared.Name]
	return state, asked
}

// answers are the code host's answers, separated by binding.TokenState.
func (v view) answers() (own, site []binding.Answer) {
	state, _ := v.token()
	return state.SplitAnswers()
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

// tokenValid is about the bound token, if its host was asked about it, and about
// the token that would be bound: a no to either makes it False. An answer about a
// different token proves nothing about the bound one.
func (v view) tokenValid(bound binding.Condition) binding.Condition {
	own, _ := v.answers()
	next, said := answered(binding.TokenValid, own, "token"), v.boundAnswers()
	switch is := v.boundToken(); {
	case notShown(bound) && is == binding.TokenUnknown && v.obs.Accounts[v.declared.Spec.Platform].Account != nil && next.Status == binding.True:
		return condition(binding.TokenValid, binding.Unclear, bound.Reason, bound.Message) // The previous account may still be bound, with any token.
	case notShown(bound) && binding.VerdictOf(said) != binding.No:
		return next
	case is == binding.TokenSame, is == binding.TokenUnread && len(said) == 0, nothingBound(bound):
		return next
	case next.Status == binding.False && binding.VerdictOf(said) != binding.No:
		return next
	case is == binding.TokenUnknown:
		return condition(binding.TokenValid, binding.Unclear, ReasonVersionUnknown, message.New("condition.version-unknown"))
	}
	c := answered(binding.TokenValid, said, "token")
	if state, _ := v.token(); len(said) > 0 && !notShown(bound) {
		c.Message = message.New("condition.bound-version", "version", state.Previous.Version, "text", c.Message)
	}
	return c
}

// boundAnswers are the code host's answers about the token applied last, if that is
// not the one in the secret store.
func (v view) boundAnswers() []binding.Answer {
	if state, _ := v.token(); state.Previous != nil {
		return state.BoundAnswers
	}
	return nil
}

func (v view) accountAllowed() binding.Condition {
	own, _ := v.answers()
	return answered(binding.AccountAllowed, own, "account")
}

// answered combines the answers of a code host in a condition.
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
	// Not every host can answer every question: if it answers that the token is
	// valid, and answers no to nothing, that is enough.
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

// tokenFresh is True only for a token that is known to be bound.
func (v view) tokenFresh(account binding.Condition) binding.Condition {
	state, _ := v.token()
	is := func(status binding.ConditionStatus, reason string, m message.Message) binding.Condition {
		return condition(binding.TokenFresh, status, reason, m)
	}
	left, _ := state.End().Lifetime(v.now, v.warnings)
	pinned := message.Message{}
	if state.Latest > state.Version {
		pinned = message.New("condition.pinned", "version", state.Version, "latest", state.Latest)
	}
	bound := v.boundToken()
	if c, is := v.otherBound(bound, account, state); is {
		return c
	}
	switch {
	case left == binding.Ended:
		return is(binding.False, ReasonExpired, message.New("condition.expired", "at", state.Expires, "source", state.ExpiresSource))
	case left == binding.EndsSoon:
		return is(binding.False, ReasonExpiresSoon, message.New("condition.expires-soon", "at", state.Expires, "source", state.ExpiresSource))
	case nothingBound(account):
		return from(account, binding.TokenFresh)
	case bound == binding.TokenUnknown:
		return is(binding.Unclear, ReasonVersionUnknown, message.New("condition.version-unknown"))
	case state.Unknown != nil:
		return is(binding.Unclear, state.Unknown.Reason, state.Unknown.Message)
	case account.Status != binding.True && account.Reason != ReasonOtherAccount:
		return is(binding.Unclear, account.Reason, account.Message)
	case bound == binding.TokenUnread:
		return is(binding.Unclear, ReasonNotAsked, message.New("condition.store-not-asked"))
	case left == binding.EndUnknown && state.ExpiresUnreadable != "":
		return is(binding.Unclear, ReasonExpiryUnreadable, message.New("condition.expiry-unreadable", "value", message.Foreign(state.ExpiresUnreadable)))
	case left == binding.EndUnknown:
		return is(binding.Unclear, ReasonNoExpiryKnown, message.New("condition.no-expiry", "pinned", pinned))
	}
	return is(binding.True, ReasonCurrent, message.New("condition.current", "at", state.Expires, "source", state.ExpiresSource, "pinned", pinned))
}

// version is the version of the bound token, if it is known; 0 if nothing is bound,
// or the account is not ours.
func (v view) version(s binding.Status) int {
	bound := binding.FindCondition(s.Conditions, binding.Bound)
	if v.record == nil || bound == nil || nothingBound(*bound) || bound.Reason == ReasonOtherAccount || v.noVersionSince(*bound) || v.boundToken() == binding.TokenUnknown {
		return 0
	}
	return v.record.TokenVersion
}

// expires is the end of the token whose version a status has: the bound one or, if
// none is bound, the one to bind. What the secret store and the code host report
// now is about the newest version, and the host may not answer. If either does not
// fit, the end that was known before stays.
func (v view) expires(before, s binding.Status) time.Time {
	token, _ := v.token()
	fresh := binding.FindCondition(s.Conditions, binding.TokenFresh)
	silent := token.Expires.IsZero() && fresh != nil && fresh.LastKnown
	switch is := v.boundToken(); {
	case !silent && is != binding.TokenAnew && is != binding.TokenAnother && is != binding.TokenMoved:
		return token.Expires
	case before.TokenVersion == s.TokenVersion:
		return before.TokenExpires
	}
	return time.Time{}
}

// otherBound is TokenFresh if the token that was bound last is not the one in the
// secret store; is is false otherwise.
func (v view) otherBound(bound binding.Comparison, account binding.Condition, state binding.TokenState) (c binding.Condition, is bool) {
	newer := func(m message.Message) (binding.Condition, bool) {
		return condition(binding.TokenFresh, binding.False, ReasonNewerVersion, m), true
	}
	switch other := bound == binding.TokenAnew || bound == binding.TokenAnother || bound == binding.TokenMoved; {
	case !other:
		return c, false
	case nothingBound(account):
		return newer(account.Message)
	case notShown(account), v.noVersionSince(account):
		return condition(binding.TokenFresh, binding.Unclear, account.Reason, account.Message), true
	case bound == binding.TokenAnew:
		return newer(message.New("condition.made-anew", "version", state.Version))
	case bound == binding.TokenAnother && v.record.TokenVersion > 0 && state.Version > 0:
		return newer(message.New("condition.newer-version", "bound", v.record.TokenVersion, "latest", state.Version))
	}
	return newer(message.New("condition.other-token"))
}

// nothingBound reports whether no account is bound. A different account counts as
// bound, and a pending step for a person does not show what is bound meanwhile.
func nothingBound(bound binding.Condition) bool {
	switch cmp.Or(bound.KnownReason, bound.Reason) {
	case ReasonNotBound, ReasonBindingLost, ReasonFailed:
		return bound.Status == binding.False
	}
	return false
}

// noVersionSince reports whether it is unknown now what is bound, and no version was
// known to be bound before.
func (v view) noVersionSince(bound binding.Condition) bool {
	return v.noVersion && bound.Status == binding.Unclear && !notShown(bound)
}

// notShown reports whether it is unknown so far what a write did to the account:
// either token may be bound, or none.
func notShown(bound binding.Condition) bool { return bound.Reason == ReasonNotVisibleYet }

// boundToken compares the token that is bound now with the one in the secret store.
func (v view) boundToken() binding.Comparison {
	state, asked := v.token()
	if !asked || state.Unknown != nil || v.declared.Spec.Token == nil {
		return binding.TokenUnread
	}
	account := v.obs.Accounts[v.declared.Spec.Platform].Account
	o, _ := v.on(binding.AccountObject())
	ours := v.record != nil && v.record.Managed
	switch {
	case errors.Is(o.Err, plan.ErrUnrecorded):
		return binding.TokenUnknown // The record may be older.
	case o.State == plan.Done && o.Action.Kind != plan.Adopt, errors.Is(o.Err, plan.ErrFellBack):
		account = nil // It was bound after the observation.
	case account != nil && ours && !v.record.Is(*account):
		return binding.TokenUnknown
	}
	if !ours {
		return binding.TokenUnknown
	}
	return v.record.CompareToken(v.declared.Spec.Token.Vault, state, account)
}

// reachable is the condition whether the site meets the needs of the product, if
// that was asked, and whether the code host answered at all.
func (v view) reachable() binding.Condition {
	own, site := v.answers()
	if binding.VerdictOf(site) == binding.No {
		a := firstWith(site, binding.No)
		return condition(binding.Reachable, binding.False, a.Reason, a.Message)
	}
	all := slices.Concat(site, own, v.boundAnswers())
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
