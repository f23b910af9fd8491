// Package ci contains CI jobs to copy, for the code hosts and for pre-commit.
// The tests of internal/cli run the commands in them.
package ci
