package manifest

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// accepted is a document that its definition accepts, with the schema's
// defaults: plain data where the quick check accepted it, CUE's JSON otherwise.
type accepted struct {
	data map[string]any
	json []byte
}

// text is the document as JSON.
func (a accepted) text() ([]byte, error) {
	if a.data == nil {
		return a.json, nil
	}
	return json.Marshal(a.data)
}

// decode puts the document into out, a pointer, as encoding/json does.
func (a accepted) decode(out any) error {
	if a.data == nil {
		return json.Unmarshal(a.json, out)
	}
	return fill(reflect.ValueOf(out).Elem(), a.data)
}

// fill puts plain data into a value by the tags of encoding/json. It knows what
// declarations are made of; other types are an error.
func fill(to reflect.Value, data any) error {
	if to.Kind() == reflect.Pointer {
		to.Set(reflect.New(to.Type().Elem()))
		to = to.Elem()
	}
	if text, ok := data.(string); ok && to.CanAddr() {
		if u, ok := to.Addr().Interface().(encoding.TextUnmarshaler); ok {
			return u.UnmarshalText([]byte(text))
		}
	}
	switch data := data.(type) {
	case map[string]any:
		return fillStruct(to, data)
	case []any:
		return fillSlice(to, data)
	case string:
		if to.Kind() == reflect.String {
			// The file's text is not kept for the sake of a piece.
			to.SetString(strings.Clone(data))
			return nil
		}
	case bool:
		if to.Kind() == reflect.Bool {
			to.SetBool(data)
			return nil
		}
	case int:
		if to.Kind() == reflect.Int {
			to.SetInt(int64(data))
			return nil
		}
	}
	return fmt.Errorf("manifest: %T cannot be put into %s", data, to.Type())
}

func fillStruct(to reflect.Value, data map[string]any) error {
	if to.Kind() != reflect.Struct {
		return fmt.Errorf("manifest: a mapping cannot be put into %s", to.Type())
	}
	for i, name := range jsonNames(to.Type()) {
		value, ok := data[name]
		if !ok {
			continue
		}
		if err := fill(to.Field(i), value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func fillSlice(to reflect.Value, data []any) error {
	if to.Kind() != reflect.Slice {
		return fmt.Errorf("manifest: a list cannot be put into %s", to.Type())
	}
	to.Set(reflect.MakeSlice(to.Type(), len(data), len(data)))
	for i, item := range data {
		if err := fill(to.Index(i), item); err != nil {
			return err
		}
	}
	return nil
}

// namesOf are the names of the fields of each type of struct, by its order.
var namesOf sync.Map

func jsonNames(of reflect.Type) []string {
	if names, ok := namesOf.Load(of); ok {
		return names.([]string) //nolint:forcetypeassert // nothing else is stored
	}
	names := make([]string, of.NumField())
	for i := range names {
		names[i], _, _ = strings.Cut(of.Field(i).Tag.Get("json"), ",")
	}
	namesOf.Store(of, names)
	return names
}
