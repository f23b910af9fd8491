package personal

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/sandbox"
)

// probed are the calls that capabilities need, by the product's names, with what
// they are needed for.
func probed() map[string]string {
	return map[string]string{
		"GetUserSourceAccount": "listAccounts", "CreateUserSourceAccount": "bind", "DeleteUserSourceAccount": "unbind",
		"GetRepoSourceRepo": "readSources", "UpdateRepoSourceRepo": "linkRepositories",
		"GetRepoBuildRuleList": "readRules", "CreateRepoBuildRule": "writeRules", "DeleteRepoBuildRule": "writeRules",
	}
}

// TestEachCallIsProbedByItself withdraws every subset of the calls: what needs a
// call that is not served is off, and nothing else is.
func TestEachCallIsProbedByItself(t *testing.T) {
	calls := make([]string, 0, len(probed()))
	for call := range probed() {
		calls = append(calls, call)
	}
	slices.Sort(calls)
	for subset := range 1 << len(calls) {
		if testing.Short() && subset%7 != 0 {
			continue
		}
		var withdrawn []string
		want := map[string][]string{}
		for i, call := range calls {
			if subset&(1<<i) != 0 {
				withdrawn = append(withdrawn, call)
				want[probed()[call]] = append(want[probed()[call]], call)
			}
		}
		w := newWorld(t, sandbox.Principal{})
		before := w.person.Snapshot()
		w.registry.Withdraw(withdrawn...)
		got, err := w.driver(t, nil).Capabilities(t.Context())
		if err != nil {
			t.Fatalf("without %v: %v", withdrawn, err)
		}
		for _, c := range got.All() {
			why, off := message.New("incapable.unserved", "calls", want[c.Name]), want[c.Name] != nil
			if c.On == off || off && cmp.Diff(why, got.Reasons[c.Name]) != "" {
				t.Errorf("without %v: %s is on: %v (%v)", withdrawn, c.Name, c.On, got.Reasons[c.Name])
			}
		}
		if diff := cmp.Diff(before, w.person.Snapshot()); diff != "" {
			t.Fatalf("without %v: a probe changed something:\n%s", withdrawn, diff)
		}
	}
}

func TestCapabilitiesAreRemembered(t *testing.T) {
	w := newWorld(t, sandbox.Principal{})
	d := w.driver(t, nil)
	for range 2 {
		got, err := d.Capabilities(t.Context())
		if err != nil || len(got.Reasons) > 0 {
			t.Fatalf("got %+v, %v; want all", got, err)
		}
	}
	if calls := len(w.registry.Calls()); calls != 3 {
		t.Errorf("%d reads, want 3: the answer is remembered", calls)
	}
}

// Kind: a failure is taken for "not served".
func TestACallThatFailsIsServed(t *testing.T) {
	for name, fault := range map[string]sandbox.Fault{
		"500": wireFault(500, "SystemError"), "502 of a gateway": html(502), "403": wireFault(403, "NoPermission"),
		"403 of something in between": html(403), "503": wireFault(503, "ServiceUnavailable"), "cut": {Cut: true},
		"400": wireFault(400, "MissingParameter"), "a code nobody knows": wireFault(400, "MADE_UP"), "429": html(429),
		"404 of something in between": html(404), "no such account": wireFault(404, "ACCOUNT_NOT_EXIST"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sandbox.Principal{})
			fault.Probes, fault.Match = true, isWrite
			w.registry.Faults.Add(fault)
			got, err := w.driver(t, nil).Capabilities(t.Context())
			if err != nil || len(got.Reasons) > 0 {
				t.Errorf("got %+v, %v; want all served", got, err)
			}
		})
	}
}

func isWrite(r *http.Request) bool { return r.Method != http.MethodGet }

// A call that was served and is not any more is seen at once, and the rest goes on.
func TestACallThatIsWithdrawnLaterIsNoticed(t *testing.T) {
	w := newWorld(t, sandbox.Principal{})
	d := w.driver(t, nil)
	if _, err := d.Capabilities(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.registry.Withdraw("GetRepoSourceRepo")
	if _, err := d.Repository(t.Context(), image); err == nil {
		t.Fatal("the source was read")
	}
	got, err := d.Capabilities(t.Context())
	if err != nil || got.ReadSources || !got.ReadRules {
		t.Fatalf("got %+v, %v; want no sources", got, err)
	}
	if state, err := d.Repository(t.Context(), image); err != nil || !state.Exists {
		t.Errorf("got %+v, %v; want the rules", state, err)
	}
}

func TestARepositoryIsReadByWhatIsServed(t *testing.T) {
	rule := binding.BuildRule{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"}
	for _, withdrawn := range [][]string{
		{"GetRepoSourceRepo"}, {"GetRepoBuildRuleList"}, {"GetRepoSourceRepo", "GetRepoBuildRuleList"},
	} {
		t.Run(strings.Join(withdrawn, " "), func(t *testing.T) {
			w := newWorld(t, sandbox.Principal{})
			d := w.driver(t, nil)
			if err := bind(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			if err := d.Link(t.Context(), image, binding.Link{Platform: binding.GitLab, Source: "a/b", Trigger: binding.Auto}); err != nil {
				t.Fatal(err)
			}
			if _, err := d.AddRule(t.Context(), image, rule); err != nil {
				t.Fatal(err)
			}
			w.registry.Withdraw(withdrawn...)
			if _, err := d.Capabilities(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, err := d.Repository(t.Context(), image)
			if err != nil || !got.Exists {
				t.Fatalf("got %+v, %v", got, err)
			}
			if has := got.Link != nil; has == slices.Contains(withdrawn, "GetRepoSourceRepo") {
				t.Errorf("has a source: %v", has)
			}
			if has := len(got.Rules) > 0; has == slices.Contains(withdrawn, "GetRepoBuildRuleList") {
				t.Errorf("has rules: %v", has)
			}
			if got, err := d.Repository(t.Context(), image+"-absent"); err != nil || got.Exists {
				t.Errorf("what is not there: %+v, %v", got, err)
			}
		})
	}
}

// Repositories are made only where both calls are served.
func TestMakingRepositoriesIsProbed(t *testing.T) {
	for _, withdrawn := range [][]string{nil, {"CreateRepo"}, {"CreateNamespace"}, {"CreateNamespace", "CreateRepo"}} {
		w := newWorld(t, sandbox.Principal{})
		w.registry.Withdraw(withdrawn...)
		before := w.person.Snapshot()
		got, err := w.driver(t, nil).Capabilities(t.Context())
		if err != nil || got.CreateRepositories != (withdrawn == nil) {
			t.Errorf("without %v: %v, %v", withdrawn, got.CreateRepositories, err)
		}
		if why := message.New("incapable.unserved", "calls", withdrawn); withdrawn != nil && cmp.Diff(why, got.Reasons["createRepositories"]) != "" {
			t.Errorf("without %v: reason %v", withdrawn, got.Reasons["createRepositories"])
		}
		if diff := cmp.Diff(before, w.person.Snapshot()); diff != "" {
			t.Errorf("without %v: a probe changed something:\n%s", withdrawn, diff)
		}
	}
}
