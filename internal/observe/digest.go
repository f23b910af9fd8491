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
	stable := make([]stableObservation, 0, len(observations))
	for _, o := range observations {
		stable = append(stable, newStableObservation(o))
	}
	slices.SortFunc(stable, func(a, b stableObservation) int { return cmp.Compare(a.Instance, b.Instance) })
	data, err := json.Marshal(stable)
	if err != nil {
		// Strings, numbers, booleans, and lists and maps of them can always be
		// marshalled.
		panic("observe: digest of an observation: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// stableObservation is the part of an observation that stays the same in the
// next one, as long as nobody changes anything.
type stableObservation struct {
	Instance     string
	Unknown      string
	Capabilities binding.Capabilities
	Accounts     map[binding.Platform]stableAccount
	Repositories map[string]binding.RepositoryState
	Tokens       map[string]stableToken
}

type stableAccount struct {
	Unknown string
	Account *binding.Account
}

type stableToken struct {
	Unknown         string
	Version, Latest int
}

func newStableObservation(o binding.Observation) stableObservation {
	s := stableObservation{
		Instance: o.Instance, Unknown: reasonOf(o.Unknown), Capabilities: o.Capabilities,
		Accounts:     map[binding.Platform]stableAccount{},
		Repositories: map[string]binding.RepositoryState{}, Tokens: map[string]stableToken{},
	}
	for platform, state := range o.Accounts {
		s.Accounts[platform] = stableAccount{reasonOf(state.Unknown), state.Account}
	}
	for image, state := range o.Repositories {
		state.Unknown, state.SourceUnknown, state.RulesUnknown = stableUnknown(state.Unknown), stableUnknown(state.SourceUnknown), stableUnknown(state.RulesUnknown)
		state.Rules = slices.SortedFunc(slices.Values(state.Rules), func(a, b binding.ObservedRule) int { return cmp.Compare(a.ID, b.ID) })
		s.Repositories[image] = state
	}
	for name, state := range o.Tokens {
		s.Tokens[name] = stableToken{reasonOf(state.Unknown), state.Version, state.Latest}
	}
	return s
}

func stableUnknown(u *binding.Unknown) *binding.Unknown {
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
