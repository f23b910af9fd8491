package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
)

// file reads a file of another package.
func file(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// named is a profile whose listing names the instance.
func named(t *testing.T) string {
	t.Helper()
	return strings.Replace(file(t, "../registry/wire/personal.yaml"), "query: {SourceOriginType: $platform}", "query: {SourceOriginType: $platform, InstanceId: $instanceId}", 1)
}

// Kind: what is written and has no effect is not reported.
func TestWhatADriverDoesNotUseIsTold(t *testing.T) {
	const head = head + "source: {folder: {path: bindings}}\ninstances:\n  - {name: a, region: cn-hangzhou, "
	for name, tt := range map[string]struct {
		instance string
		want     []string
	}{
		"console": {
			"driver: console, instanceId: crpi-abc, endpoint: https://cr, wireProfile: p.yaml, signature: acs3, requestsPerSecond: 1, burst: 2, quotas: {namespaces: 3}",
			[]string{
				"config-unused instances[0].burst", "config-unused instances[0].endpoint", "config-unused instances[0].instanceId", "config-unused instances[0].quotas",
				"config-unused instances[0].requestsPerSecond", "config-unused instances[0].signature", "config-unused instances[0].wireProfile",
			},
		},
		"console, of the Enterprise Edition":  {"driver: console, edition: enterprise, instanceId: cri-abc", []string{"config-unused instances[0].instanceId"}},
		"console, as it is":                   {"driver: console", nil},
		"enterprise with another signature":   {"driver: enterprise, instanceId: cri-abc, signature: v2", []string{"config-unused instances[0].signature"}},
		"enterprise with its signature":       {"driver: enterprise, instanceId: cri-abc, signature: acs3", nil},
		"enterprise with its profile":         {"driver: enterprise, instanceId: cri-abc, wireProfile: e.yaml", nil},
		"enterprise with calls it never does": {"driver: enterprise, instanceId: cri-abc, wireProfile: p.yaml", []string{"config-unused instances[0].wireProfile"}},
		"personal":                            {"signature: v2, endpoint: https://cr, wireProfile: p.yaml, requestsPerSecond: 1, burst: 2, instanceId: crpi-abc", nil},
		"personal, without what its calls name": {
			"wireProfile: n.yaml", []string{"config-conflict instances[0].instanceId"},
		},
		"personal, with what its calls name": {"wireProfile: n.yaml, instanceId: crpi-abc", nil},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			for file, text := range map[string]string{
				"p.yaml": file(t, "../registry/wire/personal.yaml"), "e.yaml": file(t, "../registry/enterprise/enterprise.yaml"), "n.yaml": named(t), "c.yaml": head + tt.instance + "}\n",
			} {
				if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Mkdir(filepath.Join(folder, "bindings"), 0o700); err != nil {
				t.Fatal(err)
			}
			_, found, err := Load(filepath.Join(folder, "c.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range found {
				got = append(got, f.Code+" "+f.Path)
				if f.Line == 0 {
					t.Errorf("%s has no place", f.Code)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// The plan's digest covers the instance that its calls name.
func TestAPlanNamesTheInstanceThatItsCallsName(t *testing.T) {
	for name, tt := range map[string]struct {
		in   Instance
		want string
	}{
		"personal, its calls name it": {Instance{Driver: "personal", InstanceID: "crpi-a", WireNamesInstance: true}, "crpi-a"},
		"personal":                    {Instance{Driver: "personal", InstanceID: "crpi-a"}, ""},
		"enterprise":                  {Instance{Driver: "enterprise", InstanceID: "cri-a"}, "cri-a"},
		"console":                     {Instance{Driver: "console", InstanceID: "crpi-a", WireNamesInstance: true}, ""},
	} {
		target := tt.in.Target()
		if target.ID != tt.want || (target.Edition == binding.Enterprise) != (tt.in.Driver == "enterprise") {
			t.Errorf("%s: %+v", name, target)
		}
	}
}
