package chaos

import (
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/sandbox"
)

// recent is how long after a snapshot a call that was made for the one before
// may still have its effect.
const recent = 10 * time.Minute

// ledger is what the oracle remembers of declarations and of who did what.
type ledger struct {
	// images and rules are those that were ever declared, by image and key.
	images map[string]bool
	rules  map[string]bool
	// last is the last declaration of each platform of an instance.
	last map[account]declared
	// made are the accounts and rules that people made or changed, by number.
	accounts, theirs map[int64]bool
	// doubtful are the accounts that a call without a clear answer may have made: the
	// process cannot know their token, and binds them once more when it may.
	doubtful map[int64]bool
	// mistimed are the accounts that the process bound while its clock was wrong: one
	// that is first shown late is bound once more.
	mistimed map[int64]bool
	// replaced are the users of the accounts that the process unbound, until people
	// change an account or another one is bound: what it took away it may put back.
	replaced map[account]string
	// removed are the accounts that the process unbound because nothing declared them,
	// until it binds one again: whoever binds one meanwhile is a stranger.
	removed map[account]bool
	// suspended are the ends of suspensions that people asked for, and since
	// when they hold.
	suspended map[string]suspended
}

type suspended struct{ since, until time.Time }

type account struct{ instance, platform string }

// declared is a declaration and when it was last in the snapshot.
type declared struct {
	binding.Declaration
	at time.Time
}

func newLedger() ledger {
	return ledger{
		images: map[string]bool{}, rules: map[string]bool{}, last: map[account]declared{},
		accounts: map[int64]bool{}, doubtful: map[int64]bool{}, mistimed: map[int64]bool{}, theirs: map[int64]bool{}, replaced: map[account]string{}, removed: map[account]bool{}, suspended: map[string]suspended{},
	}
}

func (l *ledger) declare(d plan.Desired) {
	for _, declaration := range d.Declarations {
		spec := declaration.Spec
		l.last[account{spec.Instance, string(spec.Platform)}] = declared{declaration, time.Now()}
		for _, r := range spec.Repositories {
			l.images[r.Image] = true
			for _, rule := range r.Rules {
				l.rules[r.Image+" "+rule.Key()] = true
			}
		}
	}
}

// byPeople notes what people made.
func (l *ledger) byPeople(instance string, was, is sandbox.RegistrySnapshot) {
	for _, a := range is.Accounts {
		if !slices.Contains(was.Accounts, a) {
			l.accounts[a.ID] = true
			delete(l.replaced, account{instance, a.Platform})
		}
	}
	for _, r := range is.Repositories {
		for _, rule := range r.Rules {
			if !slices.Contains(repositoryOf(was, r.Image).Rules, rule) {
				l.theirs[rule.ID] = true
			}
		}
	}
}

// suspend notes a suspension.
func (o *oracle) suspend(t *team, until time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ledger.suspended[t.name] = suspended{time.Now(), until}
}

// forget notes that the process has no memory any longer: what it made is
// nobody's for it.
func (o *oracle) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.forgotten = true
	clear(o.ledger.suspended)
	for _, has := range o.has {
		for _, a := range has.Accounts {
			o.ledger.accounts[a.ID] = true
		}
		for _, r := range has.Repositories {
			for _, rule := range r.Rules {
				o.ledger.theirs[rule.ID] = true
			}
		}
	}
}

// check holds what a call did to the rules. The caller holds mu.
func (o *oracle) check(instance string, was, is sandbox.RegistrySnapshot) {
	for _, a := range was.Accounts {
		if !slices.Contains(is.Accounts, a) {
			o.unbound(instance, a)
		}
	}
	for _, a := range is.Accounts {
		if !slices.Contains(was.Accounts, a) {
			o.boundNow(instance, a)
		}
	}
	for _, r := range is.Repositories {
		o.judgeImage(instance, repositoryOf(was, r.Image), r)
	}
}

// doubt notes an account whose bind was settled after a crash. If the clock was wrong
// when it was bound, or it was made after the call, or before it by the clocks, nobody can know that this call made it.
func (o *oracle) doubt(e plan.Event) {
	a := accountOf(o.has[e.Instance], e.Intent.Platform)
	if !e.Intent.Object.IsAccount() || a == nil {
		return
	}
	late := a.Created.Sub(e.Intent.Started).Abs() > binding.ClocksDiffer
	o.ledger.doubtful[a.ID] = o.ledger.doubtful[a.ID] || o.ledger.mistimed[a.ID] || late
}

// unbound holds an unbinding to the rules.
func (o *oracle) unbound(instance string, a sandbox.SourceAccount) {
	last, known := o.ledger.last[account{instance, a.Platform}]
	t := o.team(instance, a.Platform)
	o.ledger.replaced[account{instance, a.Platform}] = a.Username
	switch {
	case !known || t == nil:
		o.fail("nothing undeclared is touched", "%s: %s is unbound, which nobody ever declared", instance, a.Platform)
		return
	case o.w.diskFull.Load():
		o.fail("nothing is sent that cannot be finished", "%s: %s is unbound while the disk is full", instance, a.Platform)
	}
	o.mustNotChange(t, "unbound")
	d := o.declared(t)
	o.ledger.removed[account{instance, a.Platform}] = d == nil
	switch {
	case d == nil && o.desired.Rewritten && time.Since(o.given) > recent:
		o.fail("a rewritten history removes nothing", "%s: %s is unbound", instance, a.Platform)
	case d == nil && len(o.desired.Broken) > 0:
		o.fail("a failure is no deletion", "%s: %s is unbound while files are broken: %v", instance, a.Platform, o.desired.Broken)
	case d == nil && last.Spec.DeletionPolicy != binding.Unbind && time.Since(last.at) > recent:
		o.fail("Retain is kept", "%s: %s is unbound, and was declared with Retain", instance, a.Platform)
	case d != nil && !o.ledger.accounts[a.ID] && a.Username == d.Spec.Username && o.wasFresh(t) && !o.ledger.doubtful[a.ID] && !o.ledger.mistimed[a.ID] && time.Since(o.unclear[t.name]) > recent:
		o.fail("a good account is not unbound", "%s: %s was bound by us as declared, and is unbound", instance, a.Platform)
	}
}

// wasFresh says that the account had the declared token until now.
func (o *oracle) wasFresh(t *team) bool {
	_, stale := o.since[t.name][binding.TokenFresh]
	_, invalid := o.since[t.name][binding.TokenValid]
	return !stale && !invalid
}

// boundNow holds a binding to the rules.
func (o *oracle) boundNow(instance string, a sandbox.SourceAccount) {
	last, known := o.ledger.last[account{instance, a.Platform}]
	switch {
	case !known:
		o.fail("nothing undeclared is touched", "%s: %s is bound, which nobody ever declared", instance, a.Platform)
	case a.Username != last.Spec.Username && time.Since(last.at) > recent && o.ledger.replaced[account{instance, a.Platform}] != a.Username:
		o.fail("what is bound is declared", "%s: %s is bound as %s, and %s is declared", instance, a.Platform, a.Username, last.Spec.Username)
	}
	delete(o.ledger.replaced, account{instance, a.Platform})
	delete(o.ledger.removed, account{instance, a.Platform})
	if t := o.team(instance, a.Platform); t != nil {
		o.ledger.mistimed[a.ID] = o.w.ahead.Load() != 0
		o.ledger.doubtful[a.ID] = time.Since(o.unclear[t.name]) <= recent
		o.mustNotChange(t, "bound")
	}
}

// judgeImage holds the changes of one image repository to the rules.
func (o *oracle) judgeImage(instance string, was, is sandbox.ImageRepository) {
	linked := (was.Source == nil) != (is.Source == nil) || was.Source != nil && *was.Source != *is.Source
	if (linked || !slices.Equal(was.Rules, is.Rules)) && !o.ledger.images[is.Image] {
		o.fail("nothing undeclared is touched", "%s: %s is changed, which nobody ever declared", instance, is.Image)
	}
	if t := o.owner(is.Image); t != nil && (linked || !slices.Equal(was.Rules, is.Rules)) {
		o.mustNotChange(t, "changed: "+is.Image)
	}
	for _, rule := range was.Rules {
		if !slices.Contains(is.Rules, rule) && !o.ledger.rules[is.Image+" "+ruleOf(rule).Key()] {
			o.fail("nothing undeclared is touched", "%s: rule %+v of %s is changed, which nobody ever declared", instance, rule, is.Image)
		}
	}
	for _, rule := range is.Rules {
		if !slices.Contains(was.Rules, rule) {
			o.ruleMade(is, rule)
		}
	}
}

// ruleMade holds a rule that we made or changed to the rules.
func (o *oracle) ruleMade(r sandbox.ImageRepository, made sandbox.ImageRule) {
	if !o.ledger.rules[r.Image+" "+ruleOf(made).Key()] {
		o.fail("what is made is declared", "rule %+v of %s was never declared", made, r.Image)
	}
	for _, rule := range r.Rules {
		if rule.ID != made.ID && ruleOf(rule).ImageTag == made.ImageTag && !o.ledger.theirs[rule.ID] && !o.ledger.theirs[made.ID] {
			o.fail("no two rules for one tag", "%s: %+v and %+v are ours", r.Image, rule, made)
		}
	}
}

// mustNotChange fails a change of what must not be changed now. A call that was
// under way when that began may still have its effect.
func (o *oracle) mustNotChange(t *team, what string) {
	now, d := time.Now(), o.declared(t)
	if d != nil && d.Spec.ManagementPolicy == binding.Observe && now.Sub(o.given) > recent {
		o.fail("Observe changes nothing", "%s is %s", t.name, what)
	}
	if s := o.ledger.suspended[t.name]; now.Before(s.until) && now.Sub(s.since) > recent && !o.clockMoved {
		o.fail("a suspension is kept", "%s is %s, and suspended until %s", t.name, what, s.until)
	}
	if d != nil && d.Spec.Suspend.Active(o.w.now()) && now.Sub(o.given) > recent {
		o.fail("a suspension is kept", "%s is %s, and its declaration is suspended", t.name, what)
	}
	for _, c := range o.w.config.Instances {
		windows := o.w.config.WindowsOf(c)
		if c.Name == t.instance && !windows.At(o.w.now()).Open && !windows.At(o.w.now().Add(-recent)).Open && now.Sub(o.started) > recent {
			o.fail("windows are kept", "%s is %s outside of them", t.name, what)
		}
	}
}

// owner is whose an image repository is.
func (o *oracle) owner(image string) *team {
	for _, t := range o.w.git.teams {
		if image == t.image(0) || image == t.image(1) {
			return t
		}
	}
	return nil
}

// team is whose account a platform of an instance is.
func (o *oracle) team(instance, platform string) *team {
	at := slices.IndexFunc(o.w.git.teams, func(t *team) bool { return t.instance == instance && string(t.platform) == platform })
	if at < 0 {
		return nil
	}
	return o.w.git.teams[at]
}
