package enterprise_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/registry/wire"
	_ "reconciler/internal/report" // The texts of errors.
	"reconciler/internal/sandbox"
)

// on meets the calls of actions with an answer in the registry's form.
func on(status int, code string, actions ...string) sandbox.Fault {
	return sandbox.Fault{
		Probes: true, Status: status, ContentType: "application/json", Body: fmt.Sprintf(`{"RequestId":"R-1","Code":%q,"Message":"no"}`, code),
		Match: func(r *http.Request) bool {
			for _, action := range actions {
				if r.Header.Get("X-Acs-Action") == action {
					return true
				}
			}
			return false
		},
	}
}

// Kind: a "no" to one call is taken for one to all.
func TestARefusedAccountListTurnsOffOnlyThat(t *testing.T) {
	for name, tt := range map[string]struct {
		fault sandbox.Fault
		list  bool
	}{
		"403":                           {on(403, "NoPermission", "ListSourceCodeAccount"), false},
		"403 of the RAM policy":         {on(403, "Forbidden.RAM", "ListSourceCodeAccount"), false},
		"400, a parameter is missing":   {on(400, "MissingParameter", "ListSourceCodeAccount"), false},
		"400 that nobody knows":         {on(400, "CODE_REPO_TYPE_REQUIRED", "ListSourceCodeAccount"), false},
		"it fails":                      {on(500, "InternalError", "ListSourceCodeAccount"), true},
		"an answer that nobody can use": {sandbox.Fault{Probes: true, Match: on(0, "", "ListSourceCodeAccount").Match, Status: 200, ContentType: "text/html", Body: "<html>"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.registry.Faults.Add(tt.fault)
			d := driver(t, w.url, instanceID)
			got, err := d.Capabilities(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range got.All() {
				if want := c.Name != "listAccounts" || tt.list; c.On != want {
					t.Errorf("%s is on: %v (%v)", c.Name, c.On, got.Reasons[c.Name])
				}
			}
			if state, err := d.Repository(t.Context(), image); err != nil || !state.Exists {
				t.Errorf("the repository: %+v, %v", state, err)
			}
		})
	}
}

// Where the instance answers nothing, that is not known either.
func TestAnInstanceThatRefusesEverythingStops(t *testing.T) {
	for _, code := range []string{"NoPermission", "InvalidAccessKeyId.Inactive", "INSTANCE_NOT_EXIST"} {
		w := newWorld(t)
		w.registry.Faults.Add(on(403, code, "ListSourceCodeAccount", "GetRepository"))
		if got, err := driver(t, w.url, instanceID).Capabilities(t.Context()); err == nil {
			t.Errorf("%s: got %+v", code, got)
		}
	}
}

// TestAProfileNeedNotHaveEveryPlatform: the probe asks with one that is there.
func TestAProfileNeedNotHaveEveryPlatform(t *testing.T) {
	const all = "{codeup: CODEUP, github: GITHUB, bitbucket: BITBUCKET, gitlab: GITLAB, gitee: GITEE}"
	assumed, err := os.ReadFile("enterprise.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, platforms := range []string{"{codeup: CODEUP}", "{github: GITHUB, gitee: GITEE}", "{gitee: GITEE}"} {
		profile, findings := wire.Parse("p.yaml", []byte(strings.Replace(string(assumed), all, platforms, 1)))
		if profile == nil || len(profile.Platforms) > 2 {
			t.Fatal(findings)
		}
		w := newWorld(t)
		d := profiled(t, w.url, instanceID, profile)
		if got, err := d.Capabilities(t.Context()); err != nil || len(got.Reasons) > 0 {
			t.Errorf("%s: got %+v, %v; want all served", platforms, got, err)
		}
		if _, err := d.Account(t.Context(), binding.Bitbucket); err == nil {
			t.Errorf("%s: a platform that the profile does not have was asked for", platforms)
		}
	}
}

// A call that is withdrawn while the driver lives is noticed.
func TestAWithdrawnCallIsNoticed(t *testing.T) {
	w := newWorld(t)
	d := driver(t, w.url, instanceID)
	if got, err := d.Capabilities(t.Context()); err != nil || !got.ListAccounts {
		t.Fatalf("%+v, %v", got, err)
	}
	w.registry.Withdraw("ListSourceCodeAccount")
	if _, err := d.Account(t.Context(), binding.GitLab); err == nil {
		t.Fatal("it was read")
	}
	if got, err := d.Capabilities(t.Context()); err != nil || got.ListAccounts || !got.Bind {
		t.Errorf("%+v, %v; want no list", got, err)
	}
}
