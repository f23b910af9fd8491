package plan_test

import (
	"slices"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// TestAnIndexIsUsedForItsOwnDeclarationsOnly: declarations that changed since it
// was made are found.
func TestAnIndexIsUsedForItsOwnDeclarationsOnly(t *testing.T) {
	one, two := gitlabDeclaration(), githubDeclaration()
	two.Spec.Instance = "other"
	names := func(d plan.Desired, instance string) (all []string) {
		for _, of := range d.Of(instance) {
			all = append(all, of.Name)
		}
		return all
	}
	both := plan.Desired{Declarations: []binding.Declaration{one, two}}.Indexed()
	if got := names(both, "other"); len(got) != 1 {
		t.Errorf("both: %q", got)
	}
	fewer := both
	fewer.Declarations = both.Declarations[:1]
	if got := names(fewer, "other"); len(got) != 0 {
		t.Errorf("the second is gone: %q", got)
	}
	moved := two
	moved.Spec.Instance = "prod"
	others := both
	others.Declarations = []binding.Declaration{one, moved}
	if got := names(others, "other"); len(got) != 0 {
		t.Errorf("the second has moved: %q", got)
	}
	if got := names(plan.Desired{}.Indexed(), "prod"); len(got) != 0 {
		t.Errorf("nothing is declared: %q", got)
	}
}

// TestAFileThatHoldsAnInstanceHoldsNoOther.
func TestAFileThatHoldsAnInstanceHoldsNoOther(t *testing.T) {
	why := message.New("edition.disagree", "instance", "prod")
	d := plan.Desired{Broken: []string{"b.yaml"}, Held: []binding.HeldInstance{{Instance: "prod", Files: []string{"instances.yaml", "b.yaml"}, Why: why}}}
	files, held := d.BrokenOf("prod")
	if !slices.Equal(files, []string{"b.yaml", "instances.yaml"}) || held.ID != why.ID {
		t.Errorf("prod: %q, %v", files, held)
	}
	if files, held = d.BrokenOf("other"); !slices.Equal(files, []string{"b.yaml"}) || !held.IsZero() {
		t.Errorf("other: %q, %v", files, held)
	}
}

// TestWhatAPersonAttestedOfAnImageRepository: rules that can be read are kept after
// an unlink, and fields of a link that were confirmed before stay confirmed.
func TestWhatAPersonAttestedOfAnImageRepository(t *testing.T) {
	d := gitlabDeclaration()
	d.Spec.Repositories = []binding.Repository{repository()}
	old := applied(d)
	link := wantedLink()
	unlink := plan.Action{Instance: "prod", Binding: d.Name, Platform: binding.GitLab, Object: binding.RepositoryObject("payments/api"), Kind: plan.Manual, Target: plan.Target{Declaration: &d, Image: "payments/api"}}
	relink := unlink
	relink.Target.Link = link
	with := func(rules ...binding.RecordedRule) *binding.Record {
		r := old
		r.Images = []binding.RecordedImage{{Image: "payments/api", Link: link, Rules: rules}}
		return &r
	}
	rule := binding.RecordedRule{ID: "1", Key: mainRule("").Key(), Dockerfile: "/Dockerfile"}
	for name, tt := range map[string]struct {
		old   *binding.Record
		reads bool
		left  int
	}{
		"rules that can be read":    {with(rule), true, 1},
		"rules that cannot be read": {with(rule), false, 0},
		"no rules":                  {with(), true, 0},
	} {
		r := plan.Attested([]plan.Action{unlink}, binding.Capabilities{ReadRules: tt.reads}, tt.old)
		if len(r.Images) != tt.left {
			t.Errorf("%s: %+v", name, r.Images)
		}
	}
	confirmed, not := with(rule), with(rule)
	not.Images[0].Unconfirmed = []string{"buildCache"}
	for name, tt := range map[string]struct {
		old  *binding.Record
		want []string
	}{
		"all was confirmed":       {confirmed, nil},
		"one was not":             {not, []string{"buildCache"}},
		"it was not linked":       {nil, []string{"overseasBuild", "buildCache"}},
		"no image was remembered": {&old, []string{"overseasBuild", "buildCache"}},
	} {
		r := plan.Attested([]plan.Action{relink}, binding.Capabilities{}, tt.old)
		if got := r.Image("payments/api"); got == nil || !slices.Equal(got.Unconfirmed, tt.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestWhatIsMissingSaysWhy: the repository does not exist, or we cannot create it.
func TestWhatIsMissingSaysWhy(t *testing.T) {
	for declares, want := range map[bool]string{false: "reason.no-repository", true: "reason.driver-cannot"} {
		p := plan.Make(missing(func(w *linkWorld) {
			w.in.Observation.Capabilities.CreateRepositories = false
			if w.repository.Create = nil; declares {
				w.repository.Create = &binding.Creation{Visibility: "private", Summary: "s"}
			}
		}))
		i := slices.IndexFunc(p.Actions, func(a plan.Action) bool { return a.Kind == plan.Forbidden })
		if i < 0 || p.Actions[i].Reason.ID != want {
			t.Errorf("declares create %t: %q, %+v", declares, brief(p), p.Actions)
		}
	}
}

// TestAPlanIsDueWhen time makes it a different one: a write has to be shown by
// then, and the days until a token ends change at midnight.
func TestAPlanIsDueWhen(t *testing.T) {
	d := gitlabDeclaration()
	written := applied(d)
	written.Written = binding.Write{At: noon()}
	in := input(d)
	in.Policy.Settle = 2 * time.Minute
	in.Records = []binding.Record{written}
	if got, want := in.Due(), noon().Add(2*time.Minute); !got.Equal(want) {
		t.Errorf("a write: due at %s, want %s", got, want)
	}
	in = input(d)
	in.Policy.Settle = 2 * time.Minute
	in.Intents = []binding.Intent{{Started: noon()}}
	if got, want := in.Due(), noon().Add(2*time.Minute); !got.Equal(want) {
		t.Errorf("an intent: due at %s, want %s", got, want)
	}
	in = input(d)
	in.Observation.Tokens[d.Name] = binding.TokenState{Expires: noon().Add(40 * 24 * time.Hour)}
	if got, want := in.Due(), noon().Add(12*time.Hour); !got.Equal(want) {
		t.Errorf("a token that ends: due at %s, want %s", got, want)
	}
	in = input(d)
	in.Windows = windows(t, []string{"0 22 * * * for 8h in Asia/Shanghai"}, nil)
	if got := in.Due(); !got.Equal(noon()) || in.Windows.At(noon()).Open {
		t.Errorf("a closed window, which may open sooner: due at %s, want %s", got, noon())
	}
}

// TestTheFirstSuspensionThatEndsIsTheNextToEnd, of a person's and of a declaration.
func TestTheFirstSuspensionThatEndsIsTheNextToEnd(t *testing.T) {
	over, first, last := held("a", -time.Hour), held("b", time.Hour), held("c", 2*time.Hour)
	for name, tt := range map[string]struct {
		of   []binding.Suspension
		want time.Time
	}{
		"none": {nil, time.Time{}}, "one that is over": {[]binding.Suspension{over}, time.Time{}},
		"one that ends now": {[]binding.Suspension{held("a", 0)}, time.Time{}},
		"in order":          {[]binding.Suspension{over, first, last}, first.Until},
		"the last first":    {[]binding.Suspension{last, first, over}, first.Until},
	} {
		r := &plan.Round{Input: plan.Input{Suspensions: tt.of, Declarations: []binding.Declaration{gitlabDeclaration()}}}
		if got := r.SuspensionEnd(noon()); !got.Equal(tt.want) {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	d := gitlabDeclaration()
	d.Spec.Suspend = &binding.Suspend{Until: binding.DateOf(noon())}
	r := &plan.Round{Input: plan.Input{Suspensions: []binding.Suspension{held("a", 48*time.Hour)}, Declarations: []binding.Declaration{d}}}
	if got := r.SuspensionEnd(noon()); !got.Equal(d.Spec.Suspend.End()) {
		t.Errorf("a declaration's: %s, want %s", got, d.Spec.Suspend.End())
	}
}

// TestAClosedWindowIsReportedForOursAndForAPerson: one of each waits.
func TestAClosedWindowIsReportedForOursAndForAPerson(t *testing.T) {
	in := input(gitlabDeclaration(), githubDeclaration())
	in.Windows = windows(t, []string{"0 22 * * * for 8h in Asia/Shanghai"}, nil)
	p := plan.Make(in)
	ours, persons := 0, 0
	for _, a := range p.Actions {
		switch {
		case a.Kind.ByPerson():
			persons++
		case a.Kind.Changes():
			ours++
		}
	}
	if ours != 1 || persons != 1 || !slices.Contains(codes(p), "info window-closed") {
		t.Errorf("%d ours, %d of persons: %q %q", ours, persons, brief(p), codes(p))
	}
}

// TestAnOverdueStepIsFoundAtItsDeclaration, if it has one.
func TestAnOverdueStepIsFoundAtItsDeclaration(t *testing.T) {
	in := input(githubDeclaration())
	in.Declarations[0].File = "web.yaml"
	in.RetryStates = []binding.RetryState{{Instance: "prod", Binding: "web-github", Pending: []binding.PendingSince{
		{Platform: binding.GitHub, Object: binding.AccountObject(), Action: "authorize", Since: noon().AddDate(-1, 0, 0)},
	}}}
	for _, f := range plan.Make(in).Findings {
		if f.Code == "person-overdue" && f.File == "web.yaml" {
			return
		}
	}
	t.Error("no finding at web.yaml")
}

// TestAQuotaConcernsWhatIsCreated: without a creation, the usage is not needed.
func TestAQuotaConcernsWhatIsCreated(t *testing.T) {
	in := input(gitlabDeclaration())
	in.Quotas = plan.Quotas{Namespaces: 1, Repositories: 1}
	if got := codes(plan.Make(in)); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// TestWhatIsAdoptedKeepsItsWriteIfItIsTheSame: somebody else bound an account with
// a different number.
func TestWhatIsAdoptedKeepsItsWriteIfItIsTheSame(t *testing.T) {
	d := gitlabDeclaration()
	old := applied(d)
	old.AccountID, old.Written, old.Unbound = "7", binding.Write{At: noon()}, "6"
	for number, kept := range map[string]bool{"7": true, "8": false} {
		account := gitlabAccount()
		account.ID = number
		a := plan.Action{Instance: "prod", Binding: d.Name, Platform: binding.GitLab, Object: binding.AccountObject(), Kind: plan.Adopt, Target: plan.Target{Declaration: &d, Account: account}}
		r := plan.Remember(a, &old, nil)
		if (r.Written == old.Written && r.Unbound == "6") != kept {
			t.Errorf("number %s: %+v", number, r)
		}
	}
	a := plan.Action{Instance: "prod", Binding: d.Name, Platform: binding.GitLab, Object: binding.AccountObject(), Kind: plan.Adopt, Target: plan.Target{Declaration: &d}}
	if r := plan.Remember(a, &old, nil); !r.Written.At.IsZero() || r.Unbound != "" {
		t.Errorf("no account: %+v", r)
	}
}

// TestBindingsThatAreOnlyObservedCountForNoThreshold, because they are not ours.
func TestBindingsThatAreOnlyObservedCountForNoThreshold(t *testing.T) {
	in := four(plan.DefaultPolicy(), binding.GitHub)
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		in.Records = append(in.Records, binding.Record{Instance: "prod", Binding: name, Platform: binding.GitHub, AccountID: "9"})
	}
	if p := plan.Make(in); !p.Refused() {
		t.Errorf("three of four: %q", brief(p))
	}
}

// TestWhatWasStoppedStaysStopped, even if no repair is remembered any longer.
func TestWhatWasStoppedStaysStopped(t *testing.T) {
	in := flappingInput(ruleObject, "gone", 0, func(w *linkWorld) { w.state.Rules = nil })()
	in.RetryStates[0].Repairs[0].Stopped = noon().AddDate(0, -1, 0)
	p := plan.Make(in)
	if !slices.ContainsFunc(p.Actions, func(a plan.Action) bool { return a.Kind == plan.Forbidden && a.Cause == plan.CauseFlapping }) {
		t.Errorf("%q", brief(p))
	}
}
