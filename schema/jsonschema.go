package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/encoding/jsonschema"
)

// JSONSchema returns the JSON Schema (draft 2020-12) of a declaration, made from
// the CUE for editors: they complete fields, explain the field under the pointer,
// and show most faults while typing. The platform decides which part applies. Rules
// that a JSON Schema cannot express are left to validation: the port of an address,
// and that a GitHub repository belongs to the bound account. It has the rules of
// the Personal Edition.
func JSONSchema() ([]byte, error) { return declarationSchema("personal") }

// EnterpriseJSONSchema returns the same with the rules of the Enterprise Edition.
func EnterpriseJSONSchema() ([]byte, error) { return declarationSchema("enterprise") }

func declarationSchema(edition string) ([]byte, error) {
	root, err := Compile(cuecontext.New())
	if err != nil {
		return nil, err
	}
	schema, err := generate(root, SourceBinding)
	if err != nil {
		return nil, err
	}
	defs, _ := schema["$defs"].(object)
	spec, _ := defs["Spec"].(object)
	delete(defs, "Spec")
	properties, _ := schema["properties"].(object)
	var branches []any
	platforms := []any{}
	for _, platform := range []string{"codeup", "github", "bitbucket", "gitlab", "gitee"} {
		definition, ok := Platform(platform, edition)
		if !ok {
			continue
		}
		platforms = append(platforms, platform)
		narrowed, err := narrow(spec, root.LookupPath(cue.MakePath(cue.Def(definition), cue.Str("spec").Required())))
		if err != nil {
			return nil, fmt.Errorf("schema: JSON Schema of %s: %w", platform, err)
		}
		defs[platform] = narrowed
		branches = append(branches, object{
			"if":   object{"properties": object{"platform": object{"const": platform}}},
			"then": object{"$ref": "#/$defs/" + platform},
		})
	}
	if err := addRules(defs); err != nil {
		return nil, err
	}
	platform, _ := spec["properties"].(object)["platform"].(object)
	platform["enum"] = platforms
	description, _ := properties["spec"].(object)
	properties["spec"] = object{
		"description": description["description"],
		"type":        "object",
		"required":    []any{"platform"},
		"properties":  object{"platform": platform},
		"allOf":       branches,
	}
	schema["title"] = "SourceBinding"
	return json.MarshalIndent(schema, "", "  ")
}

// ConfigurationJSONSchema returns the JSON Schema (draft 2020-12) of the
// configuration file, made from the CUE for editors.
func ConfigurationJSONSchema() ([]byte, error) { return documentSchema(Configuration) }

// InstancesJSONSchema returns the JSON Schema of instances.yaml.
func InstancesJSONSchema() ([]byte, error) { return documentSchema(Instances) }

// documentSchema returns the JSON Schema of a document with a single definition.
func documentSchema(definition string) ([]byte, error) {
	root, err := Compile(cuecontext.New())
	if err != nil {
		return nil, err
	}
	schema, err := generate(root, definition)
	if err != nil {
		return nil, err
	}
	schema["title"] = strings.TrimPrefix(definition, "#")
	return json.MarshalIndent(schema, "", "  ")
}

// object is a JSON object.
type object = map[string]any

// generate makes the JSON Schema of a definition and completes it.
func generate(root cue.Value, definition string) (object, error) {
	value := root.LookupPath(cue.ParsePath(definition))
	schema, err := generated(value)
	if err != nil {
		return nil, fmt.Errorf("schema: JSON Schema of %s: %w", definition, err)
	}
	defs, _ := schema["$defs"].(object)
	c := completer{defs: defs}
	for _, def := range defs {
		if def, ok := def.(object); ok {
			oneLine(def)
		}
	}
	if err := c.complete(value, schema); err != nil {
		return nil, fmt.Errorf("schema: JSON Schema of %s: %w", definition, err)
	}
	return schema, nil
}

// generated returns the JSON Schema that the library generates from a value.
func generated(value cue.Value) (object, error) {
	expr, err := jsonschema.Generate(value, nil)
	if err != nil {
		return nil, err
	}
	data, err := cuecontext.New().BuildExpr(expr).MarshalJSON()
	if err != nil {
		return nil, err
	}
	var schema object
	return schema, json.Unmarshal(data, &schema)
}

// completer walks the CUE and the JSON Schema together and adds what the generator
// omits: defaults, the pattern next to a default, that a struct with a validator is
// closed, and descriptions on one line.
type completer struct{ defs object }

func (c completer) complete(value cue.Value, node object) error {
	if text := Description(value); text != "" {
		node["description"] = text
	}
	addDefault(value, node)
	if err := addConstraint(value, node); err != nil {
		return err
	}
	target := c.resolve(node)
	switch value.IncompleteKind() {
	case cue.StructKind:
		return c.completeStruct(value, target)
	case cue.ListKind:
		items, ok := target["items"].(object)
		if !ok {
			return nil
		}
		return c.complete(value.LookupPath(cue.MakePath(cue.AnyIndex)), items)
	case cue.IntKind:
		flattenInteger(target)
	default:
	}
	return nil
}

func (c completer) completeStruct(value cue.Value, node object) error {
	delete(node, "const")
	node["type"] = "object"
	node["additionalProperties"] = false
	properties, _ := node["properties"].(object)
	fields, err := value.Fields(cue.Optional(true))
	if err != nil {
		return fmt.Errorf("fields of %s: %w", value.Path(), err)
	}
	for fields.Next() {
		property, ok := properties[fields.Selector().Unquoted()].(object)
		if !ok {
			return fmt.Errorf("the generator left out %s", fields.Value().Path())
		}
		if err := c.complete(fields.Value(), property); err != nil {
			return err
		}
	}
	return nil
}

// oneLine turns the description of a definition, which begins with its name like a
// Go comment, into one sentence.
func oneLine(def object) {
	text, _ := def["description"].(string)
	if !strings.HasPrefix(text, "#") {
		return
	}
	_, text, _ = strings.Cut(text, " ")
	text = strings.TrimPrefix(text, "is ")
	def["description"] = strings.ToUpper(text[:1]) + strings.ReplaceAll(text[1:], "\n", " ")
}

func (c completer) resolve(node object) object {
	ref, _ := node["$ref"].(string)
	if def, ok := c.defs[strings.TrimPrefix(ref, "#/$defs/")].(object); ok {
		return def
	}
	return node
}

// addDefault adds the default that the generator omits.
func addDefault(value cue.Value, node object) {
	def, ok := Default(value)
	if !ok {
		return
	}
	var decoded any
	if data, err := def.MarshalJSON(); err == nil && json.Unmarshal(data, &decoded) == nil {
		node["default"] = decoded
	}
}

// addConstraint adds the constraint for values other than the default, which the
// generator omits if there is a default.
func addConstraint(value cue.Value, node object) error {
	def, ok := Default(value)
	if !ok || node["enum"] != nil {
		return nil
	}
	op, alternatives := value.Expr()
	if op != cue.OrOp && op != cue.NoOp {
		return nil
	}
	alternatives = slices.DeleteFunc(alternatives, def.Equals)
	if len(alternatives) != 1 {
		return nil
	}
	delete(node, "anyOf")
	constraint, err := generated(alternatives[0])
	if err != nil {
		return err
	}
	delete(constraint, "$schema")
	delete(constraint, "$defs")
	delete(constraint, "description")
	maps.Copy(node, constraint)
	return nil
}

// flattenInteger joins the two halves into which the generator splits a
// bounded integer.
func flattenInteger(node object) {
	halves, _ := node["allOf"].([]any)
	for _, half := range halves {
		if part, ok := half.(object); ok {
			maps.Copy(node, part)
		}
	}
	if len(halves) > 0 {
		delete(node, "allOf")
	}
	node["type"] = "integer"
}

// narrow returns the shared spec with a platform's constraints: fields that the
// platform requires, forbids or describes itself.
func narrow(shared object, platform cue.Value) (object, error) {
	var narrowed object
	data, err := json.Marshal(shared)
	if err == nil {
		err = json.Unmarshal(data, &narrowed)
	}
	if err != nil {
		return nil, err
	}
	properties, _ := narrowed["properties"].(object)
	required, _ := narrowed["required"].([]any)
	fields, err := platform.Fields(cue.Optional(true))
	if err != nil {
		return nil, err
	}
	for fields.Next() {
		name := fields.Selector().Unquoted()
		property, ok := properties[name].(object)
		if !ok {
			return nil, fmt.Errorf("%s is not a field of every platform", name)
		}
		if text := Description(fields.Value()); text != "" {
			property["description"] = text
		}
		if fields.Value().IncompleteKind() == cue.BottomKind {
			properties[name] = object{"description": property["description"], "not": object{}}
		}
		if fields.FieldType() == cue.SelectorType(cue.StringLabel|cue.RequiredConstraint) && !slices.Contains(required, any(name)) {
			required = append(required, name)
		}
	}
	narrowed["required"] = required
	return narrowed, nil
}

// addRules adds the rules that no generator can read from the CUE: a build rule
// names a branch or a tag (build-rule-ref), and a repository in a GitLab subgroup
// is built manually (gitlab-subgroup-manual).
func addRules(defs object) error {
	rule, ok := defs["BuildRule"].(object)
	if !ok {
		return errors.New("schema: JSON Schema of a declaration: it has no build rule")
	}
	rule["oneOf"] = []any{object{"required": []any{"branch"}}, object{"required": []any{"tag"}}}
	gitlab, _ := defs["gitlab"].(object)
	properties, _ := gitlab["properties"].(object)
	repositories, ok := properties["repositories"].(object)
	if !ok {
		return errors.New("schema: JSON Schema of gitlab: it has no repositories")
	}
	repositories["items"] = object{
		"$ref": "#/$defs/Repository",
		"if":   object{"required": []any{"source"}, "properties": object{"source": object{"pattern": "^/?[^/]+/[^/]+/+[^/]"}}},
		"then": object{"required": []any{"trigger"}, "properties": object{"trigger": object{
			"description": "A repository in a GitLab subgroup is built by hand only.",
			"const":       "manual",
		}}},
	}
	return nil
}

// Description returns the comment of a field, with each paragraph on one line. If
// there are several comments, it is the one nearest to the field.
func Description(value cue.Value) string {
	docs := value.Doc()
	if len(docs) == 0 {
		return ""
	}
	var paragraphs []string
	for paragraph := range strings.SplitSeq(strings.TrimSpace(docs[0].Text()), "\n\n") {
		paragraphs = append(paragraphs, strings.ReplaceAll(paragraph, "\n", " "))
	}
	return strings.Join(paragraphs, "\n")
}

// Default returns the value of a field that is not written.
func Default(value cue.Value) (cue.Value, bool) {
	def, ok := value.Default()
	// CUE reports a default for every open list, so the default of a list means
	// nothing.
	scalar := def.Kind() != cue.StructKind && def.Kind() != cue.ListKind
	return def, ok && scalar && def.IsConcrete()
}
