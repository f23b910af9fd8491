package chaos

import (
	"fmt"
	"slices"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
)

// lacks says what of a condition of a team is not so; empty means that all is.
func (w *world) lacks(t *team, d binding.Declaration, of binding.ConditionType) string {
	has := w.instance(t.instance).Peek()
	switch of {
	case binding.Bound:
		return lacksAccount(has, d.Spec)
	case binding.TokenFresh:
		return w.lacksToken(t, d.Spec)
	case binding.TokenValid:
		return w.lacksValidity(t)
	case binding.RepositoriesLinked:
		return lacksLinks(has, d.Spec)
	case binding.RulesCurrent:
		return lacksRules(has, d.Spec)
	default:
		return ""
	}
}

func lacksAccount(has sandbox.RegistrySnapshot, spec binding.Spec) string {
	a := accountOf(has, spec.Platform)
	switch {
	case a == nil:
		return "nothing is bound"
	case a.Username != spec.Username || !binding.SameAddress(a.Address, spec.Address):
		return fmt.Sprintf("%s at %q is bound", a.Username, a.Address)
	}
	return ""
}

func accountOf(has sandbox.RegistrySnapshot, p binding.Platform) *sandbox.SourceAccount {
	if at := slices.IndexFunc(has.Accounts, func(a sandbox.SourceAccount) bool { return a.Platform == string(p) }); at >= 0 {
		return &has.Accounts[at]
	}
	return nil
}

// bound is the version of the token that is bound; 0 where it is none of the
// secret store's.
func (w *world) bound(t *team) int {
	for n, token := range w.tokens[t.path()] {
		if w.instance(t.instance).PeekToken(string(t.platform), token.value) {
			return n + 1
		}
	}
	return 0
}

func (w *world) lacksToken(t *team, spec binding.Spec) string {
	if spec.Token == nil {
		return ""
	}
	want := spec.Token.Vault.Version
	if want == 0 {
		want = len(w.tokens[t.path()])
	}
	if got := w.bound(t); got != want {
		return fmt.Sprintf("version %d of the token is bound, and %d is declared", got, want)
	}
	return ""
}

func (w *world) lacksValidity(t *team) string {
	if n := w.bound(t); n > 0 && w.tokens[t.path()][n-1].revoked {
		return fmt.Sprintf("version %d of the token is bound, and revoked", n)
	}
	return ""
}

func lacksLinks(has sandbox.RegistrySnapshot, spec binding.Spec) string {
	for _, want := range spec.Repositories {
		source := repositoryOf(has, want.Image).Source
		switch {
		case source == nil:
			return want.Image + " has no source"
		case source.Platform != string(spec.Platform) || !binding.SameSource(source.Project, want.Source) || source.Auto != (want.Trigger == binding.Auto):
			return fmt.Sprintf("%s builds from %+v", want.Image, *source)
		}
	}
	return ""
}

func repositoryOf(has sandbox.RegistrySnapshot, image string) sandbox.ImageRepository {
	if at := slices.IndexFunc(has.Repositories, func(r sandbox.ImageRepository) bool { return r.Image == image }); at >= 0 {
		return has.Repositories[at]
	}
	return sandbox.ImageRepository{Image: image}
}

// lacksRules compares the declared rules with those there, as a multiset.
func lacksRules(has sandbox.RegistrySnapshot, spec binding.Spec) string {
	for _, r := range spec.Repositories {
		for _, want := range r.Rules {
			var found []binding.BuildRule
			for _, rule := range repositoryOf(has, r.Image).Rules {
				if got := ruleOf(rule); got.Key() == want.Key() {
					found = append(found, got)
				}
			}
			if len(found) != 1 || !found[0].Same(want) {
				return fmt.Sprintf("%s has %v for %v", r.Image, found, want)
			}
		}
	}
	return ""
}

// ruleOf is a rule of the registry in our words.
func ruleOf(r sandbox.ImageRule) binding.BuildRule {
	rule := binding.BuildRule{ImageTag: r.ImageTag, Dockerfile: strings.TrimSuffix(r.DockerfileLocation, "/") + "/" + r.DockerfileName}
	if r.PushType == "GIT_TAG" {
		rule.Tag = r.PushName
	} else {
		rule.Branch = r.PushName
	}
	return rule
}
