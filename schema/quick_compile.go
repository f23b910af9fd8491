package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// CompileQuick makes a plain check of a definition, for example "#GitLab", from
// the syntax of the embedded CUE.
func CompileQuick(definition string) (*Quick, error) {
	written, err := expressions()
	if err != nil {
		return nil, err
	}
	c := &quickCompiler{definitions: written}
	expr, ok := c.definitions[definition]
	if !ok {
		return nil, fmt.Errorf("schema: no definition %s", definition)
	}
	q := &Quick{}
	c.compile(&q.root, expr, nil, 0)
	q.Unknown = c.unknown
	return q, nil
}

// expressions are the definitions as they are written. They are never changed.
var expressions = sync.OnceValues(func() (map[string]ast.Expr, error) {
	files, err := parse()
	if err != nil {
		return nil, err
	}
	written := map[string]ast.Expr{}
	for _, file := range files {
		for _, decl := range file.Decls {
			if field, ok := decl.(*ast.Field); ok {
				if name, _, err := ast.LabelName(field.Label); err == nil {
					written[name] = field.Value
				}
			}
		}
	}
	return written, nil
})

type quickCompiler struct {
	definitions map[string]ast.Expr
	unknown     []string
	// depth limits references that lead back to themselves.
	depth int
}

// quickScope is a struct of the source that contains an expression.
type quickScope struct {
	outer *quickScope
	level int
	names []string
}

func (s *quickScope) find(name string) (level int, ok bool) {
	for ; s != nil; s = s.outer {
		if slices.Contains(s.names, name) {
			return s.level, true
		}
	}
	return 0, false
}

// fail notes an unknown construct, so that CUE checks the value.
func (c *quickCompiler) fail(n *quickNode, at ast.Node) {
	n.unknown = true
	c.unknown = append(c.unknown, fmt.Sprintf("%s: %T", at.Pos(), at))
}

// compile adds the constraints of expr to n. level is how many structs enclose n.
func (c *quickCompiler) compile(n *quickNode, expr ast.Expr, scope *quickScope, level int) {
	c.depth++
	defer func() { c.depth-- }()
	if c.depth > maxDepth*4 {
		c.fail(n, expr)
		return
	}
	switch x := expr.(type) {
	case *ast.ParenExpr:
		c.compile(n, x.X, scope, level)
	case *ast.Ident:
		c.ident(n, x, level)
	case *ast.BottomLit:
		n.never = true
	case *ast.BinaryExpr:
		c.binary(n, x, scope, level)
	case *ast.UnaryExpr:
		c.unary(n, x, scope)
	case *ast.BasicLit:
		c.literal(n, x)
	case *ast.CallExpr:
		c.call(n, x)
	case *ast.ListLit:
		c.list(n, x, scope, level)
	case *ast.StructLit:
		c.structure(n, x, scope, level)
	default:
		c.fail(n, expr)
	}
}

func (c *quickCompiler) ident(n *quickNode, x *ast.Ident, level int) {
	if kind, ok := quickKinds[x.Name]; ok {
		kind(n)
		return
	}
	if definition, ok := c.definitions[x.Name]; ok && strings.HasPrefix(x.Name, "#") {
		c.compile(n, definition, nil, level)
		return
	}
	c.fail(n, x)
}

func (c *quickCompiler) binary(n *quickNode, x *ast.BinaryExpr, scope *quickScope, level int) {
	switch x.Op {
	case token.AND:
		c.compile(n, x.X, scope, level)
		c.compile(n, x.Y, scope, level)
	case token.OR:
		c.choice(n, x, scope, level)
	default:
		c.fail(n, x)
	}
}

// choice compiles a disjunction of scalars. One of them may be the default.
func (c *quickCompiler) choice(n *quickNode, x *ast.BinaryExpr, scope *quickScope, level int) {
	var parts []quickNode
	for _, alternative := range alternatives(x) {
		var part quickNode
		if marked, ok := alternative.(*ast.UnaryExpr); ok && marked.Op == token.MUL {
			value, ok := scalarOf(marked.X)
			if !ok || n.fallback != nil {
				c.fail(n, x)
				return
			}
			n.fallback, alternative = value, marked.X
		}
		c.compile(&part, alternative, scope, level)
		if part.isStruct || part.elem != nil || part.fallback != nil || part.unknown {
			c.fail(n, alternative)
			return
		}
		parts = append(parts, part)
	}
	n.tests = append(n.tests, func(value any, enclosing []map[string]any) bool {
		run := quickRun{enclosing: enclosing}
		return slices.ContainsFunc(parts, func(part quickNode) bool { return run.accept(&part, value) })
	})
}

func alternatives(expr ast.Expr) []ast.Expr {
	if x, ok := expr.(*ast.BinaryExpr); ok && x.Op == token.OR {
		return append(alternatives(x.X), alternatives(x.Y)...)
	}
	return []ast.Expr{expr}
}

// scalarOf returns the value of a literal text, number or boolean. It returns false
// for a number that Go would round.
func scalarOf(expr ast.Expr) (any, bool) {
	x, ok := expr.(*ast.BasicLit)
	if !ok {
		return nil, false
	}
	switch x.Kind {
	case token.STRING:
		text, err := literal.Unquote(x.Value)
		return text, err == nil
	case token.INT:
		number, err := strconv.Atoi(x.Value)
		return number, err == nil
	case token.FLOAT:
		number, err := strconv.ParseFloat(x.Value, 64)
		return number, err == nil && strconv.FormatFloat(number, 'f', -1, 64) == x.Value
	case token.TRUE, token.FALSE:
		return x.Kind == token.TRUE, true
	default:
		return nil, false
	}
}

// numberOf returns the value of a literal number.
func numberOf(expr ast.Expr) (any, bool) {
	limit, ok := scalarOf(expr)
	if ok {
		_, ok = compareNumber(limit, 0)
	}
	return limit, ok
}

// within reports whether the result of a comparison with a limit satisfies an
// operator.
func within(op token.Token, order int) bool {
	switch op {
	case token.GEQ:
		return order >= 0
	case token.LEQ:
		return order <= 0
	case token.GTR:
		return order > 0
	default:
		return order < 0
	}
}

func (c *quickCompiler) literal(n *quickNode, x *ast.BasicLit) {
	want, ok := scalarOf(x)
	if !ok {
		c.fail(n, x)
		return
	}
	n.tests = append(n.tests, func(value any, _ []map[string]any) bool { return value == want })
}

func (c *quickCompiler) unary(n *quickNode, x *ast.UnaryExpr, scope *quickScope) {
	switch x.Op {
	case token.MAT, token.NMAT:
		pattern, ok := c.pattern(x.X, scope)
		if !ok {
			c.fail(n, x)
			return
		}
		n.tests = append(n.tests, pattern.test(x.Op == token.MAT))
	case token.NEQ:
		bound, _ := scalarOf(x.X)
		other, isText := bound.(string)
		if !isText {
			c.fail(n, x)
			return
		}
		add(n, func(text string) bool { return text != other })
	case token.GEQ, token.LEQ, token.GTR, token.LSS:
		limit, ok := numberOf(x.X)
		if !ok {
			c.fail(n, x)
			return
		}
		n.tests = append(n.tests, func(value any, _ []map[string]any) bool {
			order, ok := compareNumber(value, limit)
			return ok && within(x.Op, order)
		})
	default:
		c.fail(n, x)
	}
}

func (c *quickCompiler) call(n *quickNode, x *ast.CallExpr) {
	function, ok := x.Fun.(*ast.SelectorExpr)
	if !ok || len(x.Args) != 1 {
		c.fail(n, x)
		return
	}
	library, isIdent := function.X.(*ast.Ident)
	name, _, err := ast.LabelName(function.Sel)
	argument, isLiteral := scalarOf(x.Args[0])
	if !isIdent || err != nil || !isLiteral {
		c.fail(n, x)
		return
	}
	known, ok := quickCalls[library.Name+"."+name]
	if !ok || !known(n, argument) {
		c.fail(n, x)
	}
}

func (c *quickCompiler) list(n *quickNode, x *ast.ListLit, scope *quickScope, level int) {
	open, ok := (*ast.Ellipsis)(nil), false
	if len(x.Elts) == 1 {
		open, ok = x.Elts[0].(*ast.Ellipsis)
	}
	if !ok || open.Type == nil {
		c.fail(n, x)
		return
	}
	if n.elem == nil {
		n.elem = &quickNode{}
	}
	c.compile(n.elem, open.Type, scope, level)
}

func (c *quickCompiler) structure(n *quickNode, x *ast.StructLit, outer *quickScope, level int) {
	n.isStruct = true
	scope := &quickScope{outer: outer, level: level}
	for _, decl := range x.Elts {
		if field, ok := decl.(*ast.Field); ok {
			if name, _, err := ast.LabelName(field.Label); err == nil {
				scope.names = append(scope.names, name)
			}
		}
	}
	for _, decl := range x.Elts {
		switch d := decl.(type) {
		case *ast.Field:
			c.field(n, d, scope, level)
		case *ast.EmbedDecl:
			c.compile(n, d.Expr, scope, level)
		case *ast.Comprehension:
			c.comprehension(n, d, scope, level)
		case *ast.Attribute, *ast.Ellipsis, *ast.CommentGroup:
			// Field decides which fields may be written.
		default:
			c.fail(n, d)
		}
	}
}

func (c *quickCompiler) field(n *quickNode, d *ast.Field, scope *quickScope, level int) {
	name, _, err := ast.LabelName(d.Label)
	if err != nil || d.Alias != nil {
		c.fail(n, d)
		return
	}
	field := n.field(name)
	switch d.Constraint {
	case token.NOT:
		field.required = true
	case token.OPTION:
	default:
		field.present = true
	}
	c.compile(&field.quickNode, d.Value, scope, level+1)
}

// comprehension compiles "if NAME == TEXT { … }".
func (c *quickCompiler) comprehension(n *quickNode, d *ast.Comprehension, scope *quickScope, level int) {
	body, isStruct := d.Value.(*ast.StructLit)
	if len(d.Clauses) != 1 || !isStruct {
		c.fail(n, d)
		return
	}
	clause, isIf := d.Clauses[0].(*ast.IfClause)
	if !isIf {
		c.fail(n, d)
		return
	}
	condition, isBinary := clause.Condition.(*ast.BinaryExpr)
	if !isBinary || condition.Op != token.EQL {
		c.fail(n, d)
		return
	}
	from, known := reference(condition.X, scope)
	is, isLiteral := scalarOf(condition.Y)
	text, isText := is.(string)
	if !known || !isLiteral || !isText {
		c.fail(n, d)
		return
	}
	when := quickWhen{from: from, is: text}
	c.structure(&when.then, body, scope, level)
	n.when = append(n.when, when)
}
