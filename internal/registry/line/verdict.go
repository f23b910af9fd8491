package line

import (
	"net/http"
	"slices"
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

// knownCodes are the known codes, by their part before the first dot: the
// common ones of the Alibaba Cloud API gateway, and the registry's own. Those
// that reject a token are in the wire profile.
func knownCodes() map[string]verdict {
	known := map[string]verdict{
		"USER_NOT_EXIST":        {kind: binding.InstanceStop, fault: binding.FaultCredentials, hint: message.New("registry.hint.no-user")},
		"SignatureNonceUsed":    {kind: binding.Transient, fault: binding.FaultService},
		throttling:              {kind: binding.Throttled, fault: binding.FaultService, hint: message.New("registry.hint.throttled")},
		"SystemBusy":            {kind: binding.Throttled, fault: binding.FaultService, hint: message.New("registry.hint.busy")},
		"SignatureDoesNotMatch": {kind: binding.Forbidden, fault: binding.FaultCredentials, hint: message.New("registry.hint.signature")},
		"IncompleteSignature":   {kind: binding.Forbidden, fault: binding.FaultCredentials, hint: message.New("registry.hint.signature")},
	}
	known["INSTANCE_NOT_EXIST"] = verdict{kind: binding.InstanceStop, fault: binding.FaultCredentials, hint: message.New("registry.hint.no-instance")}
	add := func(v verdict, codes ...string) {
		for _, code := range codes {
			known[code] = v
		}
	}
	add(verdict{kind: binding.Forbidden, fault: binding.FaultCredentials, hint: message.New("registry.hint.key")},
		"InvalidAccessKeyId", "MissingAccessKeyId", "InactiveAccessKeyId")
	add(verdict{kind: binding.Forbidden, fault: binding.FaultCredentials, hint: message.New("registry.hint.temporary")},
		"InvalidSecurityToken", "MissingSecurityToken")
	add(verdict{kind: binding.Forbidden, fault: binding.FaultCredentials, hint: message.New("registry.hint.clock")},
		"InvalidTimeStamp", "IllegalTimestamp")
	// "Forbedden" is the spelling of the vendor.
	add(verdict{kind: binding.Forbidden, fault: binding.FaultCredentials, hint: message.New("registry.hint.permission"), refused: true},
		"Forbidden", "Forbedden", "NoPermission", "NoPrivilege", "Unauthorized", "ActionUnauthorized")
	add(verdict{kind: binding.Forbidden, fault: binding.FaultCredentials, hint: message.New("registry.hint.account")},
		"InsufficientBalance")
	add(verdict{kind: binding.Transient, fault: binding.FaultService},
		"SystemError", "InternalError", "InternalFailure", "ServiceUnavailable", "ServiceUnavailableTemporary")
	add(verdict{kind: binding.Refused, fault: binding.FaultService, hint: message.New("registry.hint.unserved"), unserved: true},
		"InvalidAction", "InvalidApi", "InvalidVersion", "NoSuchVersion", "UnsupportedOperation", "UnsupportedHTTPMethod")
	add(verdict{kind: binding.Refused, fault: binding.FaultRequest, hint: message.New("registry.hint.declared"), refused: true},
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
	v := l.interpretCode(status, code)
	first, _, _ := lookUp(code)
	switch {
	case !c.Writes():
	case v.kind == binding.Transient, v.kind == binding.Throttled && status == http.StatusServiceUnavailable && first != throttling:
		v.kind = binding.OutcomeUnknown
	case v.kind == binding.Unreadable:
		v.kind, v.hint = binding.OutcomeUnknown, message.New("registry.hint.look")
	}
	return v
}

func (l *Line) interpretCode(status int, code string) verdict {
	first, v, known := lookUp(code)
	switch {
	case slices.Contains(l.profile.TokenCodes, code):
		return verdict{kind: binding.Refused, fault: binding.FaultToken, hint: message.New("registry.hint.token")}
	case status == http.StatusTooManyRequests:
		return verdict{kind: binding.Throttled, fault: binding.FaultService, hint: message.New("registry.hint.throttled")}
	case status == http.StatusServiceUnavailable && first != throttling && (!known || v.fault == binding.FaultService):
		return verdict{kind: binding.Throttled, fault: binding.FaultService}
	case known:
		return v
	case status >= 500 || status == http.StatusRequestTimeout:
		return verdict{kind: binding.Transient, fault: binding.FaultService}
	case status >= 300 && status < 400:
		return verdict{kind: binding.Refused, fault: binding.FaultService, hint: message.New("registry.hint.redirect")}
	case strings.HasSuffix(code, "_NOT_EXIST"):
		return verdict{kind: binding.NotFound, fault: binding.FaultUnknown}
	case strings.HasSuffix(code, "_EXIST"), strings.HasSuffix(code, "_EXISTS"):
		return verdict{kind: binding.AlreadyExists, fault: binding.FaultRequest, hint: message.New("registry.next-plan"), refused: true}
	case status == http.StatusMethodNotAllowed || status == http.StatusNotFound && code != "":
		return verdict{kind: binding.Refused, fault: binding.FaultService, hint: message.New("registry.hint.unserved"), unserved: true}
	case code != "" && status >= 400:
		return verdict{kind: binding.Refused, fault: binding.FaultUnknown, hint: message.New("registry.hint.unknown"), refused: true}
	}
	return verdict{kind: binding.Unreadable, fault: binding.FaultUnknown, hint: message.New("registry.hint.foreign")}
}
