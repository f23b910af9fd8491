package plan

import "reconciler/internal/binding"

// Cause says why an action is in the plan.
type Cause string

// Causes of changes.
const (
	// CauseAbsent: it is declared, and the registry does not have it.
	CauseAbsent Cause = "absent"
	// CauseDrift: it was applied as declared, and somebody changed or removed it
	// since. A noop with this cause reports the drift without correcting it.
	CauseDrift Cause = "drift"
	// CauseDeclarationChanged: the declaration asks for something other than what
	// was applied last.
	CauseDeclarationChanged Cause = "declaration-changed"
	// CauseTokenVersion: the secret store has a different version of the token.
	CauseTokenVersion Cause = "token-version-changed"
	// CauseTokenUnknown: it is unknown which token the account was bound with. A
	// noop with this cause only reports that.
	CauseTokenUnknown Cause = "token-version-unknown"
	// CauseTokenMoved: the declaration names a different place for the token.
	CauseTokenMoved Cause = "token-moved"
	// CauseUnfinished: we unbound the account and still have to bind it again, or
	// we removed a rule and still have to add its replacement.
	CauseUnfinished Cause = "unfinished"
	// CauseForeign: somebody else made it. Either the declaration allows replacing
	// it (adopt: true), or it is no longer declared and is kept.
	CauseForeign Cause = "foreign"
	// CauseDiffers: it differs from a declaration that is only observed, and was
	// never ours.
	CauseDiffers Cause = "differs"
	// CauseNotConfirmed: the registry cannot be asked, and no person has
	// confirmed it yet.
	CauseNotConfirmed Cause = "not-confirmed"
	// CauseUndeclared: it is no longer declared.
	CauseUndeclared Cause = "not-declared"
	// CauseDuplicateRule: a second build rule builds the image tag of a declared
	// one. It is removed if we made it, and reported otherwise.
	CauseDuplicateRule Cause = "rule-duplicate"
)

// Causes of updates of our own memory (kind adopt).
const (
	// CauseAlreadyThere: it exists as declared, and was not ours before.
	CauseAlreadyThere Cause = "already-there"
	// CauseRenamed: the declaration has a different name than the one applied.
	CauseRenamed Cause = "renamed"
	// CauseBoundAnew: somebody bound the declared account again.
	CauseBoundAnew Cause = "bound-anew"
	// CauseRecordOutdated: it is as declared, but our record is not.
	CauseRecordOutdated Cause = "record-outdated"
	// CauseTokenVersionKnown: the version of the bound token is known now.
	CauseTokenVersionKnown Cause = "token-version-known"
	// CauseDeletionPolicy: the deletion policy changed.
	CauseDeletionPolicy Cause = "deletion-policy-changed"
)

// Causes of objects that are not changed.
const (
	// CauseSettled: it is as declared.
	CauseSettled Cause = "settled"
	// CauseConfirmed: it is as declared; a person confirmed it, because the
	// registry cannot be asked.
	CauseConfirmed Cause = "confirmed"
	// CauseNotVisible: we wrote it, and the registry does not show it yet.
	CauseNotVisible Cause = "not-visible-yet"
	// CauseUnknown: it is unknown what is there.
	CauseUnknown Cause = "unknown"
	// CauseOffline: nothing was asked.
	CauseOffline Cause = "offline"
	// CauseNotObserved: it is new, and was not observed yet.
	CauseNotObserved Cause = "not-observed"
	// CausePartUnknown: the binding is no longer declared, and it is unknown what
	// one of its image repositories is linked to.
	CausePartUnknown Cause = "part-unknown"
	// CauseSecretUnavailable: the secret store did not answer about the token.
	CauseSecretUnavailable Cause = "secret-unavailable"
	// CauseTokenRefused: the registry refused this version of the token.
	CauseTokenRefused Cause = "token-refused"
	// CauseSuspended: a declaration or a person suspended it.
	CauseSuspended Cause = "suspended"
	// CauseFileBroken: an invalid file may declare it.
	CauseFileBroken Cause = "file-broken"
	// CauseRetained: it is no longer declared, and its deletion policy is Retain.
	CauseRetained Cause = "retained"
)

// Causes of actions that are not allowed. Most have the name of the rule.
const (
	// CauseAdoptRequired: somebody else made it, and the declaration does not allow
	// replacing it.
	CauseAdoptRequired Cause = "adopt-required"
	// CauseNotUnique: two declarations claim one platform of the instance.
	CauseNotUnique Cause = "binding-unique"
	// CauseFlapping: drift comes back each time that it is corrected.
	CauseFlapping Cause = "repair-does-not-hold"
	// CauseHostRefused: the code host answered no to a question about it.
	CauseHostRefused Cause = "host-refused"
	// CauseTokenExpired: the token has ended.
	CauseTokenExpired Cause = "token-expiry" //nolint:gosec // A word, no secret.
	// CauseSecretTarget: the token would be sent to a different host.
	CauseSecretTarget Cause = "address-changed-with-secret"
	// CauseSubgroup: a project in a GitLab subgroup can be built only by manual
	// trigger.
	CauseSubgroup Cause = binding.RuleSubgroup
	// CauseRepositoryMissing: the registry has no such image repository.
	CauseRepositoryMissing Cause = "image-repository-missing"
	// CauseQuota: the instance would have more than its quota.
	CauseQuota Cause = "registry-quota"
	// CauseEmptySnapshot: the snapshot declares nothing.
	CauseEmptySnapshot Cause = "empty-snapshot"
	// CauseHistoryRewritten: the snapshot does not descend from the one applied
	// last.
	CauseHistoryRewritten Cause = "history-rewritten"
	// CauseThreshold: too much would be removed at once.
	CauseThreshold Cause = "deletions-beyond-threshold"
)

// Causes lists all causes.
func Causes() []Cause {
	return []Cause{
		CauseAbsent, CauseDrift, CauseDeclarationChanged, CauseTokenVersion, CauseTokenUnknown, CauseTokenMoved, CauseUnfinished,
		CauseForeign, CauseDiffers, CauseNotConfirmed, CauseUndeclared, CauseDuplicateRule,
		CauseAlreadyThere, CauseRenamed, CauseBoundAnew, CauseRecordOutdated, CauseTokenVersionKnown, CauseDeletionPolicy,
		CauseSettled, CauseConfirmed, CauseNotVisible, CauseUnknown, CauseOffline, CauseNotObserved, CausePartUnknown,
		CauseSecretUnavailable, CauseTokenRefused, CauseSuspended, CauseFileBroken, CauseRetained,
		CauseAdoptRequired, CauseNotUnique, CauseFlapping, CauseHostRefused, CauseTokenExpired, CauseSecretTarget,
		CauseSubgroup, CauseRepositoryMissing, CauseQuota, CauseEmptySnapshot, CauseHistoryRewritten, CauseThreshold,
	}
}

// Settled reports whether the action is a noop because its object is as declared.
func (a Action) Settled() bool {
	return a.Kind == Noop && (a.Cause == CauseSettled || a.Cause == CauseConfirmed)
}

// Unknown reports whether nothing is planned because it is unknown what is there.
func (a Action) Unknown() bool {
	return a.Kind == Noop && (a.Cause == CauseUnknown || a.Cause == CauseOffline || a.Cause == CauseNotObserved)
}

// Repairs reports whether the action corrects drift: what is declared was applied
// last, and the registry no longer has it or has it differently. A rebind because
// the token is unknown counts too.
func (a Action) Repairs() bool {
	return a.Cause == CauseDrift && a.Kind != Noop || a.Cause == CauseTokenUnknown && a.Kind == Rebind
}

// Reported reports whether the action is about drift that the declaration wants
// only reported.
func (a Action) Reported() bool { return a.Cause == CauseDrift && a.Kind == Noop }

// causeOf is the cause of an action on an object whose state is unknown.
func causeOf(u binding.Unknown) Cause {
	switch u.Reason {
	case binding.Offline:
		return CauseOffline
	case binding.NotObserved:
		return CauseNotObserved
	}
	return CauseUnknown
}
