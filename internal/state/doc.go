// Package state is the daemon's memory: what was applied last, which calls were
// begun, what was done before, and a key of its own. It is a cache and never
// the truth: a lost, broken or foreign file is put aside and rebuilt by
// observing. It never holds a secret of anybody else.
//
// The file is a bbolt database with these top-level buckets:
//
//	meta       format (the layout's version), key (32 random bytes)
//	records    instance → binding, platform → binding.Record as JSON
//	intents    instance → binding, platform, object → binding.Intent as JSON
//	events     number, big endian → binding.HistoryEntry as JSON
//	revisions  source → the revision applied last
//	efforts    instance → binding → binding.RetryState as JSON
//	suspensions  instance → binding, nothing → binding.Suspension as JSON
//
// Keys of several parts have a NUL between them.
package state
