package observe_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/observe"
	"reconciler/internal/worldtest"
)

// What the registry has is counted once, and only where something would be made.
func TestUsageIsCountedWhereSomethingIsMade(t *testing.T) {
	for _, tt := range []struct {
		name   string
		create bool
		change func(*site)
		counts bool
		asked  int
		want   *binding.Usage
	}{
		{"two are made", true, func(*site) {}, true, 1, &binding.Usage{Namespaces: 1, Repositories: 2}},
		{"none is declared with create", false, func(*site) {}, true, 0, nil},
		{"they exist", true, func(w *site) {
			w.Repos["pay/new"], w.Repos["pay/next"] = &binding.RepositoryState{Exists: true}, &binding.RepositoryState{Exists: true}
		}, true, 0, nil},
		{"no quota", true, func(*site) {}, false, 0, nil},
		{"nothing can be made", true, func(w *site) { w.Caps.CreateRepositories = false }, true, 0, nil},
		{"it is not known whether they exist", true, func(w *site) {
			w.Fault = func(call string) (f worldtest.Fault) {
				if call == "repository pay/new" || call == "repository pay/next" {
					f.Before = &binding.Failure{Kind: binding.Transient, Op: message.Verbatim(call), Err: errors.New("no answer")}
				}
				return f
			}
		}, true, 0, nil},
		{"the count is refused", true, func(w *site) {
			w.Fault = func(call string) (f worldtest.Fault) {
				if call == "usage" {
					f.Before = &binding.Failure{Kind: binding.InstanceStop, Code: "Forbidden.RAM", Op: message.Verbatim(call), Err: errors.New("not allowed")}
				}
				return f
			}
		}, true, 1, &binding.Usage{Unknown: &binding.Unknown{Reason: "InstanceStop"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newSite()
			tt.change(w)
			d := worldtest.GitLab()
			for _, image := range []string{"pay/new", "pay/next"} {
				r := binding.Repository{Image: image, Source: "pay/api", Trigger: binding.Auto}
				if tt.create {
					r.Create = &binding.Creation{Visibility: binding.Private, Summary: "New"}
				}
				d.Spec.Repositories = append(d.Spec.Repositories, r)
			}
			ob := observe.New(observe.Options{
				Instance: worldtest.Instance, Registry: worldtest.Registry{World: w.World}, Tokens: worldtest.Vault{World: w.World},
				CountsUsage: tt.counts, Now: w.Clock,
			})
			seen := ob.ObserveEach(t.Context(), [][]binding.Declaration{declare(d), declare(worldtest.GitLab())},
				make([]binding.SecretTargets, 2), nil, binding.DepthLive)
			got := seen[0]
			if n := w.Count("usage"); n != tt.asked || got.Unknown != nil || seen[1].Usage != nil {
				t.Errorf("asked %d times, want %d; %+v; another snapshot has %+v", n, tt.asked, got.Unknown, seen[1].Usage)
			}
			if u := got.Usage; u != nil && u.Unknown != nil {
				u.Unknown = &binding.Unknown{Reason: u.Unknown.Reason}
			}
			if diff := cmp.Diff(tt.want, got.Usage); diff != "" {
				t.Errorf("usage (-want +got):\n%s", diff)
			}
			recorded := observe.NewRecorded(worldtest.Instance, declare(d), &got).ObserveEach(t.Context(), [][]binding.Declaration{declare(d)}, nil, nil, 0)
			if diff := cmp.Diff(got.Usage, recorded[0].Usage); diff != "" {
				t.Errorf("recorded (-want +got):\n%s", diff)
			}
		})
	}
}
