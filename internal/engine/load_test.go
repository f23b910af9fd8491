package engine

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/source"
)

// TestASnapshotIsHeldToBothPolicies: what the engine makes of a snapshot.
func TestASnapshotIsHeldToBothPolicies(t *testing.T) {
	c := config.Default()
	c.Instances = []config.Instance{{Name: "prod"}}
	c.Policy.Rules = []manifest.AccessRule{{Name: "team", Files: []string{"team/**"}, Addresses: []string{"gitlab.example.com"}}}
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

// Kind: a file that nobody reads is taken for a removal. One whose ending is almost
// that of declarations may hold what is missing in its folder.
func TestAnEndingThatIsNotReadIsNoRemoval(t *testing.T) {
	c := config.Default()
	c.Instances = []config.Instance{{Name: "prod"}}
	now := func() time.Time { return time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) }
	declaration := func(file, name, platform string) binding.File {
		return binding.File{Path: file, Digest: file, Data: []byte("apiVersion: reconciler/v1alpha1\nkind: SourceBinding\nmetadata: {name: " + name + "}\n" +
			"spec: {instance: prod, platform: " + platform + ", username: bot, token: {vault: {mount: secret, path: acr/" + name + "}}}\n")}
	}
	other := declaration("team/b.yaml", "b", "codeup")
	record := func(file string) binding.Record {
		return binding.Record{Instance: "prod", Binding: "a", Platform: binding.GitLab, File: file, Managed: true}
	}
	for name, tt := range map[string]struct {
		applied []binding.Record
		odd     []string
		files   []binding.File
		broken  []string
	}{
		"renamed to capitals":              {[]binding.Record{record("team/a.yaml")}, []string{"team/a.YAML"}, []binding.File{other}, []string{"team/a.YAML"}},
		"renamed to another ending":        {[]binding.Record{record("team/a.yaml")}, []string{"team/A.Yml"}, []binding.File{other}, []string{"team/A.Yml"}},
		"renamed, and its name too":        {[]binding.Record{record("team/a.yaml")}, []string{"team/gitlab.YML"}, []binding.File{other}, []string{"team/gitlab.YML"}},
		"at the root":                      {[]binding.Record{record("a.yml")}, []string{"a.YML"}, []binding.File{other}, []string{"a.YML"}},
		"the only file":                    {[]binding.Record{record("a.yml")}, []string{"a.YML"}, nil, []string{"a.YML"}},
		"it is there, and another next to": {[]binding.Record{record("team/a.yaml")}, []string{"team/a.YAML"}, []binding.File{declaration("team/a.yaml", "a", "codeup")}, []string{}},
		"it moved, and is read":            {[]binding.Record{record("team/a.yaml")}, []string{"team/a.YAML"}, []binding.File{declaration("new/a.yaml", "a", "codeup")}, []string{}},
		"it is gone, and one elsewhere":    {[]binding.Record{record("team/a.yaml")}, []string{"docs/SAMPLE.YAML"}, []binding.File{other}, []string{}},
		"nothing was applied":              {nil, []string{"team/a.YAML"}, []binding.File{other}, []string{}},
		"it was removed before":            {[]binding.Record{{Instance: "prod", Binding: "a", File: "team/a.yaml", Removed: true}}, []string{"team/a.YAML"}, []binding.File{other}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := source.Snapshot{Revision: "1", Files: tt.files}
			for _, file := range tt.odd {
				s.Findings = append(s.Findings, finding.New("source-file-ending", message.New("source.ending", "file", file)).At(file, 0, 0))
			}
			loaded, err := CheckSnapshot(t.Context(), Options{Config: c, Now: now}, s, tt.applied...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.broken, loaded.Desired.Broken, cmpopts.EquateEmpty()); diff != "" || loaded.Desired.EmptySnapshot {
				t.Errorf("broken (-want +got):\n%s\nempty %v", diff, loaded.Desired.EmptySnapshot)
			}
			for _, f := range loaded.Findings {
				if f.Code == "source-file-ending" && (f.Severity == finding.Error) != (len(tt.broken) > 0) {
					t.Errorf("the finding is %s", f.Severity)
				}
			}
		})
	}
}
