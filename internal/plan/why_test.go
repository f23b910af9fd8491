package plan_test

import (
	"slices"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// onImage is the action on the image repository of a case.
func onImage(t *testing.T, in plan.Input) plan.Action {
	t.Helper()
	actions := plan.Make(in).Actions
	i := slices.IndexFunc(actions, func(a plan.Action) bool { return a.Object.Kind == binding.ObjectRepository })
	if i < 0 {
		t.Fatalf("nothing is planned for it: %+v", actions)
	}
	return actions[i]
}

// because is the innermost reason of an action.
func because(a plan.Action) string {
	m := a.Reason
	for {
		why, is := m.Args.Get("reason").(message.Message)
		if !is {
			return m.ID
		}
		m = why
	}
}

// TestWhyASourceIsLinked: each reason to link a source has a cause of its own. It
// was missing, somebody changed it, its declaration changed, or it was never ours.
func TestWhyASourceIsLinked(t *testing.T) {
	other := func(w *linkWorld) { w.state.Link.Source = "elsewhere/api" }
	for name, tt := range map[string]struct {
		change []func(*linkWorld)
		kind   plan.Kind
		cause  plan.Cause
		reason string
	}{
		"nothing was linked": {[]func(*linkWorld){foreign, func(w *linkWorld) { w.state.Link = nil }}, plan.Link, plan.CauseAbsent, "reason.not-linked"},
		"ours is gone":       {[]func(*linkWorld){func(w *linkWorld) { w.state.Link = nil }}, plan.Link, plan.CauseDrift, "reason.link-drift"},
		"ours was changed":   {[]func(*linkWorld){other}, plan.Relink, plan.CauseDrift, "reason.link-drift"},
		"something else is declared": {
			[]func(*linkWorld){func(w *linkWorld) { w.repository.Source = "payments/new" }}, plan.Relink, plan.CauseDeclarationChanged, "reason.declaration-changed",
		},
		"something else is declared, and ours is gone": {
			[]func(*linkWorld){func(w *linkWorld) { w.repository.Source, w.state.Link = "payments/new", nil }}, plan.Link, plan.CauseAbsent, "reason.not-linked",
		},
		"others linked it": {
			[]func(*linkWorld){foreign, other, func(w *linkWorld) { w.spec.Adopt = true }}, plan.Relink, plan.CauseForeign, "reason.linked-by-others",
		},
		"others linked what is only observed": {
			[]func(*linkWorld){foreign, other, func(w *linkWorld) { w.spec.ManagementPolicy = binding.Observe }}, plan.Noop, plan.CauseDiffers, "reason.linked-differently",
		},
		"ours was changed, and is only observed now": {
			[]func(*linkWorld){other, func(w *linkWorld) { w.spec.ManagementPolicy = binding.Observe }}, plan.Noop, plan.CauseDrift, "reason.link-drift",
		},
	} {
		a := onImage(t, linkCase(func(w *linkWorld) {
			for _, change := range tt.change {
				change(w)
			}
		})())
		if a.Kind != tt.kind || a.Cause != tt.cause || because(a) != tt.reason {
			t.Errorf("%s: %s %s %s", name, a.Kind, a.Cause, because(a))
		}
	}
}

// TestWhatAPersonConfirmsOfAnImageRepository: a link that nobody has confirmed, a
// link that changes, or its rules.
func TestWhatAPersonConfirmsOfAnImageRepository(t *testing.T) {
	for name, tt := range map[string]struct {
		readable []string
		change   func(*linkWorld)
		reason   string
	}{
		"nothing is known of it":      {nil, foreign, "reason.link-not-confirmed"},
		"only its rules are known":    {nil, func(w *linkWorld) { w.record.Images[0].Link = nil }, "reason.link-not-confirmed"},
		"its link changes":            {nil, func(w *linkWorld) { w.repository.Source = "payments/new" }, "reason.link-changes"},
		"its rules cannot be read":    {[]string{"sources"}, func(w *linkWorld) { w.record.Images[0].Rules = nil }, "reason.rules-not-confirmed"},
		"neither, and its rules move": {nil, func(w *linkWorld) { w.repository.Rules[0].Dockerfile = "/new" }, "reason.link-changes"},
	} {
		can := binding.Capabilities{ListAccounts: true, Bind: true, ReadRepositories: true, ReadSources: slices.Contains(tt.readable, "sources")}
		a := onImage(t, see(linkCase(tt.change)(), can))
		if a.Kind != plan.Manual || because(a) != tt.reason {
			t.Errorf("%s: %s %s", name, a.Kind, because(a))
		}
	}
}

// TestAnAnswerOfTheCodeHostIsFoundAtWhatItIsAbout: the token, or the account that a
// person authorizes.
func TestAnAnswerOfTheCodeHostIsFoundAtWhatItIsAbout(t *testing.T) {
	for path, d := range map[string]binding.Declaration{"spec.token": gitlabDeclaration(), "spec.username": githubDeclaration()} {
		in := input(d)
		in.Observation.Tokens[d.Name] = binding.TokenState{Answers: []binding.Answer{{Question: binding.QuestionTokenValid, Verdict: binding.No, Reason: "Gone"}}}
		found := plan.Make(in).Findings
		if len(found) != 1 || found[0].Code != "host-refused" || found[0].Path != path {
			t.Errorf("%s: %+v", path, found)
		}
	}
}

// TestARoundForAnotherSnapshotHasItsDeclarations, and does not change the round
// that it is made from.
func TestARoundForAnotherSnapshotHasItsDeclarations(t *testing.T) {
	was := gitlabDeclaration()
	gone := applied(githubDeclaration())
	in := boundTo(input(was), &binding.Account{ID: "8", Platform: binding.GitHub, Username: "octo"})
	gone.AccountID, gone.DeletionPolicy = "8", binding.Unbind
	in.Records = []binding.Record{gone}
	in.Policy.AllowDeletions = true
	round := plan.NewRound(plan.Round{Revision: "r1", Input: in})
	is := was
	is.Revision = "r2"
	next := round.For(plan.Desired{Revision: "r2", Declarations: []binding.Declaration{is}})
	revisions := func(r *plan.Round) (all []string) {
		for _, a := range r.Plan.Actions {
			if d := a.Target.Declaration; d != nil {
				all = append(all, d.Revision)
			} else {
				all = append(all, "none of "+a.Binding)
			}
		}
		return all
	}
	for r, want := range map[*plan.Round]string{round: "r1", next: "r2"} {
		if got := revisions(r); r.Revision != want || len(got) != 2 || !slices.Contains(got, want) || !slices.Contains(got, "none of "+gone.Binding) {
			t.Errorf("round %s: %q, want %s", r.Revision, got, want)
		}
	}
}

// TestWhatIsSaidOfTheEndOfAToken: a declared end has the same message as in the
// check of files, any other end names its source. The end that is declared now
// counts, unless the code host reports an earlier one.
func TestWhatIsSaidOfTheEndOfAToken(t *testing.T) {
	day := func(n int) time.Time { return binding.DateOf(noon().AddDate(0, 0, n)).End() }
	for name, tt := range map[string]struct {
		declared int // In days; 0 is today, and a negative number means no end.
		observed time.Time
		source   string
		says     string
		count    any
	}{
		"declared, today":                {0, time.Time{}, "", "token.ends-today", nil},
		"declared, tomorrow":             {1, time.Time{}, "", "token.ends-tomorrow", nil},
		"declared, in two days":          {2, time.Time{}, "", "token.ends", 2},
		"the host's, today":              {-1, day(0), binding.FromHost, "token.end-source token.ends-today", nil},
		"the host's, in two days":        {-1, day(2), binding.FromHost, "token.end-source token.ends", 2},
		"the host's, over":               {-1, day(-1), binding.FromHost, "token.end-source token.ended", nil},
		"declared anew, later than once": {10, day(2), binding.FromDeclaration, "token.ends", 10},
		"declared later than the host's": {10, day(2), binding.FromHost, "token.end-source token.ends", 2},
		"declared before the host's":     {2, day(10), binding.FromHost, "token.ends", 2},
		"declared, and no longer":        {-1, day(2), binding.FromDeclaration, "token.ends", 2},
	} {
		d := gitlabDeclaration()
		if tt.declared >= 0 {
			d.Spec.Token.Expires = binding.DateOf(day(tt.declared))
		}
		in := input(d)
		state := in.Observation.Tokens[d.Name]
		state.Expires, state.ExpiresSource = tt.observed, tt.source
		in.Observation.Tokens[d.Name] = state
		found := plan.Make(in).Findings
		if len(found) != 1 || found[0].Code != "token-expiry" {
			t.Fatalf("%s: %+v", name, found)
		}
		m := found[0].Message
		says := m.ID
		if end, is := m.Args.Get("end").(message.Message); is {
			m, says = end, says+" "+end.ID
		}
		if says != tt.says || m.Args.Get("count") != tt.count {
			t.Errorf("%s: %s %v", name, says, m.Args.Get("count"))
		}
	}
}

// TestARebindSaysWhatTheWayBackIs: the version that is bound now is bound again, if
// it is known and the secret store has it.
func TestARebindSaysWhatTheWayBackIs(t *testing.T) {
	for name, tt := range map[string]struct {
		version int
		unknown *binding.Unknown
		want    string
	}{
		"the version before":          {2, nil, "step.way-back"},
		"it is not in the store":      {2, &binding.Unknown{Reason: "Deleted"}, "step.way-back-lost"},
		"nobody knows which is bound": {0, nil, "step.no-way-back"},
	} {
		d := gitlabDeclaration()
		in := boundTo(input(d), gitlabAccount())
		record := applied(d)
		record.TokenVersion = tt.version
		in.Records = []binding.Record{record}
		in.Observation.Tokens[d.Name] = withPrevious(in.Observation.Tokens[d.Name], tt.unknown)
		kind, _, steps := asks(in, binding.ObjectAccount)
		if kind != plan.Rebind || !hasStep(steps, tt.want) {
			t.Errorf("%s: %s, %+v", name, kind, steps)
		}
	}
}
