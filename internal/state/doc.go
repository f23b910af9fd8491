// Package state is the daemon's memory: what was applied last, which writes were
// begun, where secrets were sent, what people suspended and attested, and the
// history. It never contains a secret, except for its own key.
//
// Everything is stored in a journal: a folder of segments, NNN.journal, whose
// entries never change. An entry is one line:
//
//	SHA-256 of (journal's name, hash before, JSON) ␠ hash before ␠ JSON ⏎
//
// The JSON is an entry: operations that count together. An entry counts once it is on
// disk, and only then does a write return. Writes at the same time become one entry.
// A partial entry that a crash leaves at the end of the last segment never counted,
// and is cut off.
//
// A segment begins with a header and a checkpoint, which repeats everything that
// the store had then. So the last segment is enough to restore a store. Earlier
// ones are kept for the audit, and the oldest are dropped. The header is chained
// to the last entry of the previous segment. A segment gets its name when its
// checkpoint is on disk.
//
// A store reads from memory, which has the sum of the journal's entries. The state
// file is the journal's index: if the journal is damaged, it has the state from
// before. It is rebuilt if it is missing, damaged, truncated or behind, and is not
// read after the start. It is a bbolt database with these buckets:
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
// A replicated store would replace journal: it would need append, which returns
// when an entry counts, reserve and close, and would pass every entry to a
// function in order.
package state
