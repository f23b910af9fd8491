package report

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"
)

// use is one call of message.New in our code. A prefix ends with a dot and
// stands for all entries that begin with it.
type use struct {
	at, id string
	prefix bool
	args   map[string]bool
}

// uses finds every call of message.New outside of tests.
func uses(t *testing.T) []use {
	t.Helper()
	var all []use
	files := token.NewFileSet()
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(source), "reconciler/internal/message") {
			return err
		}
		file, err := parser.ParseFile(files, path, source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && isNew(call.Fun) {
				all = append(all, useOf(t, files.Position(call.Pos()).String(), call))
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return append(all, usesOfTemplates(t)...)
}

// usesOfTemplates finds the calls of the function t in the page's templates.
func usesOfTemplates(t *testing.T) []use {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "page", "assets", "*.html"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no templates of the page, %v", err)
	}
	var all []use
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		tree := parse.New(path)
		tree.Mode = parse.SkipFuncCheck
		trees := map[string]*parse.Tree{}
		if _, err := tree.Parse(string(text), "", "", trees); err != nil {
			t.Fatal(err)
		}
		for _, tree := range trees {
			all = append(all, calls(path, reflect.ValueOf(tree.Root))...)
		}
	}
	return all
}

// calls finds the calls of t at a node and below. The names of the page's tabs are
// arguments of tab.
func calls(path string, v reflect.Value) (all []use) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if tree := reflect.TypeFor[*parse.Tree](); v.IsNil() || v.Type() == tree {
			return nil
		}
		if c, ok := reflect.TypeAssert[*parse.CommandNode](v); ok {
			all = useOfCommand(path, c)
		}
		return append(all, calls(path, v.Elem())...)
	case reflect.Slice:
		for i := range v.Len() {
			all = append(all, calls(path, v.Index(i))...)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			all = append(all, calls(path, field)...)
		}
	default:
	}
	return all
}

func useOfCommand(path string, c *parse.CommandNode) []use {
	name, ok := c.Args[0].(*parse.IdentifierNode)
	text := func(i int) string {
		if s, ok := c.Args[i].(*parse.StringNode); ok {
			return s.Text
		}
		return ""
	}
	switch {
	case ok && name.Ident == "tab":
		return []use{{at: path, id: text(len(c.Args) - 1)}}
	case !ok || name.Ident != "t" || text(1) == "":
		return nil
	}
	u := use{at: path, id: text(1), args: map[string]bool{}}
	for i := 2; i < len(c.Args); i += 2 {
		u.args[text(i)] = true
	}
	return []use{u}
}

func isNew(fun ast.Expr) bool {
	s, ok := fun.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != "New" && s.Sel.Name != "NewError" {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == "message"
}

func useOf(t *testing.T, at string, call *ast.CallExpr) use {
	u := use{at: at, args: map[string]bool{}}
	first := call.Args[0]
	for {
		sum, ok := first.(*ast.BinaryExpr)
		if !ok {
			break
		}
		first, u.prefix = sum.X, true
	}
	u.id = literal(first)
	if u.id == "" || u.prefix && !strings.HasSuffix(u.id, ".") {
		t.Errorf("%s: the identifier is neither a literal nor a literal that ends with a dot and something more", at)
	}
	if len(call.Args)%2 == 0 || call.Ellipsis.IsValid() {
		t.Errorf("%s: the arguments are no pairs", at)
		return u
	}
	for i := 1; i < len(call.Args); i += 2 {
		name := literal(call.Args[i])
		if name == "" {
			t.Errorf("%s: the name of argument %d is no literal", at, i)
		}
		u.args[name] = true
	}
	return u
}

func literal(e ast.Expr) string {
	l, ok := e.(*ast.BasicLit)
	if !ok {
		return ""
	}
	text, _ := strconv.Unquote(l.Value)
	return text
}

func english(t *testing.T) []byte {
	t.Helper()
	data, err := catalogue.ReadFile("messages/en.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return data
}
