package source_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reconciler/internal/source"
)

// corpus makes ignore files and paths from a seed. Half of the patterns come
// from a path, so that many match.
type corpus struct{ *rand.Rand }

func (c corpus) pick(words ...string) string { return words[c.IntN(len(words))] }

func (c corpus) name() string {
	s := ""
	for range 1 + c.IntN(3) {
		s += c.pick("a", "b", "1", "é", "-", "ab", "A", "_", "[", "*", "!", "#")
	}
	return s
}

func (c corpus) path() string {
	parts := make([]string, c.IntN(4))
	for i := range parts {
		parts[i] = c.name()
	}
	return strings.Join(append(parts, c.name()+".yaml"), "/")
}

func (c corpus) wildcard() string {
	return c.pick("*", "**", "?", "[ab]", "[!0-9]", "[^a]", "[[:digit:]]", "[![:alpha:]_]", "[]a]", "[a-b1]", "[--1]", `[\]a]`, "[[:x:]]", "[a", `\`, "***", "[[a]")
}

func (c corpus) free() string {
	s := ""
	for range 1 + c.IntN(5) {
		s += c.pick("a", "b", "1", "é", "-", "/", "/", ".yaml", "*.yaml", c.wildcard(), c.wildcard())
	}
	return s
}

func (c corpus) from(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		switch runes := []rune(p); c.IntN(6) {
		case 0:
			parts[i] = c.pick("*", "**", p+"*", "*.yaml", p+"**")
		case 1:
			at := c.IntN(len(runes))
			parts[i] = string(runes[:at]) + c.wildcard() + string(runes[at+1:])
		case 2:
			at := c.IntN(len(runes))
			parts[i] = string(runes[:at]) + "*" + string(runes[at:])
		}
	}
	return strings.Join(parts[c.IntN(len(parts)):], c.pick("/", "/", "/", "/**/", "//"))
}

func (c corpus) pattern(paths []string) string {
	s := c.free()
	if c.IntN(5) > 0 {
		s = c.from(paths[c.IntN(len(paths))])
		if i := strings.LastIndexByte(s, '/'); i >= 0 && c.IntN(3) == 0 {
			s = s[:i]
		}
	}
	return c.pick("", "", "", "", "!", `\`, "/", "**/") + s + c.pick("", "", "", "/", "/**", " ", `\ `, "\r", "\t", "/*")
}

// rules is an ignore file of one to five patterns.
func (c corpus) rules(paths []string) string {
	s := c.pattern(paths)
	for range c.IntN(5) {
		s += "\n" + c.pattern(paths)
	}
	return s + c.pick("\n", "")
}

// folder is one tree with ignore files at its root and sometimes below.
func (c corpus) folder() tree {
	in := tree{}
	var paths []string
	for range 10 {
		paths = append(paths, c.path())
		in[paths[len(paths)-1]] = "x"
	}
	in[".reconcilerignore"] = c.rules(paths)
	if dir, _, ok := strings.Cut(paths[0], "/"); ok && c.IntN(3) == 0 {
		in[dir+"/.reconcilerignore"] = c.rules(paths)
	}
	return in
}

// TestIgnoreFilesMeanWhatGitMeans compares what is selected with what git
// lists, for 10,000 pairs of ignore file and path.
func TestIgnoreFilesMeanWhatGitMeans(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: patterns are not compared with it")
	}
	c := corpus{rand.New(rand.NewPCG(12, 1))}
	root := t.TempDir()
	folders := make([]tree, 1000)
	for i := range folders {
		folders[i] = c.folder()
		write(t, filepath.Join(root, fmt.Sprint(i)), folders[i])
	}
	want := listed(t, root)
	wrong, all, selected := 0, 0, 0
	for i, in := range folders {
		files, _, err := source.Select(t.Context(), in, source.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range files {
			got = append(got, f.Path)
		}
		slices.Sort(want[fmt.Sprint(i)])
		all, selected = all+len(in)-1, selected+len(got)
		if !slices.Equal(got, want[fmt.Sprint(i)]) {
			if wrong++; wrong <= 10 {
				t.Errorf("%q: selected %q, git lists %q", in, got, want[fmt.Sprint(i)])
			}
		}
	}
	t.Logf("%d of %d paths selected, %d folders of %d differ", selected, all, wrong, len(folders))
	if all-selected < all/10 {
		t.Errorf("only %d of %d paths were left out, which shows little", all-selected, all)
	}
}

func write(t *testing.T, root string, in tree) {
	t.Helper()
	for at, data := range in {
		at = filepath.Join(root, strings.ReplaceAll(at, ".reconcilerignore", ".gitignore"))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// listed are the files that git does not ignore, by the first folder.
func listed(t *testing.T, root string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, args := range [][]string{{"init", "-q"}, {"ls-files", "-z", "-o", "--exclude-standard"}} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_DIR="+filepath.Join(root, ".git"), "GIT_WORK_TREE="+root)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %v: %v", args, err)
		}
		for at := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
			folder, path, _ := strings.Cut(at, "/")
			if strings.HasSuffix(path, ".yaml") {
				found[folder] = append(found[folder], path)
			}
		}
	}
	return found
}
