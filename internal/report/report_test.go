package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// update is the conventional switch of golden tests: go test -update.
func update() bool { return flag.Lookup("update").Value.String() == "true" }

// offlinePlan is what a plan made offline looks like.
func offlinePlan() plan.Plan {
	return plan.Plan{
		Findings: []finding.Finding{finding.New("token-expiry", message.Verbatim("the token ends in 7 days, on 2026-11-29")).At("payments.yaml", 9, 5).As(finding.Warning)},
		Actions: []plan.Action{
			{
				Instance: "prod", Binding: "payments", Platform: binding.GitLab, Object: binding.AccountObject(), Kind: plan.Noop, Cause: plan.CauseOffline,
				Reason: message.Verbatim("unknown (Offline): nothing is planned until it is known"),
			},
			{
				Instance: "prod", Binding: "twice\x1b[31m", Platform: binding.GitHub, Object: binding.AccountObject(), Kind: plan.Forbidden, Cause: plan.CauseNotUnique,
				Reason: message.Verbatim("binding-unique: another declaration claims GitHub of this instance too"),
			},
		},
	}
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the golden files")
	flag.Parse()
	os.Exit(m.Run())
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if update() {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func findings() []finding.Finding {
	return []finding.Finding{
		finding.New("adopt-required", message.Verbatim("payments: GitLab is bound with username \"person\", but \"bot\" is declared")).
			At("payments/gitlab.yaml", 8, 13).In("spec.username"),
		finding.New("drift", message.Verbatim("支付: the source was changed\x1b[31m by hand")).At("支付.yaml", 3, 0),
		finding.New("observation-unknown", message.Verbatim("instance prod: the registry did not answer")),
		finding.New("secret-unavailable", message.Verbatim("no answer")).At("a.yaml", 0, 0).As(finding.Info),
	}
}

func samplePlan() plan.Plan {
	return plan.Plan{
		Findings: findings()[:1],
		Actions: []plan.Action{
			{
				Instance: "prod-hangzhou", Binding: "old", Platform: binding.Codeup, Object: binding.AccountObject(), Kind: plan.Unbind, Cause: plan.CauseUndeclared,
				Reason:  message.Verbatim("not declared any more (deletionPolicy Unbind)"),
				Changes: []plan.Change{{Field: "username", From: "clone-user"}},
			},
			{
				Instance: "prod-hangzhou", Binding: "payments", Platform: binding.GitLab, Object: binding.AccountObject(), Kind: plan.Rebind, Cause: plan.CauseTokenVersion,
				Reason:  message.Verbatim("the secret store has another version of the token"),
				Changes: []plan.Change{{Field: "token version", From: "3", To: "4"}, {Field: "username", From: "机器人", To: "bot"}},
				Steps: []message.Message{
					message.Verbatim("Check version 4 of the token at the code host; where it says no, nothing changes"),
					message.Verbatim("Unbind the account, then bind it again"),
				},
			},
			{
				Instance: "prod-hangzhou", Binding: "payments", Platform: binding.GitLab, Object: binding.RepositoryObject("payments/api"), Kind: plan.Noop, Cause: plan.CauseSuspended,
				Reason: message.Verbatim("suspended until 2026-12-24 by payments: release freeze"),
			},
			{
				Instance: "prod-hangzhou", Binding: "payments", Platform: binding.GitLab,
				Object: binding.RuleObject("payments/api", binding.BuildRule{Branch: "main", ImageTag: "latest"}), Kind: plan.AddRule, Cause: plan.CauseAbsent, Reason: message.Verbatim("declared and not there"),
				Changes: []plan.Change{{Field: "dockerfile", To: "/Dockerfile"}},
			},
			{
				Instance: "test\x1b]0;evil\x07-beijing", Binding: "web", Platform: binding.GitHub, Object: binding.AccountObject(), Kind: plan.Authorize, Cause: plan.CauseAbsent,
				Reason: message.Verbatim("GitHub is declared and not bound"), Changes: []plan.Change{{Field: "username", To: "octo\u202e"}},
				Steps: []message.Message{message.Verbatim("Sign in to GitHub as octo")},
			},
			{
				Instance: "test-beijing", Binding: "old", Platform: binding.GitLab, Object: binding.AccountObject(), Kind: plan.Forbidden, Cause: plan.CauseThreshold, Safety: true,
				Reason: message.Verbatim("empty-snapshot: the snapshot declares nothing at all, which would remove everything that is ours; to allow it: reconciler apply --unsafe-allow-deletions"),
			},
		},
	}
}

func statuses() []binding.Status {
	ready := func(s binding.ConditionStatus, reason, text string) []binding.Condition {
		return []binding.Condition{
			{Type: binding.Ready, Status: s, Reason: reason, Message: message.Verbatim(text), LastTransitionTime: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)},
			{Type: binding.Bound, Status: binding.True, Reason: "Bound", Message: message.New("condition.bound"), LastTransitionTime: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)},
		}
	}
	return []binding.Status{
		{
			Name: "web", File: "web.yaml", Revision: "4be1", Spec: binding.Spec{Instance: "prod", Platform: binding.GitHub, Username: "octo"},
			Conditions: ready(binding.False, "AwaitingAuthorization", "a person has to authorize the account in a browser, see the steps"),
			Steps:      []message.Message{message.Verbatim("Open the console"), message.Verbatim("Actions column > Bind Account")},
		},
		{
			Name: "支付-gitlab", File: "pay.yaml", Spec: binding.Spec{
				Instance: "prod", Platform: binding.GitLab, Username: "机器人", Address: "https://gitlab.example.com",
				Repositories: []binding.Repository{},
			},
			Conditions:   ready(binding.True, "Converged", "as declared"),
			TokenVersion: 4, TokenExpires: time.Date(2027, 1, 31, 23, 59, 59, 0, time.UTC),
			LastSync: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		},
		{Name: "new", Spec: binding.Spec{Instance: "dev", Platform: binding.Codeup}},
	}
}

func TestGoldenReports(t *testing.T) {
	for _, tt := range []struct {
		file  string
		write func(io.Writer) error
	}{
		{"findings.golden", func(w io.Writer) error { return report.Findings(w, findings(), report.Style{}) }},
		{"findings-color-narrow.golden", func(w io.Writer) error {
			return report.Findings(w, findings(), report.Style{Color: true, Width: 60})
		}},
		{"findings.json.golden", func(w io.Writer) error { return findingsJSON(w, findings()) }},
		{"plan.golden", func(w io.Writer) error { return report.Plan(w, samplePlan(), report.Style{}) }},
		{"plan-color.golden", func(w io.Writer) error { return report.Plan(w, samplePlan(), report.Style{Color: true}) }},
		{"plan-full-narrow.golden", func(w io.Writer) error {
			return report.Plan(w, samplePlan(), report.Style{Full: true, Width: 60})
		}},
		{"plan-live.golden", func(w io.Writer) error {
			return report.Plan(w, samplePlan(), report.Style{Basis: report.Basis{Depth: report.Live}})
		}},
		{"plan-offline.golden", func(w io.Writer) error {
			return report.Plan(w, offlinePlan(), report.Style{Basis: report.Basis{Depth: report.Offline}, Width: 70})
		}},
		{"plan.json.golden", func(w io.Writer) error { return report.PlanJSON(w, samplePlan(), report.Live) }},
		{"bindings.golden", func(w io.Writer) error {
			return report.Bindings(w, report.BindingView{Statuses: statuses()}, report.Style{})
		}},
		{"bindings-color-full-narrow.golden", func(w io.Writer) error {
			return report.Bindings(w, report.BindingView{Statuses: statuses()}, report.Style{Color: true, Full: true, Width: 100})
		}},
		{"bindings.json.golden", func(w io.Writer) error { return report.JSON(w, report.NewBindingList(statuses())) }},
	} {
		t.Run(tt.file, func(t *testing.T) {
			var out bytes.Buffer
			if err := tt.write(&out); err != nil {
				t.Fatal(err)
			}
			golden(t, tt.file, out.Bytes())
		})
	}
}

func TestPlanSaysWhyNothingChanges(t *testing.T) {
	noop := func(reason string, cause plan.Cause) plan.Plan {
		return plan.Plan{Actions: []plan.Action{{
			Instance: "prod", Binding: "a", Platform: binding.GitLab, Object: binding.AccountObject(), Kind: plan.Noop, Cause: cause, Reason: message.Verbatim(reason),
		}}}
	}
	var many plan.Plan
	for range 22 {
		many.Actions = append(many.Actions, noop("retained", plan.CauseRetained).Actions...)
	}
	for name, tt := range map[string]struct {
		plan plan.Plan
		want string
	}{
		"all as declared": {noop("bound as declared", plan.CauseSettled), "No changes. The registry matches the declarations.\n"},
		"something is kept": {
			noop("deletionPolicy Retain", plan.CauseRetained),
			"Kept as it is: 1 object\n  prod: a (GitLab account): deletionPolicy Retain\n\nNo changes. Something is kept as it is, for the reason shown.\n",
		},
		"much is kept": {
			many, "Kept as it is: 22 objects\n" + strings.Repeat("  prod: a (GitLab account): retained\n", 20) +
				"  … 2 more objects (--full shows all)\n\nNo changes. Something is kept as it is, for the reason shown.\n",
		},
		"something is unknown": {noop("unknown (Timeout): x", plan.CauseUnknown), "No changes. Something is kept as it is; --full shows why.\n"},
		"nothing declared":     {plan.Plan{}, "No changes. Nothing is declared.\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := report.Plan(&out, tt.plan, report.Style{}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEmptyListsAreNeverNull(t *testing.T) {
	for name, write := range map[string]func(io.Writer) error{
		"findings": func(w io.Writer) error { return findingsJSON(w, nil) },
		"plan": func(w io.Writer) error {
			return report.PlanJSON(w, plan.Plan{Actions: []plan.Action{{Instance: "prod"}}}, report.Live)
		},
		"empty plan": func(w io.Writer) error { return report.PlanJSON(w, plan.Plan{}, report.Live) },
		"bindings":   func(w io.Writer) error { return report.JSON(w, report.NewBindingList(nil)) },
		"a binding":  func(w io.Writer) error { return report.JSON(w, report.NewBindingList([]binding.Status{{Name: "a"}})) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := write(&out); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(out.String(), "null") || !strings.Contains(out.String(), "[]") {
				t.Errorf("want [] and no null:\n%s", out.String())
			}
		})
	}
}

func TestBindingListKeepsStatuses(t *testing.T) {
	data, err := json.Marshal(report.NewBindingList(statuses()))
	if err != nil {
		t.Fatal(err)
	}
	var list report.BindingList
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	got := list.Statuses()
	want := []binding.Status{statuses()[2], statuses()[0], statuses()[1]} // Sorted by instance and name.
	date := cmp.Comparer(func(a, b binding.Date) bool { return a == b })
	if diff := cmp.Diff(want, got, date, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("a list that went over the wire differs (-want +got):\n%s", diff)
	}
}

func TestNothingEscapesToTheTerminal(t *testing.T) {
	evil := "\x1b[2J\x07\u202e\u2066\x9b1m\r\n\xff"
	var out bytes.Buffer
	f := finding.New("drift", message.Verbatim(evil)).At(evil, 1, 1).In(evil)
	p := plan.Plan{Findings: []finding.Finding{f}, Actions: []plan.Action{{
		Instance: evil, Binding: evil, Object: binding.Object{Kind: binding.ObjectRule, Image: evil, Rule: evil}, Kind: plan.Manual, Cause: plan.CauseAbsent, Reason: message.Verbatim(evil), Platform: binding.Platform(evil),
		Changes: []plan.Change{{Field: evil, From: evil, To: evil}}, Steps: []message.Message{message.Verbatim(evil)},
	}}}
	s := binding.Status{
		Name: evil, File: evil, Revision: evil, Steps: []message.Message{message.Verbatim(evil)}, Spec: binding.Spec{Instance: evil, Username: evil, Platform: binding.Platform(evil)},
		Conditions: []binding.Condition{{Type: binding.Ready, Status: binding.ConditionStatus(evil), Reason: evil, Message: message.Verbatim(evil)}},
	}
	full := report.Style{Full: true}
	if err := errors.Join(report.Findings(&out, []finding.Finding{f}, full), report.Plan(&out, p, full), report.Bindings(&out, report.BindingView{Statuses: []binding.Status{s}}, full)); err != nil {
		t.Fatal(err)
	}
	for _, r := range out.String() {
		if r != '\n' && (r < 0x20 || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '\u2066') {
			t.Fatalf("%q reaches the terminal in:\n%q", r, out.String())
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWriteErrorsAreReturned(t *testing.T) {
	for name, err := range map[string]error{
		"findings":      report.Findings(brokenPipe{}, findings(), report.Style{}),
		"plan":          report.Plan(brokenPipe{}, samplePlan(), report.Style{}),
		"bindings":      report.Bindings(brokenPipe{}, report.BindingView{}, report.Style{}),
		"findings JSON": findingsJSON(brokenPipe{}, nil),
		"plan JSON":     report.PlanJSON(brokenPipe{}, plan.Plan{}, report.Live),
		"bindings JSON": report.JSON(brokenPipe{}, report.NewBindingList(nil)),
	} {
		if !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: got %v, want %v", name, err, io.ErrClosedPipe)
		}
	}
}

func findingsJSON(w io.Writer, findings []finding.Finding) error {
	return report.Write(w, report.FormatJSON, report.Document{Findings: findings}, report.Options{})
}
