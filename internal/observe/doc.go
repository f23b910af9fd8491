// Package observe reads the registry, the code hosts and the secret store into
// an observation. It is read-only by type: its interfaces have no method that
// writes. If something does not answer, only its own part is unknown.
//
// Order of calls:
//
//	Observer.ObserveEach  asks for several snapshots at once
//	  registry            capabilities, then accounts and image repositories
//	  declaration         a token's metadata; at depth Preflight the code host too
//	Recorded.ObserveEach  asks nobody: it returns what another process observed
package observe
