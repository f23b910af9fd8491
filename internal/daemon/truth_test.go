package daemon

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
)

// payWorld is a world with one binding of gitlab at prod.
func payWorld(t *testing.T) (*world, map[string]string) {
	t.Helper()
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod)}
	w.populate(files)
	w.commit(files)
	return w, files
}

// loseState removes all that a daemon remembers.
func (w *world) loseState() {
	w.t.Helper()
	if err := os.RemoveAll(filepath.Dir(w.config.State.Path)); err != nil {
		w.t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(w.config.State.Path), 0o700); err != nil {
		w.t.Fatal(err)
	}
}

// TestKind5EndToEnd: a daemon that does not know which token is bound finds out
// by one rebind, and says nothing else before.
func TestKind5EndToEnd(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(w *world) (newest string){
		"the state was lost and the token rotated": func(w *world) string {
			w.loseState()
			return w.newToken(binding.GitLab, "pay-bot", "acr/pay")
		},
		"the token rotated, then the state was lost, and the declaration was renamed": func(w *world) string {
			value := w.newToken(binding.GitLab, "pay-bot", "acr/pay")
			w.loseState()
			return value
		},
		"a person bound the same user again": func(w *world) string {
			value := w.newToken(binding.GitLab, "pay-bot", "acr/pay")
			w.instance(prod).ConsoleUnbind("gitlab")
			w.instance(prod).ConsoleBind("gitlab", "https://gitlab.example.com", "pay-bot")
			return value
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := payWorld(t)
			p := w.start()
			p.ready("pay")
			p.end()
			newest := change(w)
			writes := len(w.writes(prod))
			p = w.start()
			p.await("the newest token is bound", func() bool { return w.instance(prod).TokenIs("gitlab", newest) })
			p.ready("pay")
			p.syncs(prod, 3)
			if n := len(w.writes(prod)) - writes; n != 2 {
				t.Errorf("%d writes, want one unbind and one bind: %v", n, w.writes(prod)[writes:])
			}
		})
	}
}

// TestKind6EndToEnd: a mount that changes its KV version is no end of rotations.
func TestKind6EndToEnd(t *testing.T) {
	for name, versions := range map[string][2]int{"from version 1 to 2": {1, 2}, "from version 2 to 1": {2, 1}, "and one of version 1 that stays": {1, 1}} {
		t.Run(name, func(t *testing.T) {
			w, _ := payWorld(t)
			w.outside.Vault.Mount("secret", versions[0])
			w.newToken(binding.GitLab, "pay-bot", "acr/pay")
			p := w.start()
			p.ready("pay")
			if versions[0] != versions[1] {
				w.outside.Vault.Mount("secret", versions[1])
			}
			for range 2 {
				value := w.newToken(binding.GitLab, "pay-bot", "acr/pay")
				p.await("the rotation is seen", func() bool { return w.instance(prod).TokenIs("gitlab", value) })
			}
			p.ready("pay")
		})
	}
}

// TestKind2EndToEnd: the bound token is revoked while a newer one is held back.
func TestKind2EndToEnd(t *testing.T) {
	w, _ := payWorld(t)
	p := w.start()
	p.ready("pay")
	if _, err := p.client().Suspend(t.Context(), suspendFor("pay", "", time.Hour)); err != nil {
		t.Fatal(err)
	}
	p.await("what is suspended, with nothing due, stays ready", func() bool {
		return p.condition("pay", binding.Suspended).Status == binding.True && p.condition("pay", binding.Ready).Status == binding.True
	})
	bound := "canary-gitlab-pay-bot-1"
	w.newToken(binding.GitLab, "pay-bot", "acr/pay")
	p.await("a suspended binding that holds a newer token back is not ready", func() bool {
		c := p.condition("pay", binding.Ready)
		return c.Status == binding.False && c.Reason == "Suspended"
	})
	w.outside.Hosts.RevokeToken(sandbox.HostGitLab, bound)
	p.await("the bound token is not valid, and the binding is not ready", func() bool {
		valid, ready := p.condition("pay", binding.TokenValid), p.condition("pay", binding.Ready)
		return valid.Status == binding.False && ready.Status == binding.False && ready.Reason == valid.Reason
	})
	if !w.instance(prod).TokenIs("gitlab", bound) {
		t.Error("what is suspended was rebound")
	}
}
