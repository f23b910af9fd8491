package observe

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"reconciler/internal/binding"
)

// Digest identifies what was observed, whatever the depth: "sha256:" and a hash
// of what the registries have and of the versions of the tokens. Times, the
// code hosts' answers and the texts of failures are not part of it, because
// they differ between observations.
func Digest(observations []binding.Observation) string {
	steady := make([]steadyObservation, 0, len(observations))
	for _, o := range observations {
		steady = append(steady, newSteady(o))
	}
	slices.SortFunc(steady, func(a, b steadyObservation) int { return cmp.Compare(a.Instance, b.Instance) })
	data, err := json.Marshal(steady)
	if err != nil {
		// Strings, numbers, booleans, and lists and maps of them can always be
		// marshalled.
		panic("observe: digest of an observation: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// steadyObservation is the part of an observation that stays the same in the
// next one, as long as nobody changes anything.
type steadyObservation struct {
	Instance     string
	Unknown      string
	Capabilities binding.Capabilities
	Accounts     map[binding.Platform]steadyAccount
	Repositories map[string]binding.RepositoryState
	Tokens       map[string]steadyToken
}

type steadyAccount struct {
	Unknown string
	Account *binding.Account
}

type steadyToken struct {
	Unknown         string
	Version, Latest int
}

func newSteady(o binding.Observation) steadyObservation {
	s := steadyObservation{
		Instance: o.Instance, Unknown: reasonOf(o.Unknown), Capabilities: o.Capabilities,
		Accounts:     map[binding.Platform]steadyAccount{},
		Repositories: map[string]binding.RepositoryState{}, Tokens: map[string]steadyToken{},
	}
	for platform, state := range o.Accounts {
		s.Accounts[platform] = steadyAccount{reasonOf(state.Unknown), state.Account}
	}
	for image, state := range o.Repositories {
		state.Unknown, state.SourceUnknown, state.RulesUnknown = steadyUnknown(state.Unknown), steadyUnknown(state.SourceUnknown), steadyUnknown(state.RulesUnknown)
		state.Rules = slices.SortedFunc(slices.Values(state.Rules), func(a, b binding.ObservedRule) int { return cmp.Compare(a.ID, b.ID) })
		s.Repositories[image] = state
	}
	for name, state := range o.Tokens {
		s.Tokens[name] = steadyToken{reasonOf(state.Unknown), state.Version, state.Latest}
	}
	return s
}

func steadyUnknown(u *binding.Unknown) *binding.Unknown {
	if u == nil {
		return nil
	}
	return &binding.Unknown{Reason: u.Reason}
}

func reasonOf(u *binding.Unknown) string {
	if u == nil {
		return ""
	}
	return u.Reason
}
