package line

import (
	"net/http"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// verdict is the meaning of an error answer.
type verdict struct {
	kind  binding.FailureKind
	fault binding.Fault
	hint  message.Message
	// unserved means that the endpoint does not serve the call, and refused that it
	// serves it to others or with other parameters. Neither is about any other call.
	unserved, refused bool
}

// throttling is the code of a call that was throttled and so not done.
const throttling = "Throttling"

// Hints about what to do.
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
	hintNextPlan   = message.New("registry.next-plan")
	hintReadFirst  = message.New("registry.hint.look")
)

// knownCodes are the known codes, by their part before the first dot: the
// common ones of the Alibaba Cloud API gateway, and the registry's own. Those
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
	// "Forbedden" is the spelling of the vendor.
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

// lookUp finds a known code, and returns its part before the first dot.
func lookUp(code string) (first string, v verdict, known bool) {
	first, _, _ = strings.Cut(code, ".")
	v, known = knownCodes()[first]
	return first, v, known
}

// verdictOf returns the meaning of an error answer. The code has priority over
// the status, because a missing user and a missing repository both have status
// 404. An unknown code is nobody's fault, and certainly not the token's.
func (l *Line) verdictOf(c Call, status int, code string) verdict {
	v := l.answerMeans(status, code)
	first, _, _ := lookUp(code)
	switch {
	case !c.Writes():
	case v.kind == binding.Transient, v.kind == binding.Throttled && status == http.StatusServiceUnavailable && first != throttling:
		v.kind = binding.OutcomeUnknown
	case v.kind == binding.Unreadable:
		v.kind, v.hint = binding.OutcomeUnknown, hintReadFirst
	}
	return v
}

func (l *Line) answerMeans(status int, code string) verdict {
	first, v, known := lookUp(code)
	switch {
	case l.profile.IsTokenRejection(code):
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
	case strings.HasSuffix(code, "_EXIST"), strings.HasSuffix(code, "_EXISTS"):
		return verdict{kind: binding.AlreadyExists, fault: binding.FaultRequest, hint: hintNextPlan, refused: true}
	case status == http.StatusMethodNotAllowed || status == http.StatusNotFound && code != "":
		return verdict{kind: binding.Refused, fault: binding.FaultService, hint: hintUnserved, unserved: true}
	case code != "" && status >= 400:
		return verdict{kind: binding.Refused, fault: binding.FaultUnknown, hint: hintUnknown, refused: true}
	}
	return verdict{kind: binding.Unreadable, fault: binding.FaultUnknown, hint: hintForeign}
}
