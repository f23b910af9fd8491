package daemon

import (
	"slices"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
)

func TestDriftIsRepairedOrOnlyTold(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{
		"pay.yaml":  gitlabAt("pay", prod),
		"edge.yaml": gitlabAt("edge", edge, "driftPolicy: Report"),
	}
	w.populate(files)
	w.commit(files)
	p := w.start()
	p.ready("pay", "edge")
	before := len(w.writes(edge))
	w.instance(prod).ConsoleUnbind("gitlab")
	w.instance(prod).ConsoleUnlink("pay/app")
	w.instance(edge).ConsoleUnbind("gitlab")
	p.await("pay is bound and linked again", func() bool {
		repos := w.instance(prod).Snapshot().Repositories
		return w.bound(prod, binding.GitLab) && slices.ContainsFunc(repos, func(r sandbox.ImageRepository) bool { return r.Source != nil })
	})
	p.ready("pay")
	p.await("drift of edge is reported", func() bool {
		return p.condition("edge", binding.Bound).Status == binding.False && p.condition("edge", binding.Ready).Status == binding.False
	})
	p.syncs(edge, 2)
	if after := w.writes(edge); len(after) != before {
		t.Errorf("drift that is only reported was written: %v", after[before:])
	}
}

func TestANewTokenIsBoundAndAPinnedOneStays(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{
		"pay.yaml": gitlabAt("pay", prod),
		"pin.yaml": declare("pin", edge, "gitlab", []string{
			"address: https://gitlab.example.com",
			"token: {vault: {mount: secret, path: acr/pin, key: token, version: 1}, expires: 2099-10-31}",
		}),
	}
	w.populate(files)
	w.commit(files)
	p := w.start()
	p.ready("pay", "pin")
	before := len(w.writes(edge))
	value := w.newToken(binding.GitLab, "pay-bot", "acr/pay")
	w.newToken(binding.GitLab, "pin-bot", "acr/pin")
	p.await("the new token is bound", func() bool { return w.instance(prod).TokenIs("gitlab", value) })
	// The status follows the registry.
	p.await("pay is ready with version 2", func() bool {
		return slices.ContainsFunc(p.daemon.Statuses(), func(s binding.Status) bool {
			ready := binding.FindCondition(s.Conditions, binding.Ready)
			return s.Name == "pay" && s.TokenVersion == 2 && ready != nil && ready.Status == binding.True
		})
	})
	p.await("the newer version of the pinned token is reported", func() bool {
		return strings.Contains(text(p.condition("pin", binding.TokenFresh)), "has version 2 now")
	})
	p.syncs(edge, 2)
	if after := w.writes(edge); len(after) != before {
		t.Errorf("a pinned version moved: %v", after[before:])
	}
	for _, s := range p.daemon.Statuses() {
		if want := map[string]int{"pay": 2, "pin": 1}[s.Name]; s.TokenVersion != want {
			t.Errorf("%s: token version %d, want %d", s.Name, s.TokenVersion, want)
		}
	}
}
