// Package examples embeds the example declarations and a policy, so that demo and
// init of an installed binary need no checkout.
package examples

import (
	"embed"
	"io/fs"
)

//go:embed all:bindings
var bindings embed.FS

// OwnVaultPath is a policy: the declarations in a team's folder may name only its
// own secrets.
//
//go:embed policy/own-vault-path.cue
var OwnVaultPath []byte

// Bindings is the folder examples/bindings.
func Bindings() fs.FS {
	sub, err := fs.Sub(bindings, "bindings")
	if err != nil {
		panic(err) // The folder is embedded by the line above.
	}
	return sub
}
