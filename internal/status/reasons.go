package status

// Reasons of conditions. Programs may branch on them. A condition may also have
// the reason of an answer or a failure.
const (
	// ReasonAsDeclared: it is as declared.
	ReasonAsDeclared = "AsDeclared"
	// ReasonConfirmed: a person confirmed it, because the registry cannot be asked.
	ReasonConfirmed = "Confirmed"
	// ReasonNotVisibleYet: reconciler wrote it, or the registry answered that it
	// exists already or is gone, and no read shows it yet.
	ReasonNotVisibleYet = "NotVisibleYet"
	// ReasonNotManaged: the declaration omits it.
	ReasonNotManaged = "NotManaged"

	// ReasonFileBroken: the declaration's file, or one that may declare the
	// binding now, cannot be read, parsed or validated; the binding is not
	// changed.
	ReasonFileBroken = "FileBroken"
	// ReasonNotDeclared: we applied it, and it is no longer declared.
	ReasonNotDeclared = "NotDeclared"

	// ReasonRead: the secret store has the token.
	ReasonRead = "Read"
	// ReasonAnswered: the code host answered.
	ReasonAnswered = "Answered"
	// ReasonNotAsked: nobody was asked.
	ReasonNotAsked = "NotAsked"
	// ReasonNoExpiryKnown: the expiry of the token is unknown.
	ReasonNoExpiryKnown = "NoExpiryKnown"
	// ReasonExpiryUnreadable: what the secret store has as the expiry is not a date.
	ReasonExpiryUnreadable = "ExpiryUnreadable"
	// ReasonExpired: the token has expired.
	ReasonExpired = "Expired"
	// ReasonExpiresSoon: the token expires within the longest of
	// expiryWarnings.
	ReasonExpiresSoon = "ExpiresSoon"
	// ReasonNewerVersion: the secret store has a newer version than the bound
	// one, or a version of a secret that was created again.
	ReasonNewerVersion = "NewerVersion"
	// ReasonCurrent: the token is the declared one and does not expire soon.
	ReasonCurrent = "Current"

	// ReasonNotBound: the platform is certainly not bound.
	ReasonNotBound = "NotBound"
	// ReasonOtherAccount: the platform is bound to a different account.
	ReasonOtherAccount = "OtherAccount"
	// ReasonBindingLost: the old account was unbound, and the new one could not
	// be bound.
	ReasonBindingLost = "BindingLost"
	// ReasonPreviousToken: the new token was rejected, or its bind had no effect,
	// and the previous one is bound again.
	ReasonPreviousToken = "PreviousToken"

	// ReasonMissing: the registry has no such image repository.
	ReasonMissing = "Missing"
	// ReasonVersionUnknown: it is unknown which version of the token is bound.
	ReasonVersionUnknown = "VersionUnknown"
	// ReasonTokenRefused: the registry rejected the newest version of the token,
	// and it is not tried again yet.
	ReasonTokenRefused = "TokenRefused"
	// ReasonNotApplied: what is declared is not applied; the message says why.
	ReasonNotApplied = "NotApplied"

	// ReasonDiffers: the registry has a value that differs from the declaration.
	ReasonDiffers = "Differs"

	// ReasonRepairDoesNotHold: drift is no longer repaired, because it comes
	// back after each repair.
	ReasonRepairDoesNotHold = "RepairDoesNotHold"
	// ReasonRepairsStopped: it is as declared now; the next drift is not
	// repaired, because drift came back after each repair.
	ReasonRepairsStopped = "RepairsStopped"

	// ReasonAwaitingPerson: a person has to do the steps shown.
	ReasonAwaitingPerson = "AwaitingPerson"
	// ReasonOverdue: the deadline for the steps shown has passed.
	ReasonOverdue = "Overdue"
	// ReasonAuthorized: no authorization is pending.
	ReasonAuthorized = "Authorized"
	// ReasonSuspended: the declaration or a person suspends the binding.
	ReasonSuspended = "Suspended"
	// ReasonSuspensionEnded: the suspension has ended.
	ReasonSuspensionEnded = "SuspensionEnded"
	// ReasonOutsideWindow: the instance may not be changed now; the message says
	// when it may.
	ReasonOutsideWindow = "OutsideWindow"
	// ReasonInsideWindow: the instance may be changed now.
	ReasonInsideWindow = "InsideWindow"
	// ReasonForbidden: a rule forbids what is needed; the message names the
	// rule.
	ReasonForbidden = "Forbidden"
	// ReasonFailed: an action failed; the message says why.
	ReasonFailed = "Failed"
	// ReasonRetrying: an action failed and is tried again later.
	ReasonRetrying = "Retrying"

	// ReasonAccepted: our credentials are accepted.
	ReasonAccepted = "Accepted"
	// ReasonCredentialsRejected: our credentials are not accepted, or do not allow
	// a call; the message says whose and which.
	ReasonCredentialsRejected = "CredentialsRejected"
	// ReasonEditionDisagrees: the configuration states a different edition of the
	// instance than instances.yaml.
	ReasonEditionDisagrees = "EditionDisagrees"

	// SuffixLastKnown ends the reason of a condition that has no answer now and
	// keeps its previous status.
	SuffixLastKnown = "LastKnown"
)
