package schema

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
)

// Field is what the schema defines for one field, as plain data. It is safe for
// concurrent use. The root is the document itself.
type Field struct {
	Name string
	// Kind is the kind of value that the field accepts.
	Kind cue.Kind
	// Doc is the field's comment.
	Doc string
	// Want describes what the field accepts: the identifier of a message, below
	// want in the catalogue. It is empty if the kind or the choices say enough.
	Want string
	// Required is true if the field must be written. Forbidden, if not empty, is
	// the code of the rule that forbids writing it.
	Required  bool
	Forbidden string
	// Rule is the code of the rule that a fault at this field violates; empty if
	// the field has no rule of its own. RuleAt is a neighbouring field at which to
	// show the fault. RuleNeeds is the path of a field that must be right before
	// the rule is checked.
	Rule, RuleAt, RuleNeeds string
	// Private is true if messages must not show the value or anything below it.
	Private bool
	// Date is true if the text is a day, which YAML allows without quotes.
	Date bool
	// Choices are the texts of an enumeration, in order; nil for others.
	Choices []string
	// OneOf are fields: the rule OneOfRule requires that exactly one of them is
	// written.
	OneOf     []string
	OneOfRule string
	// Fields are the fields of a struct, in the order of the schema.
	Fields []*Field
	// Elem describes the items of a list.
	Elem *Field
}

// Lookup returns the field called name of a struct, or nil.
func (f *Field) Lookup(name string) *Field {
	for _, child := range f.Fields {
		if child.Name == name {
			return child
		}
	}
	return nil
}

// Place returns the index of the field called name, or the number of fields if
// there is none.
func (f *Field) Place(name string) int {
	for i, child := range f.Fields {
		if child.Name == name {
			return i
		}
	}
	return len(f.Fields)
}

// Innermost reports whether the field is a struct that contains no structs or
// lists.
func (f *Field) Innermost() bool {
	return !slices.ContainsFunc(f.Fields, func(child *Field) bool { return child.Kind&(cue.StructKind|cue.ListKind) != 0 }) && len(f.Fields) > 0
}

// maxDepth limits the walk through the schema, which is about seven levels deep.
const maxDepth = 32

// Describe reads a definition of the compiled schema, for example "#GitLab",
// into plain data.
func Describe(root cue.Value, definition string) (*Field, error) {
	value := root.LookupPath(cue.ParsePath(definition))
	if !value.Exists() {
		return nil, fmt.Errorf("schema: no definition %s", definition)
	}
	// A platform's constraint can depend on the value of a neighbouring field.
	// Without that value it has no kind, but the shared definition has one.
	shared := value
	if Narrows(definition) {
		shared = root.LookupPath(cue.ParsePath(SourceBinding))
	}
	field := &Field{}
	if err := field.read(value, shared, 0); err != nil {
		return nil, fmt.Errorf("schema: %s: %w", definition, err)
	}
	return field, nil
}

func (f *Field) read(value, shared cue.Value, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("more than %d deep", maxDepth)
	}
	f.Kind = value.IncompleteKind()
	if f.Kind == cue.BottomKind && shared.Exists() {
		f.Kind = shared.IncompleteKind()
	}
	if f.Kind == cue.BottomKind && value.LookupPath(cue.MakePath(cue.AnyIndex)).Exists() {
		f.Kind = cue.ListKind // with a first element that must exist
	}
	f.readAttributes(value)
	f.readOneOf(value)
	if f.OneOf == nil && shared.Exists() {
		f.readOneOf(shared)
	}
	if f.Forbidden != "" {
		return nil
	}
	for _, comment := range value.Doc() {
		f.Doc = strings.TrimSpace(comment.Text())
		break
	}
	if f.Kind == cue.ListKind {
		return f.readElem(value, shared, depth)
	}
	if f.Kind == cue.StructKind {
		return f.readFields(value, shared, depth)
	}
	f.Choices = choices(shared)
	return nil
}

func (f *Field) readAttributes(value cue.Value) {
	f.Want, _ = text(value.Attribute("want"))
	f.Forbidden, _ = text(value.Attribute("forbidden"))
	rule := value.Attribute("rule")
	f.Rule, _ = text(rule)
	if rule.Err() == nil {
		f.RuleAt, _, _ = rule.Lookup(1, "at")
		f.RuleNeeds, _, _ = rule.Lookup(1, "needs")
	}
	private, date := value.Attribute("private"), value.Attribute("date")
	f.Private, f.Date = private.Err() == nil, date.Err() == nil
}

func (f *Field) readOneOf(value cue.Value) {
	// An attribute of a declaration belongs to the definition that a reference
	// leads to.
	for _, a := range cue.Dereference(value).Attributes(cue.DeclAttr) {
		if a.Name() != "oneof" {
			continue
		}
		for i := range a.NumArgs() {
			if key, val := a.Arg(i); key == "rule" {
				f.OneOfRule = val
			} else {
				f.OneOf = append(f.OneOf, key)
			}
		}
		return
	}
}

func text(a cue.Attribute) (string, error) { return a.String(0) }

func (f *Field) readElem(value, shared cue.Value, depth int) error {
	f.Elem = &Field{}
	return f.Elem.read(elem(value), elem(shared), depth+1)
}

// elem returns the type of a list's items. For a disjunction, such as a list or its
// default, it is that of the first open list.
func elem(value cue.Value) cue.Value {
	at := cue.MakePath(cue.AnyIndex)
	found := value.LookupPath(at)
	_, parts := value.Expr()
	for i := 0; !found.Exists() && i < len(parts); i++ {
		found = parts[i].LookupPath(at)
	}
	return found
}

func (f *Field) readFields(value, shared cue.Value, depth int) error {
	fields, err := value.Fields(cue.Optional(true))
	if err != nil {
		return fmt.Errorf("read the fields: %w", err)
	}
	for fields.Next() {
		selector := fields.Selector()
		child := &Field{
			Name:     selector.Unquoted(),
			Required: selector.ConstraintType() == cue.RequiredConstraint,
		}
		if err := child.read(lookup(value, child.Name), lookup(shared, child.Name), depth+1); err != nil {
			return err
		}
		f.Fields = append(f.Fields, child)
	}
	return nil
}

// lookup finds a field, whether it is regular, required or optional.
func lookup(value cue.Value, name string) cue.Value {
	for _, selector := range []cue.Selector{cue.Str(name), cue.Str(name).Required(), cue.Str(name).Optional()} {
		if found := value.LookupPath(cue.MakePath(selector)); found.Exists() {
			return found
		}
	}
	return cue.Value{}
}

// choices returns the texts of a disjunction of texts.
func choices(value cue.Value) []string {
	op, parts := value.Expr()
	if op != cue.OrOp {
		return nil
	}
	var list []string
	for _, part := range parts {
		s, err := part.String()
		if err != nil {
			return nil
		}
		list = append(list, s)
	}
	return list
}
