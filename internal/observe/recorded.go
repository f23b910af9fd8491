package observe

import (
	"context"
	"maps"
	"reflect"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// Recorded is an observer that sends no request: it returns what another process
// observed. Anything else is unknown, with the reason binding.NotObserved.
type Recorded struct {
	instance string
	declared []binding.Declaration
	seen     *binding.Observation
}

// NewRecorded makes a Recorded from what another process observed of an
// instance for the given declarations. seen is nil if it observed nothing.
func NewRecorded(instance string, declared []binding.Declaration, seen *binding.Observation) *Recorded {
	return &Recorded{instance, declared, seen}
}

// ObserveEach returns what is recorded, whatever the depth.
func (rec *Recorded) ObserveEach(_ context.Context, declared [][]binding.Declaration, _ []binding.SecretTargets, records []binding.Record, _ binding.Depth) []binding.Observation {
	observations := make([]binding.Observation, len(declared))
	for n := range declared {
		observations[n] = rec.observe(declared[n], records)
	}
	return observations
}

func (rec *Recorded) observe(declared []binding.Declaration, records []binding.Record) binding.Observation {
	o := binding.Observation{
		Instance: rec.instance,
		Accounts: map[binding.Platform]binding.AccountState{}, Repositories: map[string]binding.RepositoryState{},
		Tokens: map[string]binding.TokenState{}, Projects: map[string]map[string]binding.ProjectState{},
	}
	if rec.seen == nil {
		// This is not NotObserved, which means that one thing is new. Knowing
		// nothing about an instance is never normal.
		o.Unknown = &binding.Unknown{Reason: "NotInSnapshot", Message: message.New("unknown.not-in-snapshot")}
		return o
	}
	o.Unknown, o.Capabilities = rec.seen.Unknown, rec.seen.Capabilities
	if o.Unknown == nil {
		rec.registry(&o, declared, records)
	}
	for _, d := range declared {
		rec.declaration(&o, d)
	}
	return o
}

// registry is what was seen of the registry.
func (rec *Recorded) registry(o *binding.Observation, declared []binding.Declaration, records []binding.Record) {
	maps.Copy(o.Accounts, rec.seen.Accounts)
	maps.Copy(o.Repositories, rec.seen.Repositories)
	o.Usage = rec.seen.Usage
	for _, p := range platforms(declared, records) {
		if _, seen := o.Accounts[p]; !seen {
			o.Accounts[p] = binding.AccountState{Unknown: notObserved(message.New("unknown.account", "platform", p.Title()))}
		}
	}
	for _, image := range images(declared, records) {
		if _, seen := o.Repositories[image]; !seen {
			o.Repositories[image] = binding.RepositoryState{Unknown: notObserved(message.New("unknown.repository"))}
		}
	}
}

// declaration is what was seen of one declaration's token and projects:
// everything if the same was declared, otherwise only what does not depend on
// the rest of the declaration, from any declaration of the same secret.
func (rec *Recorded) declaration(o *binding.Observation, d binding.Declaration) {
	asked := rec.asked(d)
	state, known := binding.TokenState{}, false
	if asked != nil {
		state, known = rec.seen.Tokens[asked.Name]
	}
	if d.Spec.Token != nil && !known {
		state = binding.TokenState{Unknown: notObserved(message.New("unknown.token", "vault", d.Spec.Token.Vault))}
	}
	same := asked != nil && asked.Name == d.Name && asked.Spec.Account() == d.Spec.Account()
	if !same || !reflect.DeepEqual(asked.Spec.Sources(), d.Spec.Sources()) {
		state.Answers = nil
	}
	if !same {
		state.Previous, state.BoundAnswers = nil, nil
	}
	if d.Spec.Token != nil && state.ExpiresSource == binding.FromDeclaration {
		end := d.Spec.Token.End()
		state.Expires, state.ExpiresSource = end.At, end.Source
	}
	if d.Spec.Token != nil || len(state.Answers) > 0 {
		o.Tokens[d.Name] = state
	}
	if projects := rec.seen.Projects[d.Name]; same && projects != nil {
		o.Projects[d.Name] = projects
	}
}

// asked is the observed declaration to use for d: that of the same name, or
// else any with the same secret; nil if there is none.
func (rec *Recorded) asked(d binding.Declaration) *binding.Declaration {
	var found *binding.Declaration
	for i, a := range rec.declared {
		if !sameSecret(a.Spec.Token, d.Spec.Token) || a.Name != d.Name && d.Spec.Token == nil {
			continue
		}
		if found == nil || a.Name == d.Name {
			found = &rec.declared[i]
		}
	}
	return found
}

func sameSecret(a, b *binding.Token) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Vault == b.Vault
}

func notObserved(what message.Message) *binding.Unknown {
	return &binding.Unknown{Reason: binding.NotObserved, Certain: true, Message: message.New("unknown.not-observed", "what", what)}
}
