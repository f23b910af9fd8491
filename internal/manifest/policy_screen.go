package manifest

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// maxPolicyWeight is how many values a policy file may come to when everything
// that it refers to is written out.
const maxPolicyWeight = 200_000

// fault is what is wrong at a place of a policy file.
type fault struct {
	m  message.Message
	at token.Pos
}

// policyImports are the packages that a policy may import: those of CUE that
// look at values. What runs programs, reads files or writes texts of any size
// is not among them.
func policyImports() []string {
	return []string{"list", "math", "net", "regexp", "strconv", "strings", "struct", "time"}
}

// screen reads a policy file without evaluating it, and tells what may not
// stand in one: CUE cannot be interrupted, so what could take any amount of
// time or memory is refused before it is begun.
func screen(file binding.File) []fault {
	if len(file.Data) > maxPolicyBytes {
		return []fault{{message.New("policy.bytes", "most", maxPolicyBytes), token.NoPos}}
	}
	if !utf8.Valid(file.Data) {
		return []fault{{message.New("policy.encoding"), token.NoPos}}
	}
	if isLFSPointer(file.Data) {
		return []fault{{message.New("document.lfs-pointer"), token.NoPos}}
	}
	tree, err := parser.ParseFile(file.Path, file.Data)
	if err != nil {
		var faults []fault
		for _, e := range errors.Errors(err) {
			format, args := e.Msg()
			faults = append(faults, fault{message.New("policy.cue", "err", message.Foreign(fmt.Sprintf(format, args...))), e.Position()})
		}
		return faults
	}
	s := screener{weights: map[ast.Node]float64{}, open: map[ast.Node]bool{}}
	ast.Walk(tree, s.node, nil)
	if len(s.faults) == 0 {
		if total := s.weight(tree); total > maxPolicyWeight {
			s.add(tree, message.New("policy.weight", "most", maxPolicyWeight))
		}
	}
	return s.faults
}

type screener struct {
	faults []fault
	// weights are of the nodes that were weighed, open those being weighed.
	weights map[ast.Node]float64
	open    map[ast.Node]bool
}

func (s *screener) add(n ast.Node, m message.Message) {
	s.faults = append(s.faults, fault{m, n.Pos()})
}

// node refuses what may not be written at all.
func (s *screener) node(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ImportSpec:
		path, err := strconv.Unquote(n.Path.Value)
		if err != nil || !slices.Contains(policyImports(), path) {
			s.add(n, message.New("policy.import", "package", n.Path.Value, "known", policyImports()))
		}
	case *ast.Attribute:
		s.add(n, message.New("policy.attribute"))
	case *ast.BinaryExpr:
		if n.Op == token.MUL {
			s.add(n, message.New("policy.multiply"))
		}
	case *ast.SelectorExpr:
		if label, ok := n.Sel.(*ast.Ident); ok && slices.Contains([]string{"Repeat", "Range", "Pow", "Exp", "Exp2", "Combinations", "Permutations"}, label.Name) {
			s.add(n, message.New("policy.function", "function", label.Name))
		}
	}
	return true
}

// weight is how many values a node comes to with all that it refers to. It is
// infinite where that cannot be told: where a node refers to what it stands in.
func (s *screener) weight(n ast.Node) float64 {
	if w, ok := s.weights[n]; ok {
		return w
	}
	if s.open[n] {
		return math.Inf(1)
	}
	s.open[n] = true
	defer delete(s.open, n)
	total := 0.0
	ast.Walk(n, func(child ast.Node) bool {
		total++
		switch child := child.(type) {
		case *ast.BasicLit:
			total += float64(len(child.Value)) / 8
		case *ast.Ident:
			total += s.referred(child)
		case *ast.Comprehension:
			if child != n {
				total += s.comprehension(child)
				return false
			}
		}
		return true
	}, nil)
	s.weights[n] = total
	return total
}

// referred is the weight of what a name stands for.
func (s *screener) referred(n *ast.Ident) float64 {
	switch node := n.Node.(type) {
	case nil, *ast.ImportSpec, *ast.File:
		return 0
	case *ast.ForClause:
		return 1 // One item; comprehension counts them.
	default:
		return s.weight(node)
	}
}

// comprehension multiplies: what is below is made as often as there is
// something to go through, and that a declaration decides.
func (s *screener) comprehension(n *ast.Comprehension) float64 {
	const items = 1000 // More than a declaration's lists commonly have.
	times, total := 1.0, 0.0
	for _, clause := range n.Clauses {
		switch clause := clause.(type) {
		case *ast.ForClause:
			total += times * s.weight(clause.Source)
			times *= items
		case *ast.IfClause:
			total += times * s.weight(clause.Condition)
		case *ast.LetClause:
			total += times * s.weight(clause.Expr)
		}
	}
	return total + times*s.weight(n.Value)
}
