package schema

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
)

// CUE is the whole schema as one CUE file that the cue tool can read.
func CUE() ([]byte, error) {
	names, err := fs.Glob(files, "*.cue")
	if err != nil {
		return nil, fmt.Errorf("schema: list the embedded files: %w", err)
	}
	var imports []string
	var decls []ast.Decl
	for _, name := range names {
		source, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("schema: read %s: %w", name, err)
		}
		file, err := parser.ParseFile(name, source, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("schema: parse %s: %w", name, err)
		}
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.Package:
			case *ast.ImportDecl:
				for _, spec := range d.Specs {
					imports = append(imports, strings.Trim(spec.Path.Value, `"`))
				}
			default:
				decls = append(decls, d)
			}
		}
	}
	whole := &ast.File{Decls: []ast.Decl{&ast.Package{Name: ast.NewIdent("schema")}}}
	slices.Sort(imports)
	for _, path := range slices.Compact(imports) {
		whole.Decls = append(whole.Decls, &ast.ImportDecl{Specs: []*ast.ImportSpec{ast.NewImport(nil, path)}})
	}
	whole.Decls = append(whole.Decls, decls...)
	text, err := format.Node(whole)
	if err != nil {
		return nil, fmt.Errorf("schema: print: %w", err)
	}
	return text, nil
}
