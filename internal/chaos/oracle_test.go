package chaos

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/sandbox"
)

const (
	// settling is how long a write may take to be seen (sync.settle).
	settling = 2 * time.Minute
	// working is how long a sync may take, with calls that time out.
	working = 5 * time.Minute
	// following is how long the source takes to be read (sync.interval, and
	// the world's tick).
	following = 2 * time.Minute
)

// violation is something that must never be.
type violation struct {
	// check names the rule, which decides whether two violations are the same.
	check string
	at    time.Time
	text  string
}

// violations are in their order.
type violations []violation

// of is the first of a check; an empty check is any. It is nil where none failed.
func (all violations) of(check string) *violation {
	for n := range all {
		if check == "" || all[n].check == check {
			return &all[n]
		}
	}
	return nil
}

// reported names the check of a condition that is claimed without another.
func reported(claimed, of binding.ConditionType, broken bool) string {
	return fmt.Sprintf("%s says True without %s%s", claimed, of, when(broken, " while the file is broken"))
}

// oracle compares what is reported and done with what is so.
type oracle struct {
	w *world

	mu sync.Mutex
	// desired is what the process was given last, and valid the last valid
	// declaration of each team whose file is there.
	desired plan.Desired
	valid   map[string]*binding.Declaration
	// given is when that was, and started when the process began.
	given, started time.Time
	// clockMoved says that the product's clock was wrong once: what ended by it
	// stays ended. righted is when it was ahead last.
	clockMoved bool
	righted    time.Time
	// forgotten says that the process lost its memory once.
	forgotten bool
	// since is when a condition of a team stopped being so.
	since map[string]map[binding.ConditionType]lack
	// known is when a status was first shown as the last known one.
	known map[string]time.Time
	// has is each instance as it was seen last.
	has        map[string]sandbox.RegistrySnapshot
	ledger     ledger
	violations violations
	// unclear is when a bind of a team last got no clear answer: several may have
	// been sent, and nobody knows which of them made the account that appears.
	unclear map[string]time.Time
	// done counts the changes made since the last disturbance.
	done map[string]int
	// trail are the last things that happened, for the report of a failure.
	trail []string
}

// lack is what is not so, and since when.
type lack struct {
	since time.Time
	why   string
}

func newOracle(w *world) *oracle {
	return &oracle{
		w: w, valid: map[string]*binding.Declaration{}, since: map[string]map[binding.ConditionType]lack{}, known: map[string]time.Time{},
		unclear: map[string]time.Time{}, done: map[string]int{}, has: map[string]sandbox.RegistrySnapshot{}, ledger: newLedger(),
	}
}

// checked are the conditions that the oracle knows the truth of.
func checked() []binding.ConditionType {
	return []binding.ConditionType{
		binding.Declared, binding.Bound, binding.TokenFresh, binding.TokenValid, binding.RepositoriesLinked, binding.RulesCurrent,
	}
}

// delay is how long a condition may say True after it stopped being so.
// docs/conditions.md: a condition shows what the last sync observed, and
// docs/architecture.md: the registry is observed at every drift interval. What a
// code host answered counts for one more (engine: HostMemory).
func (o *oracle) delay(of binding.ConditionType) time.Duration {
	drift := o.w.config.Sync.DriftInterval
	d := drift + drift/10 + following + settling + working
	if of == binding.TokenValid {
		d += drift + drift/10
	}
	return d
}

// fail notes a violation.
func (o *oracle) fail(check, format string, args ...any) {
	v := violation{check, time.Now(), fmt.Sprintf(format, args...)}
	o.violations = append(o.violations, v)
	o.note("VIOLATION %s: %s", v.check, v.text)
}

// note keeps what happened.
func (o *oracle) note(format string, args ...any) {
	o.trail = append(o.trail, time.Now().Format("02 15:04:05.000 ")+fmt.Sprintf(format, args...))
	if len(o.trail) > 400 {
		o.trail = slices.Delete(o.trail, 0, 100)
	}
}

// declare notes what the process was given.
func (o *oracle) declare(d plan.Desired) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.desired, o.given = d, time.Now()
	for _, t := range o.w.git.teams {
		if declared := o.declared(t); declared != nil || t.gone {
			o.valid[t.name] = declared
		}
		if key := (account{t.instance, string(t.platform)}); o.declared(t) == nil && accountOf(o.has[t.instance], t.platform) == nil {
			o.ledger.removed[key] = true // What people unbound is not ours any more.
		}
	}
	o.ledger.declare(d)
	o.note("snapshot %s: %d declarations, broken %v, rewritten %v", strings.TrimLeft(d.Revision, "0"), len(d.Declarations), d.Broken, d.Rewritten)
	o.compare()
}

// last is what the process was given last.
func (o *oracle) last() plan.Desired {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.desired
}

// event notes what the process reports as it happens.
func (o *oracle) event(e plan.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch e.Kind {
	case plan.ActionDone:
		o.repeated(e)
		if e.Action.Object.IsAccount() && errors.Is(e.Outcome.Err, plan.ErrNotVisible) {
			o.unclear[e.Action.Binding] = time.Now()
			if a := accountOf(o.has[e.Instance], e.Action.Platform); a != nil {
				o.ledger.doubtful[a.ID] = true
			}
		}
		o.note("%s: %s %s %s: %s %v", e.Instance, e.Action.Binding, e.Action.Kind, e.Action.Object, e.Outcome.State, e.Err)
	case plan.Recovered:
		o.doubt(e)
		o.note("%s: recovered %s %s %s", e.Instance, e.Intent.Binding, e.Intent.Action, e.Intent.Object)
	case plan.SyncFailed:
		o.note("%s: sync failed: %v", e.Instance, e.Err)
	default:
	}
}

// repeated fails a change that is made again and again while nothing happens.
func (o *oracle) repeated(e plan.Event) {
	if e.Outcome.State != plan.Done || e.Action.Kind == plan.Noop {
		return
	}
	change := fmt.Sprintf("%s %s %s", e.Action.Binding, e.Action.Kind, e.Action.Object)
	if o.done[change]++; o.done[change] == 5 {
		o.fail("what is applied is not planned again", "%s is done for the fifth time, and nothing happened meanwhile", change)
	}
}

// synced holds the answer to a person to the truth: without anything that failed,
// waits or is forbidden, and with the binding ready, `reconciler sync` ends with 0
// (docs/exit-codes.md), and all is as declared.
func (o *oracle) synced(t *team, s reconcile.Synced) {
	for _, status := range o.w.process.statuses() {
		if status.Name == t.name && !isReady(status) {
			return
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	d := o.declared(t)
	if d == nil || d.Spec.DriftPolicy == binding.Report || d.Spec.ManagementPolicy == binding.Observe || s.Result.Incomplete || o.suspended(t, d) {
		return
	}
	for _, outcome := range s.Result.Outcomes {
		if outcome.Action.Binding == t.name && outcome.State != plan.Done && outcome.Action.Kind != plan.Noop {
			return
		}
	}
	for _, of := range o.w.checked() {
		if l, lacking := o.since[t.name][of]; lacking && of != binding.TokenValid && time.Since(l.since) > settling+working {
			o.fail(fmt.Sprintf("sync ends with 0 without %s", of), "%s: %s", t.name, l.why)
		}
	}
}

// suspended says that a person or the declaration suspends a team's binding: a sync
// leaves it as it is, as it should.
func (o *oracle) suspended(t *team, d *binding.Declaration) bool {
	return d.Spec.Suspend.Active(o.w.now()) || o.w.now().Before(o.ledger.suspended[t.name].until)
}

// begun notes that a process starts.
func (o *oracle) begun() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.started = time.Now()
}

// people notes what people did since the last look.
func (o *oracle) people() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, name := range []string{prod, edge} {
		has := o.w.instance(name).Peek()
		o.ledger.byPeople(name, o.has[name], has)
		o.has[name] = has
	}
	o.compare()
}

// changed notes what a call of the process did.
func (o *oracle) changed(c sandbox.RegistryChange) {
	o.mu.Lock()
	defer o.mu.Unlock()
	name := strings.TrimPrefix(c.AccessKey, "key-")
	has := o.w.instance(name).Peek()
	o.note("%s: %s %s%s %s", name, c.Operation, c.Image, c.Account, c.Rule)
	o.check(name, o.has[name], has)
	o.has[name] = has
	o.compare()
}

// compare takes the time at which each condition stopped being so. The caller
// holds mu.
func (o *oracle) compare() {
	for _, t := range o.w.git.teams {
		if o.since[t.name] == nil {
			o.since[t.name] = map[binding.ConditionType]lack{}
		}
		for _, of := range o.w.checked() {
			why := o.lacks(t, of)
			was, lacking := o.since[t.name][of]
			switch {
			case why == "":
				delete(o.since[t.name], of)
			case !lacking:
				o.since[t.name][of] = lack{time.Now(), why}
			default:
				o.since[t.name][of] = lack{was.since, why}
			}
		}
	}
}

// lacks says what of a condition is not so. A team whose file is broken keeps
// what was declared before.
func (o *oracle) lacks(t *team, of binding.ConditionType) string {
	if of == binding.Declared {
		return when(o.declared(t) == nil, "no valid file declares it")
	}
	if valid := o.valid[t.name]; valid != nil {
		return o.w.lacks(t, *valid, of)
	}
	return ""
}

// declared is the team's declaration as the process has it; nil if none.
func (o *oracle) declared(t *team) *binding.Declaration {
	at := slices.IndexFunc(o.desired.Declarations, func(d binding.Declaration) bool { return d.Name == t.name })
	if at < 0 {
		return nil
	}
	return &o.desired.Declarations[at]
}

// undeclared says that the process has no declaration of a team.
func (o *oracle) undeclared(t *team) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.declared(t) == nil
}

// removed says that the process unbound a team's account for good, and bound none since.
func (o *oracle) removed(t *team) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ledger.removed[account{t.instance, string(t.platform)}]
}

// tick compares what is reported now with what is so.
func (o *oracle) tick() {
	statuses := o.w.process.statuses()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.w.ahead.Load() > 0 {
		o.clockMoved, o.righted = true, time.Now()
	}
	for _, s := range statuses {
		o.report(s)
	}
}

// metered holds the metric of a ready binding to its status, where that did not
// change meanwhile.
func (o *oracle) metered() {
	before := o.w.process.statuses()
	families, err := o.w.process.metrics.Gatherer().Gather()
	after := o.w.process.statuses()
	shown := map[string]bool{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, label := range m.GetLabel() {
				if f.GetName() == "reconciler_binding_ready" && label.GetName() == "binding" {
					shown[label.GetValue()] = m.GetGauge().GetValue() == 1
				}
			}
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.fail("metrics are served", "%v", err)
	}
	for n, s := range before {
		got, there := shown[s.Name]
		if n < len(after) && after[n].Name == s.Name && isReady(s) == isReady(after[n]) && (!there || got != isReady(s)) {
			o.fail("the metric shows what the status says", "%s: ready %v, metric %v (there: %v)", s.Name, isReady(s), got, there)
		}
	}
}

// report holds one status to the truth. The caller holds mu.
func (o *oracle) report(s binding.Status) {
	lacks := o.since[s.Name]
	for _, of := range o.w.checked() {
		l, lacking := lacks[of]
		if !lacking {
			continue
		}
		for _, claimed := range []binding.ConditionType{of, binding.Ready} {
			c := binding.FindCondition(s.Conditions, claimed)
			if c == nil || c.Status != binding.True || time.Since(o.from(*c, l)) <= o.delay(of)+o.aged(*c) {
				continue
			}
			o.fail(reported(claimed, of, slices.Contains(o.desired.Broken, s.File)), "%s: %s is True (%s, known at %s), but for %s: %s",
				s.Name, claimed, c.Reason, c.Known.Format("02 15:04:05"), time.Since(l.since).Round(time.Second), l.why)
			o.since[s.Name][of] = lack{time.Now(), l.why} // Once is enough.
		}
	}
}

// from is when a condition that lacks something begins to be too old. What was known
// last while the clock was ahead ages from then on.
func (o *oracle) from(c binding.Condition, l lack) time.Time {
	if c.LastKnown && o.righted.After(l.since) {
		return o.righted
	}
	return l.since
}

// aged is how much longer a status may stay that is shown as the last known
// one: status.maxAge, three drift intervals. By a clock that was set back, it is
// younger.
func (o *oracle) aged(c binding.Condition) time.Duration {
	if !c.LastKnown {
		return 0
	}
	return 3*o.w.config.Sync.DriftInterval + max(0, -time.Duration(o.w.ahead.Load()))
}
