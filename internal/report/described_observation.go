package report

import (
	"encoding/json"
	"time"

	"reconciler/internal/binding"
)

// DescribedObservation is what the last sync observed about one binding: the answers
// of the registry, the secret store and the code host.
type DescribedObservation struct {
	// Time is when the observation began.
	Time time.Time `json:"time"`
	// Unknown says why the registry's part is unknown.
	Unknown *UnknownObject `json:"unknown,omitempty"`
	// Account is the registry's answer about the platform's account, and
	// Repositories its answers about the declared image repositories.
	Account      *AccountObject              `json:"account,omitempty"`
	Repositories map[string]RepositoryObject `json:"repositories,omitempty"`
	// Token is what is known about the token, and Projects are the code host's
	// answers about the declared sources.
	Token    *PublishedToken          `json:"token,omitempty"`
	Projects map[string]ProjectObject `json:"projects,omitempty"`
}

// NewDescribedObservation returns the part of an observation that is about one
// declaration. at is when the observation began.
func NewDescribedObservation(at time.Time, o binding.Observation, of binding.Declaration) *DescribedObservation {
	d := &DescribedObservation{Time: at.UTC().Truncate(time.Second), Unknown: unknownObject(o.Unknown), Projects: ProjectObjects(o.Projects[of.Name])}
	if account, asked := o.Accounts[of.Spec.Platform]; asked {
		d.Account = new(accountObject(account))
	}
	for _, r := range of.Spec.Repositories {
		if state, asked := o.Repositories[r.Image]; asked {
			if d.Repositories == nil {
				d.Repositories = map[string]RepositoryObject{}
			}
			d.Repositories[r.Image] = repositoryObject(state)
		}
	}
	if token, asked := o.Tokens[of.Name]; asked {
		d.Token = NewPublishedToken(token)
	}
	return d
}

// Redacted applies redact to every text of the observation.
func (d *DescribedObservation) Redacted(redact func(string) string) *DescribedObservation {
	text, err := json.Marshal(d)
	if err != nil {
		return nil
	}
	clean := &DescribedObservation{}
	if json.Unmarshal([]byte(redact(string(text))), clean) != nil {
		return nil
	}
	return clean
}

// Observation converts it back to the part of an observation about the binding with
// a name and platform.
func (d *DescribedObservation) Observation(name string, platform binding.Platform) binding.Observation {
	if d == nil {
		return binding.Observation{}
	}
	o := binding.Observation{
		Unknown: d.Unknown.unknown(), Repositories: values(d.Repositories, RepositoryObject.state),
		Projects: map[string]map[string]binding.ProjectState{name: ProjectsOf(d.Projects)},
	}
	if d.Account != nil {
		o.Accounts = map[binding.Platform]binding.AccountState{platform: d.Account.state()}
	}
	if d.Token != nil {
		o.Tokens = map[string]binding.TokenState{name: d.Token.State()}
	}
	return o
}
