// Package examples embeds the example declarations, so that the demo of an
// installed binary needs no checkout.
package examples

import (
	"embed"
	"io/fs"
)

//go:embed all:bindings
var bindings embed.FS

// Bindings is the folder examples/bindings.
func Bindings() fs.FS {
	sub, err := fs.Sub(bindings, "bindings")
	if err != nil {
		panic(err) // The folder is embedded by the line above.
	}
	return sub
}
