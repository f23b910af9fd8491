// Package state is the daemon's memory: what was applied last, which calls were
// begun, where secrets were sent, what persons suspended and confirmed, and what
// was done before. It never holds a secret of anybody else.
//
// The truth is a journal: a folder of segments, NNN.journal, whose entries never
// change. An entry is one line:
//
//	SHA-256 of (journal's name, hash before, JSON) ␠ hash before ␠ JSON ⏎
//
// The JSON is an entry: operations that count together. An entry counts once it is on
// disk, and a write returns then. Writes that come at the same time become one
// entry. What a crash leaves of an entry at the end of the last segment never
// counted, and is cut off.
//
// A segment begins with a header and a checkpoint, which repeats all that the
// store held then. So the last segment is enough to restore a store; those before
// it are kept for the audit, and the oldest are dropped. The header is chained to
// the last entry of the segment before. A segment gets its name when its
// checkpoint is on disk.
//
// A store answers from memory, with what its journal adds up to. The state file is
// the journal's index: where the journal is damaged, it says what was so before.
// It is rebuilt where it is missing, damaged, cut short or behind, and nothing is
// read from it after the start. It is a bbolt database with these buckets:
//
//	meta       format (the layout's version), key (32 random bytes), position
//	records    instance → binding, platform → binding.Record as JSON
//	intents    instance → binding, platform, object → binding.Intent as JSON
//	events     number, big endian → binding.HistoryEntry as JSON
//	revisions  source → the revision applied last
//	efforts    instance → binding → binding.RetryState as JSON
//	suspensions  instance → binding, nothing → binding.Suspension as JSON
//	targets    secret → the binding.Record, in part, that it was sent with last
//	notices    row → what was reported to receivers of messages, as JSON
//
// Keys of several parts have a NUL between them.
//
// A replicated store replaces journal: it has append, which returns when an entry
// counts, reserve and close, and hands every entry to a function in order.
package state
