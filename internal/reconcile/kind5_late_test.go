package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
)

// TestKind5AnAccountThatIsFirstShownLate: our bind is answered, and reads show it
// late. Until then, a person may bind the same user with a different token. If the
// registry's clock is right, its time of the account distinguishes the two. If it
// is not, our own account is bound once more, and only once.
func TestKind5AnAccountThatIsFirstShownLate(t *testing.T) {
	for name, tt := range map[string]struct {
		lag, ahead time.Duration
		person     time.Duration // When the person binds, after our bind; 0 for never.
		binds      int           // Until nothing changes, for each of two versions.
	}{
		"a person binds the same user before it is shown": {lag: 50 * time.Second, person: 98 * time.Second, binds: 2},
		"so, and the registry's clock is slow":            {lag: 50 * time.Second, ahead: -time.Hour, person: 98 * time.Second, binds: 2},
		"so, and it is fast":                              {lag: 50 * time.Second, ahead: 40 * time.Second, person: 98 * time.Second, binds: 2},
		"it is shown late":                                {lag: 50 * time.Second, binds: 1},
		"so, and the registry's clock is fast":            {lag: 50 * time.Second, ahead: 40 * time.Second, binds: 2},
		"so, by a day":                                    {lag: 50 * time.Second, ahead: 24 * time.Hour, binds: 2},
		"so, and it is slow":                              {lag: 50 * time.Second, ahead: -time.Hour, binds: 2},
		"it is shown at once, and the clock is fast":      {ahead: time.Hour, binds: 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLagging(t, gitlab(func(d *binding.Declaration) { d.Spec.Repositories = nil }))
			l.ahead = tt.ahead
			l.SetReadLag(sandbox.ReadLag{By: tt.lag})
			for version, token := range []string{"canary-gitlab-1", "canary-gitlab-2"} {
				if version > 0 {
					l.Tokens["acr/gitlab"] = append(l.Tokens["acr/gitlab"], token)
				}
				l.sync()
				before := l.Accounts()
				if len(before) != 1 || !l.TokenIs("gitlab", token) {
					t.Fatalf("bound with another token than %s: %+v", token, before)
				}
				if tt.person > 0 {
					l.Passes(tt.person)
					l.ConsoleBind("gitlab", before[0].Address, before[0].Username)
				}
				l.Passes(4 * time.Minute)
				l.syncs(6, 5*time.Minute)
				if !l.TokenIs("gitlab", token) {
					t.Errorf("%s is not bound in the end", token)
				}
				l.called("CreateUserSourceAccount", (version+1)*tt.binds)
				for _, unsettled := range l.unsettled() {
					t.Error(unsettled)
				}
			}
		})
	}
}
