// Package examples holds declarations and a configuration that work as they
// are in the sandbox. Its tests validate each of them.
package examples
