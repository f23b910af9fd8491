// Package ci holds ready-made jobs for the code hosts and for pre-commit. Its
// tests carry out the commands that stand in them.
package ci
