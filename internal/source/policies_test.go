package source_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/source"
)

func TestPoliciesAreThoseOfTheRoot(t *testing.T) {
	many := tree{}
	for i := range 102 {
		many[fmt.Sprintf("policy/%03d.cue", i)] = "x"
	}
	tests := []struct {
		name     string
		tree     tree
		want     []string
		findings int
	}{
		{"none", tree{"a.yaml": ""}, nil, 0},
		{"sorted, and only CUE", tree{"policy/b.cue": "b", "policy/a.cue": "a", "policy/c.yaml": "c", "policy/README.md": "r"}, []string{"policy/a.cue=a", "policy/b.cue=b"}, 0},
		{"an ending in capitals", tree{"policy/a.CUE": "a", "policy/b.cue": "b"}, []string{"policy/b.cue=b"}, 1},
		{"not in other folders", tree{"team/policy/a.cue": "a", "policy/sub/b.cue": "b", "policy.cue": "c"}, nil, 0},
		{"an ignore file does not hide them", tree{".reconcilerignore": "policy/\n*.cue", "policy/a.cue": "a", "policy/.reconcilerignore": "*"}, []string{"policy/a.cue=a"}, 0},
		{"a large one is there, without data", tree{"policy/a.cue": strings.Repeat("x", 70_000), "policy/b.cue": "b"}, []string{"policy/a.cue=", "policy/b.cue=b"}, 1},
		{"a name that cannot be shown", tree{"policy/a\x1b.cue": "a"}, []string{"policy="}, 1},
		{"a file for a folder", tree{"policy": "a"}, []string{"policy="}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files, findings, err := source.Policies(tt.tree)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range files {
				got = append(got, f.Path+"="+string(f.Data))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || len(findings) != tt.findings {
				t.Error(diff, findings)
			}
		})
	}
	files, findings, err := source.Policies(many)
	if err != nil || len(files) != 101 || files[100].Data != nil || len(findings) != 1 {
		t.Errorf("%d files, findings %v, error %v", len(files), findings, err)
	}
	if _, _, err := source.Policies(tree{"policy/a.cue": broken}); !errors.Is(err, errBroken) {
		t.Error(err)
	}
}
