package manifest

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"reconciler/internal/message"
)

// accepted is a document that its definition accepts, with the schema's defaults:
// plain data if the quick check accepted it, otherwise JSON from CUE.
type accepted struct {
	data map[string]any
	json []byte
}

// decode puts the document into out, a pointer, as encoding/json does.
func (a accepted) decode(out any) error {
	if a.data == nil {
		return json.Unmarshal(a.json, out)
	}
	return fill(reflect.ValueOf(out).Elem(), a.data, "json")
}

// decodeYAML puts the document into out, a pointer, as yaml.v3 does.
func (a accepted) decodeYAML(out any) error {
	if a.data == nil {
		return yaml.Unmarshal(a.json, out) // JSON is YAML, and the tags are yaml's
	}
	return fill(reflect.ValueOf(out).Elem(), a.data, "yaml")
}

// fill puts plain data into a value by the tags of encoding/json or yaml.v3. It
// supports the types that declarations and configurations use; other types are an
// error.
func fill(to reflect.Value, data any, tag string) error {
	if to.Kind() == reflect.Pointer {
		if to.IsNil() {
			to.Set(reflect.New(to.Type().Elem()))
		}
		to = to.Elem()
	}
	if text, ok := data.(string); ok && to.CanAddr() {
		if u, ok := to.Addr().Interface().(encoding.TextUnmarshaler); ok {
			return u.UnmarshalText([]byte(text))
		}
	}
	switch data := data.(type) {
	case map[string]any:
		if v := reflect.ValueOf(data); to.Type() == v.Type() {
			to.Set(v)
			return nil
		}
		return fillStruct(to, data, tag)
	case []any:
		return fillSlice(to, data, tag)
	case string:
		switch {
		case to.Kind() == reflect.String:
			// Without the clone, the text of the whole file would stay in memory.
			to.SetString(strings.Clone(data))
			return nil
		case to.Type() == reflect.TypeFor[time.Duration]() && tag == "yaml":
			d, err := time.ParseDuration(data)
			to.SetInt(int64(d))
			return err
		}
	case bool:
		if to.Kind() == reflect.Bool {
			to.SetBool(data)
			return nil
		}
	case int:
		switch to.Kind() {
		case reflect.Int:
			to.SetInt(int64(data))
			return nil
		case reflect.Float64:
			to.SetFloat(float64(data))
			return nil
		default:
		}
	case float64:
		if to.Kind() == reflect.Float64 {
			to.SetFloat(data)
			return nil
		}
	}
	return message.NewError("manifest-error.no-fill", "is", fmt.Sprintf("%T", data), "to", to.Type())
}

func fillStruct(to reflect.Value, data map[string]any, tag string) error {
	if to.Kind() != reflect.Struct {
		return message.NewError("manifest-error.no-mapping", "to", to.Type())
	}
	for i, name := range fieldNames(to.Type(), tag) {
		value, ok := data[name]
		if !ok {
			continue
		}
		if err := fill(to.Field(i), value, tag); err != nil {
			return message.Within(name, err)
		}
	}
	return nil
}

func fillSlice(to reflect.Value, data []any, tag string) error {
	if to.Kind() != reflect.Slice {
		return message.NewError("manifest-error.no-list", "to", to.Type())
	}
	to.Set(reflect.MakeSlice(to.Type(), len(data), len(data)))
	for i, item := range data {
		if err := fill(to.Index(i), item, tag); err != nil {
			return err
		}
	}
	return nil
}

// namesOf has the names of the fields of each struct type, in their order.
var namesOf sync.Map

type namesKey struct {
	of  reflect.Type
	tag string
}

func fieldNames(of reflect.Type, tag string) []string {
	key := namesKey{of, tag}
	if names, ok := namesOf.Load(key); ok {
		return names.([]string) //nolint:forcetypeassert // nothing else is stored
	}
	names := make([]string, of.NumField())
	for i := range names {
		names[i], _, _ = strings.Cut(of.Field(i).Tag.Get(tag), ",")
		if names[i] == "" && tag == "yaml" {
			names[i] = strings.ToLower(of.Field(i).Name) // as yaml.v3 does
		}
	}
	namesOf.Store(key, names)
	return names
}
