package personal

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/line"
	_ "reconciler/internal/report" // The texts of errors.
	"reconciler/internal/sandbox"
)

// on meets the calls of an action, probes too.
func on(fault sandbox.Fault, actions ...string) sandbox.Fault {
	fault.Probes = true
	fault.Match = func(r *http.Request) bool {
		for _, action := range actions {
			if r.Header.Get("X-Acs-Action") == action {
				return true
			}
		}
		return false
	}
	return fault
}

// reads are the calls that are probed by reading, with what needs them.
func reads() map[string]string {
	return map[string]string{
		"GetUserSourceAccount": "listAccounts", "GetRepoBuildRuleList": "readRules", "GetRepoSourceRepo": "readSources",
	}
}

// Kind: a "no" to one call is taken for one to all.
func TestARefusedReadTurnsOffWhatNeedsItAndNothingElse(t *testing.T) {
	for name, fault := range map[string]sandbox.Fault{
		"403":                        wireFault(403, "NoPermission"),
		"403 of the RAM policy":      wireFault(403, "Forbidden.RAM"),
		"403 that nobody knows":      wireFault(403, "MADE_UP"),
		"400, a platform is missing": wireFault(400, "MissingParameter"),
		"400":                        wireFault(400, "INVALID_PARAMETER"),
		"400 that nobody knows":      wireFault(400, "SOURCE_TYPE_REQUIRED"),
	} {
		for action, capability := range reads() {
			t.Run(name+"/"+action, func(t *testing.T) {
				w := newWorld(t, sandbox.Principal{})
				w.registry.Faults.Add(on(fault, action))
				got, err := w.driver(t, nil).Capabilities(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range got.All() {
					if c.On == (c.Name == capability) {
						t.Errorf("%s is on: %v (%v)", c.Name, c.On, got.Reasons[c.Name])
					}
				}
				if why := got.Reasons[capability]; why.ID != "incapable.refused" {
					t.Errorf("reason %v", why)
				}
			})
		}
	}
}

// What fails is not known; it is neither refused nor the whole instance.
func TestAReadThatFailsIsServed(t *testing.T) {
	for name, fault := range map[string]sandbox.Fault{
		"500": wireFault(500, "SystemError"), "502 of a gateway": html(502), "a page": html(200), "404 of a gateway": html(404), "cut": {Cut: true},
	} {
		for action := range reads() {
			t.Run(name+"/"+action, func(t *testing.T) {
				w := newWorld(t, sandbox.Principal{})
				w.registry.Faults.Add(on(fault, action))
				got, err := w.driver(t, nil).Capabilities(t.Context())
				if err != nil || len(got.Reasons) > 0 {
					t.Errorf("got %+v, %v; want all served", got, err)
				}
			})
		}
	}
}

// Where no read is answered, nothing is known, whatever the refusals are.
func TestRefusalsOfAllReadsStopTheInstance(t *testing.T) {
	all := []string{"GetUserSourceAccount", "GetRepoBuildRuleList", "GetRepoSourceRepo", "GetRepo"}
	for name, tt := range map[string]struct {
		fault     sandbox.Fault
		withdrawn []string
		want      binding.FailureKind
	}{
		"not allowed": {on(wireFault(403, "NoPermission"), all...), nil, binding.Forbidden},
		"not allowed, and what is undocumented is not served": {
			on(wireFault(403, "NoPermission"), all...), []string{"GetUserSourceAccount", "GetRepoSourceRepo"}, binding.Forbidden,
		},
		"a key that nobody knows": {on(wireFault(404, "InvalidAccessKeyId.NotFound"), all...), nil, binding.Forbidden},
		"throttled":               {on(sandbox.Throttling(0, time.Hour), all[:1]...), nil, binding.Throttled},
		"no user":                 {on(wireFault(404, "USER_NOT_EXIST"), all[1:2]...), nil, binding.InstanceStop},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sandbox.Principal{})
			w.registry.Withdraw(tt.withdrawn...)
			w.registry.Faults.Add(tt.fault)
			if got, err := w.driver(t, nil).Capabilities(t.Context()); binding.KindOf(err) != tt.want {
				t.Errorf("got %+v, %v; want %s", got, err, tt.want)
			}
		})
	}
}

// What is refused is asked again soon, and what was refused and then fails stays
// off.
func TestARefusedReadIsAskedAgain(t *testing.T) {
	w := newWorld(t, sandbox.Principal{})
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	d := w.driver(t, func(o *line.Options) { o.Now = func() time.Time { return now } })
	const action = "GetUserSourceAccount"
	for _, step := range []struct {
		fault *sandbox.Fault
		after time.Duration
		on    bool
	}{
		{new(on(wireFault(403, "NoPermission"), action)), 0, false},
		{nil, time.Minute, false}, // It is not asked yet.
		{new(on(wireFault(500, "SystemError"), action)), 10 * time.Minute, false},
		{nil, time.Hour, true},
	} {
		w.registry.Faults.Clear()
		if step.fault != nil {
			w.registry.Faults.Add(*step.fault)
		}
		now = now.Add(step.after)
		got, err := d.Capabilities(t.Context())
		if err != nil || got.ListAccounts != step.on {
			t.Fatalf("after %s: %+v, %v", step.after, got, err)
		}
		want := message.Message{}
		if !step.on {
			want = message.New("incapable.refused", "calls", []string{action}, "code", "NoPermission")
		}
		if diff := cmp.Diff(want, got.Reasons["listAccounts"]); diff != "" {
			t.Errorf("after %s: %s", step.after, diff)
		}
	}
}
