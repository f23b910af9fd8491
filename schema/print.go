package schema

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
)

// CUE returns the whole schema as one CUE file that the cue tool can read.
func CUE() ([]byte, error) {
	parsed, err := parse()
	if err != nil {
		return nil, err
	}
	var imports []string
	var decls []ast.Decl
	for _, file := range parsed {
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
