package line

import (
	"net/http"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// verdict is what an answer that is not good means.
type verdict struct {
	kind  binding.FailureKind
	fault binding.Fault
	hint  message.Message
	// unserved says that the endpoint does not serve the call, refused that it
	// serves it to others or with other parameters: neither is about any other call.
	unserved, refused bool
}

// throttling is the code of a call that was too much, and was not done.
const throttling = "Throttling"

// Hints, which say what to do.
var (
	hintThrottled  = message.New("registry.hint.throttled")
	hintBusy       = message.New("registry.hint.busy")
	hintNoUser     = message.New("registry.hint.no-user")
	hintNoInstance = message.New("registry.hint.no-instance")
	hintKey        = message.New("registry.hint.key")
	hintSignature  = message.New("registry.hint.signature")
	hintTemporary  = message.New("registry.hint.temporary")
	hintClock      = message.New("registry.hint.clock")
	hintPermission = message.New("registry.hint.permission")
	hintAccount    = message.New("registry.hint.account")
	hintRedirect   = message.New("registry.hint.redirect")
	hintUnserved   = message.New("registry.hint.unserved")
	hintToken      = message.New("registry.hint.token")
	hintDeclared   = message.New("registry.hint.declared")
	hintUnknown    = message.New("registry.hint.unknown")
	hintForeign    = message.New("registry.hint.foreign")
	hintLook       = message.New("registry.hint.look")
)

// knownCodes are those that are known, by their part before the first dot:
// the Alibaba Cloud API gateway's common ones, and the registry's own. Those
// that reject a token are in the wire profile.
func knownCodes() map[string]verdict {
	known := map[string]verdict{
		"USER_NOT_EXIST":        {kind: binding.InstanceStop, fault: binding.FaultCredentials, hint: hintNoUser},
		"SignatureNonceUsed":    {kind: binding.Transient, fault: binding.FaultService},
		throttling:              {kind: binding.Throttled, fault: binding.FaultService, hint: hintThrottled},
		"SystemBusy":            {kind: binding.Throttled, fault: binding.FaultService, hint: hintBusy},
		"SignatureDoesNotMatch": {kind: binding.Forbidden, fault: binding.FaultCredentials, hint: hintSignature},
		"IncompleteSignature":   {kind: binding.Forbidden, fault: binding.FaultCredentials, hint: hintSignature},
	}
	known["INSTANCE_NOT_EXIST"] = verdict{kind: binding.InstanceStop, fault: binding.FaultCredentials, hint: hintNoInstance}
	add := func(v verdict, codes ...string) {
		for _, code := range codes {
			known[code] = v
		}
	}
	add(verdict{kind: binding.Forbidden, fault: binding.FaultCredentials, hint: hintKey},
		"InvalidAccessKeyId", "MissingAccessKeyId", "InactiveAccessKeyId")
	add(verdict{kind: binding.Forbidden, fault: binding.FaultCredentials, hint: hintTemporary},
		"InvalidSecurityToken", "MissingSecurityToken")
	add(verdict{kind: binding.Forbidden, fault: binding.FaultCredentials, hint: hintClock},
		"InvalidTimeStamp", "IllegalTimestamp")
	// "Forbedden" is how the vendor spells one of them.
	add(verdict{kind: binding.Forbidden, fault: binding.FaultCredentials, hint: hintPermission, refused: true},
		"Forbidden", "Forbedden", "NoPermission", "NoPrivilege", "Unauthorized", "ActionUnauthorized")
	add(verdict{kind: binding.Forbidden, fault: binding.FaultCredentials, hint: hintAccount},
		"InsufficientBalance")
	add(verdict{kind: binding.Transient, fault: binding.FaultService},
		"SystemError", "InternalError", "InternalFailure", "ServiceUnavailable", "ServiceUnavailableTemporary")
	add(verdict{kind: binding.Refused, fault: binding.FaultService, hint: hintUnserved, unserved: true},
		"InvalidAction", "InvalidApi", "InvalidVersion", "NoSuchVersion", "UnsupportedOperation", "UnsupportedHTTPMethod")
	add(verdict{kind: binding.Refused, fault: binding.FaultRequest, hint: hintDeclared, refused: true},
		"InvalidParameter", "MissingParameter", "UnsupportedParameter", "INVALID_PARAMETER")
	add(verdict{kind: binding.NotFound, fault: binding.FaultRequest},
		"NAMESPACE_NOT_EXIST", "REPO_NOT_EXIST")
	return known
}

// lookUp finds a code that is known, and its part before the first dot.
func lookUp(code string) (first string, v verdict, known bool) {
	first, _, _ = strings.Cut(code, ".")
	v, known = knownCodes()[first]
	return first, v, known
}

// verdictOf says what an answer that is not good means. The code decides before
// the status: a missing user and a missing repository both come with 404. A
// code that is not known is nobody's fault, and least of all the token's.
func (l *Line) verdictOf(c Call, status int, code string) verdict {
	v := l.answerMeans(status, code)
	first, _, _ := lookUp(code)
	switch {
	case !c.Writes():
	case v.kind == binding.Transient, v.kind == binding.Throttled && status == http.StatusServiceUnavailable && first != throttling:
		v.kind = binding.OutcomeUnknown
	case v.kind == binding.Unreadable:
		v.kind, v.hint = binding.OutcomeUnknown, hintLook
	}
	return v
}

func (l *Line) answerMeans(status int, code string) verdict {
	first, v, known := lookUp(code)
	switch {
	case l.profile.CondemnsToken(code):
		return verdict{kind: binding.Refused, fault: binding.FaultToken, hint: hintToken}
	case status == http.StatusTooManyRequests:
		return verdict{kind: binding.Throttled, fault: binding.FaultService, hint: hintThrottled}
	case status == http.StatusServiceUnavailable && first != throttling && (!known || v.fault == binding.FaultService):
		return verdict{kind: binding.Throttled, fault: binding.FaultService}
	case known:
		return v
	case status >= 500 || status == http.StatusRequestTimeout:
		return verdict{kind: binding.Transient, fault: binding.FaultService}
	case status >= 300 && status < 400:
		return verdict{kind: binding.Refused, fault: binding.FaultService, hint: hintRedirect}
	case strings.HasSuffix(code, "_NOT_EXIST"):
		return verdict{kind: binding.NotFound, fault: binding.FaultUnknown}
	case status == http.StatusMethodNotAllowed || status == http.StatusNotFound && code != "":
		return verdict{kind: binding.Refused, fault: binding.FaultService, hint: hintUnserved, unserved: true}
	case code != "" && status >= 400:
		return verdict{kind: binding.Refused, fault: binding.FaultUnknown, hint: hintUnknown, refused: true}
	}
	return verdict{kind: binding.Unreadable, fault: binding.FaultUnknown, hint: hintForeign}
}
