package plan

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"reconciler/internal/binding"
)

// SpecChanges returns the fields in which two declarations of a binding differ,
// sorted by field; nil stands for no declaration. List elements are named by what
// identifies them, not by their position, so that inserting one does not change the
// others: repositories[payments/api].trigger,
// repositories[payments/api].rules[branch:main=>latest].dockerfile. A value is
// empty if its side does not have the field.
func SpecChanges(was, is *binding.Spec) []Change {
	if reflect.DeepEqual(was, is) {
		return nil
	}
	before, after := specFields(was), specFields(is)
	names := maps.Clone(before)
	maps.Copy(names, after)
	var changes []Change
	for _, field := range slices.Sorted(maps.Keys(names)) {
		if before[field] != after[field] {
			changes = append(changes, Change{Field: field, From: before[field], To: after[field]})
		}
	}
	return changes
}

// specFields are the fields of a spec with their values, by path.
func specFields(spec *binding.Spec) map[string]string {
	fields := map[string]string{}
	if spec == nil {
		return fields
	}
	data, err := json.Marshal(spec)
	if err != nil {
		// Strings, numbers, booleans, and lists and mappings of them always marshal.
		panic("plan: fields of a spec: " + err.Error())
	}
	var value map[string]any
	_ = json.Unmarshal(data, &value) // It was just marshalled.
	flatten("", value, fields)
	return fields
}

func flatten(path string, value any, fields map[string]string) {
	switch v := value.(type) {
	case map[string]any:
		for name, element := range v {
			below := name
			if path != "" {
				below = path + "." + name
			}
			flatten(below, element, fields)
		}
	case []any:
		if len(v) == 0 {
			fields[path] = "[]" // An empty list is not the same as an absent one.
		}
		for _, element := range v {
			key, rest := elementKey(element)
			flatten(path+"["+key+"]", rest, fields)
		}
	case string:
		fields[path] = v
	default:
		text, _ := json.Marshal(v) // It came from JSON.
		fields[path] = string(text)
	}
}

// elementKey returns what identifies an element of a list, and the rest of the
// element.
func elementKey(element any) (key string, rest any) {
	object, ok := element.(map[string]any)
	if !ok {
		text, _ := json.Marshal(element) // It came from JSON.
		return string(text), element
	}
	text := func(name string) string { s, _ := object[name].(string); return s }
	rule := binding.BuildRule{Branch: text("branch"), Tag: text("tag"), ImageTag: text("imageTag")}
	key, named := binding.NormalImage(text("image")), []string{"image"}
	if key == "" {
		key, named = rule.Key(), []string{"branch", "tag", "imageTag"}
	}
	left := maps.Clone(object)
	for _, name := range named {
		delete(left, name)
	}
	return cmp.Or(key, "?"), left
}
