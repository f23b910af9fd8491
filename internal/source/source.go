// Package source is where snapshots come from: a git repository (git/) or a
// folder (folder/). A snapshot is immutable and read whole; nothing is ever
// checked out to disk.
package source

import (
	"context"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
)

// Limits bound what is read of one snapshot.
type Limits struct {
	// Files is the most declaration files, FileBytes the most bytes of one,
	// TotalBytes of all.
	Files      int
	FileBytes  int64
	TotalBytes int64
}

// DefaultLimits are generous for a repository of ten thousand declarations.
func DefaultLimits() Limits {
	return Limits{Files: 50_000, FileBytes: 10 << 20, TotalBytes: 256 << 20}
}

// WithDefaults returns the limits with the default for each that is 0.
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
	// Revision is a commit id, or for a folder a digest of its content.
	Revision string
	// Time is the commit's, or for a folder the newest file's.
	Time time.Time
	// Author is the name of who wrote the commit; empty for a folder. Nothing proves
	// it.
	Author string
	// Files are the .yaml and .yml files that no .reconcilerignore leaves out,
	// sorted by path.
	Files []binding.File
	// Policies are the files policy/*.cue at the snapshot's root (see
	// Policies). One without data could not be read.
	Policies []binding.File
	// Rewritten says that the source could not show that Revision descends from
	// the previous revision: history was rewritten, or the branch changed.
	Rewritten bool
	// Findings are about things that could not be read: a symbolic link, a
	// submodule, a file over the limit.
	Findings []finding.Finding
	// Held says why the newest revision is not the one that was read; nil if it is.
	Held error
}

// Source gives snapshots. It is used by one goroutine at a time.
type Source interface {
	// Snapshot reads the newest one. previous is the revision read last, or
	// empty. If the source is still at that revision, unchanged is true and the
	// snapshot is empty.
	Snapshot(ctx context.Context, previous string) (snapshot Snapshot, unchanged bool, err error)
	// Close releases caches.
	Close() error
}
