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

// JSONSchema is the JSON Schema (draft 2020-12) of a declaration, made from
// the CUE for editors: completion, the meaning of a field under the pointer,
// and most faults while typing. The platform chooses which part holds. What a
// JSON Schema cannot say is left to validation: an address's port, and that a
// GitHub repository belongs to the bound account. It has the rules of the
// Personal Edition.
func JSONSchema() ([]byte, error) { return declarationSchema("personal") }

// EnterpriseJSONSchema is JSONSchema with the rules of the Enterprise Edition.
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

// ConfigurationJSONSchema is the JSON Schema (draft 2020-12) of the
// configuration file, made from the CUE for editors.
func ConfigurationJSONSchema() ([]byte, error) { return documentSchema(Configuration) }

// InstancesJSONSchema is that of instances.yaml.
func InstancesJSONSchema() ([]byte, error) { return documentSchema(Instances) }

// documentSchema is the JSON Schema of a document that has one form.
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

// generated is what the library makes of a value.
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

// completer adds what the generator leaves out, walking the CUE and the JSON
// Schema side by side: defaults, the pattern beside a default, closedness
// where a struct has a validator, and descriptions in one line.
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

// oneLine writes the description of a definition, which begins with its name
// as Go's comments do, as a sentence.
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

// addDefault writes the default that the generator drops.
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

// addConstraint writes what a value other than the default must be, which the
// generator leaves out beside a default.
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

// narrow is the shared spec as a platform narrows it: fields that it requires,
// forbids or speaks of in its own words.
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

// addRules says what no generator can read from the CUE: a build rule names a
// branch or a tag (build-rule-ref), and a repository in a GitLab subgroup is
// built by hand (gitlab-subgroup-manual).
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

// Description is what the comments say of a field: of several, the one nearest
// to the field, as one paragraph a line.
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

// Default is the value that a field has when it is left out.
func Default(value cue.Value) (cue.Value, bool) {
	def, ok := value.Default()
	// An open list is its own shortest default, so a list's says nothing.
	scalar := def.Kind() != cue.StructKind && def.Kind() != cue.ListKind
	return def, ok && scalar && def.IsConcrete()
}
