package source_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/finding"
	"reconciler/internal/report"
	"reconciler/internal/source"
)

// tree is a source.Tree in memory: paths to contents.
type tree map[string]string

// broken is the content of a file that fails.
const broken = "\x00broken"

var errBroken = errors.New("broken")

func (t tree) List(dir source.Entry) ([]source.Entry, error) {
	found := map[string]source.Entry{}
	for p := range t {
		rest, ok := strings.CutPrefix("/"+p, path.Join("/", dir.ID)+strings.Repeat("/", min(len(dir.ID), 1)))
		if !ok {
			continue
		}
		name, _, folder := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
		e := source.Entry{Name: name, ID: path.Join(dir.ID, name)}
		if folder {
			e.Kind = source.Directory
		}
		found[name] = e
	}
	return slices.Collect(maps.Values(found)), nil
}

func (t tree) Read(file source.Entry, limit int64) ([]byte, string, error) {
	data := t[file.ID]
	if data == broken {
		return nil, "", errBroken
	}
	if int64(len(data)) > limit {
		return nil, "", source.ErrTooLarge
	}
	return []byte(data), "digest", nil
}

// bomb is a tree whose folders hold themselves, as a few git objects can.
type bomb struct{ width int }

// links is a tree of that many links.
type links int

func (n links) List(source.Entry) ([]source.Entry, error) {
	entries := make([]source.Entry, n)
	for i := range entries {
		entries[i] = source.Entry{Name: fmt.Sprint(i), Kind: source.Symlink}
	}
	return entries, nil
}

func (links) Read(source.Entry, int64) ([]byte, string, error) { return nil, "", errBroken }

func (b bomb) List(source.Entry) ([]source.Entry, error) {
	entries := make([]source.Entry, b.width)
	for i := range entries {
		entries[i] = source.Entry{Name: fmt.Sprint(i), Kind: source.Directory, ID: "x"}
	}
	return entries, nil
}

func (bomb) Read(source.Entry, int64) ([]byte, string, error) { return nil, "", errBroken }

func selected(t *testing.T, tree source.Tree, limits source.Limits) (paths []string, findings []finding.Finding) {
	t.Helper()
	files, findings, err := source.Select(t.Context(), tree, limits.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	return paths, findings
}

func TestSelectFollowsIgnoreFiles(t *testing.T) {
	tests := []struct {
		name string
		tree tree
		want []string
	}{
		{"only declarations", tree{"a.yaml": "", "b.yml": "", "c.json": "", "yaml": "", ".yaml": ""}, []string{".yaml", "a.yaml", "b.yml"}},
		{"order by path", tree{"b/a.yaml": "", "a-.yaml": "", "a/z.yaml": "", "a.yaml": ""}, []string{"a-.yaml", "a.yaml", "a/z.yaml", "b/a.yaml"}},
		{"no .git", tree{".git/a.yaml": "", "x/.git/b.yaml": "", "a.yaml": ""}, []string{"a.yaml"}},
		{"comments, empty lines, CRLF, BOM", tree{".reconcilerignore": "\ufeff# c\r\n\r\nx.yaml\r\n", "x.yaml": "", "y.yaml": ""}, []string{"y.yaml"}},
		{"a name at any depth", tree{".reconcilerignore": "x.yaml", "x.yaml": "", "a/b/x.yaml": "", "a/y.yaml": ""}, []string{"a/y.yaml"}},
		{"a rooted name", tree{".reconcilerignore": "/x.yaml", "x.yaml": "", "a/x.yaml": ""}, []string{"a/x.yaml"}},
		{"a folder", tree{".reconcilerignore": "a/", "a/b/x.yaml": "", "b/a.yaml": ""}, []string{"b/a.yaml"}},
		{"two stars", tree{".reconcilerignore": "**/tmp/*.yaml", "a/tmp/x.yaml": "", "a/x.yaml": ""}, []string{"a/x.yaml"}},
		{"a file again", tree{".reconcilerignore": "*.yaml\n!keep.yaml", "x.yaml": "", "keep.yaml": ""}, []string{"keep.yaml"}},
		{"nothing below an ignored folder", tree{".reconcilerignore": "a/\n!a/keep.yaml", "a/keep.yaml": ""}, nil},
		{"a deeper file decides", tree{".reconcilerignore": "*.yaml", "a/.reconcilerignore": "!*.yaml", "a/x.yaml": "", "x.yaml": ""}, []string{"a/x.yaml"}},
		{"a deeper file reaches no further", tree{"a/.reconcilerignore": "x.yaml", "a/x.yaml": "", "b/x.yaml": "", "x.yaml": ""}, []string{"b/x.yaml", "x.yaml"}},
		{"an escaped hash", tree{".reconcilerignore": `\#x.yaml`, "#x.yaml": "", "x.yaml": ""}, []string{"x.yaml"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, findings := selected(t, tt.tree, source.Limits{})
			if diff := cmp.Diff(tt.want, got); diff != "" || len(findings) > 0 {
				t.Error(diff, findings)
			}
		})
	}
}

func TestSelectTellsWhatIsOverALimit(t *testing.T) {
	deep := strings.Repeat("d/", 150) + "x.yaml"
	tests := []struct {
		name   string
		tree   source.Tree
		limits source.Limits
		files  []string
		code   string
		file   string
	}{
		{"a large file", tree{"a.yaml": "12345", "b.yaml": "1"}, source.Limits{FileBytes: 4}, []string{"b.yaml"}, "source-file-too-large", "a.yaml"},
		{"many files", tree{"a.yaml": "", "b.yaml": "", "c.yaml": ""}, source.Limits{Files: 2}, []string{"a.yaml", "b.yaml"}, "source-too-many-files", ""},
		{"much in all", tree{"a.yaml": "12", "b.yaml": "12"}, source.Limits{TotalBytes: 3}, []string{"a.yaml"}, "source-too-large", ""},
		{"deep folders", tree{deep: "", "a.yaml": ""}, source.Limits{}, []string{"a.yaml"}, "source-too-deep", strings.TrimSuffix(strings.Repeat("d/", 101), "/")},
		{"a wide tree", bomb{1_000_001}, source.Limits{}, nil, "source-too-many-files", ""},
		{"a large ignore file", tree{".reconcilerignore": strings.Repeat("#", 70_000), "a.yaml": ""}, source.Limits{}, []string{"a.yaml"}, "source-ignore-too-large", ".reconcilerignore"},
		{"many patterns", tree{"x/.reconcilerignore": strings.Repeat("a\n", 2001), "x/a.yaml": ""}, source.Limits{}, []string{"x/a.yaml"}, "source-ignore-too-large", "x/.reconcilerignore"},
		{"a pattern that cannot be read", tree{".reconcilerignore": "#\n[a", "a.yaml": ""}, source.Limits{}, []string{"a.yaml"}, "source-ignore-pattern", ".reconcilerignore"},
		{"a name with a control character", tree{"a\x1b.yaml": "", "b.yaml": ""}, source.Limits{}, []string{"b.yaml"}, "source-file-name", ""},
		{"an ending in capitals", tree{"x/A.YAML": "", "b.yaml": ""}, source.Limits{}, []string{"b.yaml"}, "source-file-ending", "x/A.YAML"},
		{"an ending in mixed case", tree{"b.yml": "", "c.Yml": ""}, source.Limits{}, []string{"b.yml"}, "source-file-ending", "c.Yml"},
		{"an ending in capitals that is not ignored", tree{".reconcilerignore": "a.*\nA.YAML", "A.YAML": "", "a.YAML": "", "b.YAML": ""}, source.Limits{}, nil, "source-file-ending", "b.YAML"},
		{"a name that is not UTF-8", tree{"x/a\xff.yaml": "", "b.yaml": ""}, source.Limits{}, []string{"b.yaml"}, "source-file-name", "x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files, findings := selected(t, tt.tree, tt.limits)
			if diff := cmp.Diff(tt.files, files); diff != "" {
				t.Error(diff)
			}
			if len(findings) != 1 || findings[0].Code != tt.code || findings[0].File != tt.file {
				t.Errorf("findings %+v, want one %s of %q", findings, tt.code, tt.file)
			}
		})
	}
}

func TestSelectTellsABoundedNumberOfFindings(t *testing.T) {
	for name, tree := range map[string]source.Tree{
		"a tree that holds itself": bomb{1000}, "links": links(5000),
		"patterns": tree{".reconcilerignore": strings.Repeat("[\n", 5000), "a.yaml": ""},
	} {
		_, findings := selected(t, tree, source.Limits{})
		if len(findings) > 1000 || !slices.ContainsFunc(findings, func(f finding.Finding) bool { return f.Code == "source-too-many-findings" }) {
			t.Errorf("%s: %d findings, the first %+v", name, len(findings), findings[0])
		}
	}
}

func TestSelectEndsWithAnErrorThatIsNotAboutAFile(t *testing.T) {
	for _, name := range []string{"a.yaml", ".reconcilerignore"} {
		if _, _, err := source.Select(t.Context(), tree{name: broken}, source.DefaultLimits()); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := source.Select(ctx, tree{}, source.DefaultLimits()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestEveryRuleOfASourceIsWhole(t *testing.T) {
	count := 0
	for _, r := range finding.Rules() {
		if !strings.HasPrefix(r.Code, "source-") {
			continue
		}
		count++
		if report.English().Text(r.Sentence()) == "" || report.English().Text(r.Hint()) == "" || report.English().Text(r.Explanation()) == "" || r.Source == "" || r.Severity == "" {
			t.Errorf("%s lacks something", r.Code)
		}
	}
	if count == 0 {
		t.Error("no rules")
	}
}

func FuzzSelectWithAnIgnoreFile(f *testing.F) {
	for _, seed := range []string{"", "a/\n!b", "/", "!", "**", "**/", "a/**/b", "[a", `\`, "\\ ", " ", "!/", "a\x00b", "\xff", "#", "*?[!a-z]*", strings.Repeat("*a", 50)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ignore string) {
		all := []string{"a.yaml", "b.yaml", "a/b/c.yaml", "x/a.yaml"}
		in := tree{".reconcilerignore": ignore, "sub/.reconcilerignore": ignore, "sub/a.yaml": ""}
		for _, p := range all {
			in[p] = ""
		}
		files, findings, err := source.Select(t.Context(), in, source.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if _, ok := in[file.Path]; !ok {
				t.Errorf("%q was never there", file.Path)
			}
		}
		if strings.TrimSpace(strings.TrimPrefix(ignore, "\ufeff")) == "" && (len(files) != len(all)+1 || len(findings) > 0) {
			t.Errorf("an empty ignore file leaves %d files and %v", len(files), findings)
		}
	})
}
