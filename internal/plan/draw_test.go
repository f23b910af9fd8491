package plan_test

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// images are few, so that declarations, records and the registry often have the
// same ones.
func images() []string { return []string{"a/one", "a/two", "b/one", "b/two", "c/one"} }

// drawInput draws an input: declarations, at most one per platform, an observation
// with some of them bound, as declared or not, and a memory that roughly fits.
func drawInput(t *rapid.T) plan.Input {
	var declarations []binding.Declaration
	free := images()
	for _, p := range binding.Platforms() {
		if rapid.Bool().Draw(t, "declared "+string(p)) {
			var d binding.Declaration
			d, free = drawDeclaration(t, p, free)
			declarations = append(declarations, d)
		}
	}
	in := input(declarations...)
	for _, p := range binding.Platforms() {
		if rapid.Bool().Draw(t, "bound "+string(p)) {
			in.Observation.Accounts[p] = binding.AccountState{Account: &binding.Account{
				ID: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "id"), Platform: p,
				Username: drawUsername(t), Address: drawAddress(t, p),
			}}
		}
		if rapid.Bool().Draw(t, "recorded "+string(p)) {
			in.Records = append(in.Records, drawRecord(t, p))
		}
	}
	for _, d := range declarations {
		if d.Spec.Token != nil {
			in.Observation.Tokens[d.Name] = binding.TokenState{Version: rapid.IntRange(1, 3).Draw(t, "version")}
		}
	}
	for _, image := range images() {
		in.Observation.Repositories[image] = drawRepositoryState(t)
	}
	caps := &in.Observation.Capabilities
	for _, c := range []*bool{&caps.Bind, &caps.Unbind, &caps.LinkRepositories, &caps.WriteRules} {
		*c = rapid.IntRange(0, 9).Draw(t, "capable") > 0
	}
	if rapid.IntRange(0, 9).Draw(t, "console") == 0 {
		*caps = binding.Capabilities{}
	}
	for _, d := range declarations {
		if rapid.IntRange(0, 3).Draw(t, "failing") == 0 {
			in.RetryStates = append(in.RetryStates, drawRetryState(t, d))
		}
	}
	in.Policy.AllowDeletions = rapid.Bool().Draw(t, "allow deletions")
	return in
}

func drawUsername(t *rapid.T) string {
	return rapid.SampledFrom([]string{"bot", "Bot", "person"}).Draw(t, "username")
}

func drawAddress(t *rapid.T, p binding.Platform) string {
	if p != binding.GitLab {
		return ""
	}
	return rapid.SampledFrom([]string{"https://gitlab.example.com", "https://GitLab.example.com:443/", "http://git.example.com:8080"}).Draw(t, "address")
}

func drawVault(t *rapid.T) binding.VaultRef {
	return binding.VaultRef{Mount: "secret", Path: rapid.SampledFrom([]string{"one", "two"}).Draw(t, "path"), Key: "token"}
}

func drawName(t *rapid.T, p binding.Platform) string {
	return string(p) + rapid.SampledFrom([]string{"-old", "-new"}).Draw(t, "name")
}

func drawDeclaration(t *rapid.T, p binding.Platform, free []string) (binding.Declaration, []string) {
	d := binding.Declaration{Name: drawName(t, p), File: string(p) + ".yaml", Spec: binding.Spec{
		Instance: "prod", Platform: p, Username: drawUsername(t), Address: drawAddress(t, p),
		DeletionPolicy: rapid.SampledFrom([]binding.DeletionPolicy{binding.Retain, binding.Unbind}).Draw(t, "deletion"),
		DriftPolicy:    rapid.SampledFrom([]binding.DriftPolicy{binding.Correct, binding.Report}).Draw(t, "drift"),
		Adopt:          rapid.Bool().Draw(t, "adopt"),
	}}
	if !p.OAuth() {
		d.Spec.Token = &binding.Token{Vault: drawVault(t)}
	}
	n := rapid.IntRange(-1, min(2, len(free))).Draw(t, "repositories")
	if n < 0 {
		return d, free
	}
	d.Spec.Repositories = []binding.Repository{}
	for _, image := range free[:n] {
		d.Spec.Repositories = append(d.Spec.Repositories, drawRepository(t, image))
	}
	return d, free[n:]
}

func drawRepository(t *rapid.T, image string) binding.Repository {
	r := binding.Repository{
		Image: image, Source: drawSource(t),
		Trigger: rapid.SampledFrom([]binding.Trigger{binding.Auto, binding.Manual}).Draw(t, "trigger"),
	}
	if rapid.Bool().Draw(t, "cache managed") {
		cache := rapid.Bool().Draw(t, "cache")
		r.BuildCache = &cache
	}
	if rapid.Bool().Draw(t, "rules managed") {
		r.Rules = drawRules(t)
	}
	return r
}

func drawSource(t *rapid.T) string {
	return rapid.SampledFrom([]string{"team/app", "Team/App/", "team/other"}).Draw(t, "source")
}

func drawRules(t *rapid.T) []binding.BuildRule {
	rules := []binding.BuildRule{}
	for _, branch := range []string{"main", "next"} {
		if rapid.Bool().Draw(t, "rule "+branch) {
			rules = append(rules, binding.BuildRule{
				Branch: branch, ImageTag: "latest",
				Dockerfile: rapid.SampledFrom([]string{"Dockerfile", "/Dockerfile", "/build/Dockerfile"}).Draw(t, "dockerfile"),
			})
		}
	}
	return rules
}

func drawLink(t *rapid.T) *binding.Link {
	return &binding.Link{
		Platform: rapid.SampledFrom(binding.Platforms()).Draw(t, "link platform"), Source: drawSource(t),
		Trigger:    rapid.SampledFrom([]binding.Trigger{binding.Auto, binding.Manual}).Draw(t, "link trigger"),
		BuildCache: rapid.Bool().Draw(t, "link cache"),
	}
}

func drawRepositoryState(t *rapid.T) binding.RepositoryState {
	st := binding.RepositoryState{Exists: rapid.IntRange(0, 9).Draw(t, "exists") > 0}
	if !st.Exists {
		return st
	}
	if rapid.Bool().Draw(t, "linked") {
		st.Link = drawLink(t)
	}
	for i, r := range drawRules(t) {
		st.Rules = append(st.Rules, binding.ObservedRule{ID: fmt.Sprint(i), BuildRule: r})
	}
	return st
}

func drawRecord(t *rapid.T, p binding.Platform) binding.Record {
	r := binding.Record{
		Instance: "prod", Binding: drawName(t, p), Platform: p, AccountID: "1",
		Username: drawUsername(t), Address: drawAddress(t, p),
		Managed:        rapid.IntRange(0, 4).Draw(t, "managed") > 0,
		DeletionPolicy: rapid.SampledFrom([]binding.DeletionPolicy{binding.Retain, binding.Unbind}).Draw(t, "record deletion"),
	}
	if !p.OAuth() {
		r.Vault, r.TokenVersion = drawVault(t), rapid.IntRange(1, 3).Draw(t, "record version")
		if rapid.IntRange(0, 3).Draw(t, "refused") == 0 {
			at := noon().Add(-time.Duration(rapid.IntRange(-30, 30).Draw(t, "refused hours ago")) * time.Hour)
			r.Refused = binding.Refusal{Vault: drawVault(t), Version: 3, Username: drawUsername(t), Address: binding.NormalAddress(drawAddress(t, p)), At: at}
		}
	}
	if !r.Managed {
		return r // A binding of somebody else has nothing of ours.
	}
	for _, image := range images() {
		if rapid.IntRange(0, 3).Draw(t, "recorded image") == 0 {
			img := binding.RecordedImage{Image: image}
			if rapid.Bool().Draw(t, "recorded link") {
				img.Link = drawLink(t)
			}
			for _, rule := range drawRules(t) {
				img = img.WithRule(binding.ObservedRule{BuildRule: rule, ID: rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "recorded rule")})
			}
			r.Images = append(r.Images, img)
		}
	}
	return r
}

// drawRetryState draws repairs, few or too many, old or new, and a step that has
// waited for a long or a short time.
func drawRetryState(t *rapid.T, d binding.Declaration) binding.RetryState {
	hour := func(name string) time.Time {
		return noon().Add(-time.Duration(rapid.IntRange(0, 400).Draw(t, name)) * time.Hour)
	}
	e := binding.RetryState{Instance: "prod", Binding: d.Name, Digest: d.Spec.Digest(), Pending: []binding.PendingSince{
		{Platform: d.Spec.Platform, Object: binding.AccountObject(), Action: "authorize", Since: hour("waits since")},
	}}
	for _, text := range []string{"account", "a/one", "a/one#branch:main=>latest"} {
		r := binding.Repairs{Object: objectOf(text)}
		for range rapid.IntRange(0, 6).Draw(t, "repairs") {
			r.Made = append(r.Made, binding.NewRepair(noon().Add(-time.Minute), message.New("found.gone")))
		}
		if rapid.Bool().Draw(t, "stopped") {
			r.Stopped = hour("stopped at")
		}
		e.Repairs = append(e.Repairs, r)
	}
	return e
}
