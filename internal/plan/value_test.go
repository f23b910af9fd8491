package plan_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

func TestMergeSortsByInstance(t *testing.T) {
	of := func(instance string, objects ...string) plan.Plan {
		var p plan.Plan
		for _, o := range objects {
			p.Actions = append(p.Actions, plan.Action{Instance: instance, Object: binding.RepositoryObject(o), Kind: plan.Noop})
		}
		p.Findings = []finding.Finding{finding.New("drift", message.Verbatim(instance))}
		return p
	}
	a, b := of("a", "z", "y"), of("b", "x")
	if diff := cmp.Diff(plan.Merge(a, b), plan.Merge(b, a)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"noop z", "noop y", "noop x"}, brief(plan.Merge(b, a))); diff != "" {
		t.Errorf("each keeps its own order (-want +got):\n%s", diff)
	}
}

func TestDigestSpeaksOfActionsOnly(t *testing.T) {
	in := input(gitlabDeclaration())
	p := plan.Make(in)
	if d := p.Digest(); !strings.HasPrefix(d, "sha256:") || len(d) != len("sha256:")+64 {
		t.Errorf("got %q", d)
	}
	later := in
	later.Now = in.Now.Add(20 * time.Hour)
	if p.Digest() != plan.Make(later).Digest() {
		t.Error("the digest depends on the time")
	}
	observed := p
	observed.Findings = append(observed.Findings, finding.New("drift", message.Verbatim("x")))
	if p.Digest() != observed.Digest() {
		t.Error("the digest depends on findings")
	}
	in.Declarations[0].Spec.Username = "other"
	if p.Digest() == plan.Make(in).Digest() {
		t.Error("the digest does not depend on what changes")
	}
	if (plan.Plan{}).Digest() != (plan.Plan{Actions: []plan.Action{}}).Digest() {
		t.Error("two empty plans differ")
	}
}

func TestHasChangesRefusedAndCounts(t *testing.T) {
	of := func(actions ...plan.Action) plan.Plan { return plan.Plan{Actions: actions} }
	for name, tt := range map[string]struct {
		plan             plan.Plan
		changes, refused bool
	}{
		"empty":                {of(), false, false},
		"noop":                 {of(plan.Action{Kind: plan.Noop}), false, false},
		"adopt":                {of(plan.Action{Kind: plan.Adopt}), true, false},
		"a person's step":      {of(plan.Action{Kind: plan.Authorize}), true, false},
		"forbidden by a rule":  {of(plan.Action{Kind: plan.Forbidden}), false, false},
		"forbidden for safety": {of(plan.Action{Kind: plan.Forbidden, Safety: true}), false, true},
	} {
		if tt.plan.HasChanges() != tt.changes || tt.plan.Refused() != tt.refused {
			t.Errorf("%s: changes %v, refused %v", name, tt.plan.HasChanges(), tt.plan.Refused())
		}
	}
	for _, a := range []plan.Action{{Kind: plan.Forbidden}, {Kind: plan.Bind, Safety: true}, {Kind: plan.Forbidden, Safety: true}} {
		result := plan.Result{Outcomes: []plan.Outcome{{Action: a}}}
		if want := a.Kind == plan.Forbidden && a.Safety; result.Refused() != want {
			t.Errorf("a result with %s, safety %v: refused %v", a.Kind, a.Safety, !want)
		}
	}
	p := of(plan.Action{Kind: plan.Bind}, plan.Action{Kind: plan.Noop}, plan.Action{Kind: plan.Bind})
	if diff := cmp.Diff(map[plan.Kind]int{plan.Bind: 2, plan.Noop: 1}, p.Counts()); diff != "" {
		t.Error(diff)
	}
}

// TestOutputOfAPlanCannotHoldASecretOrATime checks every field that is marshalled,
// including later ones: only texts, booleans and lists of them.
func TestOutputOfAPlanCannotHoldASecretOrATime(t *testing.T) {
	var check func(reflect.Type, string)
	check = func(typ reflect.Type, path string) {
		if typ == reflect.TypeFor[message.Message]() {
			return // message.New accepts no secret, and these contain at most a version.
		}
		switch typ.Kind() {
		case reflect.String, reflect.Bool, reflect.Int:
		case reflect.Slice:
			check(typ.Elem(), path+"[]")
		case reflect.Struct:
			for i := range typ.NumField() {
				if f := typ.Field(i); f.Tag.Get("json") != "-" {
					check(f.Type, path+"."+f.Name)
				}
			}
		default:
			t.Errorf("%s is a %s", path, typ)
		}
	}
	check(reflect.TypeFor[plan.Action](), "Action")
}

func TestFingerprintsNeverReachThePlan(t *testing.T) {
	in := bound(func(_ *binding.Declaration, r *binding.Record, in *plan.Input) {
		r.TokenVersion, r.TokenFingerprint = 0, "canary-old"
		in.Observation.Tokens["payments-gitlab"] = binding.TokenState{Fingerprint: "canary-new"}
	})()
	data, err := json.Marshal(plan.Make(in))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "canary") {
		t.Errorf("a fingerprint is shown:\n%s", data)
	}
}

func TestRememberKeepsWhatItIsGiven(t *testing.T) {
	in := linkCase(func(w *linkWorld) { w.repository.Rules = []binding.BuildRule{} })()
	old := in.Records[0]
	before, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	a := plan.Make(in).Actions[0]
	if a.Kind != plan.RemoveRule {
		t.Fatalf("got %s", a.Kind)
	}
	after := plan.Remember(a, &old, nil)
	if len(after.Images[0].RuleKeys()) != 0 {
		t.Errorf("the rule is still remembered: %+v", after.Images[0])
	}
	if now, _ := json.Marshal(old); string(now) != string(before) {
		t.Errorf("the old record changed:\n%s\n%s", before, now)
	}
}

func TestRememberOfABindIsTheRegistrysAnswer(t *testing.T) {
	d := gitlabDeclaration()
	a := plan.Make(input(d)).Actions[0]
	got := plan.Remember(a, &binding.Record{Binding: d.Name, Refused: binding.Refusal{Version: 2}}, gitlabAccount())
	want := &binding.Record{
		Instance: "prod", Binding: d.Name, Platform: binding.GitLab, AccountID: "7",
		Username: "CI-bot", Address: "HTTPS://gitlab.example.com:443/", Vault: d.Spec.Token.Vault, TokenVersion: 3, Refused: binding.Refusal{Version: 2},
		Asked:          binding.Account{Platform: binding.GitLab, Username: d.Spec.Username, Address: d.Spec.Address},
		DeletionPolicy: binding.Retain, Managed: true, File: d.File, Revision: "r1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	a.Target.Account = &binding.Account{ID: "3", Platform: binding.GitLab}
	if r := plan.Remember(a, nil, nil); r.AccountID != "" || r.Unbound != "3" {
		t.Errorf("a bind without an answer has the account %q, and %q before it, want none and 3", r.AccountID, r.Unbound)
	}
	after := plan.Remember(plan.Action{Object: binding.AccountObject(), Kind: plan.Unbind}, got, nil)
	if after == nil || after.Managed || !after.Removed || after.AccountID != "7" || after.Vault != (binding.VaultRef{}) {
		t.Errorf("after an unbind: %+v, want a removed record that knows the account's number and no secret", after)
	}
}

func TestTheDigestCoversWhatIsDoneAndWhere(t *testing.T) {
	made := func(change func(*plan.Action, *plan.Instance)) string {
		a := plan.Action{
			Instance: "prod", Binding: "b", Platform: binding.GitLab, Object: binding.AccountObject(), Kind: plan.Bind,
			Cause: plan.CauseAbsent, Reason: message.Verbatim("why"), Changes: []plan.Change{{Field: "username", To: "ci"}}, Steps: []message.Message{message.Verbatim("step")},
		}
		i := plan.Instance{Name: "prod", Region: "cn-hangzhou", Endpoint: "https://a.example.com", Driver: "personal", Account: "1"}
		change(&a, &i)
		return plan.Plan{Actions: []plan.Action{a}, Instances: []plan.Instance{i, {Name: "other", Region: text(a.Reason)}}}.Digest()
	}
	same := made(func(*plan.Action, *plan.Instance) {})
	for name, tt := range map[string]struct {
		change func(*plan.Action, *plan.Instance)
		same   bool
	}{
		"binding":  {func(a *plan.Action, _ *plan.Instance) { a.Binding = "c" }, false},
		"platform": {func(a *plan.Action, _ *plan.Instance) { a.Platform = binding.Codeup }, false},
		"object":   {func(a *plan.Action, _ *plan.Instance) { a.Object = binding.RepositoryObject("n/a") }, false},
		"kind":     {func(a *plan.Action, _ *plan.Instance) { a.Kind = plan.Manual }, false},
		"cause":    {func(a *plan.Action, _ *plan.Instance) { a.Cause = plan.CauseDrift }, false},
		"change":   {func(a *plan.Action, _ *plan.Instance) { a.Changes = []plan.Change{{Field: "username", To: "cj"}} }, false},
		"safety":   {func(a *plan.Action, _ *plan.Instance) { a.Safety = true }, false},
		"region":   {func(_ *plan.Action, i *plan.Instance) { i.Region = "cn-beijing" }, false},
		"endpoint": {func(_ *plan.Action, i *plan.Instance) { i.Endpoint = "https://b.example.com" }, false},
		"driver":   {func(_ *plan.Action, i *plan.Instance) { i.Driver = "console" }, false},
		"account":  {func(_ *plan.Action, i *plan.Instance) { i.Account = "2" }, false},
		"sentence": {func(a *plan.Action, _ *plan.Instance) { a.Reason = message.Verbatim("otherwise said") }, true},
		"step's sentence": {func(a *plan.Action, _ *plan.Instance) {
			a.Steps = []message.Message{message.Verbatim("otherwise said")}
		}, true},
		"since when it waits": {func(a *plan.Action, _ *plan.Instance) { a.Since, a.Due = noon(), noon() }, true},
	} {
		if got := made(tt.change); (got == same) != tt.same {
			t.Errorf("another %s: the digest is the same: %v", name, got == same)
		}
	}
}

func TestMovedSaysInWhatInstancesDiffer(t *testing.T) {
	was := []plan.Instance{{Name: "a", Region: "r", Endpoint: "one", Driver: "personal", Account: "1"}, {Name: "gone"}}
	is := []plan.Instance{{Name: "a", Region: "r", Endpoint: "two", Driver: "personal", Account: "2"}, {Name: "new"}}
	want := []plan.Move{
		{Instance: "a", Change: plan.Change{Field: "account", From: "1", To: "2"}},
		{Instance: "a", Change: plan.Change{Field: "endpoint", From: "one", To: "two"}},
	}
	if diff := cmp.Diff(want, plan.Moved(was, is)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
