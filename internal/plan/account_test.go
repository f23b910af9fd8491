package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// before and after are the values of a change as text.
func before(c plan.Change) string { return c.From + report.English().Text(c.FromMessage) }
func after(c plan.Change) string  { return c.To + report.English().Text(c.ToMessage) }

// brief shows a plan as lines: kind, object, changes.
func brief(p plan.Plan) []string {
	lines := []string{}
	for _, a := range p.Actions {
		line := string(a.Kind) + " " + a.Object.String()
		for _, c := range a.Changes {
			line += " " + c.Field + ":" + before(c) + ">" + after(c)
		}
		lines = append(lines, line)
	}
	return lines
}

func codes(p plan.Plan) []string {
	list := []string{}
	for _, f := range p.Findings {
		list = append(list, string(f.Severity)+" "+f.Code)
	}
	return list
}

// planCase is one input and the expected plan.
type planCase struct {
	in     func() plan.Input
	want   []string
	reason string
	codes  []string
}

func runCases(t *testing.T, cases map[string]planCase) {
	t.Helper()
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			p := plan.Make(tt.in())
			if diff := cmp.Diff(tt.want, brief(p)); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
			if len(p.Actions) == 0 || !strings.Contains(text(p.Actions[0].Reason), tt.reason) {
				t.Errorf("want a first reason with %q, got %+v", tt.reason, p.Actions)
			}
			if diff := cmp.Diff(tt.codes, codes(p)); diff != "" && len(tt.codes)+len(p.Findings) > 0 {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

const bindLine = "bind account address:>https://gitlab.example.com token:>secret/acr/gitlab#token token version:>3 username:>ci-bot"

// refusedThird is the refusal of version 3 of gitlabDeclaration's token, an hour
// ago.
func refusedThird() binding.Refusal {
	refusal := binding.RefusalOf(gitlabDeclaration().Spec, 3, time.Time{})
	refusal.At = noon().Add(-time.Hour)
	return refusal
}

// withPrevious returns a token whose version 2 was applied last. unknown says why
// the secret store does not have that version; nil if it does.
func withPrevious(state binding.TokenState, unknown *binding.Unknown) binding.TokenState {
	state.Previous = &binding.PreviousToken{Vault: gitlabDeclaration().Spec.Token.Vault, Version: 2, Unknown: unknown}
	return state
}

// withToken changes what is known about the token of gitlabDeclaration.
func withToken(change func(*binding.TokenState)) plan.Input {
	in := input(gitlabDeclaration())
	state := in.Observation.Tokens["payments-gitlab"]
	change(&state)
	in.Observation.Tokens["payments-gitlab"] = state
	return in
}

func TestAccountNotBound(t *testing.T) {
	runCases(t, map[string]planCase{
		"is bound": {
			in:   func() plan.Input { return input(gitlabDeclaration()) },
			want: []string{bindLine}, reason: "declared and not bound",
		},
		"after drift is bound again": {
			in: func() plan.Input {
				in := input(gitlabDeclaration())
				in.Records = []binding.Record{applied(gitlabDeclaration())}
				return in
			},
			want: []string{bindLine}, reason: "drift: ",
		},
		"after drift is only told where the declaration says Report": {
			in: func() plan.Input {
				d := gitlabDeclaration()
				d.Spec.DriftPolicy = binding.Report
				in := input(d)
				in.Records = []binding.Record{applied(d)}
				return in
			},
			want: []string{"noop account"}, reason: "drift: ", codes: []string{"warning drift"},
		},
		"in the middle of our own rebind is no drift": {
			in: func() plan.Input {
				d := gitlabDeclaration()
				d.Spec.DriftPolicy = binding.Report
				in := input(d)
				in.Records = []binding.Record{applied(d)}
				in.Intents = []binding.Intent{{Instance: "prod", Binding: d.Name, Platform: binding.GitLab, Action: "rebind", Object: binding.AccountObject()}}
				return in
			},
			want: []string{bindLine}, reason: "declared and not bound",
		},
		"is a person's step where the driver cannot bind": {
			in: func() plan.Input {
				in := input(gitlabDeclaration())
				in.Observation.Capabilities.Bind = false
				in.Observation.Capabilities.Reasons = map[string]message.Message{"bind": message.Verbatim("the path answered 404")}
				return in
			},
			want:   []string{strings.Replace(bindLine, "bind", "manual", 1)},
			reason: "the registry's driver cannot bind (the path answered 404)",
		},
		"by OAuth is a person's authorization": {
			in:   func() plan.Input { return input(githubDeclaration()) },
			want: []string{"authorize account username:>octo"}, reason: "declared and not bound",
		},
	})
}

func TestAccountNotBoundWithABadToken(t *testing.T) {
	refused := func(change func(*plan.Input)) func() plan.Input {
		return func() plan.Input {
			in := withToken(func(s *binding.TokenState) { *s = withPrevious(*s, nil) })
			r := applied(gitlabDeclaration())
			r.TokenVersion, r.Refused = 2, refusedThird()
			in.Records = []binding.Record{r}
			change(&in)
			return in
		}
	}
	runCases(t, map[string]planCase{
		"that was refused, and is only looked at, falls back to no other": {
			in:   refused(func(in *plan.Input) { in.Declarations[0].Spec.ManagementPolicy = binding.Observe }),
			want: []string{strings.Replace(bindLine, "bind", "noop", 1)}, reason: "GitLab is no longer bound", codes: []string{"warning observed-difference"},
		},
		"that was refused, of a binding that was removed, falls back to no other": {
			in: refused(func(in *plan.Input) {
				in.Records[0] = in.Records[0].AsRemoved()
				in.Records[0].Refused = refusedThird()
			}),
			want: []string{"noop account"}, reason: "token-refused", codes: []string{"warning token-refused"},
		},
		"without a secret is kept": {
			in: func() plan.Input {
				return withToken(func(s *binding.TokenState) {
					s.Unknown = &binding.Unknown{Reason: "Sealed", Message: message.Verbatim("Vault is sealed")}
				})
			},
			want: []string{"noop account"}, reason: "secret unavailable (Sealed)", codes: []string{"warning secret-unavailable"},
		},
		"with a token that the host refuses is forbidden": {
			in: func() plan.Input {
				return withToken(func(s *binding.TokenState) {
					s.Answers = []binding.Answer{
						{Question: "token-valid", Verdict: binding.UnknownAsked},
						{Question: "token-scope", Verdict: binding.No, Code: "gitlab-token-scope", Reason: "MissingScope", Message: message.Verbatim("no scope api")},
					}
				})
			},
			want: []string{"forbidden account"}, reason: "gitlab-token-scope", codes: []string{"error gitlab-token-scope"},
		},
		"with a token of a project is bound with a warning": {
			in: func() plan.Input {
				return withToken(func(s *binding.TokenState) {
					s.Answers = []binding.Answer{
						{Question: "token-valid", Verdict: binding.Yes, Reason: "TokenActive", Message: message.Verbatim("active")},
						{Question: "token-kind", Verdict: binding.Yes, Code: "gitlab-token-kind", Reason: "ProjectAccessToken", Message: message.Verbatim("one project only")},
					}
				})
			},
			want: []string{bindLine}, reason: "declared and not bound", codes: []string{"warning gitlab-token-kind"},
		},
		"with a no that names no rule is forbidden all the same": {
			in: func() plan.Input {
				return withToken(func(s *binding.TokenState) {
					s.Answers = []binding.Answer{{Question: "token-valid", Verdict: binding.No, Reason: "Revoked", Message: message.Verbatim("revoked")}}
				})
			},
			want: []string{"forbidden account"}, reason: "host-refused", codes: []string{"error host-refused"},
		},
		"with a token that has ended is forbidden": {
			in: func() plan.Input {
				return withToken(func(s *binding.TokenState) { s.Expires, s.ExpiresSource = noon().Add(-time.Hour), "host" })
			},
			want: []string{"forbidden account"}, reason: "token-expiry", codes: []string{"error token-expiry"},
		},
		"with a version that was refused waits for a newer one": {
			in: func() plan.Input {
				in := input(gitlabDeclaration())
				in.Records = []binding.Record{{Instance: "prod", Binding: "payments-gitlab", Platform: binding.GitLab, Refused: refusedThird()}}
				return in
			},
			want: []string{"noop account"}, reason: "token-refused", codes: []string{"warning token-refused"},
		},
	})
}

// TestAccountThatMayBeBound: nothing is bound if the account is unknown.
func TestAccountThatMayBeBound(t *testing.T) {
	runCases(t, map[string]planCase{
		"is not known": {
			in: func() plan.Input {
				in := input(gitlabDeclaration())
				in.Observation.Accounts[binding.GitLab] = binding.AccountState{Unknown: &binding.Unknown{Reason: "Throttled", Message: message.Verbatim("slow down")}}
				return in
			},
			want: []string{"noop account"}, reason: "unknown (Throttled)", codes: []string{"warning observation-unknown"},
		},
		"was not asked": {
			in: func() plan.Input {
				in := input(gitlabDeclaration())
				delete(in.Observation.Accounts, binding.GitLab)
				return in
			},
			want: []string{"noop account"}, reason: "unknown (NotAsked)", codes: []string{"warning observation-unknown"},
		},
		"on an instance that stopped": {
			in: func() plan.Input {
				in := input(gitlabDeclaration(), githubDeclaration())
				in.Observation.Unknown = &binding.Unknown{Reason: "InstanceStop", Message: message.Verbatim("USER_NOT_EXIST")}
				return in
			},
			want: []string{"noop account", "noop account"}, reason: "unknown (InstanceStop)", codes: []string{"warning observation-unknown"},
		},
	})
}

// TestAccountNotBoundAndHeld by a suspension or a different declaration.
func TestAccountNotBoundAndHeld(t *testing.T) {
	runCases(t, map[string]planCase{
		"is suspended": {
			in: func() plan.Input {
				d := gitlabDeclaration()
				d.Spec.Suspend = &binding.Suspend{Until: binding.DateOf(noon()), Reason: "release freeze", Owner: "payments"}
				return input(d)
			},
			want: []string{"noop account"}, reason: "suspended until 2026-11-22 by payments: release freeze",
		},
		"was suspended until yesterday": {
			in: func() plan.Input {
				d := gitlabDeclaration()
				d.Spec.Suspend = &binding.Suspend{Until: binding.DateOf(noon().AddDate(0, 0, -1)), Owner: "payments"}
				return input(d)
			},
			want: []string{bindLine}, reason: "declared", codes: []string{"warning suspend-ended"},
		},
		"is claimed twice": {
			in: func() plan.Input {
				other := gitlabDeclaration()
				other.Name = "z"
				return input(other, gitlabDeclaration())
			},
			want: []string{"forbidden account", "forbidden account"}, reason: "binding-unique",
		},
	})
}
