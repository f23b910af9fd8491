package apply_test

import (
	"testing"
	"time"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/state"
)

// The outcome of an intent that an earlier run left open.
const (
	stays   = "stays open"
	counts  = "is done"
	dropped = "had no effect"
	rebound = "the account has to be bound again"
)

func noon() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }

// answered returns the outcome of an intent at noon, if the registry may take two
// minutes to show a write.
func answered(t *testing.T, intent binding.Intent, obs binding.Observation, records ...binding.Record) string {
	t.Helper()
	intent.Instance, intent.Binding, intent.Platform = "prod", "pay", binding.GitLab
	store := state.NewMemory()
	if err := store.PutIntent(t.Context(), intent); err != nil {
		t.Fatal(err)
	}
	var reported []plan.Event
	applier := apply.New(apply.Options{
		Instance: "prod", Store: store, Now: noon, Settle: 2 * time.Minute, Moved: func() {},
		Emit: func(e plan.Event) { reported = append(reported, e) },
	})
	round := &plan.Round{Input: plan.Input{Intents: []binding.Intent{intent}, Records: records}}
	if err := applier.AnswerIntents(t.Context(), round, obs); err != nil {
		t.Fatal(err)
	}
	left, err := store.Intents(t.Context(), "prod")
	if err != nil || len(left) < len(round.Intents) {
		t.Fatalf("%v, %v", left, err)
	}
	if want := 1 - len(round.Intents); len(reported) != want || want > 0 && (reported[0].Kind != plan.Recovered || reported[0].Intent.Action != intent.Action) {
		t.Errorf("of %s of %s: %d open, events %+v", intent.Action, intent.Object, len(round.Intents), reported)
	}
	kept, err := store.Records(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case len(round.Intents) == 1 && round.Intents[0].Answered:
		return rebound
	case len(round.Intents) == 1:
		return stays
	case len(kept) > 0:
		return counts
	}
	return dropped
}

// accountIntent is an intent from ten minutes ago, when account 7 was bound.
func accountIntent(kind plan.Kind, change ...func(*binding.Intent)) binding.Intent {
	before := binding.Record{Instance: "prod", Binding: "pay", Platform: binding.GitLab, AccountID: "7", Username: "ci", Managed: true}
	after := before
	after.AccountID, after.Unbound = "", "7"
	if kind == plan.Unbind {
		after = before.AsRemoved()
	}
	i := binding.Intent{Action: string(kind), Object: binding.AccountObject(), Record: before, After: after, Started: noon().Add(-10 * time.Minute)}
	for _, c := range change {
		c(&i)
	}
	return i
}

func young(i *binding.Intent)    { i.Started = noon().Add(-time.Minute) }
func released(i *binding.Intent) { i.Released = true }
func already(i *binding.Intent)  { i.Answered = true }
func unnumbered(i *binding.Intent) {
	i.Record.AccountID, i.After.Unbound = "", ""
}

func account(id, username string) binding.Observation {
	a := &binding.Account{ID: id, Platform: binding.GitLab, Username: username}
	return binding.Observation{Accounts: map[binding.Platform]binding.AccountState{binding.GitLab: {Account: a}}}
}

func none() binding.Observation {
	return binding.Observation{Accounts: map[binding.Platform]binding.AccountState{binding.GitLab: {}}}
}

// TestAnIntentOfAnAccountIsAnsweredByWhatIsBound.
func TestAnIntentOfAnAccountIsAnsweredByWhatIsBound(t *testing.T) {
	silent := binding.AccountState{Unknown: &binding.Unknown{Reason: "Timeout"}}
	for name, tt := range map[string]struct {
		intent binding.Intent
		obs    binding.Observation
		want   string
	}{
		"adopt, whatever is there":                 {accountIntent(plan.Adopt), binding.Observation{}, counts},
		"the registry does not answer":             {accountIntent(plan.Bind), binding.Observation{Unknown: &binding.Unknown{}, Accounts: none().Accounts}, stays},
		"nothing was asked":                        {accountIntent(plan.Bind), binding.Observation{}, stays},
		"the account is not known":                 {accountIntent(plan.Bind), binding.Observation{Accounts: map[binding.Platform]binding.AccountState{binding.GitLab: silent}}, stays},
		"bind: the account is there":               {accountIntent(plan.Bind), account("8", "ci"), counts},
		"bind: in another writing":                 {accountIntent(plan.Bind), account("8", "CI"), counts},
		"bind: another user":                       {accountIntent(plan.Bind), account("8", "else"), dropped},
		"bind: nothing is there":                   {accountIntent(plan.Bind), none(), dropped},
		"bind: nothing is there yet":               {accountIntent(plan.Bind, young), none(), stays},
		"bind: the account of before":              {accountIntent(plan.Bind), account("7", "ci"), dropped},
		"bind: numbers are not known":              {accountIntent(plan.Bind, unnumbered), account("", "ci"), counts},
		"bind after an unbind: nothing":            {accountIntent(plan.Bind, released), none(), rebound},
		"bind after an unbind: nothing yet":        {accountIntent(plan.Bind, released, young), none(), stays},
		"bind after an unbind: of before":          {accountIntent(plan.Bind, released), account("7", "ci"), rebound},
		"bind after an unbind: there":              {accountIntent(plan.Bind, released), account("8", "ci"), counts},
		"answered bind: nothing":                   {accountIntent(plan.Bind, already), none(), rebound},
		"answered bind: somebody bound":            {accountIntent(plan.Bind, already), account("9", "ci"), dropped},
		"answered bind: without a number":          {accountIntent(plan.Bind, already), account("", "ci"), counts},
		"rebind: nothing is there":                 {accountIntent(plan.Rebind), none(), rebound},
		"rebind: nothing is there, a minute later": {accountIntent(plan.Rebind, young), none(), rebound},
		"rebind: the account of before":            {accountIntent(plan.Rebind), account("7", "ci"), dropped},
		"rebind: still the account of before":      {accountIntent(plan.Rebind, young), account("7", "ci"), stays},
		"rebind: another account":                  {accountIntent(plan.Rebind), account("8", "ci"), counts},
		"rebind: another user":                     {accountIntent(plan.Rebind), account("8", "else"), dropped},
		"unbind: nothing is there":                 {accountIntent(plan.Unbind), none(), counts},
		"unbind: another account":                  {accountIntent(plan.Unbind), account("8", "ci"), counts},
		"unbind: the account":                      {accountIntent(plan.Unbind), account("7", "ci"), dropped},
		"unbind: still the account":                {accountIntent(plan.Unbind, young), account("7", "ci"), stays},
		"unbind: an account without number":        {accountIntent(plan.Unbind), account("", "ci"), dropped},
		"unbind: of one without a number":          {accountIntent(plan.Unbind, unnumbered), account("8", "ci"), dropped},
	} {
		if got := answered(t, tt.intent, tt.obs); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// TestARuleThatWasAnnouncedStaysDueWhileNoOtherTakesItsPlace: a different rule was
// removed for it, and its own call was never sent.
func TestARuleThatWasAnnouncedStaysDueWhileNoOtherTakesItsPlace(t *testing.T) {
	rule := binding.BuildRule{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"}
	there := func(branch, tag, imageTag string) binding.RepositoryState {
		return binding.RepositoryState{Exists: true, Rules: []binding.ObservedRule{{ID: "9", BuildRule: binding.BuildRule{
			Branch: branch, Tag: tag, Dockerfile: "/Dockerfile", ImageTag: imageTag,
		}}}}
	}
	for name, tt := range map[string]struct {
		action    plan.Kind
		announced bool
		state     binding.RepositoryState
		want      string
	}{
		"no rule is there":                {plan.AddRule, true, binding.RepositoryState{Exists: true}, stays},
		"one of another branch and tag":   {plan.AddRule, true, there("next", "", "next"), stays},
		"one of a git tag":                {plan.AddRule, true, there("", "v1", "next"), stays},
		"one of the branch and a git tag": {plan.AddRule, true, there("main", "v1", "next"), stays},
		"one of the branch":               {plan.AddRule, true, there("main", "", "next"), dropped},
		"one for the image tag":           {plan.AddRule, true, there("next", "", "latest"), dropped},
		"the image repository is gone":    {plan.AddRule, true, binding.RepositoryState{}, dropped},
		"it was sent":                     {plan.AddRule, false, binding.RepositoryState{Exists: true}, dropped},
		"a rule is to be changed":         {plan.ChangeRule, true, binding.RepositoryState{Exists: true}, dropped},
	} {
		intent := binding.Intent{
			Action: string(tt.action), Object: binding.RuleObject("pay/api", rule), Rule: binding.ObservedRule{BuildRule: rule},
			Announced: tt.announced, Started: noon().Add(-10 * time.Minute),
		}
		obs := binding.Observation{Repositories: map[string]binding.RepositoryState{"pay/api": tt.state}}
		if got := answered(t, intent, obs); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// TestKind5OnlyAnAccountOfTheTimeOfTheCallHasItsToken: the process died after the
// call, and was away for ten minutes. An account created after the call may be
// somebody else's, with the same name and a different token.
func TestKind5OnlyAnAccountOfTheTimeOfTheCallHasItsToken(t *testing.T) {
	made := func(before time.Duration) binding.Observation {
		obs := account("8", "ci")
		obs.Accounts[binding.GitLab].Account.Created = noon().Add(-before)
		return obs
	}
	with := func(i *binding.Intent) { i.After.TokenVersion = 3 }
	for name, tt := range map[string]struct {
		intent binding.Intent
		obs    binding.Observation
		want   int
	}{
		"bind: made at once":              {accountIntent(plan.Bind, with), made(10 * time.Minute), 3},
		"bind: made during the call":      {accountIntent(plan.Bind, with), made(10*time.Minute - 20*time.Second), 0},
		"bind: made as its time ended":    {accountIntent(plan.Bind, with), made(10*time.Minute - 30*time.Second), 0},
		"bind: made after it":             {accountIntent(plan.Bind, with), made(9 * time.Minute), 0},
		"bind: made too late":             {accountIntent(plan.Bind, with), made(7 * time.Minute), 0},
		"rebind: made at once":            {accountIntent(plan.Rebind, with), made(10 * time.Minute), 3},
		"rebind: made too late":           {accountIntent(plan.Rebind, with), made(time.Minute), 0},
		"second half: made at once":       {accountIntent(plan.Bind, with, released), made(10 * time.Minute), 3},
		"second half: made too late":      {accountIntent(plan.Bind, with, released), made(7 * time.Minute), 0},
		"at an unknown time, seen soon":   {accountIntent(plan.Bind, with, func(i *binding.Intent) { i.Started = noon().Add(-20 * time.Second) }), account("8", "ci"), 0},
		"at an unknown time, seen later":  {accountIntent(plan.Bind, with, young), account("8", "ci"), 0},
		"at an unknown time, seen late":   {accountIntent(plan.Bind, with), account("8", "ci"), 0},
		"our clock was a little ahead":    {accountIntent(plan.Bind, with), made(10*time.Minute + 20*time.Second), 0},
		"our clock was ahead at the call": {accountIntent(plan.Bind, with), made(48 * time.Hour), 0},
		"our clock was a minute ahead":    {accountIntent(plan.Rebind, with), made(11 * time.Minute), 0},
		"another bind may have made it":   {accountIntent(plan.Bind, with, func(i *binding.Intent) { i.Doubtful = true }), made(10 * time.Minute), 0},
		"adopted":                         {accountIntent(plan.Adopt, with), made(time.Minute), 3},
	} {
		store, intent := state.NewMemory(), tt.intent
		intent.Instance, intent.Binding, intent.Platform = "prod", "pay", binding.GitLab
		applier := apply.New(apply.Options{
			Instance: "prod", Store: store, Now: noon, CallTimeout: 30 * time.Second, Settle: 2 * time.Minute, Emit: func(plan.Event) {}, Moved: func() {},
		})
		round := &plan.Round{Input: plan.Input{Intents: []binding.Intent{intent}}}
		if err := applier.AnswerIntents(t.Context(), round, tt.obs); err != nil {
			t.Fatal(err)
		}
		kept, err := store.Records(t.Context(), "prod")
		if err != nil || len(kept) != 1 || kept[0].TokenVersion != tt.want {
			t.Errorf("%s: %+v, %v, want version %d", name, kept, err, tt.want)
		}
	}
}

// TestAnIntentOfAnImageRepositoryIsAnsweredByWhatIsThere.
func TestAnIntentOfAnImageRepositoryIsAnsweredByWhatIsThere(t *testing.T) {
	const image = "a/b"
	rule := binding.BuildRule{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"}
	other := binding.BuildRule{Branch: "next", Dockerfile: "/Dockerfile", ImageTag: "next"}
	changed := rule
	changed.Dockerfile = "/other/Dockerfile"
	link := &binding.Link{Platform: binding.GitLab, Source: "pay/api", Trigger: binding.Manual}
	elsewhere := &binding.Link{Platform: binding.GitLab, Source: "pay/old", Trigger: binding.Manual}
	known := binding.Record{Instance: "prod", Binding: "pay", Platform: binding.GitLab, Managed: true, Images: []binding.RecordedImage{
		{Image: image, Rules: []binding.RecordedRule{{ID: "3", Key: rule.Key()}}},
	}}
	intent := func(kind plan.Kind, change ...func(*binding.Intent)) binding.Intent {
		i := binding.Intent{
			Action: string(kind), Object: binding.RepositoryObject(image), Started: noon().Add(-10 * time.Minute), Record: known,
			After: binding.Record{Instance: "prod", Binding: "pay", Platform: binding.GitLab, Managed: true},
		}
		for _, c := range change {
			c(&i)
		}
		return i
	}
	to := func(l *binding.Link) func(*binding.Intent) { return func(i *binding.Intent) { i.Link = l } }
	of := func(id string, r binding.BuildRule) func(*binding.Intent) {
		return func(i *binding.Intent) {
			i.Object, i.Rule = binding.RuleObject(image, r), binding.ObservedRule{ID: id, BuildRule: r}
		}
	}
	is := func(l *binding.Link, rules ...binding.ObservedRule) binding.Observation {
		return binding.Observation{Repositories: map[string]binding.RepositoryState{image: {Exists: true, Link: l, Rules: rules}}}
	}
	// half makes an answer lack the source or the rules.
	half := func(exists, source bool, l *binding.Link, rules ...binding.ObservedRule) binding.Observation {
		state := binding.RepositoryState{Exists: exists, Link: l, Rules: rules}
		if unread := (&binding.Unknown{Reason: "NotCapable"}); source {
			state.SourceUnknown = unread
		} else {
			state.RulesUnknown = unread
		}
		return binding.Observation{Repositories: map[string]binding.RepositoryState{image: state}}
	}
	silent := binding.RepositoryState{Unknown: &binding.Unknown{Reason: "Timeout"}}
	for name, tt := range map[string]struct {
		intent binding.Intent
		obs    binding.Observation
		want   string
	}{
		"nothing was asked":                   {intent(plan.Unlink), binding.Observation{}, stays},
		"it is not known":                     {intent(plan.Unlink), binding.Observation{Repositories: map[string]binding.RepositoryState{image: silent}}, stays},
		"link: there":                         {intent(plan.Link, to(link)), is(link), counts},
		"link: another source":                {intent(plan.Link, to(link)), is(elsewhere), dropped},
		"link: none":                          {intent(plan.Link, to(link)), is(nil), dropped},
		"link: none yet":                      {intent(plan.Link, to(link), young), is(nil), stays},
		"link: the source cannot be read":     {intent(plan.Link, to(link)), half(true, true, nil), stays},
		"link: the rules cannot be read":      {intent(plan.Link, to(link)), half(true, false, link), counts},
		"create: there":                       {intent(plan.Create, to(link)), is(link), counts},
		"create: with another source":         {intent(plan.Create, to(link)), is(elsewhere), dropped},
		"create: without a source":            {intent(plan.Create, to(link)), is(nil), dropped},
		"create: the source cannot be read":   {intent(plan.Create), half(true, true, nil), counts},
		"create: it does not exist":           {intent(plan.Create), half(false, true, nil), dropped},
		"add: the rules cannot be read":       {intent(plan.AddRule, of("", rule)), half(true, false, link), stays},
		"add: the source cannot be read":      {intent(plan.AddRule, of("", rule)), half(true, true, nil, binding.ObservedRule{ID: "9", BuildRule: rule}), counts},
		"relink: there":                       {intent(plan.Relink, to(link)), is(link), counts},
		"relink: the one of before":           {intent(plan.Relink, to(link)), is(elsewhere), dropped},
		"unlink: none":                        {intent(plan.Unlink), is(nil), counts},
		"unlink: still there":                 {intent(plan.Unlink), is(link), dropped},
		"add: there":                          {intent(plan.AddRule, of("", rule)), is(link, binding.ObservedRule{ID: "9", BuildRule: rule}), counts},
		"add: one that was known before":      {intent(plan.AddRule, of("", rule)), is(link, binding.ObservedRule{ID: "3", BuildRule: rule}), dropped},
		"add: another rule":                   {intent(plan.AddRule, of("", rule)), is(link, binding.ObservedRule{ID: "9", BuildRule: other}), dropped},
		"change: done":                        {intent(plan.ChangeRule, of("3", changed)), is(link, binding.ObservedRule{ID: "3", BuildRule: changed}), counts},
		"change: not done":                    {intent(plan.ChangeRule, of("3", changed)), is(link, binding.ObservedRule{ID: "3", BuildRule: rule}), dropped},
		"change: of another rule":             {intent(plan.ChangeRule, of("3", changed)), is(link, binding.ObservedRule{ID: "4", BuildRule: changed}), dropped},
		"change: the rule is gone":            {intent(plan.ChangeRule, of("3", changed)), is(link), dropped},
		"remove: gone":                        {intent(plan.RemoveRule, of("3", rule)), is(link), counts},
		"remove: another of the same is":      {intent(plan.RemoveRule, of("3", rule)), is(link, binding.ObservedRule{ID: "4", BuildRule: rule}), counts},
		"remove: still there":                 {intent(plan.RemoveRule, of("3", rule)), is(link, binding.ObservedRule{ID: "3", BuildRule: rule}), dropped},
		"remove: still there, a minute later": {intent(plan.RemoveRule, of("3", rule), young), is(link, binding.ObservedRule{ID: "3", BuildRule: rule}), stays},
	} {
		if got := answered(t, tt.intent, tt.obs); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// TestWhatWasMadeRecentlyIsNotRemovedByOneRead: a read from before the write does
// not show it either, so this does not prove a removal.
func TestWhatWasMadeRecentlyIsNotRemovedByOneRead(t *testing.T) {
	recent := binding.Write{At: noon().Add(-time.Minute)}
	rule := binding.BuildRule{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"}
	late := binding.Record{Instance: "prod", Binding: "other", Platform: binding.Codeup, Managed: true, Written: binding.Write{At: noon().Add(-30 * time.Minute), Late: true}}
	longAgo := late
	longAgo.Written.At = noon().Add(-2 * time.Hour)
	bound := func(i *binding.Intent) { i.Record.Written = recent }
	image := func(object binding.Object, made string) binding.Intent {
		kind := plan.Unlink
		if object.Kind == binding.ObjectRule {
			kind = plan.RemoveRule
		}
		record := binding.Record{Instance: "prod", Binding: "pay", Platform: binding.GitLab, Managed: true, Images: []binding.RecordedImage{
			{Image: made, LinkWritten: recent, Rules: []binding.RecordedRule{{ID: "3", Key: rule.Key(), Written: recent}}},
		}}
		return binding.Intent{
			Action: string(kind), Object: object, Started: noon().Add(-10 * time.Minute), Record: record,
			After: binding.Record{Instance: "prod", Binding: "pay", Platform: binding.GitLab}, Rule: binding.ObservedRule{ID: "3", BuildRule: rule},
		}
	}
	gone := none()
	gone.Repositories = map[string]binding.RepositoryState{"a/b": {Exists: true}}
	for name, tt := range map[string]struct {
		intent  binding.Intent
		records []binding.Record
		want    string
	}{
		"an account, of a registry that was late":      {accountIntent(plan.Unbind, bound), []binding.Record{late}, stays},
		"a rebind, of a registry that was late":        {accountIntent(plan.Rebind, bound), []binding.Record{late}, stays},
		"an account that was bound long ago":           {accountIntent(plan.Unbind), []binding.Record{late}, counts},
		"an account, of a registry that is not late":   {accountIntent(plan.Unbind, bound), nil, counts},
		"an account, of one that was late hours ago":   {accountIntent(plan.Unbind, bound), []binding.Record{longAgo}, counts},
		"an unbind that was answered":                  {accountIntent(plan.Rebind, bound, already), []binding.Record{late}, rebound},
		"a bind takes nothing away":                    {accountIntent(plan.Bind, bound), []binding.Record{late}, dropped},
		"a source":                                     {image(binding.RepositoryObject("a/b"), "a/b"), nil, stays},
		"a source, and another one was written":        {image(binding.RepositoryObject("a/b"), "c/d"), nil, counts},
		"a rule":                                       {image(binding.RuleObject("a/b", rule), "a/b"), nil, stays},
		"a rule, and that of another image repository": {image(binding.RuleObject("a/b", rule), "c/d"), nil, counts},
	} {
		if got := answered(t, tt.intent, gone, tt.records...); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
