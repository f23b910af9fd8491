package reconcile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// The six rules of "What must always hold" in the design, as far as this package is
// responsible for them. (Package plan tests that plans are pure and minimal.)

func TestFailureIsNeverADeletion(t *testing.T) {
	owned := func(d *binding.Declaration) { d.Spec.DeletionPolicy = binding.Unbind }
	for name, damage := range map[string]func(w *world, d *plan.Desired){
		"its file is broken": func(_ *world, d *plan.Desired) {
			d.Declarations, d.Broken = d.Declarations[1:], []string{"pay.yaml"}
		},
		"another file is broken": func(_ *world, d *plan.Desired) {
			d.Declarations, d.Broken = d.Declarations[1:], []string{"other.yaml"}
		},
		"the snapshot is empty":    func(_ *world, d *plan.Desired) { *d = plan.Desired{EmptySnapshot: true} },
		"the history is rewritten": func(_ *world, d *plan.Desired) { d.Declarations, d.Rewritten = d.Declarations[1:], true },
		"the registry is down": func(w *world, d *plan.Desired) {
			d.Declarations = d.Declarations[1:]
			w.FailOn("capabilities", fault{Before: &binding.Failure{Kind: binding.Transient}})
		},
		"the account is unknown to the registry": func(w *world, d *plan.Desired) {
			d.Declarations = d.Declarations[1:]
			w.FailOn("account", fault{Before: &binding.Failure{Kind: binding.InstanceStop, Code: "USER_NOT_EXIST"}})
		},
		"the registry answers garbage": func(w *world, d *plan.Desired) {
			d.Declarations = d.Declarations[1:]
			w.FailOn("account", fault{Before: &binding.Failure{Kind: binding.Unreadable}})
		},
		"the secret is gone": func(w *world, _ *plan.Desired) { w.Tokens["acr/gitlab"] = nil },
		"the code host is dead": func(w *world, _ *plan.Desired) {
			w.FailOn("check", fault{Before: errors.New("down")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			d := desire(gitlab(owned), codeup())
			synced(t, reconcile.New(w.options()), d)
			damage(w, &d)
			r := reconcile.New(w.options())
			for range 3 {
				sync1(t, r, d)
			}
			if n := w.Count("unbind") + w.Count("unlink") + w.Count("remove-rule"); n > 0 {
				t.Errorf("%d things were removed", n)
			}
			if w.Accounts[binding.GitLab] == nil || len(w.Records()) != 2 {
				t.Errorf("account %v, records %v", w.Accounts[binding.GitLab], w.Records())
			}
		})
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	w := newWorld()
	w.Tokens["acr/gitlab"] = []string{"canary-gitlab-1"}
	w.Unversioned = true
	var reported []plan.Event
	o := w.options()
	o.Events = func(e plan.Event) { reported = append(reported, e) }
	r := reconcile.New(o)
	d := desire(gitlab(), codeup())
	sync1(t, r, d)
	w.Tokens["acr/gitlab"] = []string{"canary-gitlab-2"}
	panicked := false
	w.Fault = func(call string) fault {
		if call == "bind gitlab" && !panicked {
			panicked = true
			panic("bind with canary-gitlab-2")
		}
		return fault{}
	}
	w.Now = w.Now.Add(2 * time.Hour)
	result := sync1(t, r, d)
	if !panicked {
		t.Fatal("the driver did not panic")
	}
	p, err := r.Plan(t.Context(), d, binding.DepthPreflight)
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%+v %#v %+v %+v %+v %+v %+v", reported, reported, result, p.Plan, p.Observation, w.History(), r.Statuses())
	for _, v := range []any{p.Plan, p.Observation, p, w.Records(), w.Intents(), w.History(), r.Statuses()} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		shown += string(data)
	}
	if result.Err() == nil {
		t.Error("the panic is not reported as a failure")
	}
	shown += fmt.Sprint(result.Err())
	if i := strings.Index(shown, "canary"); i >= 0 {
		t.Errorf("a secret is shown: …%s…", shown[max(0, i-200):min(len(shown), i+50)])
	}
	w.Fault = nil
	w.Now = w.Now.Add(2 * time.Hour)
	sync1(t, r, d)
	w.settled(t, r, d)
}

// story is something to apply, and the preparation of its world.
type story struct {
	prepare func(t *testing.T, w *world)
	desired plan.Desired
	// effects are what must have happened in the registry in the end, that many
	// times.
	effects map[string]int
	boundBy map[binding.Platform]string
}

func stories() map[string]story {
	unbind := func(d *binding.Declaration) { d.Spec.DeletionPolicy = binding.Unbind }
	return map[string]story{
		"bind, link, add rules": {
			prepare: func(*testing.T, *world) {},
			desired: desire(gitlab(), codeup()),
			effects: map[string]int{"bind gitlab": 1, "bind codeup": 1},
			boundBy: map[binding.Platform]string{binding.GitLab: "canary-gitlab-1", binding.Codeup: "canary-codeup-1"},
		},
		"rebind": {
			prepare: func(t *testing.T, w *world) {
				synced(t, reconcile.New(w.options()), desire(gitlab()))
				w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
			},
			desired: desire(gitlab()),
			effects: map[string]int{"bind gitlab": 1, "unbind gitlab": 1},
			boundBy: map[binding.Platform]string{binding.GitLab: "canary-gitlab-2"},
		},
		"rebind, drift only reported": {
			prepare: func(t *testing.T, w *world) {
				synced(t, reconcile.New(w.options()), desire(reportOnly(gitlab())))
				w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
			},
			desired: desire(reportOnly(gitlab())),
			effects: map[string]int{"bind gitlab": 1, "unbind gitlab": 1},
			boundBy: map[binding.Platform]string{binding.GitLab: "canary-gitlab-2"},
		},
		"unbind": {
			prepare: func(t *testing.T, w *world) {
				synced(t, reconcile.New(w.options()), desire(gitlab(unbind), codeup()))
			},
			desired: desire(codeup()),
			effects: map[string]int{"unbind gitlab": 1},
			boundBy: map[binding.Platform]string{binding.Codeup: "canary-codeup-1"},
		},
		"rename and change a rule": {
			prepare: func(t *testing.T, w *world) {
				synced(t, reconcile.New(w.options()), desire(gitlab()))
			},
			desired: desire(gitlab(func(d *binding.Declaration) {
				d.Name = "renamed"
				d.Spec.Repositories[0].Rules[0].Dockerfile = "/build/Dockerfile"
			})),
			effects: map[string]int{},
			boundBy: map[binding.Platform]string{binding.GitLab: "canary-gitlab-1"},
		},
	}
}

func reportOnly(d binding.Declaration) binding.Declaration {
	d.Spec.DriftPolicy = binding.Report
	return d
}

func TestCrashAtAnyPointIsRepaired(t *testing.T) {
	for name, s := range stories() {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, after the effect %t", name, after), func(t *testing.T) {
				step := 1
				if testing.Short() {
					step = 4
				}
				for k := 1; ; k += step {
					if !crash(t, s, k, after) {
						if k < 10 {
							t.Fatalf("only %d calls were made: the story is too short to crash in", k)
						}
						return
					}
				}
			})
		}
	}
}

// crash plays a story and kills the process at its k-th call, before or after that
// takes effect. Then a new process starts. It returns false if the story ended
// before that.
func crash(t *testing.T, s story, k int, after bool) bool {
	t.Helper()
	w := newWorld()
	s.prepare(t, w)
	clear(w.Effects)
	w.Calls = nil
	at := ""
	w.Fault = func(call string) fault {
		if len(w.Calls) != k {
			return fault{}
		}
		w.Dead, at = true, call
		if after {
			return fault{After: errDead}
		}
		return fault{Before: errDead}
	}
	_, _ = reconcile.New(w.options()).Sync(t.Context(), s.desired, binding.DepthPreflight)
	if !w.Dead {
		return false
	}
	w.Dead, w.Fault = false, nil
	r := reconcile.New(w.options())
	for range 3 { // The effect of what was begun may appear within two minutes.
		w.Now = w.Now.Add(90 * time.Second)
		sync1(t, r, s.desired)
	}
	w.settled(t, r, s.desired)
	records := w.Records()
	maps.DeleteFunc(records, func(_ string, r binding.Record) bool { return r.Removed })
	if diff := cmp.Diff(s.effects, w.Effects); diff != "" {
		t.Errorf("crash %d at %q: effects (-want +got):\n%s", k, at, diff)
	}
	if diff := cmp.Diff(s.boundBy, w.BoundBy); diff != "" {
		t.Errorf("crash %d at %q: bound tokens (-want +got):\n%s", k, at, diff)
	}
	names := map[string]bool{}
	for _, d := range s.desired.Declarations {
		names[d.Name+"/"+string(d.Spec.Platform)] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(names)), slices.Sorted(maps.Keys(records))); diff != "" {
		t.Errorf("crash %d at %q: records (-want +got):\n%s", k, at, diff)
	}
	if t.Failed() {
		t.Fatalf("crash %d at %q, after its effect %t; calls: %v", k, at, after, w.Calls)
	}
	return true
}

func TestPartialFailureIsIsolated(t *testing.T) {
	for name, fail := range map[string]func(w *world){
		"its token is gone":     func(w *world) { w.Tokens["acr/gitlab"] = nil },
		"its code host is dead": func(w *world) { w.FailOn("check-token gitlab", fault{Before: errors.New("down")}) },
		"its code host panics": func(w *world) {
			w.Fault = func(call string) fault {
				if call == "check-token gitlab" {
					panic("a fault in a client")
				}
				return fault{}
			}
		},
		"its action panics": func(w *world) {
			w.Fault = func(call string) fault {
				if call == "bind gitlab" {
					panic("a fault in a driver")
				}
				return fault{}
			}
		},
		"the registry refuses it": func(w *world) { w.FailOn("bind gitlab", fault{Before: &binding.Failure{Kind: binding.Refused}}) },
		"the registry throttles it": func(w *world) {
			w.FailOn("bind gitlab", fault{Before: &binding.Failure{Kind: binding.Throttled, RetryAfter: time.Hour}})
		},
		"its account does not answer": func(w *world) { w.FailOn("account gitlab", fault{Before: errors.New("down")}) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			fail(w)
			r := reconcile.New(w.options())
			sync1(t, r, desire(gitlab(), codeup()))
			if w.BoundBy[binding.Codeup] == "" {
				t.Error("the healthy binding was not bound")
			}
			if got := conditionOf(t, r, "pay-codeup", binding.Ready); got.Status != binding.True {
				t.Errorf("the healthy one: %+v", got)
			}
			if got := conditionOf(t, r, "pay-gitlab", binding.Ready); got.Status == binding.True {
				t.Errorf("the failing one: %+v", got)
			}
		})
	}
}

func TestASlowCodeHostDelaysNoOtherBinding(t *testing.T) {
	w := newWorld()
	o := w.options()
	release := make(chan struct{})
	codeupBound := make(chan struct{})
	o.Hosts[binding.GitLab] = slowHost{host{World: w.World, Name: "gitlab"}, release}
	o.Events = func(e plan.Event) {
		if e.Kind == plan.ActionDone && e.Action.Binding == "pay-codeup" {
			close(codeupBound)
		}
	}
	r := reconcile.New(o)
	p, err := r.Plan(t.Context(), desire(gitlab(), codeup()), binding.DepthLive)
	if err != nil {
		t.Fatal(err)
	}
	finished := make(chan plan.Result)
	go func() { finished <- r.Apply(t.Context(), p) }()
	<-codeupBound
	close(release)
	if result := <-finished; result.Err() != nil {
		t.Error(result.Err())
	}
}

func TestCostOfASyncIsTheCostOfTheChange(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	d := desire(gitlab(), codeup())
	synced(t, r, d)
	w.Calls = nil
	synced(t, r, d)
	slices.Sort(w.Calls)
	want := []string{
		"account codeup", "account gitlab", "capabilities", "metadata acr/codeup", "metadata acr/gitlab", "repository pay/api",
	}
	if diff := cmp.Diff(want, w.Calls); diff != "" {
		t.Errorf("an unchanged instance costs its list calls (-want +got):\n%s", diff)
	}

	w.Calls = nil
	d = desire(gitlab(func(d *binding.Declaration) {
		d.Spec.Repositories[0].Rules = append(d.Spec.Repositories[0].Rules[:2:2], binding.BuildRule{Branch: "dev", Dockerfile: "/Dockerfile", ImageTag: "dev"})
	}), codeup())
	synced(t, r, d)
	if n := w.Count("add-rule") + w.Count("bind") + w.Count("link") + w.Count("unbind"); n != 1 {
		t.Errorf("one rule more cost %d writes: %v", n, w.Calls)
	}
	if n := w.Count("check-token codeup") + w.Count("read acr/codeup"); n != 0 {
		t.Errorf("the unchanged binding was looked into: %v", w.Calls)
	}
}
