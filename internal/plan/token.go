package plan

import (
	"slices"
	"strconv"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// tokenKnown reports whether the secret store answered about the token. If it did
// not, the binding is not changed.
func (m *maker) tokenKnown(s subject) bool {
	u := s.token.Unknown
	if !s.tokenAsked {
		u = &binding.Unknown{Reason: binding.NotAsked, Message: message.New("condition.store-not-asked")}
	}
	if u == nil {
		return true
	}
	if u.Reason == binding.NotObserved {
		m.noop(s, causeOf(*u), unknownReason(*u))
		m.find(s.d, "spec.token", finding.New(unknownCode(*u), message.New("plan.of", "name", s.d.Name, "text", u.Message)))
		return false
	}
	m.noop(s, CauseSecretUnavailable, message.New("reason.secret-unavailable", "why", u.Reason))
	m.find(s.d, "spec.token", finding.New("secret-unavailable", message.New("plan.of", "name", s.d.Name, "text", u.Message)))
	return false
}

// tokenBlocks reports whether the token prevents binding. If so, it plans the
// action that reports this.
func (m *maker) tokenBlocks(s subject) bool {
	if s.observesOnly() {
		return false // Nothing will be bound: differences are reported whatever the token is.
	}
	if !m.tokenKnown(s) {
		return true
	}
	if m.refusedBefore(s) {
		m.noop(s, CauseTokenRefused, message.New("reason.token-refused", "version", s.token.Version))
		m.find(s.d, "spec.token", finding.New("token-refused", message.New("plan.token-refused",
			"name", s.d.Name, "version", s.token.Version, "vault", unpinned(s.d.Spec.Token.Vault))))
		return true
	}
	if end := tokenEnd(s); end.Ended(m.in.Now) {
		m.act(s, takeAccount, Action{
			Object: binding.AccountObject(), Kind: Forbidden, Cause: CauseTokenExpired,
			Reason: message.New("reason.token-expired", "last", binding.DateOf(end.At), "source", end.Source),
		})
		return true
	}
	return m.answersForbid(s)
}

// refusedBefore reports whether the registry refused this token for this account,
// and it is not to be tried again now. A try interrupts the account that is bound,
// so it also requires that the previous token can be bound again.
func (m *maker) refusedBefore(s subject) bool {
	if s.record == nil || !s.record.Refused.Is(binding.RefusalOf(s.d.Spec, s.token.Version, s.token.Created)) {
		return false
	}
	before := s.token.Previous
	hasFallback := before != nil && before.Unknown == nil || before == nil && s.record.TokenVersion == s.token.Version
	noFallback := s.state.Account != nil && !hasFallback
	return noFallback || s.record.Refused.InForce(m.in.Now)
}

// tokenRefused reports whether the registry refused the token, or the code host
// answered no to a question about it.
func (m *maker) tokenRefused(s subject) bool {
	return m.refusedBefore(s) || slices.ContainsFunc(s.token.Answers, func(a binding.Answer) bool {
		about := a.Question.Subject()
		return a.Verdict == binding.No && about != binding.SubjectSite && about != binding.SubjectAccount
	})
}

// unclearBinds is how often a bind without a clear answer is sent before the
// previous version is bound again: a single lost answer does not justify going
// back.
const unclearBinds = 2

// withoutEffect reports whether the last binds, all with the newest token, got no
// clear answer and had no effect.
func (m *maker) withoutEffect(s subject) bool {
	return slices.ContainsFunc(m.in.Intents, func(in binding.Intent) bool {
		return in.Platform == s.d.Spec.Platform && in.Object.IsAccount() && in.Answered && Kind(in.Action) == Bind &&
			in.Tries >= unclearBinds && in.TokenVersion == s.token.Version && !in.After.SameToken(*s.record)
	})
}

// fallBack returns the subject with the token version applied last instead of the
// newest one. It returns false unless the newest was refused or had no effect, and
// the secret store still has the other.
func (m *maker) fallBack(s subject) (subject, bool) {
	before := s.token.Previous
	if s.observesOnly() || !s.ours() || s.token.Unknown != nil || before == nil || before.Version <= 0 || !m.tokenRefused(s) && !m.withoutEffect(s) ||
		len(accountChanges(s.d, s.record.Wanted())) > 0 {
		return s, false
	}
	if u := before.Unknown; u != nil {
		m.find(s.d, "spec.token", finding.New("token-refused", message.New("plan.token-lost",
			"name", s.d.Name, "version", before.Version, "text", u.Message)))
		return s, false
	}
	declared := *s.d
	declared.Spec.Token = &binding.Token{Vault: before.Vault.Unpinned(), Expires: s.d.Spec.Token.Expires}
	s.d = &declared
	s.token = binding.TokenState{Version: before.Version, Created: s.record.TokenCreated}
	if tokenEnd(s).Ended(m.in.Now) {
		return s, false
	}
	return s, true
}

// answersForbid reports whether the code host answered no to a question. If so, it
// plans the forbidden action. An unknown forbids nothing.
func (m *maker) answersForbid(s subject) bool {
	if s.observesOnly() {
		return false
	}
	for _, a := range s.token.Answers {
		if a.Verdict == binding.No {
			m.act(s, takeAccount, Action{
				Object: binding.AccountObject(), Kind: Forbidden, Cause: CauseHostRefused,
				Reason: message.New("reason.host-refused", "rule", answerCode(a), "why", a.Reason),
			})
			return true
		}
	}
	return false
}

// reportAnswers adds a finding for every no, and for every yes with a warning.
func (m *maker) reportAnswers(s subject) {
	path := "spec.token"
	if s.d.Spec.Token == nil {
		path = "spec.username"
	}
	for _, a := range s.token.Answers {
		text := message.New("plan.of", "name", s.d.Name, "text", a.Message)
		switch rule, _ := finding.Lookup(a.Code); {
		case a.Verdict == binding.No:
			m.find(s.d, path, finding.New(answerCode(a), text).As(finding.Error))
		case a.Verdict == binding.Yes && rule.Severity == finding.Warning:
			m.find(s.d, path, finding.New(a.Code, text))
		}
	}
}

// answerCode is the rule that a no breaks; host-refused if the host's answer does
// not name a known rule.
func answerCode(a binding.Answer) string {
	if _, ok := finding.Lookup(a.Code); ok {
		return a.Code
	}
	return "host-refused"
}

func unpinned(r binding.VaultRef) string { return r.Unpinned().String() }

// tokenIs compares the bound token with the one in the secret store. It counts a
// version as bound only with proof: our record of the bound account, or a person
// who bound it as a step asked.
func (m *maker) tokenIs(s subject) binding.Comparison {
	switch {
	case s.d.Spec.Token == nil:
		return binding.TokenUnread
	case s.recorded() && (s.record.TokenKnown() || !m.byStep(s)):
		return s.sinceApplied()
	case m.byStep(s):
		return binding.TokenSame
	}
	return binding.TokenUnknown
}

// recorded reports whether our record is about the bound account, as far as the
// registry can be asked.
func (s subject) recorded() bool {
	return s.ours() && (s.state.Account == nil || s.record.Is(*s.state.Account))
}

// byStep reports whether a person bound the account as a step asked, with the
// version that the step has asked for all the time. Nothing else proves which token
// somebody bound. Times do not: an account that was bound after the newest version
// was created may have any other token of its user.
func (m *maker) byStep(s subject) bool {
	account, token := s.state.Account, s.token
	if m.canRebind() || account == nil || token.Version == 0 || m.refusedBefore(s) {
		return false
	}
	step := RetryStateOf(m.in.RetryStates, s.d.Name).PendingOf(s.d.Spec.Platform, binding.AccountObject())
	return step.TokenVersion == token.Version && (account.Created.IsZero() || account.MadeAfter(token.Created))
}

func (m *maker) canRebind() bool {
	caps := m.in.Observation.Capabilities
	return caps.Bind && caps.Unbind
}

// claimToken puts the bound token into the target of an adoption; nothing if it is
// unknown.
func (m *maker) claimToken(s subject, t *Target) {
	r := s.record
	switch {
	case s.recorded() && r.TokenKnown():
		t.TokenVersion, t.TokenCreated, t.TokenFingerprint = r.TokenVersion, r.TokenCreated, r.TokenFingerprint
	case !m.byStep(s):
		t.TokenVersion, t.TokenCreated, t.TokenFingerprint = 0, time.Time{}, ""
	}
}

// vaultChanged reports whether the declaration names a different place for the
// token than that of the one applied last.
func vaultChanged(s subject) bool {
	return s.d.Spec.Token != nil && s.record != nil &&
		s.record.CompareToken(s.d.Spec.Token.Vault, s.token, nil) == binding.TokenMoved
}

// sinceApplied compares the token that was applied last with the one in the secret
// store.
func (s subject) sinceApplied() binding.Comparison {
	if s.d.Spec.Token == nil || !s.ours() {
		return binding.TokenUnread
	}
	return s.record.CompareToken(s.d.Spec.Token.Vault, s.token, s.state.Account)
}

// tokenChanges returns the changes of the token since it was applied: of its place
// and of its version, never of its value.
func tokenChanges(s subject) []Change {
	is := s.sinceApplied()
	if is.Fresh() {
		return nil
	}
	if is == binding.TokenUnknown {
		return unknownChange(s)
	}
	version := versionChange(s.record.TokenVersion, s.token.Version)
	switch {
	case is == binding.TokenMoved:
		moved := Change{Field: "token", From: unpinned(s.record.Vault), To: unpinned(s.d.Spec.Token.Vault)}
		if s.record.TokenVersion == 0 || s.token.Version == 0 || s.record.TokenVersion == s.token.Version {
			return []Change{moved}
		}
		return []Change{moved, version}
	case is == binding.TokenAnew:
		version = Change{
			Field: FieldTokenVersion, FromMessage: ofVersion("secret-deleted", s.record.TokenVersion), ToMessage: ofVersion("secret-new", s.token.Version),
		}
	case s.record.TokenVersion == 0 && s.token.Version == 0:
		version.FromMessage, version.ToMessage = message.New("change-value.applied-last"), message.New("change-value.changed")
	case s.record.TokenVersion == s.token.Version && s.record.TokenCreated.IsZero():
		version.From, version.FromMessage = "", ofVersion("created-unknown", s.record.TokenVersion)
	case s.record.TokenVersion == s.token.Version:
		version.To, version.ToMessage = "", ofVersion("created-unknown", s.token.Version)
	}
	return []Change{version}
}

// unknownChange is the change from an unknown token.
func unknownChange(s subject) []Change {
	c := versionChange(0, s.token.Version)
	c.FromMessage = message.New("change-value.unknown")
	return []Change{c}
}

// versionChange is a change of the token's version; 0 stands for a store without
// versions.
func versionChange(from, to int) Change {
	c := Change{Field: FieldTokenVersion}
	c.From, c.FromMessage = versionValue(from)
	c.To, c.ToMessage = versionValue(to)
	return c
}

func versionValue(version int) (string, message.Message) {
	if version == 0 {
		return "", message.New("change-value.no-versions")
	}
	return strconv.Itoa(version), message.Message{}
}

// ofVersion is a version as a message.
func ofVersion(about string, version int) message.Message {
	return message.New("change-value."+about, "version", version)
}

// tokenEnd is the end of the token; zero if it is unknown. The end that is declared
// now replaces the one that was declared when the token was observed.
func tokenEnd(s subject) binding.TokenEnd {
	if s.d.Spec.Token == nil {
		return binding.TokenEnd{}
	}
	declared, observed := s.d.Spec.Token.End(), s.token.End()
	if !declared.At.IsZero() && observed.Source == binding.FromDeclaration {
		return declared
	}
	return binding.EarliestEnd(declared, observed)
}

// expiry adds a finding about a token that has ended or will end soon, starting
// with the earliest of the policy's warnings. For a declared end, it uses the same
// message as the check of files, so that both give the same finding.
func (m *maker) expiry(s subject) {
	end := tokenEnd(s)
	left, days := end.Lifetime(m.in.Now, m.in.Policy.ExpiryWarnings)
	last := binding.DateOf(end.At)
	find := func(text message.Message, severity finding.Severity) {
		if end.Source != binding.FromDeclaration {
			text = message.New("token.end-source", "end", text, "source", end.Source)
		}
		m.find(s.d, "spec.token.expires", finding.New("token-expiry", text).As(severity))
	}
	if unreadable := s.token.ExpiresUnreadable; unreadable != "" {
		m.find(s.d, "spec.token", finding.New("token-expiry", message.New("token.end-unreadable", "value", message.Foreign(unreadable))))
	}
	switch {
	case left == binding.Ended:
		find(message.New("token.ended", "last", last), finding.Error)
	case left != binding.EndsSoon:
	case days == 0:
		find(message.New("token.ends-today"), finding.Warning)
	case days == 1:
		find(message.New("token.ends-tomorrow"), finding.Warning)
	default:
		find(message.New("token.ends", "count", days, "last", last), finding.Warning)
	}
}

// tokenUnknown plans a binding if it is unknown which token it was bound with. One
// rebind with the newest token settles that, if it is allowed and possible.
// Otherwise, the token stays unknown and this is reported.
func (m *maker) tokenUnknown(s subject) bool {
	anew := s.ours() && !s.recorded()
	a := Action{Cause: CauseTokenUnknown, Reason: message.New("reason.token-unknown"), Changes: append(unknownChange(s), renameChange(s)...)}
	if anew {
		a.Reason = message.New("reason.bound-again-unknown")
	}
	settles := (s.d.Spec.DriftPolicy != binding.Report || s.rotatedSince()) && m.canRebind() && !m.reboundTooOften(s, a)
	switch {
	case s.observesOnly() && !s.ours():
		m.remembered(s, false) // We claim nothing about a binding that is only observed.
		return true
	case s.observesOnly(), settles && (s.recorded() || m.tokenGood(s)):
		m.rebind(s, a)
		return true
	case anew && m.reportDrift(s, a.Reason):
		return true
	}
	m.find(s.d, "spec.token", finding.New(string(CauseTokenUnknown), message.New("plan.token-unknown", "name", s.d.Name)))
	m.remembered(s, true)
	return true
}

// rotatedSince reports whether there is a new token to apply, whichever token is
// bound: the secret store has a version that was created after our record or, if
// somebody bound the account again, after that. In the latter case, a different
// declared place of the token counts too.
func (s subject) rotatedSince() bool {
	switch {
	case s.recorded():
		return !s.record.Applied.IsZero() && s.token.Created.After(s.record.Applied)
	case s.ours() && s.record.TokenKnown():
		made := s.state.Account.Created
		return vaultChanged(s) || !made.IsZero() && s.token.Created.After(made)
	}
	return false
}
