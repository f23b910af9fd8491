package chaos

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"reconciler/internal/sandbox"
)

// disturbance is something that happens to a world.
type disturbance struct {
	name string
	// weight is how often it happens, relative to the others.
	weight int
	// do does it, and says what it did.
	do func(*world, *rand.Rand) string
	// off is why it does not happen yet; empty where it does.
	off string
}

// disturbances are all that can happen.
func disturbances() []disturbance {
	return []disturbance{
		{name: "commit", weight: 6, do: (*world).commitChange},
		{name: "file broken", weight: 2, do: (*world).breakFile},
		{name: "file removed", weight: 2, do: (*world).removeFile},
		{name: "rotation", weight: 6, do: (*world).rotation},
		{name: "revocation", weight: 2, do: (*world).revocation},
		{name: "people: unbind", weight: 3, do: (*world).peopleUnbind},
		{name: "people: bind", weight: 3, do: (*world).peopleBind},
		{name: "people: unlink", weight: 2, do: (*world).peopleUnlink},
		{name: "people: rules", weight: 4, do: (*world).peopleRules},
		{name: "refusal", weight: 10, do: (*world).refusal},
		{name: "outage", weight: 5, do: (*world).outage},
		{name: "kill", weight: 5, do: (*world).killAtWrite},
		{name: "restart", weight: 1, do: (*world).restart},
		{name: "full disk", weight: 2, do: (*world).fullDisk},
		{name: "clock", weight: 1, do: (*world).clock},
		{name: "bad read", weight: 5, do: (*world).badRead},
		{name: "stale reads", weight: 4, do: (*world).staleReads},
		{name: "suspension", weight: 3, do: (*world).suspension},
		{name: "declared suspension", weight: 1, do: (*world).declaredSuspension},
		{name: "reload", weight: 2, do: (*world).reload},
		{name: "force-push", weight: 2, do: (*world).forcePush},
		{name: "name taken", weight: 2, do: (*world).nameTaken},
		{name: "another user", weight: 2, do: (*world).anotherUser},
		{name: "pin", weight: 2, do: (*world).pin},
		{name: "Observe", weight: 1, do: (*world).observeOnly},
		{name: "version deleted", weight: 1, do: (*world).deleteVersion},
		{name: "machine off", weight: 1, do: (*world).powerOff},
		{name: "memory lost", weight: 1, do: (*world).loseMemory},
		{name: "pages shift", weight: 3, do: (*world).shiftPages},
		{name: "sync", weight: 3, do: (*world).personSyncs},
	}
}

// anyTeam draws a team.
func (w *world) anyTeam(r *rand.Rand) *team { return w.git.teams[r.IntN(len(w.git.teams))] }

func (w *world) commitChange(r *rand.Rand) string {
	t := w.anyTeam(r)
	changes := []struct {
		name string
		do   func()
	}{
		{"another Dockerfile", func() { t.dockerfile++ }},
		{"another Dockerfile", func() { t.dockerfile++ }},
		{"another trigger", func() { t.manual = !t.manual }},
		{"another branch for the same image tag", func() { t.trunk = !t.trunk }},
		{"a second repository or not", func() { t.wide = !t.wide }},
		{"a third rule or not", func() { t.more = !t.more }},
		{"another deletion policy", func() { t.unbind = !t.unbind }},
		{"another drift policy", func() { t.report = !t.report }},
	}
	c := changes[r.IntN(len(changes))]
	c.do()
	w.commit()
	return t.name + ": " + c.name
}

func (w *world) breakFile(r *rand.Rand) string {
	t := w.anyTeam(r)
	t.broken = true
	w.commit()
	w.outlast("broken "+t.name, time.Duration(1+r.IntN(300))*time.Minute, func() { t.broken = false; w.commit() })
	return t.name
}

func (w *world) removeFile(r *rand.Rand) string {
	t := w.anyTeam(r)
	w.goes(t, time.Duration(1+r.IntN(300))*time.Minute)
	w.commit()
	return t.name
}

// goes takes a team's file away for a while. The account that people bound before, and
// that nobody has replaced yet, was never ours when the file is back.
func (w *world) goes(t *team, long time.Duration) {
	bound := accountOf(w.instance(t.instance).Peek(), t.platform)
	t.gone, t.wasGone, t.stranger = true, true, t.stranger || t.hasToken() && bound != nil && w.bound(t) == 0
	w.outlast("gone "+t.name, long, func() { t.gone = false; w.commit() })
}

// tokenTeam draws a team that has tokens.
func (w *world) tokenTeam(r *rand.Rand) *team {
	for {
		if t := w.anyTeam(r); t.hasToken() {
			return t
		}
	}
}

func (w *world) rotation(r *rand.Rand) string {
	t := w.tokenTeam(r)
	w.rotate(t)
	w.oracle.people()
	return fmt.Sprintf("%s: version %d", t.name, len(w.tokens[t.path()]))
}

// revocation ends the life of a token at its host; another follows later.
func (w *world) revocation(r *rand.Rand) string {
	t := w.tokenTeam(r)
	n := len(w.tokens[t.path()]) - r.IntN(2)
	if n < 1 {
		n = 1
	}
	one := &w.tokens[t.path()][n-1]
	one.revoked = true
	w.outside.Hosts.RevokeToken(string(t.platform), one.value)
	w.oracle.people()
	if n == len(w.tokens[t.path()]) {
		w.outlast("revoked "+t.name, time.Duration(1+r.IntN(600))*time.Minute, func() { w.rotate(t); w.oracle.people() })
	}
	return fmt.Sprintf("%s: version %d", t.name, n)
}

func (w *world) peopleUnbind(r *rand.Rand) string {
	t := w.anyTeam(r)
	w.instance(t.instance).ConsoleUnbind(string(t.platform))
	w.oracle.people()
	if !t.hasToken() {
		w.outlast("unbound "+t.name, time.Duration(1+r.IntN(120))*time.Minute, func() { w.authorize(t) })
	}
	return t.name
}

// authorize binds by OAuth.
func (w *world) authorize(t *team) {
	w.instance(t.instance).ConsoleBind(string(t.platform), "", t.username())
	w.oracle.people()
}

// peopleBind binds the same or another account with a token of its own.
func (w *world) peopleBind(r *rand.Rand) string {
	t := w.anyTeam(r)
	user := t.username()
	if t.hasToken() && r.IntN(2) == 0 {
		user = "somebody"
	}
	w.instance(t.instance).ConsoleBind(string(t.platform), t.address(), user)
	t.stranger = t.stranger || t.wasGone || w.oracle.undeclared(t) || w.oracle.removed(t)
	w.oracle.people()
	return t.name + " as " + user
}

func (w *world) peopleUnlink(r *rand.Rand) string {
	t := w.anyTeam(r)
	w.instance(t.instance).ConsoleUnlink(t.image(0))
	w.oracle.people()
	return t.image(0)
}

// peopleRules adds, copies, changes or removes a rule.
func (w *world) peopleRules(r *rand.Rand) string {
	t := w.anyTeam(r)
	i, image := w.instance(t.instance), t.image(r.IntN(2))
	rules := repositoryOf(i.Snapshot(), image).Rules
	what := []string{"add", "copy", "change", "remove"}[r.IntN(4)]
	switch {
	case what == "add" || len(rules) == 0:
		i.ConsoleAddRule(image, sandbox.ImageRule{
			PushType: "GIT_BRANCH", PushName: "people", DockerfileLocation: "/", DockerfileName: "Dockerfile",
			ImageTag: fmt.Sprintf("people-%d", r.IntN(1000)),
		})
	case what == "copy":
		i.ConsoleAddRule(image, rules[r.IntN(len(rules))])
	case what == "change":
		rule := rules[r.IntN(len(rules))]
		rule.DockerfileLocation = "/people"
		i.ConsoleChangeRule(image, rule)
	default:
		i.ConsoleRemoveRule(image, rules[r.IntN(len(rules))].ID)
	}
	w.oracle.people()
	return what + " at " + image
}

// refusalCodes are the answers that the product documents for any call.
func refusalCodes() []sandbox.Fault {
	answer := func(status int, code string) sandbox.Fault {
		return sandbox.Fault{
			Status: status, ContentType: "application/json;charset=utf-8",
			Body: fmt.Sprintf(`{"requestId":"00000000-0000-4000-8000-000000000000","code":%q,"message":"no"}`, code),
		}
	}
	return []sandbox.Fault{
		answer(403, "InvalidSecurityToken.Expired"), answer(403, "Forbidden.RAM"), answer(400, "InvalidTimeStamp.Expired"),
		answer(400, "SignatureDoesNotMatch"), answer(503, "SystemBusy"), answer(404, "InvalidAction.NotFound"), answer(405, "UnsupportedHTTPMethod"),
		answer(409, "CONFLICT"), answer(500, "InternalError"), answer(429, "Throttling.User"), answer(503, "ServiceUnavailable"),
		answer(400, "INVALID_PARAMETER"), answer(400, "SignatureNonceUsed"), answer(404, "USER_NOT_EXIST"),
		{Status: 302, Header: http.Header{"Location": {"https://elsewhere.example.com/"}}},
		{Status: 504, ContentType: "text/html", Body: "<html>gateway</html>"},
		{Status: 200, ContentType: "text/html", Body: "<html>sign in</html>"},
		{Cut: true},
		{DropResponse: true},
		{Delay: 40 * time.Second},
		{Status: 504, ContentType: "text/html", Body: "<html>gateway</html>", EffectAfter: 15 * time.Second},
		{Cut: true, EffectAfter: 30 * time.Second},
	}
}

// refusal lets one of the next writes go wrong in one of the documented ways.
func (w *world) refusal(r *rand.Rand) string {
	codes := refusalCodes()
	fault := codes[r.IntN(len(codes))]
	skip := r.IntN(3)
	name := faultName(fault)
	if fault.Times = 1; fault.EffectAfter > 0 {
		fault.EffectAfter = time.Duration(1+r.IntN(30)) * time.Second // With reads that lag, within sync.settle.
	}
	fault.Match = func(q *http.Request) bool {
		if asks(q) {
			return false
		}
		if skip--; skip >= 0 {
			return false
		}
		w.count("write: " + name)
		return true
	}
	w.outside.Registry.Faults.Add(fault)
	return fmt.Sprintf("%s at write %d", name, skip+1)
}

func faultName(f sandbox.Fault) string {
	var parts []string
	if f.Status != 0 {
		parts = append(parts, fmt.Sprint(f.Status))
	}
	if _, code, ok := strings.Cut(f.Body, `"code":"`); ok {
		code, _, _ = strings.Cut(code, `"`)
		parts = append(parts, code)
	}
	for _, part := range []struct {
		is   bool
		name string
	}{{f.Cut, "cut"}, {f.DropResponse, "answer lost"}, {f.Delay > 0, "late answer"}, {f.EffectAfter > 0, "late effect"}} {
		if part.is {
			parts = append(parts, part.name)
		}
	}
	return strings.Join(parts, " ")
}

// outage lets one part of the outside answer nothing for a while.
func (w *world) outage(r *rand.Rand) string {
	down := sandbox.Fault{Status: http.StatusServiceUnavailable, ContentType: "text/html", Body: "<html>down</html>"}
	if r.IntN(2) == 0 {
		down = sandbox.Fault{Cut: true}
	}
	type part struct {
		name       string
		begin, end func()
	}
	faults := func(name string, f *sandbox.Faults) part {
		return part{name, func() { f.Clear(); f.Add(down) }, f.Clear}
	}
	parts := []part{
		faults("registry", &w.outside.Registry.Faults),
		faults("Vault", &w.outside.Vault.Faults),
		{"Vault sealed", func() { w.outside.Vault.Seal(true) }, func() { w.outside.Vault.Seal(false) }},
		faults("GitLab", w.outside.Hosts.Faults(sandbox.HostGitLab)),
		faults("Codeup", w.outside.Hosts.Faults(sandbox.HostCodeup)),
		{"git", func() { w.gitDown = true }, func() { w.gitDown = false }},
	}
	p, long := parts[r.IntN(len(parts))], time.Duration(1+r.IntN(240))*time.Minute
	p.begin()
	w.outlast("down "+p.name, long, p.end)
	return fmt.Sprintf("%s for %s", p.name, long)
}

// killAtWrite lets the process die at one of its next writes to the store.
func (w *world) killAtWrite(r *rand.Rand) string {
	in, after := 1+r.IntN(6), r.IntN(2) == 0
	w.process.store.dieAtWrite(in, after)
	return fmt.Sprintf("%s write %d", choose(after, "after", "before"), in)
}

func (w *world) restart(*rand.Rand) string {
	w.process.stop()
	w.start()
	return ""
}

func (w *world) fullDisk(r *rand.Rand) string {
	long := time.Duration(1+r.IntN(180)) * time.Minute
	w.diskFull.Store(true)
	w.outlast("full disk", long, func() { w.diskFull.Store(false) })
	return "for " + long.String()
}

// clock puts the product's clock ahead or back, and later right again.
func (w *world) clock(r *rand.Rand) string {
	by := []time.Duration{-time.Hour, -time.Minute, time.Minute, time.Hour, 30 * 24 * time.Hour}[r.IntN(5)]
	long := time.Duration(1+r.IntN(180)) * time.Minute
	w.ahead.Store(int64(by))
	w.outlast("clock", long, func() { w.ahead.Store(0) })
	return fmt.Sprintf("%s for %s", by, long)
}
