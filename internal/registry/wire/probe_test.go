package wire_test

import (
	"errors"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/registry/wire"
)

// TestAProbeCouldChangeNothing: what asks whether a write is served names nothing
// that could be there.
func TestAProbeCouldChangeNothing(t *testing.T) {
	const profile = `apiVersion: reconciler/v1alpha1
kind: WireProfile
metadata: {name: probes}
spec:
  version: "2016-06-07"
  style: roa
  platforms: {codeup: CODEUP, github: GITHUB}
  calls:
    unbind: {basis: recorded, reason: test, action: Unbind, method: DELETE, path: PATH, query: {type: $platform, id: $account}}
`
	for path, probed := range map[string]bool{
		"/users/sourceAccount/$account":           true,
		"/users/sourceAccount/$platform":          false, // GITHUB may be bound.
		"/users/sourceAccount":                    false, // All of them.
		"/users/$username/sourceAccount/$account": false,
		"/users/$platform/$account":               false,
	} {
		p, found := wire.Parse("profile.yaml", []byte(strings.Replace(profile, "PATH", path, 1)))
		if p == nil {
			t.Fatalf("%s: %v", path, found)
		}
		request, err := p.Probe(wire.Unbind, wire.Arguments{Account: binding.Account{Platform: binding.GitHub}})
		if errors.Is(err, wire.ErrNotProbed) == probed || probed && (request.Query != nil || request.Path != "/users/sourceAccount/0") {
			t.Errorf("%s: %+v, %v", path, request, err)
		}
	}
}
