package plan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

func TestStepsForAPersonAreExact(t *testing.T) {
	in := input(gitlabDeclaration(), githubDeclaration())
	in.Observation.Capabilities.Bind = false
	steps := ""
	for _, a := range plan.Make(in).Actions {
		steps += strings.Join(texts(a.Steps), "\n") + "\n"
	}
	for _, want := range []string{
		"region cn-hangzhou", "instance (prod) > Repository > Code Source", "row of GitLab", "Bind Account",
		"Address: https://gitlab.example.com", "Username: ci-bot", "from Vault, secret/acr/gitlab#token, version 3",
		"Go to the source code repository to bind account", "Sign in to GitHub as octo", "Authorize AliyunDeveloper",
	} {
		if !strings.Contains(steps, want) {
			t.Errorf("want a step with %q in:\n%s", want, steps)
		}
	}
}

func TestTriggerURLOfAnOddPortIsAStep(t *testing.T) {
	for address, want := range map[string]bool{
		"http://git.example.com:8080": true, "http://git.example.com:80": false,
		"http://git.example.com": false, "http://[2001:db8::1]": false, "http://[2001:db8::1]:8080/git/": true, "https://git.example.com": false,
	} {
		d := gitlabDeclaration()
		d.Spec.Address = address
		p := plan.Make(input(d))
		got := slices.ContainsFunc(texts(p.Actions[0].Steps), func(s string) bool { return strings.Contains(s, "trigger URL (:8080)") })
		if got != want {
			t.Errorf("%s: a step for the trigger URL: got %v, want %v", address, got, want)
		}
	}
}

func TestRebindPromisesTheWayBack(t *testing.T) {
	in := bound(func(_ *binding.Declaration, r *binding.Record, _ *plan.Input) { r.TokenVersion = 2 })()
	a := plan.Make(in).Actions[0]
	want := []string{
		"Check version 3 of the token at the code host; if the host rejects it, nothing changes",
		"Unbind the account, then bind it again",
		"If the registry refuses it, bind version 2 again, as before, while Vault still has it",
	}
	if diff := cmp.Diff(want, texts(a.Steps)); diff != "" {
		t.Error(diff)
	}
	if a.Target.TokenVersion != 3 || a.Target.Account == nil || a.Target.Record.TokenVersion != 2 {
		t.Errorf("the applier does not get what it needs: %+v", a.Target)
	}
}

func TestExpiryIsToldFromTheFirstThresholdOn(t *testing.T) {
	day := func(n int) binding.Date { return binding.DateOf(noon().AddDate(0, 0, n)) }
	for name, tt := range map[string]struct {
		expires binding.Date
		host    time.Time
		want    string
	}{
		"far":               {expires: day(31)},
		"thirty days":       {expires: day(30), want: "warning the token expires in 30 days, on 2026-12-22"},
		"tomorrow":          {expires: day(1), want: "warning the token expires tomorrow"},
		"today":             {expires: day(0), want: "warning the token expires today"},
		"yesterday":         {expires: day(-1), want: "error the token expired on 2026-11-21"},
		"host knows nearer": {expires: day(300), host: noon().AddDate(0, 0, 7), want: "warning the token expires in 7 days, on 2026-11-29 (according to: host)"},
		"nobody knows":      {},
	} {
		t.Run(name, func(t *testing.T) {
			d := gitlabDeclaration()
			d.Spec.Token.Expires = tt.expires
			in := boundTo(input(d), gitlabAccount())
			in.Records = []binding.Record{applied(d)}
			in.Observation.Tokens[d.Name] = binding.TokenState{Version: 3, Expires: tt.host, ExpiresSource: "host"}
			got := ""
			for _, f := range plan.Make(in).Findings {
				got = string(f.Severity) + " " + report.English().Text(f.Message)
				if f.File != d.File || f.Line != 9 || f.Path != "spec.token.expires" {
					t.Errorf("not at the token: %+v", f)
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
