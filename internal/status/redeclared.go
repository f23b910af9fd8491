package status

import (
	"cmp"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// redeclaration is what is declared now, and what was declared when the conditions
// were last computed; before is nil if they never were.
type redeclaration struct {
	before   *binding.Spec
	declared *binding.Declaration
}

// redeclared reports whether the declaration of what a condition is about has
// changed since the previous conditions were computed. Then the previous condition
// is about something else.
func (r redeclaration) redeclared(of binding.ConditionType) bool {
	switch of {
	case binding.Bound, binding.Reachable, binding.AccountAllowed, binding.AwaitingAuthorization:
		return r.otherAccount()
	case binding.SecretAvailable:
		return r.otherToken()
	case binding.TokenFresh:
		return r.otherToken() || r.otherEnd()
	case binding.TokenValid:
		return r.otherAccount() || r.otherToken()
	case binding.RepositoriesLinked:
		return r.otherAccount() || r.otherRepositories(withoutRules)
	case binding.RulesCurrent:
		return r.otherAccount() || r.otherRepositories(withRules)
	case binding.Ready:
		return r.otherAccount() || r.otherToken() || r.otherRepositories(withRules)
	default:
		return false
	}
}

func (r redeclaration) otherAccount() bool {
	return r.before != nil && !binding.SameAccount(r.before.Account(), r.declared.Spec.Account())
}

func (r redeclaration) otherToken() bool {
	return r.before != nil && vaultOf(*r.before) != vaultOf(r.declared.Spec)
}

// otherEnd reports whether another end of the token is declared, or none.
func (r redeclaration) otherEnd() bool {
	return r.before != nil && endOf(*r.before) != endOf(r.declared.Spec)
}

func (r redeclaration) otherRepositories(of func(binding.Repository) binding.Repository) bool {
	return r.before != nil && repositoriesOf(*r.before, of) != repositoriesOf(r.declared.Spec, of)
}

func vaultOf(s binding.Spec) binding.VaultRef {
	if s.Token == nil {
		return binding.VaultRef{}
	}
	return s.Token.Vault
}

func endOf(s binding.Spec) binding.Date {
	if s.Token == nil {
		return binding.Date{}
	}
	return s.Token.Expires
}

// repositoriesOf identifies declared image repositories, whatever their order.
func repositoriesOf(s binding.Spec, of func(binding.Repository) binding.Repository) string {
	var each []string
	for _, r := range s.Repositories {
		each = append(each, binding.DigestOf(of(r)))
	}
	slices.Sort(each)
	return binding.DigestOf(each)
}

func withRules(r binding.Repository) binding.Repository { return r }

func withoutRules(r binding.Repository) binding.Repository {
	r.Rules = nil
	return r
}

// notApplied returns the condition why a change of the declaration is not applied:
// something that it needs does not answer. It is nil if there is no such change, or
// everything that it needs answers.
func (v view) notApplied(rest []binding.Condition) *binding.Condition {
	bound, token, repositories := v.open(rest)
	var why *binding.Condition
	switch {
	case bound != nil && v.otherAccount():
		why = bound
	case token != nil && v.otherToken():
		why = token
	case repositories != nil && v.otherRepositories(withRules):
		why = repositories
	default:
		return nil
	}
	return new(changeNotApplied(why.Message))
}

// open returns what has no answer now and is needed for a different account, a
// different token or different image repositories; nil if everything needed has an
// answer. An account that the registry shows as declared needs nothing.
func (v view) open(rest []binding.Condition) (bound, token, repositories *binding.Condition) {
	for i, c := range rest {
		if c.Type == binding.Bound && (c.Status == binding.Unclear || c.LastKnown) {
			return &rest[i], &rest[i], &rest[i]
		}
	}
	for _, o := range v.outcomes {
		if o.State != plan.Kept || !unknown(o.Action) {
			continue
		}
		c := condition(binding.Ready, binding.Unclear, v.whyUnknown(o.Action), o.Action.Reason)
		if object := o.Action.Object; object.IsAccount() {
			token = cmp.Or(token, &c)
		} else {
			c.Message = message.New("condition.of-object", "object", object, "why", c.Message)
			repositories = cmp.Or(repositories, &c)
		}
	}
	return nil, token, repositories
}
