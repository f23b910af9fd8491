package engine

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/manifest"
	"reconciler/internal/source"
)

// TestASnapshotIsHeldToBothPolicies: what the engine makes of a snapshot.
func TestASnapshotIsHeldToBothPolicies(t *testing.T) {
	c := config.Default()
	c.Instances = []config.Instance{{Name: "prod"}}
	c.Policy.Rules = []config.PolicyRule{{Name: "team", Files: []string{"team/**"}, Addresses: []string{"gitlab.example.com"}}}
	now := func() time.Time { return time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) }
	cache := manifest.NewCache()
	declaration := func(file, address string) binding.File {
		return binding.File{Path: file, Digest: file + address, Data: []byte("apiVersion: reconciler/v1alpha1\nkind: SourceBinding\nmetadata: {name: a}\n" +
			"spec: {instance: prod, platform: gitlab, address: '" + address + "', username: bot, token: {vault: {mount: secret, path: acr/a}}}\n")}
	}
	usable := []binding.File{{Path: "policy/https.cue", Data: []byte(`policies: "policy-https": {message: "https", require: spec: address?: =~"^https:"}`)}}
	for _, tt := range []struct {
		name     string
		file     binding.File
		policies []binding.File
		broken   []string
		codes    string
	}{
		{"a good one", declaration("team/a.yaml", "https://gitlab.example.com"), usable, []string{}, ""},
		{"another host", declaration("team/a.yaml", "https://gitlab.example.org"), usable, []string{"team/a.yaml"}, "policy-address"},
		{"http", declaration("team/a.yaml", "http://gitlab.example.com"), usable, []string{"team/a.yaml"}, "policy-https token-over-http"},
		{"a policy without data", declaration("team/a.yaml", "https://gitlab.example.com"), []binding.File{{Path: "policy/https.cue"}}, []string{"policy/https.cue"}, "policy-invalid"},
	} {
		loaded, err := CheckSnapshot(context.Background(), Options{Config: c, Now: now, Cache: cache}, source.Snapshot{Revision: "1", Files: []binding.File{tt.file}, Policies: tt.policies})
		if err != nil {
			t.Fatal(err)
		}
		var codes []string
		for _, f := range loaded.Findings {
			codes = append(codes, f.Code)
		}
		if strings.Join(codes, " ") != tt.codes {
			t.Errorf("%s: findings %q, want %q", tt.name, codes, tt.codes)
		}
		if len(loaded.Desired.Broken)+len(tt.broken) > 0 && !cmp.Equal(tt.broken, loaded.Desired.Broken) {
			t.Errorf("%s: broken %q, want %q", tt.name, loaded.Desired.Broken, tt.broken)
		}
		if (len(loaded.Desired.Declarations) == 1) != (len(tt.broken) == 0) || loaded.Desired.EmptySnapshot {
			t.Errorf("%s: %d declarations, empty %v", tt.name, len(loaded.Desired.Declarations), loaded.Desired.EmptySnapshot)
		}
	}
}
