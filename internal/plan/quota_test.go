package plan_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// missingImages declares missing image repositories with one build rule each. Namespaces
// that begin with new are missing too.
func missingImages(images ...string) plan.Input {
	return missing(func(w *linkWorld) {
		for _, image := range images {
			r := w.repository
			r.Image = image
			w.spec.Repositories = append(w.spec.Repositories, r)
			w.in.Observation.Repositories[image] = binding.RepositoryState{NoNamespace: strings.HasPrefix(image, "new")}
		}
	})
}

func TestCreationsBeyondAQuotaAreHeld(t *testing.T) {
	personal, unknown := plan.Quotas{Namespaces: 3, Repositories: 300}, &binding.Usage{Unknown: &binding.Unknown{Reason: "Timeout", Message: message.New("unknown.not-asked")}}
	for _, tt := range []struct {
		name   string
		quotas plan.Quotas
		used   *binding.Usage
		images []string
		// made are the images that are created; the others are held.
		made int
		want string
	}{
		{"far below", personal, &binding.Usage{Namespaces: 1, Repositories: 10}, []string{"old/a", "new/b"}, 2, ""},
		{"the last repository", personal, &binding.Usage{Namespaces: 1, Repositories: 299}, []string{"old/a"}, 1, "registry-quota-low image repositories 299 1 300"},
		{"less than a tenth is left", personal, &binding.Usage{Namespaces: 1, Repositories: 270}, []string{"old/a"}, 1, "registry-quota-low image repositories 270 1 300"},
		{"a tenth is left", personal, &binding.Usage{Namespaces: 1, Repositories: 269}, []string{"old/a"}, 1, ""},
		{"beyond by one", personal, &binding.Usage{Namespaces: 1, Repositories: 299}, []string{"old/a", "old/b"}, 1, "registry-quota image repositories 299 2 300"},
		{"beyond before the plan", personal, &binding.Usage{Namespaces: 1, Repositories: 301}, []string{"old/a"}, 0, "registry-quota image repositories 301 1 300"},
		{"the last namespace, shared", personal, &binding.Usage{Namespaces: 2}, []string{"new/a", "new/b"}, 2, "registry-quota-low namespaces 2 1 3"},
		{"one namespace too many", personal, &binding.Usage{Namespaces: 2}, []string{"new-a/a", "new-a/b", "new-b/a", "new-b/b"}, 2, "registry-quota namespaces 2 2 3"},
		{"no new namespace", personal, &binding.Usage{Namespaces: 3}, []string{"old/a"}, 1, ""},
		{"the counts are not known", personal, unknown, []string{"new/a"}, 1, "registry-quota-unknown prod"},
		{"nobody counted", personal, nil, []string{"new/a"}, 1, "registry-quota-unknown prod"},
		{"no limit", plan.Quotas{}, &binding.Usage{Namespaces: 9, Repositories: 900}, []string{"new/a"}, 1, ""},
		{"no limit, nobody counted", plan.Quotas{}, nil, []string{"new/a"}, 1, ""},
		{"a limit of one kind only", plan.Quotas{Repositories: 2}, &binding.Usage{Namespaces: 9, Repositories: 2}, []string{"new/a"}, 0, "registry-quota image repositories 2 1 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := missingImages(tt.images...)
			in.Quotas, in.Observation.Usage = tt.quotas, tt.used
			for range 2 { // The order of the declaration does not matter.
				checkHeld(t, plan.Make(in), tt.images, tt.made, tt.want)
				slices.Reverse(in.Declarations[0].Spec.Repositories)
			}
		})
	}
}

func checkHeld(t *testing.T, p plan.Plan, images []string, made int, want string) {
	t.Helper()
	for i, image := range images {
		kinds := []plan.Kind{plan.Create, plan.AddRule}
		if i >= made {
			kinds = []plan.Kind{plan.Forbidden}
		}
		var got []plan.Kind
		for _, a := range p.Actions {
			if a.Target.Image != image {
				continue
			}
			got = append(got, a.Kind)
			if a.Kind == plan.Forbidden && (a.Cause != plan.CauseQuota || a.Target.Create != nil) {
				t.Errorf("%s is held because of %s with %+v", image, a.Cause, a.Target)
			}
		}
		if !slices.Equal(got, kinds) {
			t.Errorf("%s: %v, want %v", image, got, kinds)
		}
	}
	var found string
	for _, f := range p.Findings {
		found = cmp.Or(found, quotaFinding(f))
	}
	if found != want {
		t.Errorf("found %q, want %q", found, want)
	}
}

// quotaFinding has the values of a finding about quotas.
func quotaFinding(f finding.Finding) string {
	args := f.Message.Args
	if numbers, ok := args.Get("numbers").(message.Message); ok {
		args = numbers.Args
	}
	switch f.Code {
	case "registry-quota", "registry-quota-low":
		what := map[string]string{"noun.namespaces": "namespaces", "noun.repositories": "image repositories"}[args.Get("what").(message.Message).ID]
		return fmt.Sprint(f.Code, " ", what, " ", args.Get("used"), " ", args.Get("wanted"), " ", args.Get("quota"))
	case "registry-quota-unknown":
		return f.Code + " " + f.Instance
	}
	return ""
}
