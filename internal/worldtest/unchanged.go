package worldtest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Unchanged calls do, and panics if the value, or anything that it points at, is
// another one after it.
func Unchanged(value any, do func()) {
	var was, is strings.Builder
	deeply(&was, reflect.ValueOf(value))
	do()
	deeply(&is, reflect.ValueOf(value))
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

// deeply writes out a value with all that it points at, to see whether something
// in it changed.
func deeply(out *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			deeply(out, v.Elem())
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			fmt.Fprint(out, v.Field(0), v.Field(1)) // The third is its location.
			return
		}
		for i := range v.NumField() {
			out.WriteString(v.Type().Field(i).Name + ":")
			deeply(out, v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			fmt.Fprint(out, i, "=")
			deeply(out, v.Index(i))
		}
	case reflect.Map:
		var entries []string
		for _, key := range v.MapKeys() {
			var entry strings.Builder
			deeply(&entry, key)
			entry.WriteString("=")
			deeply(&entry, v.MapIndex(key))
			entries = append(entries, entry.String())
		}
		slices.Sort(entries)
		fmt.Fprint(out, entries)
	case reflect.Func, reflect.Chan:
	default:
		fmt.Fprintf(out, "%v;", v)
	}
}
