package reconcile_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	askgithub "reconciler/internal/providers/github"
	askgitlab "reconciler/internal/providers/gitlab"
	"reconciler/internal/reconcile"
	"reconciler/internal/sandbox"
)

// hosted is a world with code hosts that the real clients ask.
type hosted struct {
	*world
	hosts    *sandbox.CodeHosts
	sites    map[binding.Platform]string
	desired  []binding.Declaration
	requests atomic.Int64
}

func newHosted(t *testing.T) *hosted {
	t.Helper()
	w := newWorld()
	h := &hosted{world: w, hosts: sandbox.NewCodeHosts(w.Clock), sites: map[binding.Platform]string{}}
	for platform, handler := range map[binding.Platform]http.Handler{binding.GitHub: h.hosts.GitHub(), binding.GitLab: h.hosts.GitLab()} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.requests.Add(1)
			handler.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		h.sites[platform] = server.URL
	}
	h.hosts.AddUser(sandbox.HostGitHub, sandbox.HostUser{ID: 5, Username: "octo"})
	h.hosts.AddProject(sandbox.HostGitHub, sandbox.HostProject{Path: "octo/web"})
	h.hosts.AddUser(sandbox.HostGitLab, sandbox.HostUser{ID: 7, Username: "ci-bot"})
	h.hosts.AddToken(sandbox.HostGitLab, sandbox.HostToken{Value: "canary-gitlab-1", Username: "ci-bot"})
	h.hosts.AddProject(sandbox.HostGitLab, sandbox.HostProject{Path: "pay/api"})
	w.Accounts[binding.GitHub] = &binding.Account{ID: "3", Platform: binding.GitHub, Username: "octo"}
	h.desired = []binding.Declaration{
		{Name: "web-github", File: "web.yaml", Spec: binding.Spec{
			Instance: instance, Platform: binding.GitHub, Username: "octo", DeletionPolicy: binding.Retain, DriftPolicy: binding.Correct,
			Repositories: []binding.Repository{{Image: "pay/web", Source: "octo/web", Trigger: binding.Auto}},
		}},
		gitlab2(h.sites[binding.GitLab]),
	}
	return h
}

func gitlab2(address string) binding.Declaration {
	return gitlab(func(d *binding.Declaration) { d.Spec.Address = address })
}

// process is a new process: it knows only what is in the store.
func (h *hosted) process(t *testing.T) *reconcile.Reconciler {
	t.Helper()
	client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, RequestsPerSecond: 1e6, Burst: 1000})
	hub, err := askgithub.New(askgithub.Options{Client: client, BaseURL: h.sites[binding.GitHub], Now: h.Clock})
	must(t, err)
	o := h.options()
	o.Hosts[binding.GitHub] = hub
	o.Hosts[binding.GitLab] = askgitlab.New(askgitlab.Options{Client: client, Now: h.Clock})
	return reconcile.New(o)
}

// TestAccountsAndProjectsAreKnownByNumber across restarts: the numbers are in the
// record, and a different number under the same name leads to a condition and not
// to a new record.
func TestAccountsAndProjectsAreKnownByNumber(t *testing.T) {
	h := newHosted(t)
	r := h.process(t)
	for range 3 {
		synced(t, r, desire(h.desired...))
	}
	h.settled(t, r, desire(h.desired...))
	asked := h.requests.Load()
	synced(t, r, desire(h.desired...))
	if h.requests.Load() != asked {
		t.Error("the code hosts were asked again although nothing changed")
	}
	records := map[string]binding.Record{}
	for _, rec := range h.Records() {
		records[rec.Binding] = rec
	}
	if hub, lab := records["web-github"], records["pay-gitlab"]; hub.UserID != "5" || lab.UserID != "7" ||
		len(hub.Images) != 1 || hub.Images[0].SourceID == "" || len(lab.Images) != 1 || lab.Images[0].SourceID == "" {
		t.Fatalf("the numbers are not recorded: %+v", records)
	}

	for name, tt := range map[string]struct {
		change    func()
		binding   string
		condition binding.ConditionType
		status    binding.ConditionStatus
		reason    string
	}{
		"a GitHub user renamed and the name taken": {func() {
			h.hosts.RenameUser(sandbox.HostGitHub, "octo", "octopus")
			h.hosts.AddUser(sandbox.HostGitHub, sandbox.HostUser{ID: 66, Username: "octo"})
		}, "web-github", binding.AccountAllowed, binding.False, providers.ReasonAccountRenamed},
		"a GitLab user renamed, and the newest token is of whoever took the name": {func() {
			h.hosts.RenameUser(sandbox.HostGitLab, "ci-bot", "old")
			h.hosts.AddUser(sandbox.HostGitLab, sandbox.HostUser{ID: 77, Username: "ci-bot"})
			h.hosts.AddToken(sandbox.HostGitLab, sandbox.HostToken{Value: "canary-gitlab-2", Username: "ci-bot"})
			h.Tokens["acr/gitlab"] = append(h.Tokens["acr/gitlab"], "canary-gitlab-2")
		}, "pay-gitlab", binding.TokenValid, binding.False, providers.ReasonUserRenamed},
	} {
		t.Run(name, func(t *testing.T) {
			tt.change()
			h.Passes(2 * time.Hour)
			r := h.process(t)
			for range 2 {
				sync1(t, r, desire(h.desired...))
			}
			if got := conditionOf(t, r, tt.binding, tt.condition); got.Status != tt.status || got.Reason != tt.reason {
				t.Errorf("%s: %+v (%s)", tt.condition, got, text(got.Message))
			}
			if got := conditionOf(t, r, tt.binding, binding.Ready); got.Status != binding.False {
				t.Errorf("Ready: %+v", got)
			}
			for _, rec := range h.Records() {
				if rec.Binding == tt.binding && rec.UserID != records[tt.binding].UserID {
					t.Errorf("the record took the stranger's number %s", rec.UserID)
				}
			}
			if got := h.Bound(binding.GitLab); got != "canary-gitlab-1" {
				t.Errorf("%q is bound", got)
			}
		})
	}
	t.Run("a person accepts the new account", func(t *testing.T) {
		h.Passes(2 * time.Hour)
		h.desired[0].Spec.UserID, h.desired[1].Spec.UserID = "66", "77"
		for range 3 {
			synced(t, h.process(t), desire(h.desired...))
		}
		h.desired[0].Spec.UserID, h.desired[1].Spec.UserID = "", ""
		r := h.process(t)
		synced(t, r, desire(h.desired...))
		if got := conditionOf(t, r, "web-github", binding.AccountAllowed); got.Status != binding.True {
			t.Errorf("AccountAllowed: %+v (%s)", got, text(got.Message))
		}
		if got := h.Bound(binding.GitLab); got != "canary-gitlab-2" {
			t.Errorf("%q is bound", got)
		}
	})
}

// TestAProjectPathTakenByAnotherIsNoticedAfterARestart on every host.
func TestAProjectPathTakenByAnotherIsNoticedAfterARestart(t *testing.T) {
	h := newHosted(t)
	r := h.process(t)
	for range 3 {
		synced(t, r, desire(h.desired...))
	}
	for platform, path := range map[string]string{sandbox.HostGitHub: "octo/web", sandbox.HostGitLab: "pay/api"} {
		h.hosts.RemoveProject(platform, path)
		h.hosts.AddProject(platform, sandbox.HostProject{Path: path})
	}
	h.Passes(2 * time.Hour)
	r = h.process(t)
	p, err := r.Plan(t.Context(), desire(h.desired...), binding.DepthPreflight)
	must(t, err)
	taken := 0
	for _, f := range p.Plan.Findings {
		if f.Message.ID == "plan.of" && f.Code == "host-refused" {
			taken++
		}
	}
	if taken != 2 {
		t.Errorf("%d findings of 2: %+v", taken, p.Plan.Findings)
	}
}

// TestAProjectThatTookAPathIsAcceptedWhenItIsDeclaredAgain: whoever removes the image
// repository from the declaration and adds it again means the project that is there now.
func TestAProjectThatTookAPathIsAcceptedWhenItIsDeclaredAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		policy binding.DeletionPolicy
		drop   func(d *binding.Declaration)
	}{
		"an empty list, Retain": {binding.Retain, func(d *binding.Declaration) { d.Spec.Repositories = []binding.Repository{} }},
		"an empty list, Unbind": {binding.Unbind, func(d *binding.Declaration) { d.Spec.Repositories = []binding.Repository{} }},
		"no list":               {binding.Retain, func(d *binding.Declaration) { d.Spec.Repositories = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHosted(t)
			for i := range h.desired {
				h.desired[i].Spec.DeletionPolicy = tt.policy
			}
			r := h.process(t)
			for range 3 {
				synced(t, r, desire(h.desired...))
			}
			for platform, path := range map[string]string{sandbox.HostGitHub: "octo/web", sandbox.HostGitLab: "pay/api"} {
				h.hosts.RemoveProject(platform, path)
				h.hosts.AddProject(platform, sandbox.HostProject{Path: path})
			}
			linked := func(when string, want binding.ConditionStatus) {
				t.Helper()
				for range 2 {
					h.Passes(2 * time.Hour)
					sync1(t, r, desire(h.desired...))
				}
				for _, d := range h.desired {
					if c := conditionOf(t, r, d.Name, binding.RepositoriesLinked); c.Status != want {
						t.Errorf("%s: %s is %s (%s): %s", when, d.Name, c.Status, c.Reason, text(c.Message))
					}
				}
			}
			linked("taken", binding.False)
			declared := slices.Clone(h.desired)
			broken := desire(h.desired[:1]...)
			broken.Broken = []string{"pay.yaml"}
			sync1(t, r, broken)
			linked("a file was broken", binding.False)
			for i := range h.desired {
				tt.drop(&h.desired[i])
			}
			linked("dropped", binding.True)
			h.desired = declared
			linked("declared again", binding.True)
			h.hosts.RemoveProject(sandbox.HostGitHub, "octo/web")
			h.hosts.AddProject(sandbox.HostGitHub, sandbox.HostProject{Path: "octo/web"})
			h.hosts.RemoveProject(sandbox.HostGitLab, "pay/api")
			h.hosts.AddProject(sandbox.HostGitLab, sandbox.HostProject{Path: "pay/api"})
			linked("taken again", binding.False)
		})
	}
}

// TestTheNumberOfAProjectIsNotThatOfTheNextSource: after a different source is
// declared, an image repository that a person unlinks is linked again.
func TestTheNumberOfAProjectIsNotThatOfTheNextSource(t *testing.T) {
	changes := map[string]func(t *testing.T, h *hosted, r *reconcile.Reconciler){
		"we link it": func(t *testing.T, h *hosted, r *reconcile.Reconciler) {
			t.Helper()
			synced(t, r, desire(h.desired...))
		},
		"a person links it": func(t *testing.T, h *hosted, _ *reconcile.Reconciler) {
			t.Helper()
			h.Repos["pay/web"].Link.Source = "octo/next"
		},
		"we unlink it first": func(t *testing.T, h *hosted, r *reconcile.Reconciler) {
			t.Helper()
			next := h.desired[0].Spec.Repositories
			h.desired[0].Spec.Repositories = []binding.Repository{}
			synced(t, r, desire(h.desired...))
			h.desired[0].Spec.Repositories = next
			synced(t, r, desire(h.desired...))
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			h := newHosted(t)
			h.hosts.AddProject(sandbox.HostGitHub, sandbox.HostProject{Path: "octo/next"})
			r := h.process(t)
			for range 2 {
				synced(t, r, desire(h.desired...))
			}
			h.desired[0].Spec.Repositories = []binding.Repository{{Image: "pay/web", Source: "octo/next", Trigger: binding.Auto}}
			change(t, h, r)
			for range 2 {
				h.Passes(2 * time.Hour)
				synced(t, r, desire(h.desired...))
			}
			h.Repos["pay/web"].Link = nil
			h.Passes(2 * time.Hour)
			synced(t, r, desire(h.desired...))
			if link := h.Repos["pay/web"].Link; link == nil || link.Source != "octo/next" {
				t.Errorf("%+v is linked", link)
			}
		})
	}
}
