// Package binding holds the nouns of the project: what a team declares, what
// the registry and the code hosts answer, what was applied last, and the
// conditions that follow. Plain types and pure functions on them: no I/O, no
// clock, no imports of ours. Everything else speaks in these words.
package binding
