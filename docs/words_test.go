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

// heldRooms are the folders whose words stand in the catalogue only: they make
// no error of a text (message.NewError does that) and write no words.
var heldRooms = []string{"internal/cli", "internal/client", "internal/daemon", "internal/engine", "internal/server", "internal/doctor", "internal/report"}

// ownWords are functions of the held rooms that may have words, and why.
var ownWords = map[string]string{
	"internal/cli/demo_world.go configure":     "the demo's configuration, in YAML",
	"internal/cli/exit.go Error":               "nobody reads it: the command has printed everything already",
	"internal/cli/init_files.go configuration": "a file that init writes: its comments are in English, as its fields are",
	"internal/server/server.go probe":          "what programs read",
	"internal/cli/init_files.go declaration":   "a file that init writes",
}

var (
	verbs     = regexp.MustCompile(`%[-+# 0]*(\[\d+\])?[\d.*]*[a-zA-Z]`)
	oneWord   = regexp.MustCompile(`\pL{2,}`)
	twoWords  = regexp.MustCompile(`\pL{2,}['’,;:]* \pL{2,}`)
	makesText = map[string]*regexp.Regexp{ // The calls that make text, and what is too much in it.
		"errors.New": regexp.MustCompile(``), "fmt.Errorf": oneWord,
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
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			if value, ok := n.(*ast.CompositeLit); ok && saysText(value) {
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

// saysText says that a value is an entry of the history with a text of its own in
// place of a message.
func saysText(value *ast.CompositeLit) bool {
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
	for _, room := range heldRooms {
		err := filepath.WalkDir(filepath.Join("..", room), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			file, err := parser.ParseFile(files, path, text, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			name := strings.TrimPrefix(filepath.ToSlash(path), "../")
			for _, f := range wordsIn(files, file) {
				if place := name + " " + f[1]; ownWords[place] != "" {
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
	}
	for place := range ownWords {
		if !used[place] {
			t.Errorf("%s has no words of its own any more", place)
		}
	}
}

func TestWordsInCodeAreFound(t *testing.T) {
	for code, want := range map[string]bool{
		`errors.New("no instance")`: true, `errors.New(text)`: true, `fmt.Errorf("read %s: %w", a, err)`: true,
		`fmt.Errorf("%s: %w", a, err)`: false, `fmt.Fprintf(w, "wrote %s\n", a)`: true, `fmt.Fprintf(w, "  %-*s %d/%d\n", a)`: false,
		`io.WriteString(w, "Nothing " + a)`: true, `out.WriteString("done")`: true, `out.WriteString("\n")`: false,
		`fmt.Sprintf("%s is bound to %s", a, b)`: true, `fmt.Sprintf("uid-%d", a)`: false, `message.Verbatim("it failed")`: true,
		`message.NewError("cli.empty")`: false, `x = binding.HistoryEntry{Message: text}`: true, `x = binding.HistoryEntry{Action: a}.Saying(m)`: false,
	} {
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, "a.go", "package a\nfunc f() { "+code+" }", parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(wordsIn(files, file)) > 0; got != want {
			t.Errorf("%s: found %v, want %v", code, got, want)
		}
	}
}
