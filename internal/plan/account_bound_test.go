package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// bound returns an input in which gitlabDeclaration is applied, after a change.
func bound(change func(*binding.Declaration, *binding.Record, *plan.Input)) func() plan.Input {
	return func() plan.Input {
		d := gitlabDeclaration()
		r := applied(d)
		in := boundTo(input(d), gitlabAccount())
		change(&d, &r, &in)
		in.Declarations, in.Records = []binding.Declaration{d}, []binding.Record{r}
		return in
	}
}

func TestAccountBound(t *testing.T) {
	none := func(*binding.Declaration, *binding.Record, *plan.Input) {}
	runCases(t, map[string]planCase{
		"as declared, by meaning": {in: bound(none), want: []string{"noop account"}, reason: "bound as declared"},
		"as declared and never ours is rebound once, for nobody knows with which token": {
			in:   func() plan.Input { return boundTo(input(gitlabDeclaration()), gitlabAccount()) },
			want: []string{"rebind account token version:(unknown)>3"}, reason: "it is not known which token it was bound with",
		},
		"with another deletion policy writes memory only": {
			in:   bound(func(d *binding.Declaration, _ *binding.Record, _ *plan.Input) { d.Spec.DeletionPolicy = binding.Unbind }),
			want: []string{"adopt account deletionPolicy:Retain>Unbind"}, reason: "deletion policy",
		},
		"anew by somebody, as declared, is rebound, for nobody knows with which token": {
			in:   bound(func(_ *binding.Declaration, r *binding.Record, _ *plan.Input) { r.AccountID = "1" }),
			want: []string{"rebind account token version:(unknown)>3"}, reason: "bound the account again",
		},
		"without a known secret is kept": {
			in: bound(func(_ *binding.Declaration, _ *binding.Record, in *plan.Input) {
				in.Observation.Tokens = nil
			}),
			want: []string{"noop account"}, reason: "secret unavailable (NotAsked)", codes: []string{"warning secret-unavailable"},
		},
		"under a new name of the declaration is taken along": {
			in: bound(func(_ *binding.Declaration, r *binding.Record, _ *plan.Input) {
				r.Binding, r.DeletionPolicy = "before", binding.Unbind
			}),
			want: []string{"adopt account binding:before>payments-gitlab"}, reason: "renamed",
		},
	})
}

func TestAccountBoundWithANewerToken(t *testing.T) {
	runCases(t, map[string]planCase{
		"a secret that was made anew and counts from the same version": {
			in: bound(func(_ *binding.Declaration, r *binding.Record, in *plan.Input) {
				token := in.Observation.Tokens["payments-gitlab"]
				token.Created = noon()
				in.Observation.Tokens["payments-gitlab"] = token
				r.TokenVersion, r.TokenCreated = token.Version, noon().Add(-time.Hour)
			}),
			want:   []string{"rebind account token version:3 (of the deleted secret)>3 (of the new secret)"},
			reason: "token",
		},
		"with a newer token is rebound": {
			in:   bound(func(_ *binding.Declaration, r *binding.Record, _ *plan.Input) { r.TokenVersion = 2 }),
			want: []string{"rebind account token version:2>3"}, reason: "another version",
		},
		"with another token in a store without versions is rebound": {
			in: bound(func(_ *binding.Declaration, r *binding.Record, in *plan.Input) {
				r.TokenVersion, r.TokenFingerprint = 0, "a"
				in.Observation.Tokens["payments-gitlab"] = binding.TokenState{Fingerprint: "b"}
			}),
			want: []string{"rebind account token version:(applied last)>(changed)"},
		},
		"with a token kept elsewhere is rebound": {
			in: bound(func(d *binding.Declaration, _ *binding.Record, _ *plan.Input) {
				d.Spec.Token = &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "new", Key: "token"}}
			}),
			want: []string{"rebind account token:secret/acr/gitlab#token>secret/new#token"}, reason: "kept elsewhere",
		},
		"with another version of a token kept elsewhere is rebound": {
			in: bound(func(d *binding.Declaration, r *binding.Record, _ *plan.Input) {
				d.Spec.Token = &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "new", Key: "token"}}
				r.TokenVersion = 2
			}),
			want: []string{"rebind account token:secret/acr/gitlab#token>secret/new#token token version:2>3"}, reason: "kept elsewhere",
		},
		"with a token kept in a store without versions is rebound": {
			in: bound(func(d *binding.Declaration, _ *binding.Record, in *plan.Input) {
				d.Spec.Token = &binding.Token{Vault: binding.VaultRef{Mount: "kv", Path: "new", Key: "token"}}
				in.Observation.Tokens["payments-gitlab"] = binding.TokenState{Fingerprint: "b"}
			}),
			want: []string{"rebind account token:secret/acr/gitlab#token>kv/new#token"}, reason: "kept elsewhere",
		},
		"with a newer token where the driver cannot unbind is a person's step": {
			in: bound(func(_ *binding.Declaration, r *binding.Record, in *plan.Input) {
				r.TokenVersion, in.Observation.Capabilities.Unbind = 2, false
			}),
			want: []string{"manual account token version:2>3"}, reason: "cannot unbind",
		},
	})
}

// TestAccountBoundWithARefusedToken: a token that was refused is not tried again,
// until there is a different one or the refusal is a day old.
func TestAccountBoundWithARefusedToken(t *testing.T) {
	runCases(t, map[string]planCase{
		"with a newer token that was refused is kept": {
			in: bound(func(_ *binding.Declaration, r *binding.Record, _ *plan.Input) {
				r.TokenVersion, r.Refused = 2, refusedThird()
			}),
			want: []string{"noop account"}, reason: "token-refused", codes: []string{"warning token-refused"},
		},
		"with a newer token that was refused long ago, and no way back, is kept": {
			in: bound(func(_ *binding.Declaration, r *binding.Record, _ *plan.Input) {
				r.TokenVersion, r.Refused = 2, refusedThird()
				r.Refused.At = noon().Add(-48 * time.Hour)
			}),
			want: []string{"noop account"}, reason: "token-refused", codes: []string{"warning token-refused"},
		},
		"with a token of the number of one that was refused, of a secret made anew, is rebound": {
			in: bound(func(_ *binding.Declaration, r *binding.Record, in *plan.Input) {
				token := in.Observation.Tokens["payments-gitlab"]
				token.Created = noon()
				in.Observation.Tokens["payments-gitlab"] = token
				r.TokenVersion, r.Refused = 2, refusedThird()
				r.Refused.Created = noon().Add(-time.Hour)
			}),
			want: []string{"rebind account token version:2>3"}, reason: "another version",
		},
		"with a token that was refused and is the same is kept": {
			in: bound(func(_ *binding.Declaration, r *binding.Record, in *plan.Input) {
				token := in.Observation.Tokens["payments-gitlab"]
				token.Created = noon()
				in.Observation.Tokens["payments-gitlab"] = token
				r.TokenVersion, r.Refused = 2, refusedThird()
				r.Refused.Created = noon().In(time.FixedZone("", 3600))
			}),
			want: []string{"noop account"}, reason: "token-refused", codes: []string{"warning token-refused"},
		},
		"with a newer token that was refused a day ago is rebound": {
			in: bound(func(_ *binding.Declaration, r *binding.Record, in *plan.Input) {
				r.TokenVersion, r.Refused = 2, refusedThird()
				r.Refused.At = noon().Add(-binding.RefusalLasts)
				in.Observation.Tokens["payments-gitlab"] = withPrevious(in.Observation.Tokens["payments-gitlab"], nil)
			}),
			want: []string{"rebind account token version:2>3"}, reason: "another version",
		},
		"with a newer token that was refused a day ago is kept where there is no way back": {
			in: bound(func(_ *binding.Declaration, r *binding.Record, in *plan.Input) {
				r.TokenVersion, r.Refused = 2, refusedThird()
				r.Refused.At = noon().Add(-binding.RefusalLasts)
				in.Observation.Tokens["payments-gitlab"] = withPrevious(in.Observation.Tokens["payments-gitlab"],
					&binding.Unknown{Reason: "Destroyed", Certain: true})
			}),
			want: []string{"noop account"}, reason: "token-refused", codes: []string{"warning token-refused"},
		},
		"with a newer token that an earlier version of the program says was refused is rebound": {
			in: bound(func(_ *binding.Declaration, r *binding.Record, in *plan.Input) {
				r.TokenVersion, r.Refused = 2, refusedThird()
				r.Refused.At = time.Time{}
				in.Observation.Tokens["payments-gitlab"] = withPrevious(in.Observation.Tokens["payments-gitlab"], nil)
			}),
			want: []string{"rebind account token version:2>3"}, reason: "another version",
		},
	})
}

func TestAccountBoundUnderAnotherName(t *testing.T) {
	runCases(t, map[string]planCase{
		"under another declared name is rebound": {
			in:   bound(func(d *binding.Declaration, _ *binding.Record, _ *plan.Input) { d.Spec.Username = "new-bot" }),
			want: []string{"rebind account username:CI-bot>new-bot"}, reason: "the declaration changed",
		},
		"under another name by drift is rebound": {
			in: bound(func(_ *binding.Declaration, _ *binding.Record, in *plan.Input) {
				a := gitlabAccount()
				a.Username = "person"
				*in = boundTo(*in, a)
			}),
			want: []string{"rebind account username:person>ci-bot"}, reason: "drift: ",
		},
		"under another name by drift is told where the declaration says Report": {
			in: bound(func(d *binding.Declaration, _ *binding.Record, in *plan.Input) {
				d.Spec.DriftPolicy = binding.Report
				a := gitlabAccount()
				a.Username = "person"
				*in = boundTo(*in, a)
			}),
			want: []string{"noop account"}, reason: "drift: ", codes: []string{"warning drift"},
		},
		"under another declared name is rebound under Report too": {
			in: bound(func(d *binding.Declaration, _ *binding.Record, _ *plan.Input) {
				d.Spec.DriftPolicy, d.Spec.Username = binding.Report, "new-bot"
			}),
			want: []string{"rebind account username:CI-bot>new-bot"}, reason: "the declaration changed",
		},
		"to somebody else's account asks for adopt": {
			in: bound(func(d *binding.Declaration, r *binding.Record, _ *plan.Input) {
				d.Spec.Username, r.Managed = "new-bot", false
			}),
			want:   []string{"forbidden account username:CI-bot>new-bot"},
			reason: "adopt-required", codes: []string{"error adopt-required"},
		},
		"to somebody else's account is replaced with adopt": {
			in: bound(func(d *binding.Declaration, r *binding.Record, _ *plan.Input) {
				d.Spec.Username, d.Spec.Adopt, r.Managed = "new-bot", true, false
			}),
			want: []string{"rebind account username:CI-bot>new-bot"}, reason: "adopt: true",
		},
	})
}

func TestOAuthBoundToAnotherAccountIsAPersonsStep(t *testing.T) {
	d := githubDeclaration()
	in := boundTo(input(d), &binding.Account{ID: "7", Platform: binding.GitHub, Username: "other"})
	r := applied(d)
	r.Username = "other"
	in.Records = []binding.Record{r}
	p := plan.Make(in)
	if diff := cmp.Diff([]string{"authorize account username:other>octo"}, brief(p)); diff != "" {
		t.Fatal(diff)
	}
	steps := strings.Join(texts(p.Actions[0].Steps), "\n")
	unbind, bind := strings.Index(steps, "unbind the account"), strings.Index(steps, "Authorize AliyunDeveloper")
	if unbind < 0 || bind < unbind {
		t.Errorf("want steps that let go before they bind:\n%s", steps)
	}
}

func TestOAuthAccountThatCannotBeBoundIsForbidden(t *testing.T) {
	in := input(githubDeclaration())
	in.Observation.Tokens["web-github"] = binding.TokenState{Answers: []binding.Answer{
		{Question: "account-personal", Verdict: binding.No, Code: "github-personal", Reason: "Organization", Message: message.Verbatim("octo is an organization")},
	}}
	p := plan.Make(in)
	if diff := cmp.Diff([]string{"forbidden account"}, brief(p)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"error github-personal"}, codes(p)); diff != "" {
		t.Error(diff)
	}
}

func TestConsoleDriverKnowsWhatAPersonConfirmed(t *testing.T) {
	with := func(change func(*binding.Record)) binding.Record {
		r := applied(gitlabDeclaration())
		change(&r)
		return r
	}
	console := func(record ...binding.Record) plan.Input {
		in := input(gitlabDeclaration())
		in.Observation.Capabilities = binding.Capabilities{}
		in.Observation.Accounts = map[binding.Platform]binding.AccountState{
			binding.GitLab: {Unknown: &binding.Unknown{Reason: "NotCapable", Message: message.Verbatim("the driver cannot tell")}},
		}
		in.Records = record
		return in
	}
	older := applied(gitlabDeclaration())
	older.TokenVersion = 2
	removed := func() plan.Input {
		r := applied(gitlabDeclaration())
		r.DeletionPolicy = binding.Unbind
		in := console(r)
		in.Declarations = nil
		return in
	}
	runCases(t, map[string]planCase{
		"nothing yet": {
			in:   func() plan.Input { return console() },
			want: []string{strings.Replace(bindLine, "bind", "manual", 1)}, reason: "no person has confirmed",
		},
		"all of it":      {in: func() plan.Input { return console(applied(gitlabDeclaration())) }, want: []string{"noop account"}, reason: "as a person confirmed"},
		"an older token": {in: func() plan.Input { return console(older) }, want: []string{"manual account token version:2>3"}, reason: "has to change"},
		"no declaration": {in: removed, want: []string{"manual account username:ci-bot>"}, reason: "no longer declared"},
	})
	for name, tt := range map[string]struct {
		record binding.Record
		want   plan.Cause
	}{
		"an older token":                 {older, plan.CauseTokenVersion},
		"another user":                   {with(func(r *binding.Record) { r.Username = "old-bot" }), plan.CauseDeclarationChanged},
		"a token that is kept elsewhere": {with(func(r *binding.Record) { r.Vault.Path = "acr/old" }), plan.CauseDeclarationChanged},
	} {
		if a := plan.Make(console(tt.record)).Actions[0]; a.Kind != plan.Manual || a.Cause != tt.want {
			t.Errorf("%s: %s, %s", name, a.Kind, a.Cause)
		}
	}
}
