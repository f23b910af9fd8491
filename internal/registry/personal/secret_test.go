package personal

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"reconciler/internal/registry/line"
	"reconciler/internal/sandbox"
)

// canaries are what must never be seen.
func canaries() []string { return []string{goodToken, accessKeySecret, stsToken} }

// repeating are faults whose answers repeat what was sent: the access key's
// parts, and the token where the call had one.
func repeating(sent string) map[string]sandbox.Fault {
	echo := func(status int) sandbox.Fault {
		word := strings.Fields(sent)[0]
		return sandbox.Fault{
			Status: status, ContentType: "application/json",
			Body: fmt.Sprintf(`{"code":%q,"message":"you sent %s","requestId":%q,"data":{"sourceAccounts":%q}}`, word, sent, word, sent),
		}
	}
	return map[string]sandbox.Fault{
		"repeated with 400": echo(400), "repeated with 403": echo(403), "repeated with 500": echo(500), "repeated with 200": echo(200),
		"repeated as a page": {Status: 200, ContentType: "text/html", Body: sent},
		"repeated as what was signed": {
			Status: 400, ContentType: "application/json",
			Body: fmt.Sprintf(`{"code":"SignatureDoesNotMatch","message":"server string to sign is [%s]"}`, sent),
		},
		"repeated as data": {
			Status: 200, ContentType: "application/json",
			Body: fmt.Sprintf(`{"data":{"sourceAccounts":[{"sourceAccountId":1,"sourceOriginType":%q}]}}`, sent),
		},
		"redirected":               {Status: 307, Header: http.Header{"Location": {"http://127.0.0.1:1/" + strings.Fields(sent)[0]}}},
		"lost":                     {DropResponse: true},
		"cut":                      {Cut: true},
		"repeated as a retry time": {Status: 429, Header: http.Header{"Retry-After": {sent}}, Body: sent},
	}
}

// TestNoFailureShowsASecret lets every call fail in every way, and looks for
// the canaries in the errors and in what was printed.
func TestNoFailureShowsASecret(t *testing.T) {
	printed := capture(t, func() {
		for _, op := range operations() {
			sent := accessKeySecret + " " + stsToken
			if op.name == "Bind" {
				sent = goodToken + " " + sent
			}
			for name, fault := range repeating(sent) {
				for _, signature := range []line.Signature{line.ACS3, line.V2} {
					w := newWorld(t, sandbox.Principal{SecurityToken: stsToken})
					w.registry.Faults.Add(fault)
					err := op.run(t.Context(), w.driver(t, func(o *line.Options) {
						o.Signature = signature
						o.Credentials.Static = keys(accessKeyID, accessKeySecret, stsToken)
					}))
					if err == nil && name != "repeated as data" {
						t.Errorf("%s %s: no failure", name, op.name)
					}
					for _, shown := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
						findCanary(t, name+" "+op.name, shown)
					}
				}
			}
		}
	})
	findCanary(t, "standard output", printed)
}

func findCanary(t *testing.T, where, shown string) {
	t.Helper()
	for _, canary := range canaries() {
		if strings.Contains(shown, canary) {
			t.Errorf("%s shows %s: %s", where, canary, shown)
		}
	}
}

// capture gives what run printed to standard output and error, where the
// vendor's runtime would print.
func capture(t *testing.T, run func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = w, w
	defer func() { os.Stdout, os.Stderr = stdout, stderr }()
	out := make(chan string)
	go func() {
		all, _ := io.ReadAll(r)
		out <- string(all)
	}()
	run()
	w.Close()
	return <-out
}

func TestTheRuntimesDebuggingIsRefused(t *testing.T) {
	for _, value := range []string{"dara", "x,dara", "credential"} {
		t.Setenv("DEBUG", value)
		if _, err := New(line.Options{Instance: "lab", Region: "cn-hangzhou"}); err == nil || !strings.Contains(err.Error(), "DEBUG") {
			t.Errorf("DEBUG=%s: got %v, want a refusal", value, err)
		}
	}
}

func TestAProxysPasswordIsNotSentToTheRegistry(t *testing.T) {
	// The runtime reads these and adds a header for the origin to see;
	// loopback is never proxied by net/http.
	t.Setenv("HTTP_PROXY", "http://user:proxy-password@127.0.0.1:1")
	t.Setenv("http_proxy", "http://user:proxy-password@127.0.0.1:1")
	w := newWorld(t, sandbox.Principal{})
	var sent atomic.Int32
	w.registry.Faults.Add(sandbox.Fault{Match: func(r *http.Request) bool {
		if r.Header.Get("Proxy-Authorization") != "" {
			sent.Add(1)
		}
		return false
	}})
	if err := bind(t.Context(), w.driver(t, nil)); err != nil {
		t.Fatal(err)
	}
	if sent.Load() != 0 {
		t.Error("the proxy's password was sent to the registry")
	}
}
