package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

func TestATokenIsNotSentToAnotherHost(t *testing.T) {
	t.Parallel()
	const forbidden, settled, rebind = plan.Forbidden, plan.Noop, plan.Rebind
	change := func(edit func(d *binding.Declaration)) binding.Declaration {
		d := gitlabDeclaration()
		edit(&d)
		return d
	}
	tests := []struct {
		name string
		d    binding.Declaration
		want plan.Kind
	}{
		{"nothing changed", change(func(*binding.Declaration) {}), settled},
		{"another host", change(func(d *binding.Declaration) { d.Spec.Address = "https://gitlab.evil.example" }), forbidden},
		{"another host with another key of the secret", change(func(d *binding.Declaration) {
			d.Spec.Address, d.Spec.Token.Vault.Key = "https://gitlab.evil.example", "other"
		}), forbidden},
		{"another host with a pinned version", change(func(d *binding.Declaration) {
			d.Spec.Address, d.Spec.Token.Vault.Version = "https://gitlab.evil.example", 3
		}), forbidden},
		{"another host under another name", change(func(d *binding.Declaration) {
			d.Name, d.Spec.Address, d.Spec.Adopt = "renamed", "https://gitlab.evil.example", true
		}), forbidden},
		{"a host whose name begins alike", change(func(d *binding.Declaration) {
			d.Spec.Address = "https://gitlab.example.com.evil.example"
		}), forbidden},
		{"another port", change(func(d *binding.Declaration) { d.Spec.Address = "http://gitlab.example.com:8080" }), forbidden},
		{"the same host, over http", change(func(d *binding.Declaration) { d.Spec.Address = "http://gitlab.example.com" }), forbidden},
		{"the same host, written another way", change(func(d *binding.Declaration) {
			d.Spec.Address = "https://GitLab.example.com.:443/users/sign_in"
		}), rebind},
		{"another path of the host", change(func(d *binding.Declaration) { d.Spec.Address = "https://gitlab.example.com/git" }), rebind},
		{"another host with another secret", change(func(d *binding.Declaration) {
			d.Spec.Address, d.Spec.Token.Vault.Path = "https://gitlab.new.example", "acr/new"
		}), rebind},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := boundTo(input(tt.d), gitlabAccount())
			in.Records = []binding.Record{applied(gitlabDeclaration())}
			p := plan.Make(in)
			if len(p.Actions) != 1 || p.Actions[0].Kind != tt.want {
				t.Fatalf("plan %q, want %s", brief(p), tt.want)
			}
			observed := tt.want == forbidden
			if strings.Contains(strings.Join(codes(p), " "), "error address-changed-with-secret") != observed {
				t.Errorf("findings %q", codes(p))
			}
			if observed && !strings.HasPrefix(text(p.Actions[0].Reason), "address-changed-with-secret: the token at secret/acr/gitlab#") {
				t.Errorf("reason %q", text(p.Actions[0].Reason))
			}
			in.Policy.AllowAddressChangeWithSecret = true
			if p := plan.Make(in); observed && strings.Contains(strings.Join(codes(p), " "), "address-changed") {
				t.Errorf("the policy allows it, and yet: %q", codes(p))
			}
		})
	}
}

func TestATokenIsNotSentToAnotherPlatform(t *testing.T) {
	t.Parallel()
	was := gitlabDeclaration()
	was.Name, was.Spec.Platform, was.Spec.Address = "codeup", binding.Codeup, ""
	record := applied(was)
	for name, platform := range map[string]binding.Platform{"a GitLab of one's own": binding.GitLab, "Codeup, as before": binding.Codeup} {
		d := gitlabDeclaration()
		if d.Spec.Platform = platform; platform == binding.Codeup {
			d.Spec.Address = ""
		}
		move := binding.SecretTargets{}.With([]binding.Record{record}, []binding.Declaration{d, was}).Move(d, "")
		if (move != nil) != (platform == binding.GitLab) || move != nil && !cmp.Equal(move.From, []string{"codeup"}) {
			t.Errorf("%s: %+v", name, move)
		}
	}
}

func TestAnAccountThatTheRegistryWritesAnotherWayIsNoMove(t *testing.T) {
	t.Parallel()
	record := applied(gitlabDeclaration())
	record.Asked = binding.Account{Address: record.Address}
	record.Address = "https://10.0.0.1"
	if move := (binding.SecretTargets{}).With([]binding.Record{record}, nil).Move(gitlabDeclaration(), ""); move != nil {
		t.Errorf("moves from %v", move.From)
	}
}

func desired(declarations ...binding.Declaration) plan.Desired {
	return plan.Desired{Declarations: declarations}.Indexed()
}

func TestAddressMovesComparesRevisions(t *testing.T) {
	t.Parallel()
	base := gitlabDeclaration()
	evil := gitlabDeclaration()
	evil.Name, evil.File, evil.Spec.Instance, evil.Spec.Address = "new", "evil/gitlab.yaml", "edge", "https://gitlab.evil.example"
	evil.Positions = binding.NewPositions(binding.FieldPosition{Path: "spec.address", Line: 7, Column: 12})
	got := plan.AddressMoves(desired(base, githubDeclaration()), desired(base, githubDeclaration(), evil))
	want := []finding.Finding{finding.New("address-changed-with-secret", message.New("plan.secret-moves",
		"secret", "secret/acr/gitlab#token", "how", message.New("plan.secret.declared"), "from", []string{"gitlab.example.com"},
		"to", "gitlab.evil.example")).
		At("evil/gitlab.yaml", 7, 12).In("spec.address")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := plan.AddressMoves(plan.Desired{}, desired(evil)); got != nil {
		t.Errorf("a secret that was never declared moves: %v", got)
	}
}

// A token that we applied under a removed name is not sent elsewhere, even if
// somebody else bound a different account since.
func TestATokenStaysWithItsHostWhenItsBindingIsRenamedAndReplaced(t *testing.T) {
	in := input(gitlabDeclaration())
	d := in.Declarations[0]
	in.Records = []binding.Record{{
		Instance: "prod", Binding: "earlier-name", Platform: binding.GitLab, Managed: true, AccountID: "1", Username: "ci-bot",
		Address: "https://elsewhere.example.com", Vault: d.Spec.Token.Vault, TokenVersion: 1,
	}}
	in.Observation.Accounts[binding.GitLab] = binding.AccountState{Account: &binding.Account{ID: "9", Platform: binding.GitLab, Username: "mallory"}}
	for _, a := range plan.Make(in).Actions {
		if a.Object.IsAccount() && a.Binding == d.Name && a.Cause != plan.CauseSecretTarget {
			t.Errorf("%s %s: %s", a.Kind, a.Object, a.Cause)
		}
	}
}
