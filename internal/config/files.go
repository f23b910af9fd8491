package config

import (
	"fmt"
	"reflect"
	"strings"
)

// fileField is a field of the configuration that names a file.
type fileField struct {
	path  string
	value *string
	// folder is true if the field names a folder.
	folder bool
}

// fileFields returns every field that names something that must exist: the
// source's folder, and each non-empty field whose name ends in File.
func (c *Config) fileFields() []fileField {
	var fields []fileField
	if c.Source.Folder != nil {
		fields = append(fields, fileField{path: "source.folder.path", value: &c.Source.Folder.Path, folder: true})
	}
	eachFile(reflect.ValueOf(c), "", func(path string, value *string) {
		fields = append(fields, fileField{path: path, value: value})
	})
	return fields
}

// eachFile calls add for each file that v or one of its fields names.
func eachFile(v reflect.Value, path string, add func(path string, value *string)) {
	switch v.Kind() {
	case reflect.Pointer:
		eachFile(v.Elem(), path, add)
	case reflect.Slice:
		for i := range v.Len() {
			eachFile(v.Index(i), fmt.Sprintf("%s[%d]", path, i), add)
		}
	case reflect.Struct:
		for field, value := range v.Fields() {
			if value.IsZero() {
				continue // The field names no file.
			}
			at := strings.TrimPrefix(path+"."+field.Tag.Get("yaml"), ".")
			if file, ok := reflect.TypeAssert[*string](value.Addr()); ok && strings.HasSuffix(field.Name, "File") {
				add(at, file)
				continue
			}
			eachFile(value, at, add)
		}
	default:
	}
}
