package docs

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The table of architecture.md is the only place that says what may import
// what. These tests hold the code to it, and make the linter's rules from it.

// room is a row of the table. It ends where another row names a folder in it.
type room struct {
	folder string
	// may are the folders of the rooms that it may import.
	may []string
}

// name is what the table calls the room in its last column.
func (r room) name() string { return strings.TrimPrefix(r.folder, "internal/") }

// rooms reads the table. A cell lists names; "NAME and below" is that room and
// all in the rows after it, "all below" every room in the rows after this one.
// What follows a semicolon is for people.
func rooms(t *testing.T) []room {
	t.Helper()
	text, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var all []room
	var cells []string
	for _, line := range strings.Split(strings.TrimSpace(table), "\n") {
		columns := strings.Split(strings.Trim(line, "|"), "|")
		all = append(all, room{folder: strings.Trim(columns[0], " `")})
		cell, _, _ := strings.Cut(strings.ReplaceAll(columns[2], "`", ""), ";")
		cells = append(cells, cell)
	}
	for i := range all {
		for word := range strings.SplitSeq(cells[i], ",") {
			all[i].may = append(all[i].may, named(t, all, i, strings.TrimSpace(word))...)
		}
		slices.Sort(all[i].may)
		all[i].may = slices.Compact(all[i].may)
	}
	return all
}

// named gives the folders that one word of a cell stands for.
func named(t *testing.T, all []room, row int, word string) []string {
	t.Helper()
	if word == "–" {
		return nil
	}
	name, below := strings.CutSuffix(word, " below")
	from := row + 1
	if name != "all" {
		name = strings.TrimSuffix(name, " and")
		if from = slices.IndexFunc(all, func(r room) bool { return r.name() == name }); from < 0 {
			t.Fatalf("architecture.md: the row of %s names %q, which has no row", all[row].folder, name)
		}
	}
	to := from + 1
	if below {
		to = len(all)
	}
	var folders []string
	for _, r := range all[from:to] {
		folders = append(folders, r.folder)
	}
	return folders
}

// roomOf is the room of a package's folder: the row with the longest name.
func roomOf(all []room, folder string) (room, bool) {
	var found room
	for _, r := range all {
		if (folder == r.folder || strings.HasPrefix(folder, r.folder+"/")) && len(r.folder) > len(found.folder) {
			found = r
		}
	}
	return found, found.folder != ""
}

// module is the path of this module, with the slash before a package.
const module = "reconciler/"

// pure are rooms without I/O, and what they do not import.
var (
	pure     = []string{"internal/plan", "internal/status"}
	outwards = []string{"net", "net/http", "os", "io", "log"}
)

// runAndDemo are the files of internal/cli that may import the daemon.
func runAndDemo(file string) bool { return file == "run.go" || strings.HasPrefix(file, "demo") }

func TestImportsAreThoseOfTheTable(t *testing.T) {
	all := rooms(t)
	for _, r := range all {
		if info, err := os.Stat(filepath.Join("..", r.folder)); err != nil || !info.IsDir() {
			t.Errorf("architecture.md has a row for %s, which is no folder: remove or rename the row", r.folder)
		}
	}
	for file, imports := range production(t) {
		folder := filepath.ToSlash(filepath.Dir(file))
		r, ok := roomOf(all, folder)
		if !ok {
			t.Errorf("%s has no row in the table of docs/architecture.md: add one, and run `make generate`", folder)
			continue
		}
		for _, imported := range imports {
			if why := wrong(all, r, filepath.Base(file), imported); why != "" {
				t.Errorf("%s imports %s: %s", file, imported, why)
			}
		}
	}
}

// wrong says why a file of a room must not import a package; empty if it may.
func wrong(all []room, r room, file, imported string) string {
	path, ours := strings.CutPrefix(imported, module)
	if !ours {
		switch {
		case imported == "os/exec" && r.folder != "internal/confine" && r.folder != "internal/bench":
			return "only internal/confine starts processes"
		case slices.Contains(pure, r.folder) && slices.Contains(outwards, imported):
			return "the room is pure"
		}
		return ""
	}
	other, ok := roomOf(all, path)
	switch {
	case !ok || other.folder != r.folder && !slices.Contains(r.may, other.folder):
		return fmt.Sprintf("the table of docs/architecture.md lets %s import %v", r.folder, r.may)
	case r.folder == "internal/cli" && other.folder == "internal/daemon" && !runAndDemo(file):
		return "only run and demo start a daemon; build an engine"
	}
	return ""
}

// isTestKit says whether a folder holds a test kit, which may import what it needs.
func isTestKit(folder string) bool { return strings.HasSuffix(folder, "test") }

// production gives the imports of every file that is neither a test nor part of
// a test kit nor a tool, by its path in the repository.
func production(t *testing.T) map[string][]string {
	t.Helper()
	imports := map[string][]string{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel("..", path)
		if entry.IsDir() {
			if name != "." && strings.HasPrefix(entry.Name(), ".") || isTestKit(name) || name == "tools" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		imports[name] = nil
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports[name] = append(imports[name], imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return imports
}

func TestTheLintersImportRulesAreThoseOfTheTable(t *testing.T) {
	const begin = "        # Made by `make generate` from the table of docs/architecture.md; do not edit.\n"
	const end = "        # End of what was made.\n"
	path := filepath.Join("..", ".golangci.yml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf(".golangci.yml lacks the lines\n%sand\n%s", begin, end)
	}
	want := before + begin + lintRules(rooms(t)) + end + after
	if *update && want != string(text) {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(text), want); diff != "" {
		t.Errorf(".golangci.yml is stale; run `make generate` (- file, + made now):\n%s", diff)
	}
}

// lintRules are the rules of depguard, one for each room with code.
func lintRules(all []room) string {
	var text strings.Builder
	for _, r := range all {
		files := []string{lintFiles("", r), `"!$test"`, `"!**/*test/*.go"`}
		for _, other := range all {
			if strings.HasPrefix(other.folder, r.folder+"/") {
				files = append(files, lintFiles("!", other))
			}
		}
		allow := []string{lintPackage(all, r.folder)}
		var names []string
		for _, folder := range r.may {
			allow = append(allow, lintPackage(all, folder))
			names = append(names, strings.TrimPrefix(folder, "internal/"))
		}
		fmt.Fprintf(&text, "        %s:\n          files: [%s]\n          list-mode: lax\n          allow: [%s]\n",
			strings.ReplaceAll(r.name(), "/", "-"), strings.Join(files, ", "), strings.Join(allow, ", "))
		fmt.Fprintf(&text, "          deny: [{pkg: reconciler, desc: \"%s may import of ours: %s\"}]\n",
			r.name(), strings.Join(append(names, map[bool][]string{true: {"nothing"}}[len(names) == 0]...), ", "))
	}
	return text.String()
}

// lintFiles names the files of a room for depguard.
func lintFiles(not string, r room) string {
	return strconv.Quote(not + "${base-path}/" + r.folder + "/**.go")
}

// lintPackage names a room for depguard, which takes a name for a prefix unless
// it ends in $.
func lintPackage(all []room, folder string) string {
	if slices.ContainsFunc(all, func(r room) bool { return strings.HasPrefix(r.folder, folder+"/") }) {
		return module + folder + "$"
	}
	return module + folder
}
