package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// stepsOf returns the steps for a person to bind an account, without those that
// lead to the page.
func stepsOf(t *testing.T, in plan.Input) (names []string) {
	t.Helper()
	kind, _, steps := asks(in, binding.ObjectAccount)
	if !kind.ByPerson() {
		t.Fatalf("nothing is asked of a person: %s", kind)
	}
	i := slices.IndexFunc(steps, func(m message.Message) bool { return m.ID == "step.bind-account" })
	for _, m := range steps[i:] {
		name := m.ID
		for _, arg := range []string{"username", "address", "repositories", "port"} {
			if value := fmt.Sprint(m.Args.Get(arg)); value != "" && value != "<nil>" {
				name += " " + value
			}
		}
		names = append(names, name)
	}
	return names
}

// TestTheStepsThatBindAnAccount name what is declared and, for an account that is
// bound, what a person does not have to change.
func TestTheStepsThatBindAnAccount(t *testing.T) {
	at := func(address string) binding.Declaration {
		d := gitlabDeclaration()
		d.Spec.Address = address
		return d
	}
	newer := func(in *plan.Input) {
		for name, token := range in.Observation.Tokens {
			token.Version, token.Latest = 4, 4
			in.Observation.Tokens[name] = token
		}
	}
	for name, tt := range map[string]struct {
		of    binding.Declaration
		again func(*plan.Input)
		want  []string
	}{
		"GitLab": {
			gitlabDeclaration(), nil,
			[]string{"step.bind-account", "step.address https://gitlab.example.com", "step.username ci-bot", "step.token", "step.confirm"},
		},
		"GitLab by HTTP": {
			at("http://gitlab.example.com:80"), nil,
			[]string{"step.bind-account", "step.address http://gitlab.example.com:80", "step.username ci-bot", "step.token", "step.confirm"},
		},
		"GitLab by HTTP, at another port": {
			at("http://gitlab.example.com:8080"), nil,
			[]string{"step.bind-account", "step.address http://gitlab.example.com:8080", "step.username ci-bot", "step.token", "step.confirm", "step.trigger-url :8080"},
		},
		"GitLab by HTTPS, at another port": {
			at("https://gitlab.example.com:8443"), nil,
			[]string{"step.bind-account", "step.address https://gitlab.example.com:8443", "step.username ci-bot", "step.token", "step.confirm"},
		},
		"Codeup": {
			codeupDeclaration("code"), nil,
			[]string{"step.bind-account", "step.endpoint", "step.username-codeup ci-bot", "step.token", "step.confirm"},
		},
		"GitLab, another token": {
			gitlabDeclaration(), newer,
			[]string{"step.bind-account", "step.as-before ci-bot https://gitlab.example.com", "step.token", "step.confirm"},
		},
		"Codeup, another token": {
			codeupDeclaration("code"), newer,
			[]string{"step.bind-account", "step.as-before ci-bot", "step.token", "step.confirm"},
		},
		"Codeup, another user": {
			codeupDeclaration("code"), func(in *plan.Input) { in.Declarations[0].Spec.Username = "next" },
			[]string{"step.bind-account", "step.username-codeup next", "step.token", "step.confirm"},
		},
	} {
		in := console(tt.of)
		if tt.again != nil {
			attest(&in, plan.Make(in))
			tt.again(&in)
		}
		got := slices.DeleteFunc(stepsOf(t, in), func(s string) bool { return s == "step.attest" })
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	elsewhere := codeupDeclaration("codeup")
	elsewhere.Spec.Address = "http://codeup.example.com:8080"
	for _, step := range plan.Make(input(elsewhere)).Actions[0].Steps {
		if step.ID == "step.trigger-url" {
			t.Errorf("another platform than GitLab: %s", text(step))
		}
	}
}

// TestTheStepsOfASignInSayWhatFollows: how many image repositories are linked after
// it, if the registry allows that.
func TestTheStepsOfASignInSayWhatFollows(t *testing.T) {
	const next = "step.next-plan-links"
	for n := range 3 {
		for _, can := range []binding.Capabilities{everything(), {}, {ReadSources: true}, {LinkRepositories: true}} {
			d := githubDeclaration()
			for i := range n {
				r := repository()
				r.Image = fmt.Sprintf("web/%d", i)
				d.Spec.Repositories = append(d.Spec.Repositories, r)
			}
			in := input(d)
			in.Observation.Capabilities = can
			in.Observation.Capabilities.ListAccounts = true
			steps := stepsOf(t, in)
			want := n > 0 && can.ReadSources && can.LinkRepositories
			if slices.Contains(steps, fmt.Sprintf("%s %d", next, n)) != want {
				t.Errorf("%d image repositories, able to %+v: %q", n, can, steps)
			}
		}
	}
}

// TestTheStepsNameTheMenuOfTheEdition, which is that of the instance or of a
// declaration.
func TestTheStepsNameTheMenuOfTheEdition(t *testing.T) {
	for _, tt := range []struct {
		instance, declared binding.Edition
		want               bool
	}{
		{binding.Personal, binding.Personal, false},
		{"", "", false},
		{binding.Enterprise, "", true},
		{"", binding.Enterprise, true},
		{binding.Enterprise, binding.Enterprise, true},
	} {
		d := githubDeclaration()
		d.Edition = tt.declared
		in := input(d)
		in.Instance.Edition = tt.instance
		_, _, steps := asks(in, binding.ObjectAccount)
		i := slices.IndexFunc(steps, func(m message.Message) bool { return m.ID == "step.code-source" })
		if i < 0 || steps[i].Args.Get("enterprise") != tt.want {
			t.Errorf("%q, %q: %+v, want %t", tt.instance, tt.declared, steps, tt.want)
		}
	}
}
