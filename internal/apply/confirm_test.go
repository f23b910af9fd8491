package apply_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/registry"
	"reconciler/internal/state"
	"reconciler/internal/worldtest"
)

// lagging does not show an account for that many reads after it was bound.
type lagging struct {
	worldtest.Registry
	platform binding.Platform
	reads    *int
}

func (r lagging) Account(ctx context.Context, p binding.Platform) (*binding.Account, error) {
	account, err := r.Registry.Account(ctx, p)
	if account != nil && p == r.platform && *r.reads > 0 {
		*r.reads--
		return nil, err
	}
	return account, err
}

const ms = time.Millisecond

// TestAWriteIsLookedForUntilTheRegistryShowsIt: an account of GitLab and one of Codeup
// are bound, and the registry does not show that of GitLab for some reads.
func TestAWriteIsLookedForUntilTheRegistryShowsIt(t *testing.T) {
	for name, tt := range map[string]struct {
		hidden int
		settle time.Duration
		alone  bool // there are no further reads
		stops  bool // the first wait is interrupted
		reads  int
		waits  []time.Duration
		unseen bool
	}{
		"at once":                     {0, 2 * time.Minute, false, false, 1, nil, false},
		"at the third look":           {2, 2 * time.Minute, false, false, 3, []time.Duration{100 * ms, 200 * ms}, false},
		"at the last look":            {5, 2 * time.Minute, false, false, 6, []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms}, false},
		"at none":                     {99, 2 * time.Minute, false, false, 6, []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms}, true},
		"another look shows the same": {99, 2 * time.Minute, true, false, 1, nil, true},
		"the process ends":            {99, 2 * time.Minute, false, true, 1, []time.Duration{100 * ms}, true},
		"it shows writes at once":     {99, 0, false, false, 0, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, hidden := newSite(), tt.hidden
			s.reads = lagging{worldtest.Registry{World: s.World}, binding.GitLab, &hidden}
			var waits []time.Duration
			s.options = func(o *apply.Options) {
				if o.Settle = tt.settle; tt.alone {
					return
				}
				o.Wait = func(_ context.Context, d time.Duration) error {
					if waits = append(waits, d); tt.stops {
						return context.Canceled
					}
					return nil
				}
			}
			round := s.round(t, worldtest.GitLab(func(d *binding.Declaration) { d.Spec.Repositories = nil }), worldtest.Codeup())
			s.Calls = nil
			result := s.apply(t.Context(), round)
			if n := s.Count("account gitlab"); n != tt.reads {
				t.Errorf("%d looks, want %d", n, tt.reads)
			}
			if diff := cmp.Diff(tt.waits, waits); diff != "" {
				t.Errorf("waits (-want +got):\n%s", diff)
			}
			for _, o := range result.Outcomes {
				if want := tt.unseen && o.Action.Platform == binding.GitLab; o.State != plan.Done || o.Unseen != want {
					t.Errorf("%s of %s: %s, unseen %t, want %t", o.Action.Kind, o.Action.Binding, o.State, o.Unseen, want)
				}
			}
			if result.Incomplete != tt.unseen || result.Unanswered {
				t.Errorf("incomplete: %t, unanswered: %t", result.Incomplete, result.Unanswered)
			}
			got := s.Records()["pay-gitlab/gitlab"].Written
			want := binding.Write{At: s.Now, Seen: !tt.unseen && tt.settle > 0, Late: tt.hidden > 0 && tt.settle > 0}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("remembered of the write (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOnlyWhatARunWroteIsLookedFor: an adoption and a step for a person write nothing.
func TestOnlyWhatARunWroteIsLookedFor(t *testing.T) {
	declared := func(name string) binding.Declaration {
		return worldtest.GitLab(func(d *binding.Declaration) { d.Name, d.Spec.Repositories = name, nil })
	}
	for name, tt := range map[string]struct {
		prepare func(s *site)
		reads   int
	}{
		"a bind":          {func(*site) {}, 1},
		"an adoption":     {func(s *site) { s.applied(t, declared("earlier")) }, 0},
		"a person's step": {func(s *site) { s.Caps.Bind = false }, 0},
		"nothing, while an earlier bind is not shown": {func(s *site) {
			s.reads = lagging{worldtest.Registry{World: s.World}, binding.GitLab, new(99)}
			s.applied(t, declared("pay-gitlab"))
		}, 0},
		"a bind that fails": {func(s *site) { s.FailOn("bind", worldtest.Fault{Before: errFull}) }, 1}, // to find out its outcome
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite()
			s.options = func(o *apply.Options) { o.Settle = 2 * time.Minute }
			tt.prepare(s)
			fault := s.Fault
			s.Fault = nil
			round := s.round(t, declared("pay-gitlab"))
			s.Fault, s.Calls = fault, nil
			s.apply(t.Context(), round)
			if n := s.Count("account gitlab"); n != tt.reads {
				t.Errorf("%d looks, want %d; calls: %q", n, tt.reads, s.Calls)
			}
		})
	}
}

// TestAWriteThatIsNotShownIsNoWriteOfTheRun: the account was bound before, and no
// read shows it. The link of its image repository succeeds or fails.
func TestAWriteThatIsNotShownIsNoWriteOfTheRun(t *testing.T) {
	for _, fails := range []bool{false, true} {
		s := newSite()
		s.options = func(o *apply.Options) { o.Settle = 2 * time.Minute }
		s.reads = lagging{worldtest.Registry{World: s.World}, binding.GitLab, new(99)}
		d := worldtest.GitLab(func(d *binding.Declaration) { d.Spec.Repositories[0].Rules = nil })
		s.applied(t, worldtest.GitLab(func(d *binding.Declaration) { d.Spec.Repositories = nil }))
		round := s.round(t, d)
		if fails {
			s.FailOn("link", worldtest.Fault{Before: failing(binding.Refused)})
		}
		s.Calls = nil
		for _, o := range s.apply(t.Context(), round).Outcomes {
			switch {
			case o.Action.Object.IsAccount():
				if o.State != plan.Kept || o.Unseen {
					t.Errorf("the account, the link fails %t: %s, unseen %t", fails, o.State, o.Unseen)
				}
			case (o.State == plan.Failed) != fails || o.Unseen:
				t.Errorf("%s, fails %t: %s, unseen %t, %v", o.Action.Kind, fails, o.State, o.Unseen, o.Err)
			}
		}
		if looked := s.Count("account gitlab") > 0; looked == fails {
			t.Errorf("the link fails %t: the account was looked at %t; calls: %q", fails, looked, s.Calls)
		}
	}
}

// TestAnUnbindThatIsNotShownConcernsItsPlatformOnly: the binding moves from GitLab to
// Codeup.
func TestAnUnbindThatIsNotShownConcernsItsPlatformOnly(t *testing.T) {
	s := newSite()
	s.options = func(o *apply.Options) { o.Settle = 2 * time.Minute }
	before := worldtest.GitLab(func(d *binding.Declaration) { d.Spec.Repositories = nil }, unbinds)
	s.applied(t, before)
	old := *s.Accounts[binding.GitLab]
	s.Passes(time.Hour)
	s.reads = shownStill{s.reads, old}
	after := worldtest.GitLab(func(d *binding.Declaration) { d.Spec.Repositories = nil }, unbinds, toCodeup)
	result := s.apply(t.Context(), s.round(t, after))
	if len(result.Outcomes) != 2 {
		t.Fatalf("%+v", result.Outcomes)
	}
	for _, o := range result.Outcomes {
		if want := o.Action.Platform == binding.GitLab; o.State != plan.Done || o.Unseen != want {
			t.Errorf("%s of %s: %s, unseen %t, want %t", o.Action.Kind, o.Action.Platform, o.State, o.Unseen, want)
		}
	}
}

// shownStill shows an account of GitLab that was unbound.
type shownStill struct {
	registry.Reader
	account binding.Account
}

func (r shownStill) Account(ctx context.Context, p binding.Platform) (*binding.Account, error) {
	if p == binding.GitLab {
		return &r.account, nil
	}
	return r.Reader.Account(ctx, p)
}

// scriptedObserver answers each observation with the next one of its list, and repeats the
// last one.
type scriptedObserver struct {
	answers []binding.Observation
	// images are the image repositories asked about, by observation.
	images [][]string
}

func (l *scriptedObserver) ObserveEach(_ context.Context, _ [][]binding.Declaration, _ []binding.SecretTargets, records []binding.Record, _ binding.Depth) []binding.Observation {
	var images []string
	for _, r := range records {
		for _, i := range r.Images {
			images = append(images, i.Image)
		}
	}
	l.images = append(l.images, images)
	return []binding.Observation{l.answers[min(len(l.images), len(l.answers))-1]}
}

// readAgain has an observation that lacks what was shown before, what the next
// reads show, and the expected result for the account, the link and the rule.
type readAgain struct {
	record  func(*binding.Record)
	first   binding.Observation
	again   []binding.Observation
	waits   []time.Duration
	stops   bool
	account string
	link    string
	rule    string
}

const isKept, isDoubted, notSaid = "kept", "doubted", "kept, for nothing says that it is gone"

func shownRule() binding.ObservedRule {
	return binding.ObservedRule{ID: "3", BuildRule: binding.BuildRule{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"}}
}

func shownLink() binding.Link {
	return binding.Link{Platform: binding.GitLab, Source: "pay/api", Trigger: binding.Manual}
}

func observedAgain(account bool, states map[string]binding.RepositoryState) binding.Observation {
	obs := none()
	if account {
		obs = binding.Observation{Accounts: map[binding.Platform]binding.AccountState{
			binding.GitLab: {Account: &binding.Account{ID: "7", Platform: binding.GitLab, Username: "ci"}},
		}}
	}
	obs.Repositories = states
	return obs
}

func (tt readAgain) check(t *testing.T) {
	t.Helper()
	rule, link := shownRule(), shownLink()
	record := binding.Record{Instance: "prod", Binding: "pay", Platform: binding.GitLab, AccountID: "7", Username: "ci", Managed: true}
	for _, image := range []string{"a/b", "c/d"} {
		record.Images = append(record.Images, binding.RecordedImage{Image: image, Link: &link, Rules: []binding.RecordedRule{{ID: "3", Key: rule.Key(), Dockerfile: "/Dockerfile"}}})
	}
	tt.record(&record)
	store := state.NewMemory()
	observer, waits := &scriptedObserver{answers: tt.again}, []time.Duration(nil)
	applier := apply.New(apply.Options{
		Instance: "prod", Store: store, Now: noon, Settle: 2 * time.Minute, Observer: observer, Emit: func(plan.Event) {}, Moved: func() {},
		Wait: func(_ context.Context, d time.Duration) error {
			if waits = append(waits, d); tt.stops {
				return errors.New("the process ends")
			}
			return nil
		},
	})
	var images []string
	if a := tt.first.Repositories["a/b"]; a.Link == nil || len(a.Rules) == 0 {
		images = []string{"a/b"}
	}
	second := observedAgain(false, map[string]binding.RepositoryState{})
	round := &plan.Round{Input: plan.Input{Records: []binding.Record{record}}}
	if err := applier.AnswerIntents(t.Context(), round, tt.first, second); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tt.waits, waits); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
	was := func(w binding.Write, of binding.Write) string {
		if w == (binding.Write{}) && of != w {
			return isDoubted
		}
		return isKept
	}
	after := round.Records[0]
	got := [3]string{
		was(after.Written, record.Written), was(after.Images[0].LinkWritten, record.Images[0].LinkWritten), was(after.Images[0].Rules[0].Written, record.Images[0].Rules[0].Written),
	}
	want := [3]string{tt.account, tt.link, tt.rule}
	said := !slices.Contains(want[:], notSaid)
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], notSaid, isKept)
	}
	if got != want {
		t.Errorf("account, link and rule are %q, want %q", got, want)
	}
	for i, read := range observer.images {
		if diff := cmp.Diff(images, read); diff != "" {
			t.Errorf("image repositories read at look %d (-want +got):\n%s", i, diff)
		}
	}
	// If it is found again, all observations have it.
	if len(tt.waits) > 0 && !tt.stops && said && got == [3]string{isKept, isKept, isKept} {
		for i, obs := range []binding.Observation{tt.first, second} {
			what := fmt.Sprint(obs.Accounts[binding.GitLab].Account != nil, obs.Repositories["a/b"].Link != nil, len(obs.Repositories["a/b"].Rules) > 0)
			if first := i == 0; first && what != "true true true" || !first && what == "false false false" {
				t.Errorf("observation %d: account, link, rule: %s", i, what)
			}
		}
	}
}

// TestWhatWasShownAndIsNotAnyMoreIsReadAgain: the account, a link or a rule of
// "pay" was written a minute ago and shown since, but the first observation lacks
// it.
func TestWhatWasShownAndIsNotAnyMoreIsReadAgain(t *testing.T) {
	rule, link := shownRule(), shownLink()
	repo := func(l *binding.Link, rules ...binding.ObservedRule) map[string]binding.RepositoryState {
		there := binding.RepositoryState{Exists: true, Link: &link, Rules: []binding.ObservedRule{rule}}
		return map[string]binding.RepositoryState{"a/b": {Exists: true, Link: l, Rules: rules}, "c/d": there}
	}
	all := repo(&link, rule)
	silent := observedAgain(true, all)
	silent.Unknown = &binding.Unknown{Reason: "Timeout"}
	noAccount := observedAgain(true, all)
	noAccount.Accounts[binding.GitLab] = binding.AccountState{Unknown: &binding.Unknown{Reason: "Timeout"}}
	unknownRepo := observedAgain(true, map[string]binding.RepositoryState{"a/b": {Unknown: &binding.Unknown{Reason: "Timeout"}}})
	every := []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms}
	seen := binding.Write{At: noon().Add(-time.Minute), Seen: true}
	whole := func(r *binding.Record) {
		r.Written = seen
		r.Images[0].LinkWritten, r.Images[0].Rules[0].Written = seen, seen
		r.Images[1].LinkWritten, r.Images[1].Rules[0].Written = seen, seen
	}
	late := func(ago time.Duration) func(*binding.Record) {
		return func(r *binding.Record) {
			whole(r)
			r.Images[1].LinkWritten = binding.Write{At: noon().Add(-ago), Seen: true, Late: true}
		}
	}
	for name, tt := range map[string]readAgain{
		"everything is shown":                  {whole, observedAgain(true, all), nil, nil, false, isKept, isKept, isKept},
		"the account, and is there":            {whole, observedAgain(false, all), []binding.Observation{observedAgain(true, all)}, every[:1], false, isKept, isKept, isKept},
		"the account, and is there later":      {whole, observedAgain(false, all), []binding.Observation{observedAgain(false, all), observedAgain(true, all)}, every[:2], false, isKept, isKept, isKept},
		"the account, and is gone":             {whole, observedAgain(false, all), []binding.Observation{observedAgain(false, all)}, every, false, isDoubted, isKept, isKept},
		"the account, and nothing answers":     {whole, observedAgain(false, all), []binding.Observation{silent}, every, false, notSaid, isKept, isKept},
		"the account, and is not known":        {whole, observedAgain(false, all), []binding.Observation{noAccount}, every, false, notSaid, isKept, isKept},
		"the account, and was not asked for":   {whole, observedAgain(false, all), []binding.Observation{{Repositories: all}}, every, false, notSaid, isKept, isKept},
		"the account, and the process ends":    {whole, observedAgain(false, all), []binding.Observation{observedAgain(true, all)}, every[:1], true, isKept, isKept, isKept},
		"the account, shown late lately":       {late(30 * time.Minute), observedAgain(false, all), nil, nil, false, isKept, isKept, isKept},
		"the account, shown late long ago":     {late(2 * time.Hour), observedAgain(false, all), []binding.Observation{observedAgain(false, all)}, every, false, isDoubted, isKept, isKept},
		"the link, and is there":               {whole, observedAgain(true, repo(nil, rule)), []binding.Observation{observedAgain(true, all)}, every[:1], false, isKept, isKept, isKept},
		"the link, and is gone":                {whole, observedAgain(true, repo(nil, rule)), []binding.Observation{observedAgain(true, repo(nil, rule))}, every, false, isKept, isDoubted, isKept},
		"the link, and is not known":           {whole, observedAgain(true, repo(nil, rule)), []binding.Observation{unknownRepo}, every, false, isKept, notSaid, isKept},
		"the link, and nothing answers":        {whole, observedAgain(true, repo(nil, rule)), []binding.Observation{silent}, every, false, isKept, notSaid, isKept},
		"the link, and was not asked for":      {whole, observedAgain(true, repo(nil, rule)), []binding.Observation{observedAgain(true, nil)}, every, false, isKept, notSaid, isKept},
		"the rule, and is there":               {whole, observedAgain(true, repo(&link)), []binding.Observation{observedAgain(true, all)}, every[:1], false, isKept, isKept, isKept},
		"the rule, and is gone":                {whole, observedAgain(true, repo(&link)), []binding.Observation{observedAgain(true, repo(&link))}, every, false, isKept, isKept, isDoubted},
		"link and rule, and the link is there": {whole, observedAgain(true, repo(nil)), []binding.Observation{observedAgain(true, repo(&link))}, every, false, isKept, isKept, isDoubted},
		"the link, never shown before":         {func(r *binding.Record) { r.Images[0].LinkWritten = binding.Write{At: seen.At} }, observedAgain(true, repo(nil, rule)), nil, nil, false, isKept, isKept, isKept},
		"the link, written before settle began": {func(r *binding.Record) {
			r.Images[0].LinkWritten = binding.Write{At: noon().Add(-time.Hour), Seen: true}
		}, observedAgain(true, repo(nil, rule)), nil, nil, false, isKept, isKept, isKept},
	} {
		t.Run(name, tt.check)
	}
}
