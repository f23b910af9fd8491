package doctor_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/doctor"
	"reconciler/internal/engine"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/report"
	"reconciler/internal/report/reporttest"
	"reconciler/internal/sandbox"
	"reconciler/internal/state"
)

// addGitLab makes an account with a project and a token that lasts a year.
func (p *world) addGitLab(username, project, path string) (token string) {
	token = "glpat-" + username + "-" + canary
	p.outside.Hosts.AddUser("gitlab", sandbox.HostUser{Username: username})
	p.outside.Hosts.AddProject("gitlab", sandbox.HostProject{Path: project})
	p.outside.Hosts.AddToken("gitlab", sandbox.HostToken{Value: token, Username: username, Expires: p.now.AddDate(0, 0, 365)})
	p.outside.Vault.Put("secret", path, map[string]string{"token": token})
	return token
}

func (p *world) addCodeup(username, project, path string) (token string) {
	token = "pt-" + username + "-" + canary
	p.outside.Hosts.AddUser("codeup", sandbox.HostUser{Username: username})
	p.outside.Hosts.AddProject("codeup", sandbox.HostProject{Path: project})
	p.outside.Hosts.AddToken("codeup", sandbox.HostToken{Value: token, Username: username})
	p.outside.Vault.Put("secret", path, map[string]string{"token": token})
	return token
}

// healthy is a world in which nothing is wrong.
func healthy(t *testing.T) *world {
	t.Helper()
	p := newWorld(t)
	p.addGitLab("ci-bot", "payments/api", "acr/payments")
	p.addCodeup("platform-ci", "platform/gateway", "acr/platform")
	p.outside.Hosts.AddUser("github", sandbox.HostUser{Username: "octo-dev"})
	p.outside.Hosts.AddProject("github", sandbox.HostProject{Path: "octo-dev/web"})
	p.outside.Hosts.AddUser("bitbucket", sandbox.HostUser{Username: "data-team"})
	p.outside.Hosts.AddProject("bitbucket", sandbox.HostProject{Path: "data-team/etl"})
	p.outside.Registry.Instance("key-prod").AddRepository("payments/api", "platform/gateway", "web/web", "data/etl")
	p.declare(
		document("payments", "prod", "gitlab", "ci-bot", gitlabSite(), tokenAt("acr/payments", ""), builds("payments/api", "payments/api", "auto")),
		document("platform", "prod", "codeup", "platform-ci", "token: {vault: {mount: secret, path: acr/platform, key: token}, expires: "+day(p, 200)+"}",
			builds("platform/gateway", "platform/gateway", "auto")),
		document("web", "prod", "github", "octo-dev", builds("web/web", "octo-dev/web", "auto")),
		document("data", "prod", "bitbucket", "data-team", builds("data/etl", "data-team/etl", "manual")),
	)
	return p
}

// day is a day so many days from the patient's today.
func day(p *world, days int) string { return binding.DateOf(p.now.AddDate(0, 0, days)).String() }

func TestDoctorRefutesNothingOfAHealthyWorld(t *testing.T) {
	p := healthy(t)
	checks := p.diagnose("payments", "platform", "web", "data")
	for _, c := range checks {
		if c.Verdict == binding.No {
			t.Errorf("refuted: %+v", c)
		}
	}
	p.golden("healthy", checks)
}

func TestDoctorTellsEveryFaultInOneRun(t *testing.T) {
	p := newWorld(t)
	vault, hosts := p.outside.Vault, p.outside.Hosts
	p.outside.Registry.Instance("key-prod").AddRepository("payments/api", "platform/gateway")
	// The project moved into a subgroup, its token is pinned and ends soon.
	p.addGitLab("ci-bot", "payments/api", "acr/payments")
	vault.Put("secret", "acr/payments", map[string]string{"token": "newer-" + canary})
	vault.PutCustom("secret", "acr/payments", map[string]string{"expires": day(p, 7)})
	hosts.MoveProject("gitlab", "payments/api", "payments/core/api")
	// Codeup fails; the token ended by what Vault says.
	p.addCodeup("platform-ci", "platform/gateway", "acr/platform")
	vault.PutCustom("secret", "acr/platform", map[string]string{"expires": day(p, -3)})
	hosts.Faults("codeup").Add(sandbox.Fault{Status: http.StatusBadGateway, ContentType: "text/html", Body: "<h1>\x1b[31mBad</h1>"})
	// Revoked, forbidden, and without the key.
	hosts.RevokeToken("gitlab", p.addGitLab("edge-bot", "edge/agent", "acr/edge"))
	p.addCodeup("edge-ci", "edge/tool", "forbidden/edge")
	vault.Put("secret", "acr/lab", map[string]string{"other": "x-" + canary})
	vault.AddToken(patientVaultToken, sandbox.VaultToken{Paths: []string{"secret/data/acr/", "secret/metadata/acr/", "auth/token/", "sys/"}})
	// A dead observer's token; the account of team is not there.
	vault.Put("secret", "acr/observer", map[string]string{"token": "ghp_observer" + canary})
	p.observer = ", observer: {vault: {mount: secret, path: acr/observer, key: token}}"
	p.outside.Registry.Withdraw("GetRepoSourceRepo")
	p.declare(
		document("payments", "prod", "gitlab", "ci-bot", gitlabSite(), tokenAt("acr/payments", ", version: 1"), builds("payments/api", "payments/api", "auto")),
		document("platform", "prod", "codeup", "platform-ci", tokenAt("acr/platform", ""), builds("platform/gateway", "platform/gateway", "auto")),
		document("edge", "edge", "gitlab", "edge-bot", "address: http://git.example.org:8929", tokenAt("acr/edge", ""), builds("edge/agent", "edge/agent", "auto")),
		document("edge-codeup", "edge", "codeup", "edge-ci", tokenAt("forbidden/edge", ""), builds("edge/tool", "edge/tool", "auto")),
		document("lab", "lab", "gitlab", "ci-bot", gitlabSite(), tokenAt("acr/lab", ""), builds("lab/tool", "payments/core/api", "manual")),
		document("web", "prod", "github", "nobody-at-all", builds("web/web", "nobody-at-all/web", "auto")),
		document("team", "edge", "bitbucket", "no-such-team", builds("edge/team", "no-such-team/x", "auto")),
		document("broken", "prod", "bitbucket", "x", "address: https://bitbucket.example.com"),
	)
	checks := p.diagnose()
	p.golden("faults", checks)
	noEnglish(t, checks)
	for _, want := range []struct {
		group, check, reason string
		verdict              binding.Verdict
	}{
		{"Source", "finding", "", binding.No},
		{"Registry lab", "instance", "USER_NOT_EXIST", binding.No},
		{"Registry prod", "capability", "NotServed", binding.No},
		{"Registry hand", "capability", report.NotAsked, binding.UnknownAsked},
		{"Binding payments", "trigger", "", binding.No},
		{"Binding payments", "secret-version", "NewerVersion", binding.Yes},
		{"Binding payments", "token-expiry", "ExpiresSoon", binding.Yes},
		{"Binding platform", "token-expiry", "Expired", binding.No},
		{"Binding platform", "token-valid", "HostFailed", binding.UnknownAsked},
		{"Binding edge", "token-valid", "", binding.No},
		{"Binding edge-codeup", "secret-value", "Forbidden", binding.No},
		{"Binding lab", "secret-key", "MissingKey", binding.No},
		{"Binding team", "account-exists", "", binding.No},
		{"Binding web", "account-exists", "TokenRefused", binding.UnknownAsked},
		{"Code hosts", "token-valid", "", binding.No},
	} {
		if !has(checks, want.group, want.check, want.reason, want.verdict) {
			t.Errorf("no check %+v", want)
		}
	}
}

// noEnglish shows checks in a made-up language, without what foreign programs
// say, and finds no English.
func noEnglish(t *testing.T, checks []report.Check) {
	t.Helper()
	l := reporttest.Pseudo(t)
	unquoted := slices.Clone(checks)
	for i := range unquoted {
		for _, m := range []*report.Text{&unquoted[i].Group, &unquoted[i].Object, &unquoted[i].Message, &unquoted[i].Hint} {
			m.Message = reporttest.Unquoted(m.Message)
		}
		if found := unquoted[i].Message; found.ID == message.VerbatimID {
			t.Errorf("%s %s: %s has a text that is not in the catalogue", checks[i].Group.Key(), checks[i].Name, checks[i].Message.Key())
		}
	}
	var out bytes.Buffer
	if err := report.Checklist(&out, unquoted, report.Style{Language: l}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		// An instance and a call are names.
		if found := reporttest.Besides(strings.ReplaceAll(line, "lab GetUserSourceAccount", "")); found != "" {
			t.Errorf("%q shows %q", line, found)
		}
	}
}

// has looks for a check; an empty reason is any.
func has(checks []report.Check, group, name, reason string, verdict binding.Verdict) bool {
	for _, c := range checks {
		if report.English().Text(c.Group.Message) == group && c.Name == name && c.Verdict == verdict && (reason == "" || c.Reason == reason) {
			return true
		}
	}
	return false
}

func TestDoctorTellsASealedVaultFromAForbiddenOne(t *testing.T) {
	p := healthy(t)
	p.outside.Vault.Seal(true)
	checks := p.diagnose("payments")
	p.golden("sealed", checks)
	if !has(checks, "Secret store", "unsealed", "Sealed", binding.No) || !has(checks, "Secret store", "reachable", "", binding.Yes) {
		t.Error("a sealed Vault is reachable and not unsealed")
	}
	p.outside.Vault.Seal(false)
	p.outside.Vault.Revoke(patientVaultToken)
	if checks := p.diagnose("payments"); !has(checks, "Secret store", "login", "", binding.No) {
		t.Errorf("a login that is refused is refuted: %+v", checks)
	}
}

func TestDoctorLooksOnWhereTheGitServerIsDead(t *testing.T) {
	p := healthy(t)
	checks := p.diagnoseFrom("http://" + deadAddress + "/bindings.git")
	p.golden("dead-git", checks)
	for _, want := range []string{"Registry prod", "Code hosts", "Secret store"} {
		if !has(checks, want, map[string]string{"Registry prod": "credentials"}[want]+map[string]string{"Code hosts": "reachable", "Secret store": "login"}[want], "", binding.Yes) {
			t.Errorf("%s was not looked at", want)
		}
	}
	if !has(checks, "Source", "reachable", "", binding.No) {
		t.Error("an address where nothing listens refutes")
	}
}

// deadAddress is one where nothing listens: nobody gets this port by asking for
// any, and only root may ask for it.
const deadAddress = "127.0.0.1:1"

func TestDoctorTellsHowFarTheWayToTheSnapshotLeads(t *testing.T) {
	p := healthy(t)
	p.outside.Git.RequireBasicAuth("git", "password-"+canary)
	checks := p.diagnose("payments")
	if !has(checks, "Source", "reachable", "", binding.Yes) || !has(checks, "Source", "access", "", binding.No) ||
		!has(checks, "Source", "revision", report.NotAsked, binding.UnknownAsked) {
		t.Errorf("credentials that are missing stop at access: %+v", checks)
	}
}

func TestDoctorNamesWhatIsNotDeclared(t *testing.T) {
	p := healthy(t)
	checks := p.diagnose("paymnets")
	if !has(checks, "Source", "binding", "NotDeclared", binding.No) {
		t.Errorf("a name that nothing has is refuted: %+v", checks)
	}
	for _, c := range checks {
		if c.Group.ID == "doctor.group.binding" || c.Group.ID == "doctor.group.registry" {
			t.Errorf("%s was looked at, though nothing chosen needs it", c.Group.Key())
		}
	}
}

func TestDoctorSaysWhoHoldsTheState(t *testing.T) {
	p := healthy(t)
	if checks := p.diagnose(); !has(checks, "State", "state-file", "NotThereYet", binding.Yes) {
		t.Error("a state file that is not there yet is no fault")
	}
	config, path := p.config(p.outside.GitURL)
	store, err := state.Open(config.State.Path)
	if err != nil {
		t.Fatal(err)
	}
	checks := func() []report.Check {
		return doctor.Diagnose(t.Context(), doctor.Options{Engine: engine.Options{Config: config, RootCAs: p.outside.RootCAs}, Path: path})
	}
	if checks := checks(); !has(checks, "State", "state-file", "Locked", binding.No) {
		t.Error("a state file that is held by something that does not answer is refuted")
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if checks := checks(); !has(checks, "State", "state-file", "Usable", binding.Yes) {
		t.Error("a state file that can be opened is usable")
	}
}

func TestDoctorStopsAtAConfigurationThatIsWrong(t *testing.T) {
	checks := doctor.Diagnose(t.Context(), doctor.Options{
		Path: "reconciler.yaml", Findings: []finding.Finding{finding.New("config-one-of", message.Verbatim("source: nothing is chosen")).At("reconciler.yaml", 3, 1)},
	})
	if len(checks) != 1 || checks[0].Verdict != binding.No || report.English().Text(checks[0].Object.Message) != "reconciler.yaml:3:1" {
		t.Errorf("checks = %+v, want the one finding", checks)
	}
}

func TestDoctorSendsNoTokenToAHostItWasNotAppliedWith(t *testing.T) {
	p := healthy(t)
	config, path := p.config(p.outside.GitURL)
	store, err := state.Open(config.State.Path)
	if err != nil {
		t.Fatal(err)
	}
	err = store.PutRecord(t.Context(), binding.Record{
		Instance: "prod", Binding: "payments", Platform: binding.GitLab, Managed: true, Username: "ci-bot",
		Address: "https://gitlab.old.example", TokenVersion: 1,
		Vault: binding.VaultRef{Mount: "secret", Path: "acr/payments", Key: "token"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	before := p.outside.Vault.Count("acr/payments")
	checks := doctor.Diagnose(t.Context(), doctor.Options{
		Engine: engine.Options{Config: config, RootCAs: p.outside.RootCAs}, Path: path, Bindings: []string{"payments"},
	})
	if !has(checks, "Binding payments", "address-unchanged", "address-changed-with-secret", binding.No) {
		t.Errorf("the moved address does not fail: %+v", checks)
	}
	if reads := p.outside.Vault.Count("/data/acr/payments"); reads > 0 || p.outside.Vault.Count("acr/payments") == before {
		t.Errorf("%d reads of the value; want the metadata alone", reads)
	}
}
