package chaos

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/binding"
)

// step is one disturbance of a script.
type step struct {
	at    time.Duration
	of    disturbance
	seed  uint64
	shown string
}

// script draws what happens to a world in so many days.
func script(seed uint64, days int) []step {
	r := rand.New(rand.NewPCG(seed, 2))
	var bag []disturbance
	for _, d := range disturbances() {
		if d.off == "" {
			bag = append(bag, slices.Repeat([]disturbance{d}, d.weight)...)
		}
	}
	var steps []step
	pace := environment("RECONCILER_CHAOS_PACE", 120)
	for at := time.Duration(0); ; {
		at += time.Duration(1+r.IntN(pace)) * time.Minute
		if at > time.Duration(days)*24*time.Hour {
			return steps
		}
		steps = append(steps, step{at: at, of: bag[r.IntN(len(bag))], seed: r.Uint64()})
	}
}

// run runs a script in a world of its own, until its end or until a check
// fails; an empty check is any.
func run(t *testing.T, seed uint64, days int, steps []step, check string) (result outcome) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed)
		w.start()
		defer w.close()
		n := w.play(steps, time.Duration(days)*24*time.Hour, func() bool { return w.oracle.found().of(check) != nil })
		result = outcome{w.oracle.found(), w.oracle.trail, w.counted(), n}
	})
	return result
}

// calm is how long a world is left alone at its beginning.
const calm = 2 * time.Hour

// play lets the steps happen, each at its time, and rests at the end. It returns
// how many happened.
func (w *world) play(steps []step, long time.Duration, failed func() bool) int {
	begin := time.Now().Add(calm)
	for n, s := range steps {
		if !w.until(begin.Add(s.at), failed) {
			return n
		}
		steps[n].shown = s.of.do(w, rand.New(rand.NewPCG(s.seed, 3)))
		w.oracle.happened(s.of.name, steps[n].shown)
	}
	if w.until(begin.Add(long), failed) {
		w.rest(failed)
	}
	return len(steps)
}

// outcome is what came of a run.
type outcome struct {
	violations violations
	trail      []string
	counts     map[string]int
	// steps is how many of the script happened.
	steps int
}

// disturbed marks a disturbance in a trail.
const disturbed = "*** "

func (o *oracle) happened(name, what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.note("%s%s: %s", disturbed, name, what)
	clear(o.done)
}

func (o *oracle) found() violations {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.violations)
}

// rest ends all that lasts, and holds the world to what is declared.
func (w *world) rest(failed func() bool) {
	w.outside.Registry.Faults.Clear()
	for _, name := range slices.Sorted(maps.Keys(w.over)) {
		w.over[name].end()
	}
	clear(w.over)
	w.tick()
	w.process.stop()
	w.configure(w.config.Sync.DriftInterval, false)
	w.start()
	for _, t := range w.git.teams {
		if !t.hasToken() && lacksAccount(w.instance(t.instance).Peek(), binding.Spec{Platform: t.platform, Username: t.username()}) != "" {
			w.authorize(t)
		}
		// What was never ours for the process is not replaced unless that is declared.
		t.adopt = w.oracle.forgotten || t.stranger
		t.report = false
	}
	w.removeStrays()
	w.commit()
	w.until(time.Now().Add(2*w.config.Sync.DriftInterval), failed)
	for range 4 {
		w.syncAll()
		if w.ready() || failed() {
			break
		}
		// A verdict on a token ends after a day.
		w.until(time.Now().Add(9*time.Hour), failed)
	}
	w.oracle.converged(w.process.statuses())
}

// removeStrays removes the rules that people made beside those declared, and the source of an
// image repository that is declared no more, where that is a step for a person.
func (w *world) removeStrays() {
	for _, t := range w.git.teams {
		if enterpriseEdition(w.seed) && t.instance == edge && !t.wide {
			w.instance(t.instance).ConsoleUnlink(t.image(1))
		}
		for n := range 2 {
			for _, rule := range repositoryOf(w.instance(t.instance).Peek(), t.image(n)).Rules {
				if w.oracle.ledger.theirs[rule.ID] {
					w.instance(t.instance).ConsoleRemoveRule(t.image(n), rule.ID)
				}
			}
		}
	}
	w.oracle.people()
}

// syncAll asks for a sync of each binding, as its people do.
func (w *world) syncAll() {
	for _, t := range w.git.teams {
		if _, err := w.process.sync(t.instance, t.name); err != nil {
			w.oracle.happened("sync of "+t.name, err.Error())
		}
	}
}

// ready says that all bindings are reported as ready.
func (w *world) ready() bool {
	statuses := w.process.statuses()
	for _, s := range statuses {
		if !isReady(s) {
			return false
		}
	}
	return len(statuses) == len(w.git.teams)
}

func isReady(s binding.Status) bool {
	c := binding.FindCondition(s.Conditions, binding.Ready)
	return c != nil && c.Status == binding.True
}

// converged holds a world that nobody disturbs to what is declared.
func (o *oracle) converged(statuses []binding.Status) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range statuses {
		if !isReady(s) {
			o.fail(converges(binding.Ready), "%s is not ready: %+v", s.Name, binding.FindCondition(s.Conditions, binding.Ready))
		}
	}
	for _, t := range o.w.git.teams {
		for _, of := range o.w.checked() {
			if why := o.lacks(t, of); why != "" {
				o.fail(converges(of), "%s: %s", t.name, why)
			}
		}
	}
}

// converges names the check that a condition becomes so in a calm world.
func converges(of binding.ConditionType) string { return fmt.Sprintf("%s converges", of) }

// shrink drops steps, several at once and then one by one, while the same check
// still fails.
func shrink(t *testing.T, seed uint64, days int, steps []step, found violation) ([]step, outcome) {
	began, last := time.Now(), outcome{}
	limit := time.Duration(environment("RECONCILER_CHAOS_SHRINK", 180)) * time.Second
	for size := max(1, len(steps)/2); size > 0; size /= 2 {
		for at := 0; at+size <= len(steps) && time.Since(began) < limit; {
			fewer := slices.Delete(slices.Clone(steps), at, at+size)
			if o := run(t, seed, days, fewer, found.check); o.violations.of(found.check) != nil {
				steps, last = fewer, o
				continue
			}
			at += size
		}
	}
	if last.violations == nil {
		last = run(t, seed, days, steps, found.check)
	}
	return steps, last
}

// report shows a failure by its seed and the smallest script.
func report(t *testing.T, seed uint64, days int, steps []step, found violation) {
	steps, last := shrink(t, seed, days, steps, found)
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %d days: %s: %s\nminimal trace:\n", seed, days, found.check, found.text)
	for _, s := range steps[:last.steps] {
		fmt.Fprintf(&b, "  %9s %s: %s\n", s.at, s.of.name, s.shown)
	}
	for _, v := range last.violations {
		fmt.Fprintf(&b, "  => %s %s: %s\n", v.at.Format("02 15:04:05"), v.check, v.text)
	}
	begin := max(0, slices.IndexFunc(last.trail, func(line string) bool { return strings.Contains(line, disturbed) }))
	fmt.Fprintln(&b, strings.Join(last.trail[begin:], "\n"))
	t.Error(b.String())
}

func environment(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// TestChaos runs RECONCILER_CHAOS_SEEDS worlds for RECONCILER_CHAOS_DAYS, from
// the seed RECONCILER_SEED on. Between two disturbances are at most RECONCILER_CHAOS_PACE
// minutes. It looks for a smallest script for RECONCILER_CHAOS_SHRINK seconds.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	seeds, days := environment("RECONCILER_CHAOS_SEEDS", 20), environment("RECONCILER_CHAOS_DAYS", 1)
	first := environment("RECONCILER_SEED", 1)
	counts := map[string]int{}
	began := time.Now()
	for n := range seeds {
		seed := uint64(first + n)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			steps := script(seed, days)
			o := run(t, seed, days, steps, "")
			for what, n := range o.counts {
				counts[what] += n
			}
			if len(o.violations) > 0 {
				report(t, seed, days, steps, o.violations[0])
			}
		})
	}
	t.Logf("%d seeds of %d days, %s each; met: %v", seeds, days, time.Since(began)/time.Duration(seeds), counts)
}
