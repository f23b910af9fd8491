package worldtest

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Unchanged calls do, and panics if the value, or anything that it points at, is
// another one after it.
func Unchanged(value any, do func()) {
	var was, is strings.Builder
	writeDeep(&was, reflect.ValueOf(value))
	do()
	writeDeep(&is, reflect.ValueOf(value))
	before, after := was.String(), is.String()
	if before == after {
		return
	}
	same := 0
	for same < min(len(before), len(after)) && before[same] == after[same] {
		same++
	}
	shown := func(s string) string { return s[max(0, same-80):min(len(s), same+40)] }
	panic(fmt.Sprintf("%T was changed:\n%s\nis now\n%s", value, shown(before), shown(after)))
}

// writeDeep writes out a value with all that it points at, to see whether something
// in it changed.
func writeDeep(out *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			writeDeep(out, v.Elem())
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			writeDeep(out, v.Field(0))
			writeDeep(out, v.Field(1)) // The third is its location.
			return
		}
		for i, name := range fieldsOf(v.Type()) {
			out.WriteString(name)
			writeDeep(out, v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			out.WriteString(strconv.Itoa(i) + "=")
			writeDeep(out, v.Index(i))
		}
	case reflect.Map:
		var entries []string
		for _, key := range v.MapKeys() {
			var entry strings.Builder
			writeDeep(&entry, key)
			entry.WriteString("=")
			writeDeep(&entry, v.MapIndex(key))
			entries = append(entries, entry.String())
		}
		slices.Sort(entries)
		out.WriteString("[" + strings.Join(entries, " ") + "]")
	case reflect.Func, reflect.Chan:
	case reflect.String:
		out.WriteString(v.String() + ";")
	case reflect.Int, reflect.Int64:
		out.WriteString(strconv.FormatInt(v.Int(), 10) + ";")
	case reflect.Uint64:
		out.WriteString(strconv.FormatUint(v.Uint(), 10) + ";")
	case reflect.Bool:
		out.WriteString(strconv.FormatBool(v.Bool()) + ";")
	default:
		fmt.Fprintf(out, "%v;", v)
	}
}

var fields sync.Map // what fieldsOf found, by type

// fieldsOf are the names of a struct's fields, with a colon. They are read once:
// tests compare rounds thousands of times.
func fieldsOf(of reflect.Type) []string {
	if known, ok := fields.Load(of); ok {
		return known.([]string)
	}
	names := make([]string, of.NumField())
	for i := range names {
		names[i] = of.Field(i).Name + ":"
	}
	fields.Store(of, names)
	return names
}
