// Package compat holds files that an earlier version of the program wrote, and
// the tests that today's program opens them and loses nothing. It also lists
// the capabilities that must not be lost, each with the tests that prove it.
package compat
