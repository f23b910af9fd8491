package reconcile

// Reasons of conditions. Programs may branch on them; beside these a condition
// has the reason of the answer or the failure that it passes on.
const (
	// ReasonAsDeclared: it is as declared.
	ReasonAsDeclared = "AsDeclared"
	// ReasonConfirmed: a person confirmed it, and the registry cannot be asked.
	ReasonConfirmed = "Confirmed"
	// ReasonNotManaged: the declaration leaves it out.
	ReasonNotManaged = "NotManaged"

	// ReasonFileBroken: the declaration's file cannot be read, parsed or
	// validated; the binding is kept as it is.
	ReasonFileBroken = "FileBroken"
	// ReasonNotDeclared: we applied it, and it is not declared any more.
	ReasonNotDeclared = "NotDeclared"

	// ReasonRead: the secret store told of the token.
	ReasonRead = "Read"
	// ReasonAnswered: the code host answered.
	ReasonAnswered = "Answered"
	// ReasonNotAsked: nobody was asked.
	ReasonNotAsked = "NotAsked"
	// ReasonNoExpiryKnown: nobody told when the token ends.
	ReasonNoExpiryKnown = "NoExpiryKnown"
	// ReasonExpired: the token has ended.
	ReasonExpired = "Expired"
	// ReasonExpiresSoon: the token ends within the longest of the policy's
	// warnings.
	ReasonExpiresSoon = "ExpiresSoon"
	// ReasonNewerVersion: the secret store has a newer version than is bound, or
	// one of a secret made anew.
	ReasonNewerVersion = "NewerVersion"
	// ReasonCurrent: the token is the one declared and lasts.
	ReasonCurrent = "Current"

	// ReasonNotBound: the platform is certainly not bound.
	ReasonNotBound = "NotBound"
	// ReasonOtherAccount: the platform is bound to another account.
	ReasonOtherAccount = "OtherAccount"
	// ReasonBindingLost: the old account was let go and the new one not bound.
	ReasonBindingLost = "BindingLost"
	// ReasonPreviousToken: the new token was refused, and the one applied
	// before is bound again.
	ReasonPreviousToken = "PreviousToken"

	// ReasonMissing: the registry has no such image repository.
	ReasonMissing = "Missing"
	// ReasonDiffers: the registry has it otherwise than declared.
	ReasonDiffers = "Differs"

	// ReasonRepairDoesNotHold: drift is not repaired any more, because repairs
	// do not hold.
	ReasonRepairDoesNotHold = "RepairDoesNotHold"
	// ReasonRepairsStopped: it is as declared now; were it to drift, it would
	// not be repaired, because repairs did not hold.
	ReasonRepairsStopped = "RepairsStopped"

	// ReasonAwaitingPerson: a person has to do the steps shown.
	ReasonAwaitingPerson = "AwaitingPerson"
	// ReasonOverdue: a person should have done the steps shown before now.
	ReasonOverdue = "Overdue"
	// ReasonAuthorized: no authorization is waited for.
	ReasonAuthorized = "Authorized"
	// ReasonSuspended: the declaration or a person holds the binding still.
	ReasonSuspended = "Suspended"
	// ReasonSuspensionEnded: the suspension's last day is over.
	ReasonSuspensionEnded = "SuspensionEnded"
	// ReasonOutsideWindow: the instance may not be changed now; the message says
	// when it may.
	ReasonOutsideWindow = "OutsideWindow"
	// ReasonInsideWindow: the instance may be changed now.
	ReasonInsideWindow = "InsideWindow"
	// ReasonForbidden: what would be needed is not allowed; the message names
	// the rule.
	ReasonForbidden = "Forbidden"
	// ReasonFailed: an action failed; the message says why.
	ReasonFailed = "Failed"
	// ReasonRetrying: an action failed and is tried again later.
	ReasonRetrying = "Retrying"

	// SuffixLastKnown ends the reason of a condition that has no answer now and
	// keeps the status it had.
	SuffixLastKnown = "LastKnown"
)
