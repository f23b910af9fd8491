package daemon

import (
	"slices"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/source/git/gittest"
)

// TestAForcePushThatIsTakenBack: another history is pushed over the one that was applied,
// and then that one again. What was refused is over, nothing was removed, and an ordinary
// removal on top of it is no rewritten history.
func TestAForcePushThatIsTakenBack(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for seconds")
	}
	for _, tt := range []struct {
		name string
		// push makes another history.
		push    func(*gittest.Repo)
		refused bool
	}{
		{"it removes a binding", func(r *gittest.Repo) { r.Git("rm", "--quiet", "bindings/pay.yaml") }, true},
		{"it changes one", func(r *gittest.Repo) {
			r.Record("changed", map[string][]byte{"bindings/pay.yaml": []byte(strings.Replace(twoBindings()["pay.yaml"], unbinding, "deletionPolicy: Retain", 1))})
			r.Git("reset", "--quiet", "--soft", "HEAD~1")
		}, false},
		{"it declares nothing", func(r *gittest.Repo) { r.Git("rm", "--quiet", "bindings/pay.yaml", "bindings/plat.yaml") }, true},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(tt.name+map[bool]string{true: ", with a restart"}[restart], func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.populate(twoBindings())
				repo := gittest.New(t)
				repo.Commit("first", map[string][]byte{"bindings/README.md": []byte("x")})
				repo.Commit("Declare", bytesOf(twoBindings()))
				w.config.Source.Git.URL = repo.Serve()
				p := w.start()
				p.ready("pay", "plat")
				before := repo.Head()
				tt.push(repo)
				repo.Git("commit", "--quiet", "--amend", "--all", "--allow-empty", "--message", "rewritten")
				repo.Push()
				p.at(repo.Head())
				p.syncs(prod, 2)
				if p.lastResult(prod).Refused() != tt.refused {
					t.Errorf("refused: %v", !tt.refused)
				}
				if restart {
					p.end()
					p = w.start()
					p.at(repo.Head())
				}
				repo.Git("reset", "--quiet", "--hard", before)
				repo.Push()
				p.at(before)
				p.syncs(prod, 2)
				p.ready("pay", "plat")
				if p.lastResult(prod).Refused() || slices.Contains(w.writes(prod), "DeleteUserSourceAccount") || !w.bound(prod, binding.GitLab) {
					t.Errorf("refused: %v; writes: %v", p.lastResult(prod).Refused(), w.writes(prod))
				}
				repo.Git("rm", "--quiet", "bindings/pay.yaml")
				repo.Git("commit", "--quiet", "--message", "ordinary")
				repo.Push()
				p.at(repo.Head())
				p.await("it is unbound", func() bool { return !w.bound(prod, binding.GitLab) })
			})
		}
	}
}
