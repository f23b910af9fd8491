// Package source makes snapshots of declarations, from a git repository (git/)
// or a folder (folder/). A snapshot is immutable and complete. Nothing is ever
// checked out to disk.
package source

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
)

// Limits limit what is read for one snapshot.
type Limits struct {
	// Files is the maximum number of declaration files, FileBytes the maximum
	// size of one, and TotalBytes of all.
	Files      int
	FileBytes  int64
	TotalBytes int64
}

// DefaultLimits are generous for a repository of ten thousand declarations.
func DefaultLimits() Limits {
	return Limits{Files: 50_000, FileBytes: 10 << 20, TotalBytes: 256 << 20}
}

// WithDefaults replaces each limit that is 0 with its default.
func (l Limits) WithDefaults() Limits {
	d := DefaultLimits()
	if l.Files > 0 {
		d.Files = l.Files
	}
	if l.FileBytes > 0 {
		d.FileBytes = l.FileBytes
	}
	if l.TotalBytes > 0 {
		d.TotalBytes = l.TotalBytes
	}
	return d
}

// Snapshot is all declaration files at one revision.
type Snapshot struct {
	// Revision is a commit ID, or for a folder a digest of its content.
	Revision string
	// Author is the author's name in the commit; empty for a folder. It is not
	// verified.
	Author string
	// Files are the .yaml and .yml files that no .reconcilerignore excludes,
	// sorted by path.
	Files []binding.File
	// Policies are the files policy/*.cue at the snapshot's root (see
	// Policies). One without data could not be read.
	Policies []binding.File
	// Rewritten is true if Revision could not be shown to descend from the
	// previous revision: history was rewritten, or the branch changed.
	Rewritten bool
	// Findings are about things that could not be read: a symbolic link, a
	// submodule, a file over the limit.
	Findings []finding.Finding
	// Held says why the newest revision was not read; nil if it was.
	Held error
}

// Source makes snapshots. Only one goroutine at a time may use it.
type Source interface {
	// Snapshot reads the newest snapshot. previous is the revision that was
	// read last, or empty. If the source is still at that revision, unchanged
	// is true and the snapshot is empty.
	Snapshot(ctx context.Context, previous string) (snapshot Snapshot, unchanged bool, err error)
	// Close releases caches.
	Close() error
}
