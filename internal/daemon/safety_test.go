package daemon

import (
	"slices"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/plan"
	"reconciler/internal/source/git/gittest"
	"reconciler/internal/status"
)

const unbinding = "deletionPolicy: Unbind"

// twoBindings declares two bindings that are unbound when they are not declared any
// more.
func twoBindings() map[string]string {
	return map[string]string{"pay.yaml": gitlabAt("pay", prod, unbinding), "plat.yaml": codeupAt("plat", prod, unbinding)}
}

func TestABrokenFileKeepsItsBindingsAndRemovesNothing(t *testing.T) {
	w := newWorld(t)
	w.populate(twoBindings())
	w.commit(twoBindings())
	p := w.start()
	p.ready("pay", "plat")
	before := len(w.writes(prod))
	p.at(w.commit(map[string]string{"pay.yaml": "spec: [", "plat.yaml": ""}))
	p.syncs(prod, 2)
	if after := w.writes(prod); len(after) != before {
		t.Fatalf("writes while a file is broken: %v", after[before:])
	}
	if c := p.condition("pay", binding.Declared); c.Status != binding.False || c.Reason != status.ReasonFileBroken {
		t.Errorf("condition Declared of the broken binding: %+v", c)
	}
	// Whole again, what is really gone goes.
	p.at(w.commit(map[string]string{"pay.yaml": twoBindings()["pay.yaml"]}))
	p.await("Codeup is unbound", func() bool { return !w.bound(prod, binding.Codeup) })
	p.ready("pay")
	if !w.bound(prod, binding.GitLab) {
		t.Error("GitLab was unbound too")
	}
}

func TestDeletionsAreRefusedAcrossARestartUntilAllowed(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for seconds")
	}
	for _, tt := range []struct {
		name string
		// change makes the repository such that deletions are due.
		change func(*gittest.Repo) string
	}{
		{"an empty snapshot", func(r *gittest.Repo) string {
			return r.Commit("empty", map[string][]byte{
				"bindings/a/gitlab.yaml": nil, "bindings/b/codeup.yaml": nil, "bindings/c/github.yaml": nil,
				"bindings/d/bitbucket.yaml": nil, "bindings/README.md": []byte("nothing"),
			})
		}},
		{"deletions beyond the threshold", func(r *gittest.Repo) string {
			return r.Commit("most", map[string][]byte{
				"bindings/a/gitlab.yaml": nil, "bindings/b/codeup.yaml": nil, "bindings/c/github.yaml": nil,
			})
		}},
		{"a rewritten history", func(r *gittest.Repo) string {
			r.Git("rm", "--quiet", "bindings/a/gitlab.yaml", "bindings/b/codeup.yaml")
			r.Git("commit", "--quiet", "--amend", "--message", "rewritten")
			r.Push()
			return r.Head()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			files := map[string]string{
				"a/gitlab.yaml": gitlabAt("pay", prod, unbinding), "b/codeup.yaml": codeupAt("plat", prod, unbinding),
				"c/github.yaml": oauthAt("web", prod, binding.GitHub, unbinding), "d/bitbucket.yaml": oauthAt("data", prod, binding.Bitbucket, unbinding),
			}
			w.populate(files)
			repo := gittest.New(t)
			repo.Commit("Declare", bytesOf(files))
			w.config.Source.Git.URL = repo.Serve()
			p := w.start()
			w.converge(p)
			p.syncs(prod, 1)
			before := len(w.writes(prod))
			revision := tt.change(repo)
			for _, when := range []string{"at once", "after a restart"} {
				p.at(revision)
				p.syncs(prod, 2)
				if after := w.writes(prod); len(after) != before {
					t.Fatalf("%s: %v", when, after[before:])
				}
				if last := p.lastResult(prod); !last.Refused() {
					t.Errorf("%s: nothing was refused for safety: %+v", when, last.Outcomes)
				}
				p.end()
				p = w.start()
			}
			p.end()
			w.config.Safety.AllowDeletions = true
			p = w.start()
			p.await("deletions that are allowed", func() bool { return !w.bound(prod, binding.GitLab) && !w.bound(prod, binding.Codeup) })
			p.at(revision)
			p.syncs(prod, 1)
			p.end()
			// Lifted for good: the snapshot is trusted now.
			w.config.Safety.AllowDeletions = false
			p = w.start()
			p.at(revision)
			if last := p.lastResult(prod); last.Refused() {
				t.Errorf("refused again: %+v", last.Outcomes)
			}
		})
	}
}

// lastResult is that of the last sync of an instance.
func (p *process) lastResult(instance string) plan.Result {
	var last plan.Result
	for _, e := range p.seenEvents() {
		if e.Kind == plan.SyncDone && e.Instance == instance {
			last = *e.Result
		}
	}
	return last
}

// What cannot be judged when a rewritten history is first seen, for a file is
// broken or the registry answers nothing of use, is not let through later, by another
// commit or a restart.
func TestARewrittenHistoryIsNotForgottenWhileItCannotBeJudged(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for seconds")
	}
	for _, tt := range []struct {
		name string
		// blind keeps the daemon from judging, and gives what ends that.
		blind func(*world, *gittest.Repo) (end func())
	}{
		{"a broken file", func(_ *world, r *gittest.Repo) func() {
			whole := []byte(twoBindings()["plat.yaml"])
			r.Git("rm", "--quiet", "bindings/pay.yaml")
			r.Commit("broken", map[string][]byte{"bindings/plat.yaml": []byte("spec: [")})
			r.Git("reset", "--quiet", "--soft", "HEAD~2")
			r.Git("commit", "--quiet", "--amend", "--message", "rewritten")
			r.Push()
			return func() { r.Commit("whole", map[string][]byte{"bindings/plat.yaml": whole}) }
		}},
		{"a registry that cannot be understood", func(w *world, r *gittest.Repo) func() {
			w.outside.Registry.Faults.Add(badGateway(nil))
			r.Git("rm", "--quiet", "bindings/pay.yaml")
			r.Git("commit", "--quiet", "--amend", "--message", "rewritten")
			r.Push()
			return func() {
				w.outside.Registry.Faults.Clear()
				r.Commit("on top", map[string][]byte{"bindings/README.md": []byte("x")})
			}
		}},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(tt.name+map[bool]string{true: ", with a restart"}[restart], func(t *testing.T) {
				w := newWorld(t)
				w.populate(twoBindings())
				repo := gittest.New(t)
				repo.Commit("first", map[string][]byte{"README.md": []byte("x")})
				repo.Commit("Declare", bytesOf(twoBindings()))
				w.config.Source.Git.URL = repo.Serve()
				p := w.start()
				p.ready("pay", "plat")
				p.syncs(prod, 1)
				end := tt.blind(w, repo)
				p.at(repo.Head())
				p.syncs(prod, 1)
				if restart {
					p.end()
					p = w.start()
					p.at(repo.Head())
				}
				end()
				p.at(repo.Head())
				p.await("it is refused", func() bool { return p.lastResult(prod).Refused() })
				p.syncs(prod, 2)
				if slices.Contains(w.writes(prod), "DeleteUserSourceAccount") || !w.bound(prod, binding.GitLab) {
					t.Error("a rewritten history unbound GitLab")
				}
			})
		}
	}
}

// TestARewrittenHistoryIsNotForgottenWhileItIsSuspended: what a person holds
// still when a rewritten history is first seen is not removed when that ends.
func TestARewrittenHistoryIsNotForgottenWhileItIsSuspended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.populate(twoBindings())
	repo := gittest.New(t)
	repo.Commit("first", map[string][]byte{"README.md": []byte("x")})
	repo.Commit("Declare", bytesOf(twoBindings()))
	w.config.Source.Git.URL = repo.Serve()
	p := w.start()
	p.ready("pay", "plat")
	if _, err := p.client().Suspend(t.Context(), suspendFor("pay", "", time.Hour)); err != nil {
		t.Fatal(err)
	}
	repo.Git("rm", "--quiet", "bindings/pay.yaml")
	repo.Git("commit", "--quiet", "--amend", "--message", "rewritten")
	repo.Push()
	p.at(repo.Head())
	p.syncs(prod, 1)
	repo.Commit("on top", map[string][]byte{"bindings/README.md": []byte("x")})
	p.at(repo.Head())
	if _, err := p.client().Resume(t.Context(), client.ResumeRequest{Scope: client.Scope{Binding: "pay"}, By: "Ada"}); err != nil {
		t.Fatal(err)
	}
	p.syncs(prod, 2)
	if last := p.lastResult(prod); !last.Refused() || !w.bound(prod, binding.GitLab) {
		t.Errorf("bound: %v; refused: %v: %+v", w.bound(prod, binding.GitLab), last.Refused(), last.Outcomes)
	}
}

// TestKind10WhoWasDeclaredFirstKeepsItBeforeItIsApplied: a binding that waits for
// a person was applied by nobody yet, and is no newcomer all the same; neither
// is it after the configuration was exchanged.
func TestKind10WhoWasDeclaredFirstKeepsItBeforeItIsApplied(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"web.yaml": oauthAt("web", prod, binding.GitHub)}
	w.populate(files)
	w.commit(files)
	p := w.start()
	p.await("web waits for a person", func() bool { return p.condition("web", binding.AwaitingAuthorization).Status == binding.True })
	p.at(w.commit(map[string]string{"aaa.yaml": oauthAt("web", edge, binding.Bitbucket)}))
	broken := func() (files []string) {
		for _, b := range p.daemon.Problems().BrokenFiles {
			files = append(files, b.File)
		}
		return files
	}
	p.await("aaa.yaml is invalid", func() bool { return slices.Equal(broken(), []string{"aaa.yaml"}) })
	if c := p.condition("web", binding.Declared); c.Status != binding.True {
		t.Errorf("Declared: %+v", c)
	}
}
