package plan

import "reconciler/internal/binding"

// Cause says why an action is in the plan.
type Cause string

// Causes of changes.
const (
	// CauseAbsent: it is declared, and the registry does not have it.
	CauseAbsent Cause = "absent"
	// CauseDrift: it was applied as declared, and somebody changed or removed it
	// since. A noop of this cause is reported and not corrected.
	CauseDrift Cause = "drift"
	// CauseDeclarationChanged: the declaration asks for something else than was
	// applied last.
	CauseDeclarationChanged Cause = "declaration-changed"
	// CauseTokenVersion: the secret store has another version of the token.
	CauseTokenVersion Cause = "token-version-changed"
	// CauseTokenUnknown: it is not known which token the account was bound with.
	// A noop of this cause is reported and not settled.
	CauseTokenUnknown Cause = "token-version-unknown"
	// CauseTokenMoved: the token is declared to be kept elsewhere.
	CauseTokenMoved Cause = "token-moved"
	// CauseUnfinished: we unbound the account, or removed a rule, ourselves, and have
	// yet to bind it again, or to add the one that takes its place.
	CauseUnfinished Cause = "unfinished"
	// CauseForeign: it was made by somebody else. The declaration allows
	// replacing it (adopt: true), or it is no longer declared and is kept.
	CauseForeign Cause = "foreign"
	// CauseDiffers: it differs from a declaration that is observed only, and was
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
	// CauseAlreadyThere: it is there as declared, and was not ours before.
	CauseAlreadyThere Cause = "already-there"
	// CauseRenamed: the declaration has a different name than the one applied.
	CauseRenamed Cause = "renamed"
	// CauseBoundAnew: somebody bound the declared account again.
	CauseBoundAnew Cause = "bound-anew"
	// CauseRecordOutdated: it is as declared, and our record says otherwise.
	CauseRecordOutdated Cause = "record-outdated"
	// CauseTokenVersionKnown: the version of the token was not known before.
	CauseTokenVersionKnown Cause = "token-version-known"
	// CauseDeletionPolicy: the deletion policy changed.
	CauseDeletionPolicy Cause = "deletion-policy-changed"
)

// Causes of objects that stay as they are.
const (
	// CauseSettled: it is as declared.
	CauseSettled Cause = "settled"
	// CauseConfirmed: it is as declared; a person confirmed it, because the
	// registry cannot be asked.
	CauseConfirmed Cause = "confirmed"
	// CauseNotVisible: we wrote it, and the registry does not show that yet.
	CauseNotVisible Cause = "not-visible-yet"
	// CauseUnknown: it is not known what is there.
	CauseUnknown Cause = "unknown"
	// CauseOffline: nothing was asked.
	CauseOffline Cause = "offline"
	// CauseNotObserved: it is new, and was not observed yet.
	CauseNotObserved Cause = "not-observed"
	// CausePartUnknown: the binding is no longer declared, and it is not known
	// what one of its image repositories is linked to.
	CausePartUnknown Cause = "part-unknown"
	// CauseSecretUnavailable: the secret store did not answer about the token.
	CauseSecretUnavailable Cause = "secret-unavailable"
	// CauseTokenRefused: the registry refused this version of the token.
	CauseTokenRefused Cause = "token-refused"
	// CauseSuspended: a declaration or a person suspended it.
	CauseSuspended Cause = "suspended"
	// CauseFileBroken: a file is invalid that may declare it.
	CauseFileBroken Cause = "file-broken"
	// CauseRetained: it is no longer declared, and its deletion policy is Retain.
	CauseRetained Cause = "retained"
)

// Causes of actions that are not allowed. Most have the name of the rule.
const (
	// CauseAdoptRequired: it was made by somebody else, and the declaration does
	// not allow replacing it.
	CauseAdoptRequired Cause = "adopt-required"
	// CauseNotUnique: two declarations claim one platform of the instance.
	CauseNotUnique Cause = "binding-unique"
	// CauseFlapping: drift comes back each time that it is corrected.
	CauseFlapping Cause = "repair-does-not-hold"
	// CauseHostRefused: the code host said no.
	CauseHostRefused Cause = "host-refused"
	// CauseTokenExpired: the token has ended.
	CauseTokenExpired Cause = "token-expiry" //nolint:gosec // A word, no secret.
	// CauseSecretTarget: the token would be sent to a different host.
	CauseSecretTarget Cause = "address-changed-with-secret"
	// CauseSubgroup: a project in a GitLab subgroup builds by manual trigger
	// only.
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

// Causes are all causes.
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

// Settled says that all is as declared: the cause of a noop.
func (a Action) Settled() bool {
	return a.Kind == Noop && (a.Cause == CauseSettled || a.Cause == CauseConfirmed)
}

// Unknown says that nothing is planned because it is not known what is there.
func (a Action) Unknown() bool {
	return a.Kind == Noop && (a.Cause == CauseUnknown || a.Cause == CauseOffline || a.Cause == CauseNotObserved)
}

// Repairs says that the action corrects drift: what is declared was applied
// last, and the registry has it no more or differently, or nobody knows.
func (a Action) Repairs() bool {
	return a.Cause == CauseDrift && a.Kind != Noop || a.Cause == CauseTokenUnknown && a.Kind == Rebind
}

// Reported says that the action would correct drift, and that the declaration
// wants it reported only.
func (a Action) Reported() bool { return a.Cause == CauseDrift && a.Kind == Noop }

// causeOf is the cause of an action on what is not known.
func causeOf(u binding.Unknown) Cause {
	switch u.Reason {
	case binding.Offline:
		return CauseOffline
	case binding.NotObserved:
		return CauseNotObserved
	}
	return CauseUnknown
}
