package daemon

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/status"
)

// TestAnAuthorizationInTheConsoleIsSeenAndFollowed has a person do in the
// console what the daemon asks for, after a restart and past the deadline: the
// daemon sees it by itself, and links and rules follow.
func TestAnAuthorizationInTheConsoleIsSeenAndFollowed(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"web.yaml": oauthAt("web", prod, binding.GitHub)}
	w.populate(files)
	w.commit(files)
	p := w.start()
	waiting := func() (first binding.PendingStep) {
		for _, s := range p.daemon.Statuses() {
			if s.Name == "web" && len(s.Pending) > 0 {
				first = s.Pending[0]
			}
		}
		return first
	}
	p.await("web waits for a person", func() bool { return waiting().Action == "authorize" })
	since := waiting().Since
	p.end()

	w.ahead.Store(int64(8 * 24 * time.Hour))
	p = w.start()
	p.await("web is overdue", func() bool {
		c := p.condition("web", binding.AwaitingAuthorization)
		return c.Status == binding.True && c.Reason == status.ReasonOverdue
	})
	if got := waiting(); !got.Since.Equal(since) || !got.Overdue || len(got.Steps) == 0 {
		t.Errorf("after a restart it waits as %+v, want since %s", got, since)
	}
	const age = `reconciler_binding_person_steps_age_seconds{binding="web",platform="github",registry="prod-hangzhou"}`
	if got := p.sample(age); got < (7 * 24 * time.Hour).Seconds() {
		t.Errorf("it has waited for %v seconds", got)
	}
	w.instance(prod).ConsoleBind("github", "", "web-bot")
	p.ready("web")
	repos := w.instance(prod).Snapshot().Repositories
	if len(repos) != 1 || repos[0].Source == nil || len(repos[0].Rules) != 2 {
		t.Errorf("what follows the authorization: %+v", repos)
	}
	if p.metric(age) {
		t.Error("the age of what waits no more is served still")
	}
	if got := waiting(); got.Action != "" {
		t.Errorf("still waits: %+v", got)
	}
}
