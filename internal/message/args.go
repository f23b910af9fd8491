package message

import (
	"slices"
	"strings"
)

// Args are the arguments of a message, sorted by name. They are not a map because
// a daemon keeps several hundred thousand messages, and maps would take four times
// the memory.
type Args []Arg

// Arg is one argument.
type Arg struct {
	Name  string
	Value any
}

// Get returns the value of an argument; nil if there is none.
func (a Args) Get(name string) any {
	if i, known := a.find(name); known {
		return a[i].Value
	}
	return nil
}

// With returns a copy with an argument set to a value.
func (a Args) With(name string, value any) Args { return slices.Clone(a).set(name, value) }

func (a Args) find(name string) (i int, known bool) {
	return slices.BinarySearchFunc(a, name, func(arg Arg, name string) int { return strings.Compare(arg.Name, name) })
}

// set is With, but may change a itself.
func (a Args) set(name string, value any) Args {
	i, known := a.find(name)
	if !known {
		return slices.Insert(a, i, Arg{name, value})
	}
	a[i].Value = value
	return a
}
