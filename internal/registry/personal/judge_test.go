package personal

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/line"
	"reconciler/internal/sandbox"
)

// Kind 1: a "no" is taken for a verdict on what was sent. Every code that is
// documented for the product or for the vendor's gateway, and some that nobody
// documents, with whose fault it is.
func TestKind1EveryNoIsSomebodysFaultAndOnlyAKnownCodeBlamesTheToken(t *testing.T) {
	const token, request, ours = binding.FaultToken, binding.FaultRequest, binding.FaultCredentials
	const service, unknown = binding.FaultService, binding.FaultUnknown
	empty := func(status int) sandbox.Fault { return sandbox.Fault{Status: status} }
	tests := []struct {
		fault sandbox.Fault
		name  string
		want  binding.Fault
		// hint is what the error says to do.
		hint string
	}{
		{wireFault(400, "SOURCE_ACCOUNT_INVALID"), "the token", token, "put a new token"},

		{wireFault(404, "USER_NOT_EXIST"), "no user", ours, "set the Registry password"},
		{wireFault(404, "InvalidAccessKeyId.NotFound"), "key not found", ours, "access key"},
		{wireFault(400, "InvalidAccessKeyId.Inactive"), "key inactive", ours, "active"},
		{wireFault(403, "SignatureDoesNotMatch"), "signature", ours, "secret does not fit"},
		{wireFault(400, "SignatureDoesNotMatch"), "signature, 400", ours, "secret does not fit"},
		{wireFault(400, "IncompleteSignature"), "signature, incomplete", ours, "secret does not fit"},
		{wireFault(403, "InvalidSecurityToken.Expired"), "STS expired", ours, "expired"},
		{wireFault(400, "InvalidSecurityToken.MismatchWithAccessKey"), "STS mismatch", ours, "security token"},
		{wireFault(400, "MissingSecurityToken"), "STS missing", ours, "security token"},
		{wireFault(400, "InvalidTimeStamp.Expired"), "clock", ours, "clock"},
		{wireFault(400, "IllegalTimestamp"), "clock, other word", ours, "clock"},
		{wireFault(403, "Forbidden.RAM"), "RAM", ours, "RAM policy"},
		{wireFault(403, "Forbedden.NotSupportRAM"), "RAM, misspelt", ours, "RAM policy"},
		{wireFault(404, "Forbidden.InstanceNotFound"), "forbidden, 404", ours, "RAM policy"},
		{wireFault(403, "NoPermission"), "no permission", ours, "RAM policy"},
		{wireFault(403, "NoPrivilege"), "no privilege", ours, "RAM policy"},
		{wireFault(403, "ActionUnauthorized"), "action", ours, "RAM policy"},
		{wireFault(401, "Unauthorized"), "unauthorized", ours, "RAM policy"},
		{wireFault(400, "InsufficientBalance"), "bills", ours, "billing"},

		{wireFault(404, "NAMESPACE_NOT_EXIST"), "no namespace", request, ""},
		{wireFault(404, "REPO_NOT_EXIST"), "no repository", request, ""},
		{wireFault(400, "INVALID_PARAMETER"), "parameter", request, "declared"},
		{wireFault(400, "InvalidParameter.IsNull"), "parameter, gateway", request, "declared"},
		{wireFault(400, "MissingParameter"), "parameter missing", request, "declared"},

		{wireFault(400, "SystemBusy"), "busy", service, ""},
		{wireFault(500, "SystemError"), "system error", service, ""},
		{wireFault(500, "InternalError"), "internal error", service, ""},
		{wireFault(503, "ServiceUnavailable"), "unavailable", service, ""},
		{wireFault(400, "Throttling.User"), "throttled", service, "fewer calls"},
		{wireFault(429, "MADE_UP"), "429 with any code", service, "fewer calls"},
		{wireFault(400, "SignatureNonceUsed"), "nonce", service, ""},
		{wireFault(404, "InvalidAction.NotFound"), "not served", service, "does not serve"},
		{wireFault(403, "InvalidAction"), "not served, 403", service, "does not serve"},
		{wireFault(403, "UnsupportedHTTPMethod"), "method, 403", service, "does not serve"},
		{wireFault(405, "MethodNotAllowed"), "405", service, "does not serve"},
		{wireFault(302, ""), "redirect", service, "redirect"},
		{empty(307), "redirect without a body", service, "redirect"},
		{html(502), "gateway", service, ""},
		{empty(500), "500 without a body", service, ""},
		{empty(504), "504 without a body", service, ""},
		{html(408), "time-out", service, ""},

		{wireFault(400, "INVALID_TOKEN"), "made up: token", unknown, "not one that reconciler knows"},
		{wireFault(403, "TOKEN_FORBIDDEN"), "made up: forbidden", unknown, "not one that reconciler knows"},
		{wireFault(403, "ForbiddenByMoon"), "made up: almost known", unknown, "not one that reconciler knows"},
		{wireFault(400, "source_account_invalid"), "made up: in other letters", unknown, "not one that reconciler knows"},
		{wireFault(400, "SOURCE_ACCOUNT_INVALID.Sometimes"), "made up: longer", unknown, "not one that reconciler knows"},
		{wireFault(409, "Conflict"), "409", unknown, "not one that reconciler knows"},
		{wireFault(409, "SOURCE_ACCOUNT_ALREADY_EXIST"), "exists", request, "the next plan compares it"},
		{wireFault(404, "MADE_UP_NOT_EXIST"), "made up: absent", unknown, ""},
		{wireFault(418, "Teapot"), "made up: status", unknown, "not one that reconciler knows"},
		{wireFault(401, ""), "401 without a code", unknown, "the answer was not the registry's"},
		{html(403), "403 of something in between", unknown, "the answer was not the registry's"},
		{html(401), "401 of something in between", unknown, "the answer was not the registry's"},
		{html(404), "404 of something in between", unknown, "the answer was not the registry's"},
		{empty(403), "403 without a body", unknown, "the answer was not the registry's"},
		{empty(400), "400 without a body", unknown, "the answer was not the registry's"},
	}
	for _, test := range tests {
		for _, op := range operations() {
			if !op.write {
				continue
			}
			t.Run(test.name+"/"+op.name, func(t *testing.T) {
				w := newWorld(t, sandbox.Principal{})
				w.registry.Faults.Add(test.fault)
				err := op.run(t.Context(), w.driver(t, nil))
				if got := binding.FaultOf(err); err == nil || got != test.want {
					t.Errorf("got %q (%v), want %q", got, err, test.want)
				}
				f, _ := errors.AsType[*binding.Failure](err)
				if f == nil || !strings.Contains(message.English(f.Hint), test.hint) {
					t.Errorf("%v does not say to %q", err, test.hint)
				}
			})
		}
	}
}

// A path that was not served once may be served an hour later: the vendor's
// gateway says so for a moment, too, while it is deployed.
func TestKind1ACallThatIsNotServedOnceIsAskedForAgain(t *testing.T) {
	for name, no := range map[string]sandbox.Fault{
		"unknown action": wireFault(404, "InvalidAction.NotFound"), "method": wireFault(405, ""), "a code nobody knows": wireFault(404, "Moved.Away"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sandbox.Principal{})
			no.Times = 1
			no.Match = func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/users/sourceAccount") }
			w.registry.Faults.Add(no)
			d := w.driver(t, nil)
			if c, err := d.Capabilities(t.Context()); err != nil || c.ListAccounts || c.Reasons["listAccounts"].IsZero() {
				t.Fatalf("got %+v, %v; want no accounts for now", c, err)
			}
			calls := len(w.registry.Calls())
			if c, err := d.Capabilities(t.Context()); err != nil || c.ListAccounts || len(w.registry.Calls()) != calls {
				t.Errorf("asked again at once: %+v, %v", c, err)
			}
			_ = w.clock.Wait(t.Context(), line.ProbeAgain)
			if c, err := d.Capabilities(t.Context()); err != nil || !c.ListAccounts || len(c.Reasons) > 0 {
				t.Errorf("after a pause: %+v, %v; want all", c, err)
			}
			calls = len(w.registry.Calls())
			_ = w.clock.Wait(t.Context(), line.ProbeAgain)
			if _, err := d.Capabilities(t.Context()); err != nil || len(w.registry.Calls()) != calls {
				t.Error("what is served is asked for again")
			}
		})
	}
}
