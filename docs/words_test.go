package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// freeRooms are the folders of internal that may have words of their own, and
// why. All others have theirs in the catalogue only: they make no error of a text
// (message.NewError does that) and write no words. A folder whose name ends in
// test is free too.
var freeRooms = map[string]string{
	"internal/bench":   "a program for who develops this one",
	"internal/release": "a program for who releases this one",
	"internal/sandbox": "it stands for foreign programs, which speak English",
}

// allowedFunctions are functions of the held rooms that may have words, and why.
var allowedFunctions = map[string]string{
	"internal/cli/demo_world.go configure":         "the demo's configuration, in YAML",
	"internal/cli/exit.go Error":                   "nobody reads it: the command has printed everything already",
	"internal/cli/init_files.go configuration":     "a file that init writes: its comments are in English, as its fields are",
	"internal/cli/init_files.go declaration":       "a file that init writes",
	"internal/manifest/export.go NewExport":        "a file that import writes: its comments are in English, as its fields are",
	"internal/manifest/export.go rules":            "a comment of such a file",
	"internal/manifest/export.go declaration":      "a comment of such a file",
	"internal/message/message.go plain":            "a panic, for who develops this program",
	"internal/registry/enterprise/enterprise.go -": "a panic, for who develops this program",
	"internal/registry/wire/profile.go -":          "a panic, for who develops this program",
	"internal/notify/sample.go Samples":            "a foreign answer, in a sample",
	"internal/registry/line/credentials.go take":   "the words of the vendor's library",
	"internal/source/git/wire.go fetch":            "git's protocol",
	"internal/server/server.go probe":              "a probe is answered ok",
}

var (
	verbs     = regexp.MustCompile(`%[-+# 0]*(\[\d+\])?[\d.*]*[a-zA-Z]`)
	oneWord   = regexp.MustCompile(`\pL{2,}`)
	twoWords  = regexp.MustCompile(`\pL{2,}['’,;:]* \pL{2,}`)
	makesText = map[string]*regexp.Regexp{ // The calls that make text, and what is too much in it.
		"errors.New": regexp.MustCompile(``), "fmt.Errorf": regexp.MustCompile(``), // Also without words: what it wraps becomes English.
		"fmt.Print": oneWord, "fmt.Printf": oneWord, "fmt.Println": oneWord,
		"fmt.Fprint": oneWord, "fmt.Fprintf": oneWord, "fmt.Fprintln": oneWord, "io.WriteString": oneWord,
		"fmt.Sprint": twoWords, "fmt.Sprintf": twoWords, "fmt.Sprintln": twoWords,
		"message.Verbatim": oneWord, "message.Foreign": oneWord, ".WriteString": oneWord,
	}
)

// wordsIn lists the calls in Go code that have words, as line and function.
func wordsIn(files *token.FileSet, file *ast.File) (found [][2]string) {
	for _, decl := range file.Decls {
		name := "-"
		if f, ok := decl.(*ast.FuncDecl); ok {
			name = f.Name.Name
			if name == "Error" && f.Recv != nil && !hasMethod(file, "AsMessage") {
				found = append(found, [2]string{fmt.Sprint(files.Position(f.Pos()).Line), name})
			}
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			if value, ok := n.(*ast.CompositeLit); ok && hasOwnText(value) {
				found = append(found, [2]string{fmt.Sprint(files.Position(value.Pos()).Line), name})
			}
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if too := makesText[callee(call)]; too != nil && slices.ContainsFunc(call.Args, func(arg ast.Expr) bool { return too.MatchString(literals(arg)) }) {
				found = append(found, [2]string{fmt.Sprint(files.Position(call.Pos()).Line), name})
			}
			return true
		})
	}
	return found
}

// hasMethod says that a file declares a method of that name. An error type without
// AsMessage has words that no language has.
func hasMethod(file *ast.File, name string) bool {
	return slices.ContainsFunc(file.Decls, func(decl ast.Decl) bool {
		f, ok := decl.(*ast.FuncDecl)
		return ok && f.Recv != nil && f.Name.Name == name
	})
}

// hasOwnText says that a value is an entry of the history with a text of its own in
// place of a message.
func hasOwnText(value *ast.CompositeLit) bool {
	of, ok := value.Type.(*ast.SelectorExpr)
	return ok && of.Sel.Name == "HistoryEntry" && slices.ContainsFunc(value.Elts, func(e ast.Expr) bool {
		field, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return false
		}
		key, ok := field.Key.(*ast.Ident)
		return ok && key.Name == "Message"
	})
}

// callee is what is called: package and function, or a dot and the method.
func callee(call *ast.CallExpr) string {
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if x, ok := s.X.(*ast.Ident); ok && makesText[x.Name+"."+s.Sel.Name] != nil {
		return x.Name + "." + s.Sel.Name
	}
	return "." + s.Sel.Name
}

// literals are the texts in an argument that is a text or a sum of them, without
// verbs.
func literals(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value)
		return verbs.ReplaceAllString(text, "")
	case *ast.BinaryExpr:
		return literals(e.X) + literals(e.Y)
	}
	return ""
}

// TestWordsStandInTheCatalogue fails where a held room makes an error of a text,
// or writes words that no language has: use message.NewError and message.New.
func TestWordsStandInTheCatalogue(t *testing.T) {
	files, used := token.NewFileSet(), map[string]bool{}
	err := filepath.WalkDir(filepath.Join("..", "internal"), func(path string, entry fs.DirEntry, err error) error {
		name := strings.TrimPrefix(filepath.ToSlash(path), "../")
		if err != nil || entry.IsDir() {
			if freeRooms[name] != "" || strings.HasSuffix(name, "test") {
				used[name] = true
				return fs.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(files, path, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, f := range wordsIn(files, file) {
			if place := name + " " + f[1]; allowedFunctions[place] != "" {
				used[place] = true
			} else {
				t.Errorf("%s:%s: %s has words that are not in the catalogue", name, f[0], f[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for room := range freeRooms {
		if !used[room] {
			t.Errorf("%s is no longer a folder", room)
		}
	}
	for place := range allowedFunctions {
		if !used[place] {
			t.Errorf("%s has no words of its own any more", place)
		}
	}
}

func TestWordsInCodeAreFound(t *testing.T) {
	for code, want := range map[string]bool{
		`errors.New("no instance")`: true, `errors.New(text)`: true, `fmt.Errorf("read %s: %w", a, err)`: true,
		`fmt.Errorf("%s: %w", a, err)`: true, `fmt.Fprintf(w, "wrote %s\n", a)`: true, `fmt.Fprintf(w, "  %-*s %d/%d\n", a)`: false,
		`io.WriteString(w, "Nothing " + a)`: true, `out.WriteString("done")`: true, `out.WriteString("\n")`: false,
		`fmt.Sprintf("%s is bound to %s", a, b)`: true, `fmt.Sprintf("uid-%d", a)`: false, `message.Verbatim("it failed")`: true,
		`message.NewError("cli.empty")`: false, `x = binding.HistoryEntry{Message: text}`: true, `x = binding.HistoryEntry{Action: a}.Saying(m)`: false,
		"func (e e) Error() string { return e.text }": true, "func (e e) Error() string { return message.English(e.AsMessage()) }\nfunc (e e) AsMessage() message.Message { return e.m }": false,
	} {
		files := token.NewFileSet()
		if !strings.HasPrefix(code, "func") {
			code = "func f() { " + code + " }"
		}
		file, err := parser.ParseFile(files, "a.go", "package a\n"+code, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(wordsIn(files, file)) > 0; got != want {
			t.Errorf("%s: found %v, want %v", code, got, want)
		}
	}
}
