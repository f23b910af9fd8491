// Package binding has the types that all other packages use: what a team declares,
// what the registry and the code hosts answer, what was applied last, and the
// conditions that follow. It does no I/O and reads no clock. Of our packages, it
// imports only message.
package binding
