package chaos

import (
	"fmt"
	"math/rand/v2"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
	"reconciler/internal/state"
)

// minutes draws a time of at least one minute.
func minutes(r *rand.Rand, most int) time.Duration {
	return time.Duration(1+r.IntN(most)) * time.Minute
}

// badRead lets a few of the next reads go wrong: as writes do, or with half of
// an answer.
func (w *world) badRead(r *rand.Rand) string {
	codes := append(refusalCodes(),
		sandbox.Fault{Status: 200, ContentType: "application/json;charset=utf-8", Body: `{"data":{"sourceAccounts":[{"sourceAcc`},
		sandbox.Fault{Status: 200, ContentType: "application/json;charset=utf-8", Body: `{"data":null,"requestId":"1"}`},
		sandbox.Fault{Status: 200, ContentType: "application/json;charset=utf-8", Body: `{}`},
	)
	fault := codes[r.IntN(len(codes))]
	fault.EffectAfter, fault.Times = 0, 1+r.IntN(4)
	fault.Match = asks
	w.outside.Registry.Faults.Add(fault)
	return fmt.Sprintf("%s, %d times", faultName(fault), fault.Times)
}

// staleReads lets the registry show changes late, always or every other time.
func (w *world) staleReads(r *rand.Rand) string {
	lag := sandbox.ReadLag{By: time.Duration(1+r.IntN(90)) * time.Second, Flip: r.IntN(2) == 0}
	long := minutes(r, 300)
	for _, name := range []string{prod, edge} {
		w.instance(name).SetReadLag(lag)
		w.outlast("stale "+name, long, func() { w.instance(name).SetReadLag() })
	}
	return fmt.Sprintf("by %s, every other %v, for %s", lag.By, lag.Flip, long)
}

// suspension suspends a binding, as a person does.
func (w *world) suspension(r *rand.Rand) string {
	t, long := w.anyTeam(r), minutes(r, 240)
	s := binding.Suspension{
		Instance: t.instance, Binding: t.name, Until: time.Now().Add(long), Since: w.now(),
		Reason: "chaos", Person: binding.Person{By: "Ada"},
	}
	if err := w.disk.PutSuspension(w.t.Context(), s); err != nil {
		w.t.Error(err)
	}
	w.oracle.suspend(t, time.Now().Add(long))
	return fmt.Sprintf("%s for %s", t.name, long)
}

func (w *world) declaredSuspension(r *rand.Rand) string {
	t := w.anyTeam(r)
	t.suspended = time.Now().AddDate(0, 0, r.IntN(2))
	w.commit()
	w.outlast("suspended "+t.name, minutes(r, 600), func() { t.suspended = time.Time{}; w.commit() })
	return fmt.Sprintf("%s until %s", t.name, t.suspended.Format(time.DateOnly))
}

// reload lets the process take another configuration: by a restart, or while it runs.
func (w *world) reload(r *rand.Rand) string {
	drift, windows := []time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour}[r.IntN(3)], r.IntN(3) == 0
	before := w.process
	running := r.IntN(2) == 0 && !before.dead()
	before.stop()
	w.configure(drift, windows)
	if !running {
		before = nil
	}
	w.startAfter(before)
	return fmt.Sprintf("drift interval %s, windows %v, while it runs %v", drift, windows, running)
}

// forcePush rewrites the history; one declaration may be gone from it.
func (w *world) forcePush(r *rand.Rand) string {
	w.git.rewritten = true
	t := w.anyTeam(r)
	if t.gone = r.IntN(2) == 0; t.gone {
		w.goes(t, minutes(r, 300))
	}
	w.commit()
	w.outlast("rewritten", minutes(r, 600), func() { w.git.rewritten = false; w.commit() })
	return when(t.gone, t.name+" is gone")
}

// nameTaken lets another file declare what the first team declares.
func (w *world) nameTaken(r *rand.Rand) string {
	w.git.taken = true
	w.commit()
	w.outlast("taken", minutes(r, 300), func() { w.git.taken = false; w.commit() })
	return w.git.teams[0].name
}

// anotherUser declares another account, whose token is in the secret store.
func (w *world) anotherUser(r *rand.Rand) string {
	t := w.anyTeam(r)
	t.user++
	w.outside.Hosts.AddUser(string(t.platform), sandbox.HostUser{Username: t.username()})
	for n := range 2 {
		w.outside.Hosts.AddProject(string(t.platform), sandbox.HostProject{Path: t.project(n)})
	}
	w.commit()
	if t.hasToken() {
		w.rotate(t)
		w.oracle.people()
	} else {
		w.outlast("unbound "+t.name, minutes(r, 120), func() { w.authorize(t) })
	}
	return t.username()
}

// pin pins a version of the token for a while.
func (w *world) pin(r *rand.Rand) string {
	t := w.tokenTeam(r)
	n := len(w.tokens[t.path()])
	if one := w.tokens[t.path()][n-1]; one.revoked || one.deleted || one.username != t.username() {
		return t.name + ": nothing to pin"
	}
	t.pin = n
	w.commit()
	w.outlast("pinned "+t.name, minutes(r, 600), func() { t.pin = 0; w.commit() })
	return fmt.Sprintf("%s: version %d", t.name, n)
}

func (w *world) observeOnly(r *rand.Rand) string {
	t := w.anyTeam(r)
	t.observe = true
	w.commit()
	w.outlast("observed "+t.name, minutes(r, 600), func() { t.observe = false; w.commit() })
	return t.name
}

// deleteVersion deletes the newest version for a while.
func (w *world) deleteVersion(r *rand.Rand) string {
	t := w.tokenTeam(r)
	n := len(w.tokens[t.path()])
	w.tokens[t.path()][n-1].deleted = true
	w.outside.Vault.Delete("secret", t.path(), n)
	w.outlast("deleted "+t.name, minutes(r, 300), func() {
		w.tokens[t.path()][n-1].deleted = false
		w.outside.Vault.Undelete("secret", t.path(), n)
	})
	return fmt.Sprintf("%s: version %d", t.name, n)
}

// powerOff leaves the world without a process for a while.
func (w *world) powerOff(r *rand.Rand) string {
	long := minutes(r, 600)
	w.off = true
	w.process.kill()
	w.outlast("off", long, func() { w.off = false })
	return "for " + long.String()
}

// loseMemory restarts the process on an empty disk.
func (w *world) loseMemory(*rand.Rand) string {
	w.process.stop()
	w.disk = state.NewMemory()
	w.oracle.forget()
	w.start()
	return ""
}

// personSyncs asks for a sync of one binding, and holds its exit code to the
// truth.
func (w *world) personSyncs(r *rand.Rand) string {
	t := w.anyTeam(r)
	if w.process.dead() {
		return "no process"
	}
	s, err := w.process.sync(t.instance, t.name)
	if err != nil {
		return fmt.Sprintf("%s: %v", t.name, err)
	}
	w.oracle.synced(t, s)
	return t.name
}
