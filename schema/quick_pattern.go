package schema

import (
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
)

// pattern reads a regular expression: a text, which may contain values of the
// document.
func (c *quickCompiler) pattern(expr ast.Expr, scope *quickScope) (quickPattern, bool) {
	if text, ok := scalarOf(expr); ok {
		pattern, isText := text.(string)
		compiled, err := newQuickPattern([]string{pattern}, nil)
		return compiled, isText && err == nil
	}
	x, ok := expr.(*ast.Interpolation)
	if !ok {
		return quickPattern{}, false
	}
	parts, ok := interpolated(x)
	var values []quickPath
	for i := 1; ok && i < len(x.Elts); i += 2 {
		var path quickPath
		path, ok = reference(x.Elts[i], scope)
		values = append(values, path)
	}
	if !ok {
		return quickPattern{}, false
	}
	compiled, err := newQuickPattern(parts, values)
	return compiled, err == nil
}

// interpolated returns the texts of "…\(value)…" around its values.
func interpolated(x *ast.Interpolation) ([]string, bool) {
	first, isFirst := x.Elts[0].(*ast.BasicLit)
	last, isLast := x.Elts[len(x.Elts)-1].(*ast.BasicLit)
	if !isFirst || !isLast {
		return nil, false
	}
	quotes, open, _, err := literal.ParseQuotes(first.Value, last.Value)
	if err != nil {
		return nil, false
	}
	var parts []string
	for i := 0; i < len(x.Elts); i += 2 {
		part, ok := x.Elts[i].(*ast.BasicLit)
		if !ok || len(part.Value) < open {
			return nil, false
		}
		text, err := quotes.Unquote(part.Value[open:])
		if err != nil {
			return nil, false
		}
		parts, open = append(parts, text), len(")")
	}
	return parts, true
}

// reference returns the path of a value, beginning at a field of an enclosing
// struct.
func reference(expr ast.Expr, scope *quickScope) (quickPath, bool) {
	var names []string
	for {
		switch x := expr.(type) {
		case *ast.SelectorExpr:
			name, _, err := ast.LabelName(x.Sel)
			if err != nil {
				return quickPath{}, false
			}
			names, expr = append([]string{name}, names...), x.X
		case *ast.Ident:
			level, ok := scope.find(x.Name)
			return quickPath{level, append([]string{x.Name}, names...)}, ok
		default:
			return quickPath{}, false
		}
	}
}
