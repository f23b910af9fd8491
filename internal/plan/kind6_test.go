package plan_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// tokenNow is an input in which was changes the record of the applied token, and
// the secret store has the token is.
func tokenNow(was func(*binding.Record), is binding.TokenState) func() plan.Input {
	return bound(func(_ *binding.Declaration, r *binding.Record, in *plan.Input) {
		was(r)
		in.Observation.Tokens["payments-gitlab"] = is
	})
}

// TestKind6WhatCannotBeComparedCountsAsChanged, and is settled by one rebind.
func TestKind6WhatCannotBeComparedCountsAsChanged(t *testing.T) {
	made := noon().Add(-time.Hour)
	cases := map[string]planCase{
		"the mount went from KV version 2 to 1": {
			in: tokenNow(func(*binding.Record) {}, binding.TokenState{Fingerprint: "a"}), reason: "another version",
			want: []string{"rebind account token version:3>(the store has no versions)"},
		},
		"the mount went from KV version 2 to 1, and the token was not read": {
			in: tokenNow(func(*binding.Record) {}, binding.TokenState{}), reason: "another version",
			want: []string{"rebind account token version:3>(the store has no versions)"},
		},
		"the mount went from KV version 1 to 2": {
			in: tokenNow(func(r *binding.Record) { r.TokenVersion, r.TokenFingerprint = 0, "a" }, binding.TokenState{Version: 1, Latest: 1, Created: made}), reason: "another version",
			want: []string{"rebind account token version:(the store has no versions)>1"},
		},
		"the key of the fingerprints changed": {
			in: tokenNow(func(r *binding.Record) { r.TokenVersion, r.TokenFingerprint = 0, "by the old key" }, binding.TokenState{Fingerprint: "by the new key"}), reason: "another version",
			want: []string{"rebind account token version:(applied last)>(changed)"},
		},
		"when the bound version was created is not remembered": {
			in: tokenNow(func(*binding.Record) {}, binding.TokenState{Version: 3, Latest: 3, Created: made}), reason: "another version",
			want: []string{"rebind account token version:3 (created at an unknown time)>3"},
		},
		"when the version was created is not reported any more": {
			in: tokenNow(func(r *binding.Record) { r.TokenCreated = made }, binding.TokenState{Version: 3, Latest: 3}), reason: "another version",
			want: []string{"rebind account token version:3>3 (created at an unknown time)"},
		},
		"where the bound version was kept is not remembered": {
			in: tokenNow(func(r *binding.Record) { r.Vault = binding.VaultRef{} }, binding.TokenState{Version: 3, Latest: 3}), reason: "not known",
			want: []string{"rebind account token version:(unknown)>3"},
		},
		"the registry gives the account no number any more": {
			in: bound(func(_ *binding.Declaration, _ *binding.Record, in *plan.Input) {
				a := gitlabAccount()
				a.ID = ""
				*in = boundTo(*in, a)
			}), reason: "bound the account again",
			want: []string{"rebind account token version:(unknown)>3"},
		},
		"the registry gives the account a number, and did not before": {
			in: bound(func(_ *binding.Declaration, r *binding.Record, _ *plan.Input) { r.AccountID = "" }), reason: "bound the account again",
			want: []string{"rebind account token version:(unknown)>3"},
		},
		"another spelling of the mount": {
			in: bound(func(d *binding.Declaration, _ *binding.Record, _ *plan.Input) {
				d.Spec.Token = &binding.Token{Vault: binding.VaultRef{Mount: "secret/acr", Path: "gitlab", Key: "token"}}
			}), reason: "kept elsewhere",
			want: []string{"rebind account token:secret/acr/gitlab#token>secret/acr/gitlab#token"},
		},
	}
	delete(cases, "another spelling of the mount") // It looks the same and is the same place.
	runCases(t, cases)
	for name, tt := range cases {
		t.Run(name+": once", func(t *testing.T) {
			w := &world{in: tt.in()}
			w.apply(plan.Make(w.in))
			if left := changing(plan.Make(w.in)); len(left) > 0 {
				t.Errorf("after the rebind there is left: %s %s", left[0].Kind, text(left[0].Reason))
			}
		})
	}
}

// TestKind6WhatCanBeComparedIsNoChange: a value that is missing on both sides is
// not a change, and a token that was not read yet is not a different one.
func TestKind6WhatCanBeComparedIsNoChange(t *testing.T) {
	made := noon().Add(-time.Hour)
	for name, in := range map[string]func() plan.Input{
		"neither side has a creation time": tokenNow(func(*binding.Record) {}, binding.TokenState{Version: 3, Latest: 3}),
		"the same creation time in another zone": tokenNow(func(r *binding.Record) { r.TokenCreated = made.In(time.FixedZone("", 3600)) },
			binding.TokenState{Version: 3, Latest: 3, Created: made}),
		"a fingerprint that was not made, for the token was not read": tokenNow(func(r *binding.Record) { r.TokenVersion, r.TokenFingerprint = 0, "a" }, binding.TokenState{}),
		"the same fingerprint": tokenNow(func(r *binding.Record) { r.TokenVersion, r.TokenFingerprint = 0, "a" }, binding.TokenState{Fingerprint: "a"}),
		"an account that was made after the version, of whose creation we remember nothing": bound(func(_ *binding.Declaration, _ *binding.Record, in *plan.Input) {
			a := gitlabAccount()
			a.Created = noon()
			*in = boundTo(*in, a)
			in.Observation.Tokens["payments-gitlab"] = binding.TokenState{Version: 3, Latest: 3, Created: made}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			if left := changing(plan.Make(in())); len(left) > 0 {
				t.Errorf("%s: %s", left[0].Kind, text(left[0].Reason))
			}
		})
	}
}
