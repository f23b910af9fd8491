// Package examples contains declarations and a configuration that work
// unchanged in the sandbox. Its tests validate each of them.
package examples
