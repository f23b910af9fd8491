package reconcile_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/registry/line"
	"reconciler/internal/registry/personal"
	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
)

// wired is a world whose registry is that of the sandbox, behind the driver for the
// API, so that calls use the real protocol.
type wired struct {
	*world
	registry *sandbox.Registry
	bad      map[string]bool
	driver   *personal.Driver
}

func newWired(t *testing.T) *wired {
	t.Helper()
	w := &wired{world: newWorld(), bad: map[string]bool{}}
	w.Now = time.Now() // Calls are signed with this machine's time.
	w.registry = sandbox.NewRegistry(sandbox.RegistryOptions{
		Principals:  []sandbox.Principal{{AccessKey: "AK", Secret: "SK"}},
		VerifyToken: func(_, _, _, token string) bool { return !w.bad[token] },
	})
	w.person().AddRepository("pay/api")
	server := httptest.NewServer(w.registry)
	t.Cleanup(server.Close)
	var err error
	w.driver, err = personal.New(line.Options{
		Instance: instance, Endpoint: server.URL, Timeout: time.Minute, Now: w.Clock, Wait: w.wait, RequestsPerSecond: 1e6, Burst: 1e6,
		Credentials: line.Credentials{Kind: line.Static, Static: func(context.Context) (line.Keys, error) {
			return line.Keys{AccessKeyID: "AK", AccessKeySecret: secrets.New([]byte("SK"))}, nil
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *wired) person() *sandbox.RegistryInstance { return w.registry.Instance("AK") }

// wait makes the time pass that the code waits for.
func (w *wired) wait(ctx context.Context, d time.Duration) error {
	w.Passes(max(d, 0))
	return ctx.Err()
}

func (w *wired) reconciler() *reconcile.Reconciler {
	o := w.options()
	o.Registry = w.driver
	return reconcile.New(o)
}

// rotate binds version 1 and puts version 2 into the secret store.
func (w *wired) rotate(t *testing.T) *reconcile.Reconciler {
	t.Helper()
	r := w.reconciler()
	synced(t, r, desire(gitlab()))
	w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
	return r
}

func (w *wired) refused() binding.Refusal { return w.Records()["pay-gitlab/gitlab"].Refused }

// retry makes the pause of a result pass, and syncs again.
func (w *wired) retry(t *testing.T, r *reconcile.Reconciler, after plan.Result) plan.Result {
	t.Helper()
	failed := after.Outcomes[0].Retry.Failed
	switch {
	case failed != nil && failed.Next.After(w.Now):
		w.Now = failed.Next.Add(time.Second)
	case after.Incomplete:
		w.Now = w.Now.Add(40 * time.Second)
	default:
		t.Fatalf("nothing is tried again after %v", after.Err())
	}
	return sync1(t, r, desire(gitlab()))
}

// no is a rejection by the registry that is not about the token.
type no struct {
	status int
	code   string
}

func (n no) String() string { return fmt.Sprintf("%d %s", n.status, n.code) }

func (n no) fault(times int, match func(*http.Request) bool) sandbox.Fault {
	return sandbox.Fault{
		Match: match, Times: times, Status: n.status, ContentType: "application/json",
		Body: fmt.Sprintf(`{"requestId":"R-1","code":%q,"message":"no"}`, n.code), Header: http.Header{"Location": {"https://elsewhere.example.com/"}},
	}
}

func bindCall(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/sourceAccount")
}

func rejections() []no {
	return []no{
		{403, "InvalidSecurityToken.Expired"},
		{403, "Forbidden.RAM"},
		{400, "InvalidTimeStamp.Expired"},
		{400, "SignatureDoesNotMatch"},
		{400, "SystemBusy"},
		{404, "InvalidAction.NotFound"},
		{405, "MethodNotAllowed"},
		{409, "Conflict"},
		{302, ""},
		{404, "USER_NOT_EXIST"},
		{404, "NAMESPACE_NOT_EXIST"},
		{403, "UnsupportedHTTPMethod"},
		{400, "InsufficientBalance"},
		{403, "MADE_UP_CODE"},
		{400, "Made.Up"},
		{418, "TEAPOT_NOT_EXIST"},
		{451, "INVALID_TOKEN_OR_SO"},
	}
}
