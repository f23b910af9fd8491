package personal

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/registry/line"
	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
)

// operation is one method of the driver, and the call that it makes first.
type operation struct {
	name, action string
	write        bool
	run          func(context.Context, *Driver) error
}

func operations() []operation {
	rule := binding.BuildRule{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"}
	return []operation{
		{"Account", "GetUserSourceAccount", false, func(ctx context.Context, d *Driver) error {
			_, err := d.Account(ctx, binding.GitLab)
			return err
		}},
		{"Repository", "GetRepoBuildRuleList", false, func(ctx context.Context, d *Driver) error {
			_, err := d.Repository(ctx, image)
			return err
		}},
		{"Capabilities", "GetUserSourceAccount", false, func(ctx context.Context, d *Driver) error {
			_, err := d.Capabilities(ctx)
			return err
		}},
		{"Bind", "CreateUserSourceAccount", true, bind},
		{"Unbind", "DeleteUserSourceAccount", true, func(ctx context.Context, d *Driver) error {
			return d.Unbind(ctx, binding.Account{ID: "1", Platform: binding.GitLab})
		}},
		{"Link", "UpdateRepoSourceRepo", true, func(ctx context.Context, d *Driver) error {
			return d.Link(ctx, image, binding.Link{Platform: binding.GitLab, Source: "a/b", Trigger: binding.Auto})
		}},
		{"Unlink", "UpdateRepoSourceRepo", true, func(ctx context.Context, d *Driver) error { return d.Unlink(ctx, image) }},
		{"AddRule", "CreateRepoBuildRule", true, func(ctx context.Context, d *Driver) error {
			_, err := d.AddRule(ctx, image, rule)
			return err
		}},
		{"ChangeRule", "UpdateRepoBuildRule", true, func(ctx context.Context, d *Driver) error {
			return d.ChangeRule(ctx, image, binding.ObservedRule{ID: "1", BuildRule: rule})
		}},
		{"RemoveRule", "DeleteRepoBuildRule", true, func(ctx context.Context, d *Driver) error { return d.RemoveRule(ctx, image, "1") }},
	}
}

func bind(ctx context.Context, d *Driver) error {
	wanted := binding.Account{Platform: binding.GitLab, Username: "ci-bot", Address: address}
	_, err := d.Bind(ctx, wanted, secrets.New([]byte(goodToken)))
	return err
}

// wireFault answers with the registry's error shape.
func wireFault(status int, code string) sandbox.Fault {
	return sandbox.Fault{
		Status: status, ContentType: "application/json;charset=utf-8",
		Body: fmt.Sprintf(`{"requestId":"R-1","code":%q,"message":"no"}`, code),
	}
}

func html(status int) sandbox.Fault {
	return sandbox.Fault{Status: status, ContentType: "text/html", Body: "<html>sign in to the hotel's network</html>"}
}

func TestEveryFailureHasItsKindAndIsSentAsOftenAsItMay(t *testing.T) {
	const transient, throttled, unknown = binding.Transient, binding.Throttled, binding.OutcomeUnknown
	const refused, forbidden, unreadable = binding.Refused, binding.Forbidden, binding.Unreadable
	tests := []struct {
		name        string
		fault       sandbox.Fault
		read, write binding.FailureKind
		// reads and writes are how often each is sent.
		reads, writes int
	}{
		{"throttled", sandbox.Throttling(0, 0), throttled, throttled, 4, 4},
		{"throttled with another status", wireFault(400, "Throttling.Api"), throttled, throttled, 4, 4},
		{"throttled by a gateway", html(429), throttled, throttled, 4, 4},
		{"throttled for an hour", sandbox.Throttling(0, time.Hour), throttled, throttled, 1, 1},
		{"throttled, unavailable", wireFault(503, "Throttling.Api"), throttled, throttled, 4, 4},
		{"busy", wireFault(400, "SystemBusy"), throttled, throttled, 4, 4},
		{"busy, unavailable", wireFault(503, "SystemBusy"), throttled, unknown, 4, 1},
		{"unavailable", wireFault(503, "ServiceUnavailable"), throttled, unknown, 4, 1},
		{"unavailable, says a gateway", html(503), throttled, unknown, 4, 1},
		{"broken", wireFault(500, "SystemError"), transient, unknown, 4, 1},
		{"no answer behind a gateway", html(502), transient, unknown, 4, 1},
		{"a page instead of an answer", html(200), unreadable, unknown, 1, 1},
		{"a page instead of an error", html(404), unreadable, unknown, 1, 1},
		{"JSON that is no object", sandbox.Fault{Status: 200, ContentType: "application/json", Body: `[1]`}, unreadable, unknown, 1, 1},
		{"JSON that is cut", sandbox.Fault{Status: 200, ContentType: "application/json", Body: `{"data":{"sourceAcc`}, unreadable, unknown, 1, 1},
		{"an error with a good status", wireFault(200, "SomethingElse"), unreadable, unknown, 1, 1},
		{"an answer too large", sandbox.Fault{Status: 200, ContentType: "application/json", Body: strings.Repeat(" ", 4<<20+1)}, unreadable, unknown, 1, 1},
		{"refused", wireFault(400, "INVALID_PARAMETER"), refused, refused, 1, 1},
		{"not allowed", wireFault(403, "NoPrivilege"), forbidden, forbidden, 1, 1},
		{"key unknown", wireFault(404, "InvalidAccessKeyId.NotFound"), forbidden, forbidden, 1, 1},
		{"clock wrong", wireFault(400, "InvalidTimeStamp.Expired"), forbidden, forbidden, 1, 1},
		{"no user", wireFault(404, "USER_NOT_EXIST"), binding.InstanceStop, binding.InstanceStop, 1, 1},
		{"cut before the work", sandbox.Fault{Cut: true}, transient, unknown, 4, 1},
		{"answer lost after the work", sandbox.Fault{DropResponse: true}, transient, unknown, 4, 1},
	}
	for _, test := range tests {
		for _, op := range operations() {
			t.Run(test.name+"/"+op.name, func(t *testing.T) {
				w := newWorld(t, sandbox.Principal{})
				w.registry.Faults.Add(test.fault)
				err := op.run(t.Context(), w.driver(t, nil))
				want, sent := test.read, test.reads
				if op.write {
					want, sent = test.write, test.writes
				}
				if err == nil || binding.KindOf(err) != want {
					t.Errorf("got %v, want %s", err, want)
				}
				if got := w.registry.Count(op.action); got != sent {
					t.Errorf("sent %d times, want %d", got, sent)
				}
			})
		}
	}
}

func TestPassingTroubleIsOutwaited(t *testing.T) {
	faults := map[string]sandbox.Fault{
		"throttled for 2 s": sandbox.Throttling(1, 2*time.Second),
		"cut":               {Times: 1, Cut: true},
		"broken":            {Times: 2, Status: 500, ContentType: "application/json", Body: `{"code":"SystemError"}`},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sandbox.Principal{})
			w.registry.Faults.Add(fault)
			d := w.driver(t, nil)
			start := w.clock.Now()
			if _, err := d.Account(t.Context(), binding.GitLab); err != nil {
				t.Fatal(err)
			}
			if waited := w.clock.Now().Sub(start); waited < time.Second {
				t.Errorf("waited %v, want a pause", waited)
			}
		})
	}
}

func TestAThrottledWriteIsDoneOnce(t *testing.T) {
	w := newWorld(t, sandbox.Principal{})
	w.registry.Faults.Add(sandbox.Throttling(2, 2*time.Second))
	if err := bind(t.Context(), w.driver(t, nil)); err != nil {
		t.Fatal(err)
	}
	if got := w.person.Accounts(); len(got) != 1 {
		t.Errorf("bound %v, want one account", got)
	}
}

func TestALongPauseIsAskedOfAllCalls(t *testing.T) {
	w := newWorld(t, sandbox.Principal{})
	w.registry.Faults.Add(sandbox.Throttling(1, time.Minute))
	d := w.driver(t, nil)
	for range 2 {
		_, err := d.Account(t.Context(), binding.GitLab)
		if binding.KindOf(err) != binding.Throttled {
			t.Fatalf("got %v, want Throttled", err)
		}
	}
	if got := len(w.registry.Calls()); got != 1 {
		t.Errorf("%d calls were sent, want 1: the second was to wait", got)
	}
	_ = w.clock.Wait(t.Context(), time.Minute)
	if _, err := d.Account(t.Context(), binding.GitLab); err != nil {
		t.Errorf("after the pause: %v", err)
	}
}

func TestALostAnswerIsNotSentAgainAndCanBeObserved(t *testing.T) {
	w := newWorld(t, sandbox.Principal{})
	w.registry.Faults.Add(sandbox.Fault{Times: 1, DropResponse: true})
	d := w.driver(t, nil)
	if err := bind(t.Context(), d); binding.KindOf(err) != binding.OutcomeUnknown {
		t.Fatalf("got %v, want OutcomeUnknown", err)
	}
	a, err := d.Account(t.Context(), binding.GitLab)
	if err != nil || a == nil || !w.person.TokenIs("gitlab", goodToken) {
		t.Errorf("got %+v, %v; want the account that was bound", a, err)
	}
}

func TestASlowAnswerEndsAtTheTimeLimit(t *testing.T) {
	for _, op := range operations() {
		t.Run(op.name, func(t *testing.T) {
			w := newWorld(t, sandbox.Principal{})
			w.registry.Faults.Add(sandbox.Fault{Delay: time.Hour})
			want := binding.Transient
			if op.write {
				want = binding.OutcomeUnknown
			}
			// On a busy machine a short limit may end before the call is sent,
			// which is another matter: the limit grows until one was.
			for limit := 20 * time.Millisecond; w.registry.Count(op.action) == 0 && limit < time.Minute; limit *= 2 {
				d := w.driver(t, func(o *line.Options) { o.Timeout = limit })
				err := op.run(t.Context(), d)
				if err == nil || binding.KindOf(err) != want && w.registry.Count(op.action) > 0 {
					t.Errorf("got %v, want %s", err, want)
				}
			}
			if w.registry.Count(op.action) == 0 {
				t.Error("the call was not sent")
			}
		})
	}
}

func TestWhatWasNotSentIsTransientForWritesToo(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	w := newWorld(t, sandbox.Principal{})
	d := w.driver(t, func(o *line.Options) { o.Endpoint = server.URL })
	if err := bind(t.Context(), d); err == nil || binding.KindOf(err) != binding.Transient {
		t.Errorf("got %v, want Transient", err)
	}
}

func TestACancelledContextEndsTheCall(t *testing.T) {
	w := newWorld(t, sandbox.Principal{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, op := range operations() {
		if err := op.run(ctx, w.driver(t, nil)); err == nil || binding.KindOf(err) != binding.Transient {
			t.Errorf("%s: got %v, want Transient", op.name, err)
		}
	}
	if calls := w.registry.Calls(); len(calls) != 0 {
		t.Errorf("sent %v, want nothing", calls)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	var followed atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, op := range operations() {
			w := newWorld(t, sandbox.Principal{})
			w.registry.Faults.Add(sandbox.Fault{Status: status, Header: http.Header{"Location": {other.URL + "/x"}}})
			if err := op.run(t.Context(), w.driver(t, nil)); err == nil || binding.KindOf(err) != binding.Refused {
				t.Errorf("%d %s: got %v, want Refused", status, op.name, err)
			}
		}
	}
	if n := followed.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

func TestAMissingUserStopsTheInstanceWithAHint(t *testing.T) {
	w := newWorld(t, sandbox.Principal{NoRegistry: true})
	for _, op := range operations() {
		err := op.run(t.Context(), w.driver(t, nil))
		if err == nil || binding.KindOf(err) != binding.InstanceStop {
			t.Errorf("%s: got %v, want InstanceStop", op.name, err)
		} else if !strings.Contains(err.Error(), "set the Registry password first") {
			t.Errorf("%s: %q has no hint", op.name, err)
		}
	}
}

func TestOurOwnKeysRefusedAreForbidden(t *testing.T) {
	tests := map[string]func(context.Context) (line.Keys, error){
		"a wrong secret":         keys(accessKeyID, "wrong", ""),
		"an unknown key":         keys("AKother", accessKeySecret, ""),
		"a token that is not":    keys(accessKeyID, accessKeySecret, "odd"),
		"an empty key":           keys("", "", ""),
		"an empty secret of one": keys(accessKeyID, "", ""),
	}
	for name, static := range tests {
		for _, signature := range []line.Signature{line.ACS3, line.V2} {
			t.Run(name+" "+string(signature), func(t *testing.T) {
				w := newWorld(t, sandbox.Principal{})
				d := w.driver(t, func(o *line.Options) { o.Credentials.Static, o.Signature = static, signature })
				if err := bind(t.Context(), d); err == nil || binding.KindOf(err) != binding.Forbidden {
					t.Errorf("got %v, want Forbidden", err)
				}
			})
		}
	}
}

func TestATokenThatTheCodeHostRefusesIsRefused(t *testing.T) {
	w := newWorld(t, sandbox.Principal{})
	wanted := binding.Account{Platform: binding.GitLab, Username: "ci-bot", Address: address}
	_, err := w.driver(t, nil).Bind(t.Context(), wanted, secrets.New([]byte("stale")))
	if binding.KindOf(err) != binding.Refused || !strings.Contains(err.Error(), "SOURCE_ACCOUNT_INVALID") {
		t.Errorf("got %v, want Refused with the registry's code", err)
	}
}

func TestAnAccountSaidNotToExistIsNotReadAsNothingBound(t *testing.T) {
	w := newWorld(t, sandbox.Principal{})
	w.registry.Faults.Add(wireFault(404, "SOURCE_ACCOUNT_NOT_EXIST"))
	a, err := w.driver(t, nil).Account(t.Context(), binding.GitLab)
	if a != nil || err == nil || binding.KindOf(err) != binding.Unreadable {
		t.Errorf("got %v, %v; want Unreadable", a, err)
	}
}

func TestWhatCannotBeSaidIsRefusedBeforeACall(t *testing.T) {
	w := newWorld(t, sandbox.Principal{})
	d, ctx := w.driver(t, nil), t.Context()
	gitlab := binding.Account{Platform: binding.GitLab, Username: "u", Address: address}
	tests := map[string]error{
		"an empty token":               func() error { _, err := d.Bind(ctx, gitlab, secrets.Secret{}); return err }(),
		"an id that is a path":         d.Unbind(ctx, binding.Account{ID: "../1", Platform: binding.GitLab}),
		"a rule id that is none":       d.RemoveRule(ctx, image, "1/../2"),
		"a changed rule's id":          d.ChangeRule(ctx, image, binding.ObservedRule{ID: "x"}),
		"an image without a namespace": d.Unlink(ctx, "app"),
		"an image that climbs":         d.Unlink(ctx, "../app"),
		"an image with a query":        d.Unlink(ctx, "a/b?c"),
		"a source without an owner":    d.Link(ctx, image, binding.Link{Platform: binding.GitLab, Source: "app"}),
		"a rule without a branch":      func() error { _, err := d.AddRule(ctx, image, binding.BuildRule{Dockerfile: "/D"}); return err }(),
	}
	for name, err := range tests {
		if err == nil || binding.KindOf(err) != binding.Refused {
			t.Errorf("%s: got %v, want Refused", name, err)
		}
	}
	if diff := cmp.Diff(0, len(w.registry.Calls())); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
