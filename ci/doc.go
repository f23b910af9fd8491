// Package ci contains CI jobs to copy, for the code hosts and for pre-commit.
// Its tests run the commands in them.
package ci
