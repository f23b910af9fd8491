package line

import (
	"net/http"
	"strings"

	"reconciler/internal/binding"
)

// verdict is what an answer that is not good means.
type verdict struct {
	kind  binding.FailureKind
	fault binding.Fault
	hint  string
	// unserved says that the endpoint does not serve the call, refused that it
	// serves it to others or with other parameters: neither is about any other call.
	unserved, refused bool
}

// throttling is the code of a call that was too much, and was not done.
const throttling = "Throttling"

// Hints, which say what to do.
const (
	hintThrottled  = "the registry asks for fewer calls; lower the instance's requests per second"
	hintBusy       = "the registry is busy and did nothing; it is asked again"
	hintNoUser     = "this identity has no Personal Edition instance in the region: sign in to the console with it, create the instance and set the Registry password first"
	hintNoInstance = "there is no instance with this id in the region, or this identity may not see it: check the instance's id and region in the configuration"
	hintKey        = "the registry does not accept the instance's access key; check its credentials in the configuration, and that the key is active"
	hintSignature  = "the access key's secret does not fit its id, or something in between changes the calls; check the instance's credentials in the configuration"
	hintTemporary  = "the access key's security token is not valid or has expired; check what issues it, or use credentials that are renewed by themselves (ramRole, oidc)"
	hintClock      = "check this machine's clock"
	hintPermission = "allow the identity of the instance's access key this call in its RAM policy (for example AliyunContainerRegistryFullAccess)"
	hintAccount    = "check the Alibaba Cloud account of the instance's access key: verification, billing, risk control"
	hintRedirect   = "the endpoint answers with a redirect, which a signed call does not follow: set the endpoint to the API's own host"
	hintUnserved   = "this endpoint does not serve the call: use the driver console for the instance, or do this step by hand"
	hintToken      = "the registry rejects the username or the token at the code host: check the username, or put a new token into the secret store"
	hintDeclared   = "check what is declared"
	hintUnknown    = "the code is not one that reconciler knows, so nothing is concluded from it; it is tried again"
	hintForeign    = "the answer was not the registry's; check the endpoint and what stands between"
	hintLook       = "the answer was not the registry's; look before doing it again"
)

// knownCodes are those that are known, by their part before the first dot:
// the Alibaba Cloud API gateway's common ones, and the registry's own. Those
// that judge a token are in the wire profile.
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

// judge says what an answer that is not good means. The code decides before
// the status: a missing user and a missing repository both come with 404. A
// code that is not known is nobody's fault, and least of all the token's.
func (l *Line) judge(c Call, status int, code string) verdict {
	v := l.judgeAnswer(status, code)
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

func (l *Line) judgeAnswer(status int, code string) verdict {
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
