package manifest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/manifest"
)

const configuration = `apiVersion: reconciler/v1alpha1
kind: Configuration
source:
  folder: {path: declarations}
instances:
  - {name: prod, region: cn-hangzhou}
sync: {interval: 90s}
`

func TestCheckConfigurationDecodes(t *testing.T) {
	t.Parallel()
	var got struct {
		Source struct {
			Folder struct{ Path string }
		}
		Instances      []struct{ Name, Region string }
		Sync           struct{ Interval time.Duration }
		ExpiryWarnings []int `yaml:"expiryWarnings"`
	}
	_, findings := manifest.CheckDocument(binding.File{Path: "c.yaml", Data: []byte(configuration)}, manifest.KindConfiguration, &got)
	if len(findings) != 0 {
		t.Fatal(findings)
	}
	if got.Source.Folder.Path != "declarations" || got.Sync.Interval != 90*time.Second {
		t.Errorf("what is written: %+v", got)
	}
	if len(got.Instances) != 1 || got.Instances[0].Region != "cn-hangzhou" {
		t.Errorf("the instances: %+v", got.Instances)
	}
}

func TestCheckConfigurationTellsAllFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"empty", "", []string{"0:0 document-kind "}},
		{"two documents", configuration + "---\n" + configuration, []string{"0:0 document-kind "}},
		{"a declaration", strings.Replace(configuration, "kind: Configuration", "kind: SourceBinding", 1), []string{"2:7 document-kind kind"}},
		{
			"faults", strings.Replace(configuration, "sync: {interval: 90s}", `sync: {intervall: 90s, driftInterval: soon, jitter: 2}
safety: {maxDeletionPercent: 010, minDeletions: "3"}
log: {level: warning}
expiryWarnings: [30, x]
server: yes
`, 1),
			[]string{
				"7:8 field-unknown sync.intervall", "7:39 field-value sync.driftInterval", "7:53 field-value sync.jitter",
				"8:30 number-plain safety.maxDeletionPercent", "8:49 field-type safety.minDeletions", "9:14 field-value log.level",
				"10:22 field-type expiryWarnings[1]", "11:9 field-type server",
			},
		},
		{
			"an instance", strings.Replace(configuration, "{name: prod, region: cn-hangzhou}", "{name: Prod, driver: api}\n  - x", 1),
			[]string{
				"6:5 field-missing instances[0].region", "6:12 field-value instances[0].name", "6:26 field-value instances[0].driver",
				"7:5 field-type instances[1]",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out map[string]any
			var got []string
			_, findings := manifest.CheckDocument(binding.File{Path: "c.yaml", Data: []byte(tt.text)}, manifest.KindConfiguration, &out)
			for _, f := range findings {
				got = append(got, fmt.Sprintf("%d:%d %s %s", f.Line, f.Column, f.Code, f.Path))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if out != nil {
				t.Errorf("decoded in spite of the findings: %v", out)
			}
		})
	}
}
