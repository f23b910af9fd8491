package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/reconcile"
	"reconciler/internal/worldtest"
)

// TestACreationWhoseAnswerIsLostOrSaysThatItExists: the image repository is created
// once, and one that somebody else created counts only if it is as declared.
func TestACreationWhoseAnswerIsLostOrSaysThatItExists(t *testing.T) {
	const image = "pay/api"
	lost := &binding.Failure{Kind: binding.OutcomeUnknown, Op: message.Verbatim("registry: create repository")}
	declared := gitlab(func(d *binding.Declaration) {
		d.Spec.Repositories[0].Create = &binding.Creation{Visibility: "private"}
	})
	link := binding.Link{Platform: binding.GitLab, Source: "pay/api", Trigger: binding.Auto, BuildCache: true}
	theirs := link
	theirs.Source = "somebody/else"
	once := func(do func(w *world) worldtest.Fault) func(*world) {
		return func(w *world) {
			done := false
			w.Fault = func(call string) worldtest.Fault {
				if call != "create "+image || done {
					return worldtest.Fault{}
				}
				done = true
				return do(w)
			}
		}
	}
	made := func(l binding.Link) func(*world) {
		return once(func(w *world) worldtest.Fault {
			w.Repos[image] = &binding.RepositoryState{Exists: true, Link: &l}
			return worldtest.Fault{}
		})
	}
	for name, tt := range map[string]struct {
		fault  func(*world)
		calls  int
		linked binding.ConditionStatus
		source string
	}{
		"the answer is lost after it was made":  {once(func(*world) worldtest.Fault { return worldtest.Fault{After: lost} }), 1, binding.True, "pay/api"},
		"the answer is lost before it was made": {once(func(*world) worldtest.Fault { return worldtest.Fault{Before: lost} }), 2, binding.True, "pay/api"},
		"somebody made it as declared":          {made(link), 1, binding.True, "pay/api"},
		"somebody made it for another source":   {made(theirs), 1, binding.False, "somebody/else"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			delete(w.Repos, image)
			tt.fault(w)
			r := reconcile.New(w.options())
			for range 4 {
				sync1(t, r, desire(declared))
				w.Passes(30 * time.Minute)
			}
			if n := w.Count("create " + image); n != tt.calls {
				t.Errorf("created %d times, want %d", n, tt.calls)
			}
			if c := conditionOf(t, r, "pay-gitlab", binding.RepositoriesLinked); c.Status != tt.linked {
				t.Errorf("RepositoriesLinked is %s %s, want %s", c.Status, c.Reason, tt.linked)
			}
			if s := w.Repos[image]; s == nil || s.Link == nil || s.Link.Source != tt.source {
				t.Errorf("the registry has %+v", s)
			}
		})
	}
}
