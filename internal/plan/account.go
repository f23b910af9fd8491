package plan

import (
	"cmp"
	"slices"
	"strconv"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// account plans the account of a binding. It reports whether the account is bound
// as declared now, or will be by this plan, so that its image repositories can be
// planned too.
func (m *maker) account(s subject) bool {
	m.reportAnswers(s)
	switch {
	case m.moved(s):
		return false
	case m.accountUnseen(s.d.Spec.Platform):
		u, _ := m.unseenOn(s.d.Spec.Platform, binding.AccountObject())
		m.act(s, takeAccount, u.notVisible())
		return u.certain && s.ours()
	case !m.in.Observation.Capabilities.ListAccounts:
		return m.unobserved(s)
	case !s.asked:
		m.unknownAccount(s, binding.Unknown{Reason: binding.NotAsked, Message: message.New("condition.object-not-asked", "object", s.d.Spec.Platform.Title())})
		return false
	case s.state.Unknown != nil:
		m.unknownAccount(s, *s.state.Unknown)
		return false
	case s.state.Account == nil:
		return m.unbound(s)
	}
	if changes := accountChanges(s.d, *s.state.Account); len(changes) > 0 && !s.asApplied() {
		return m.differing(s, changes)
	}
	return m.equal(s)
}

// asApplied reports whether the bound account is the one that we bound for what is
// still declared. Then the registry only writes it in a different way, and binding
// it again would never change that.
func (s subject) asApplied() bool {
	return s.ours() && s.record.Is(*s.state.Account) && len(accountChanges(s.d, s.record.Wanted())) == 0
}

func (m *maker) unknownAccount(s subject, u binding.Unknown) {
	m.noop(s, causeOf(u), unknownReason(u))
	m.find(s.d, "", finding.New(unknownCode(u), message.New("plan.of", "name", s.d.Name, "text", u.Message)))
}

// unknownCode is the rule of the finding about an unknown. An object that was not
// observed yet because it is new has its own rule: nothing failed.
func unknownCode(u binding.Unknown) string {
	if u.Reason == binding.NotObserved {
		return "not-observed"
	}
	return "observation-unknown"
}

func (m *maker) noop(s subject, cause Cause, reason message.Message) {
	m.act(s, takeAccount, Action{Object: binding.AccountObject(), Kind: Noop, Cause: cause, Reason: reason})
}

// accountChanges compares a declaration with an account by meaning. A field that
// either side omits is not compared.
func accountChanges(d *binding.Declaration, a binding.Account) []Change {
	var changes []Change
	username, address := d.Spec.Account().Differs(a)
	if username {
		changes = append(changes, Change{Field: "username", From: a.Username, To: d.Spec.Username})
	}
	if address {
		changes = append(changes, Change{Field: "address", From: a.Address, To: d.Spec.Address})
	}
	return changes
}

// drifted reports whether somebody else caused a difference in the registry, and
// nothing new is to be applied.
func (m *maker) drifted(s subject) bool { return m.appliedLast(s) && !m.newToken(s) }

// appliedLast reports whether what was applied last is what is declared, and was
// declared all the time. It is false while a call of ours is unfinished, because
// that may have caused a difference.
func (m *maker) appliedLast(s subject) bool {
	if !s.ours() || s.record.Undeclared || len(accountChanges(s.d, s.record.Wanted())) > 0 || vaultChanged(s) {
		return false
	}
	return !m.unfinished(s)
}

// newToken reports whether the declared account is no longer bound, this is only
// reported as drift, and the secret store has a new version of the token that can be
// bound: then there is something new to apply.
func (m *maker) newToken(s subject) bool {
	if s.d.Spec.DriftPolicy != binding.Report || !m.appliedLast(s) || !s.tokenAsked || s.token.Unknown != nil {
		return false
	}
	if a := s.state.Account; a != nil && len(accountChanges(s.d, *a)) == 0 {
		return false
	}
	is := s.sinceApplied()
	return (is == binding.TokenAnother || is == binding.TokenAnew) && m.tokenGood(s)
}

// unfinished reports whether a call of ours on the account has no outcome yet.
func (m *maker) unfinished(s subject) bool {
	return slices.ContainsFunc(m.in.Intents, func(in binding.Intent) bool {
		return in.Platform == s.d.Spec.Platform && in.Object.IsAccount()
	})
}

// rotationVanished reports whether we unbound the account for a different token,
// the registry accepted the bind, and it never showed the account, not even its
// number. This counts only if drift is only reported, because the account would
// stay unbound otherwise. If drift is corrected, this is drift like any other:
// somebody may undo each bind, and repairs have to stop then.
func (m *maker) rotationVanished(s subject) bool {
	return s.d.Spec.DriftPolicy == binding.Report && s.state.Account == nil && s.ours() &&
		s.record.Unbound != "" && s.record.AccountID == "" && s.record.Written.NeverShown()
}

// reportDrift plans the report of drift that the declaration does not want
// corrected. It reports whether there is such drift.
func (m *maker) reportDrift(s subject, what message.Message) bool {
	if s.d.Spec.DriftPolicy != binding.Report || s.observesOnly() || !m.drifted(s) || m.rotationVanished(s) {
		return false
	}
	m.act(s, takeAccount, Action{
		Object: binding.AccountObject(), Kind: Noop, Cause: CauseDrift, Reason: onlyReported(message.New("reason.drift", "what", what)),
	})
	m.find(s.d, "", finding.New("drift", message.New("plan.of", "name", s.d.Name, "text", what)))
	return true
}

// onlyReported is the reason of an action on drift that is not corrected.
func onlyReported(drift message.Message) message.Message {
	return message.New("reason.drift-reported", "drift", drift)
}

// unbound plans a declaration whose platform is certainly not bound.
func (m *maker) unbound(s subject) bool {
	title := s.d.Spec.Platform.Title()
	gone := message.New("drift.unbound", "platform", title)
	reported := gone
	if s.ours() && s.record.AccountID == "" && s.record.Written.NeverShown() {
		reported = message.New("drift.never-shown", "platform", title)
	}
	if m.reportDrift(s, reported) {
		return false
	}
	a := Action{Cause: CauseAbsent, Reason: message.New("reason.not-bound", "platform", title)}
	switch {
	case m.drifted(s) && !m.rotationVanished(s):
		a.Cause, a.Reason = CauseDrift, message.New("reason.drift", "what", gone)
	case s.ours() && (m.unfinished(s) || m.rotationVanished(s)):
		a.Cause = CauseUnfinished
	case m.newToken(s):
		a.Cause, a.Reason = CauseTokenVersion, message.New("reason.token-version")
	}
	if s.d.Spec.Platform.OAuth() {
		a.Changes, a.Steps = bindChanges(s), m.bindSteps(s)
		return m.authorize(s, a)
	}
	if back, ok := m.fallBack(s); ok {
		if m.tokenRefused(s) {
			a.Reason = message.New("reason.previous-token", "reason", a.Reason, "version", back.token.Version)
			return m.bind(back, a)
		}
		a.Reason = message.New("reason.restored-token", "reason", a.Reason, "due", s.token.Version, "version", back.token.Version)
		a.Target.Restore, a.Changes = true, bindChanges(back)
	}
	if m.tokenBlocks(s) {
		return false
	}
	return m.bind(s, a)
}

// bind plans to bind an account to a platform without one; a has the cause and the
// reason.
func (m *maker) bind(s subject, a Action) bool {
	a.Object, a.Kind, a.Steps = binding.AccountObject(), Bind, triggerURLSteps(s.d)
	if a.Changes == nil {
		a.Changes = bindChanges(s)
	}
	if !m.in.Observation.Capabilities.Bind {
		a.Kind, a.Steps = Manual, m.bindSteps(s)
		a.Reason = m.cannot(a.Reason, "bind")
	}
	a = m.unlessFlapping(s, "", a)
	m.act(s, takeAccount, a)
	return a.Kind == Bind
}

func bindChanges(s subject) []Change {
	var changes []Change
	if s.d.Spec.Username != "" {
		changes = append(changes, Change{Field: "username", To: s.d.Spec.Username})
	}
	if s.d.Spec.Address != "" {
		changes = append(changes, Change{Field: "address", To: s.d.Spec.Address})
	}
	if s.d.Spec.Token != nil {
		changes = append(changes, Change{Field: "token", To: unpinned(s.d.Spec.Token.Vault)})
	}
	if s.token.Version > 0 {
		changes = append(changes, Change{Field: FieldTokenVersion, To: strconv.Itoa(s.token.Version)})
	}
	return append(changes, renameChange(s)...)
}

func renameChange(s subject) []Change {
	if !s.renamed() {
		return nil
	}
	return []Change{{Field: "binding", From: s.record.Binding, To: s.d.Name}}
}

// authorize plans a person's authorization in a browser. The image repositories
// have to wait for a later plan.
func (m *maker) authorize(s subject, a Action) bool {
	if m.answersForbid(s) {
		return false
	}
	a.Object, a.Kind = binding.AccountObject(), Authorize
	m.act(s, takeAccount, a)
	return false
}

// differing plans an account that is bound and differs from the declaration.
func (m *maker) differing(s subject, changes []Change) bool {
	title := s.d.Spec.Platform.Title()
	if !s.ours() && !s.d.Spec.Adopt && !s.observesOnly() {
		m.act(s, takeAccount, Action{
			Object: binding.AccountObject(), Kind: Forbidden, Cause: CauseAdoptRequired, Changes: changes,
			Reason: message.New("reason.foreign-account", "platform", title),
		})
		m.find(s.d, "spec."+changes[0].Field, finding.New("adopt-required", message.New("plan.foreign-account", "name", s.d.Name,
			"platform", title, "field", changes[0].Field, "from", changes[0].From, "to", changes[0].To)))
		return false
	}
	if m.reportDrift(s, message.New("drift.account", "platform", title, "field", changes[0].Field, "from", changes[0].From, "to", changes[0].To)) {
		return false
	}
	a := Action{Cause: CauseDeclarationChanged, Reason: message.New("reason.declaration-changed"), Changes: append(changes, renameChange(s)...)}
	switch {
	case !s.ours() && s.observesOnly():
		a.Cause, a.Reason = CauseDiffers, message.New("reason.bound-differently", "platform", title)
	case !s.ours():
		a.Cause, a.Reason = CauseForeign, message.New("reason.bound-by-others")
	case m.drifted(s):
		a.Cause, a.Reason = CauseDrift, message.New("reason.other-account")
	case m.newToken(s):
		a.Cause, a.Reason = CauseTokenVersion, message.New("reason.token-version")
	}
	if s.d.Spec.Platform.OAuth() {
		a.Steps = m.rebindByHandSteps(s, a.Changes)
		return m.authorize(s, a)
	}
	a.Changes = append(a.Changes, tokenChanges(s)...)
	return m.rebind(s, a)
}

// rebind plans to unbind the account and to bind it again; a has the reason and the
// changes. If the token is not available or was refused, the account is not
// changed.
func (m *maker) rebind(s subject, a Action) bool {
	if m.tokenBlocks(s) {
		return false
	}
	caps := m.in.Observation.Capabilities
	a.Object, a.Kind, a.Steps = binding.AccountObject(), Rebind, rebindSteps(s)
	if !caps.Bind || !caps.Unbind {
		a.Kind, a.Steps = Manual, m.rebindByHandSteps(s, a.Changes)
		a.Reason = m.cannot(a.Reason, "bind", "unbind")
	}
	a = m.unlessFlapping(s, "", a)
	m.act(s, takeAccount, a)
	return a.Kind == Rebind
}

// equal plans an account that is bound as declared: its token may have changed, and
// our memory may be outdated.
func (m *maker) equal(s subject) bool {
	if !s.d.Spec.Platform.OAuth() && !m.tokenKnown(s) {
		return s.ours()
	}
	is := m.tokenIs(s)
	switch {
	case is == binding.TokenUnknown:
		return m.tokenUnknown(s)
	case !is.Fresh():
		a := Action{Cause: CauseTokenVersion, Reason: message.New("reason.token-version"), Changes: append(tokenChanges(s), renameChange(s)...)}
		if is == binding.TokenMoved {
			a.Cause, a.Reason = CauseTokenMoved, message.New("reason.token-moved")
		}
		m.rebind(s, a)
		return true // It was bound before, and is after the rebind, whatever its outcome.
	}
	m.remembered(s, false)
	return true
}

// reboundTooOften reports whether we bound the account again so often, because its
// token was unknown, that somebody else seems to bind it each time.
func (m *maker) reboundTooOften(s subject, a Action) bool {
	a.Object = binding.AccountObject()
	made, _ := m.repairs(s.d.Name, a.Object)
	same := slices.DeleteFunc(slices.Clone(made), func(r binding.Repair) bool { return !r.FoundSame(a.Found()) })
	return m.in.Policy.MaxRepairs > 0 && len(same) >= m.in.Policy.MaxRepairs
}

// tokenGood reports whether nothing prevents binding the token.
func (m *maker) tokenGood(s subject) bool {
	return !m.refusedBefore(s) && !tokenEnd(s).Ended(m.in.Now) && binding.VerdictOf(s.token.Answers) != binding.No
}

// remembered updates our memory of a binding that is not changed. If unknown is
// true, it is unknown which token it was bound with.
func (m *maker) remembered(s subject, unknown bool) {
	cause, reason, changes := m.adoptReason(s)
	if unknown && !reason.IsZero() {
		reason = message.New("reason.token-assumed", "reason", reason)
	}
	switch {
	case !reason.IsZero():
		m.act(s, takeAccount, Action{Object: binding.AccountObject(), Kind: Adopt, Cause: cause, Reason: reason, Changes: changes})
	case unknown:
		m.noop(s, CauseTokenUnknown, message.New("reason.token-unknown"))
	default:
		m.noop(s, CauseSettled, message.New("reason.bound"))
	}
}

// adoptReason says why our memory has to be updated; zero if it is up to date.
func (m *maker) adoptReason(s subject) (Cause, message.Message, []Change) {
	r := s.record
	switch {
	case !s.ours():
		return CauseAlreadyThere, message.New("reason.bound-already"), nil
	case s.renamed():
		return CauseRenamed, message.New("reason.renamed"), renameChange(s)
	case r.Undeclared:
		return CauseAlreadyThere, message.New("reason.bound-already"), accountChanges(s.d, r.Wanted())
	case !s.recorded():
		return CauseBoundAnew, message.New("reason.bound-again"), accountChanges(s.d, r.Wanted())
	case len(accountChanges(s.d, r.Wanted())) > 0:
		return CauseRecordOutdated, message.New("reason.bound"), accountChanges(s.d, r.Wanted())
	case !r.TokenKnown() && m.byStep(s):
		return CauseTokenVersionKnown, message.New("reason.token-version-known"), nil
	case policyOf(r.DeletionPolicy) != policyOf(s.d.Spec.DeletionPolicy):
		return CauseDeletionPolicy, message.New("reason.deletion-policy"),
			[]Change{{Field: "deletionPolicy", From: string(policyOf(r.DeletionPolicy)), To: string(policyOf(s.d.Spec.DeletionPolicy))}}
	}
	return "", message.Message{}, nil
}

func policyOf(p binding.DeletionPolicy) binding.DeletionPolicy { return cmp.Or(p, binding.Retain) }

// unobserved plans an account if the driver cannot list accounts. All that is known
// then is what a person confirmed.
func (m *maker) unobserved(s subject) bool {
	asRecorded := s.ours() && len(accountChanges(s.d, s.record.Wanted())) == 0
	if asRecorded && !s.d.Spec.Platform.OAuth() && !m.tokenKnown(s) {
		return true
	}
	if asRecorded && !s.record.StepAsked && len(tokenChanges(s)) == 0 {
		if s.renamed() {
			m.act(s, takeAccount, Action{
				Object: binding.AccountObject(), Kind: Adopt, Cause: CauseRenamed, Changes: renameChange(s),
				Reason: message.New("reason.renamed"),
			})
			return true
		}
		m.noop(s, CauseConfirmed, message.New("reason.bound-confirmed"))
		return true
	}
	a := Action{Cause: CauseNotConfirmed, Reason: m.cannot(message.New("reason.not-confirmed"), "listAccounts"), Changes: bindChanges(s), Steps: m.bindSteps(s)}
	if s.ours() {
		a.Cause, a.Reason = CauseDeclarationChanged, m.cannot(message.New("reason.binding-changes"), "listAccounts")
		if asRecorded && !vaultChanged(s) {
			a.Cause = CauseTokenVersion
		}
		a.Changes = append(append(accountChanges(s.d, s.record.Wanted()), tokenChanges(s)...), renameChange(s)...)
		if is := s.sinceApplied(); asRecorded && (is.Fresh() || is == binding.TokenUnknown) {
			a.Cause, a.Reason, a.Changes = CauseNotConfirmed, m.cannot(message.New("reason.step-withdrawn"), "listAccounts"), bindChanges(s)
		}
		a.Steps = m.rebindByHandSteps(s, a.Changes)
	}
	if s.d.Spec.Platform.OAuth() {
		if m.answersForbid(s) {
			return false
		}
		a.Kind = Authorize
	} else {
		if m.tokenBlocks(s) {
			return false
		}
		a.Kind = Manual
	}
	a.Object = binding.AccountObject()
	m.act(s, takeAccount, a)
	// A person who has to link by hand too sees the steps for both at once.
	return asRecorded || !m.in.Observation.Capabilities.ReadSources
}
