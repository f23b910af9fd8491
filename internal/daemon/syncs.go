package daemon

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"reconciler/internal/plan"
	"reconciler/internal/report"
)

const (
	// syncsKept is how many syncs of an instance are kept, and authorsKept for
	// how many commits the author is kept.
	syncsKept   = 20
	authorsKept = 200
)

// syncLog keeps, for each instance, the last sync and the earlier ones that did
// something. It is in memory, like the events. It is safe for concurrent use.
type syncLog struct {
	mu   sync.Mutex
	last map[string][]report.SyncRecord
	// authors has the author of each commit, and revisions the commits, the oldest
	// first.
	authors   map[string]string
	revisions []string
}

func newSyncLog() *syncLog {
	return &syncLog{last: map[string][]report.SyncRecord{}, authors: map[string]string{}}
}

// setAuthor records the author of a commit.
func (l *syncLog) setAuthor(revision, author string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.authors[revision]; known || author == "" {
		return
	}
	l.authors[revision] = author
	if l.revisions = append(l.revisions, revision); len(l.revisions) > authorsKept {
		delete(l.authors, l.revisions[0])
		l.revisions = l.revisions[1:]
	}
}

// add records a sync that has ended. If neither this one nor the previous one
// found anything new, it replaces the previous one.
func (l *syncLog) add(r report.SyncRecord) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Author = l.authors[r.Revision]
	kept := l.last[r.Instance]
	if n := len(kept); n > 1 && !r.AddsTo(kept[n-1]) && !kept[n-1].AddsTo(kept[n-2]) {
		kept = kept[:n-1]
	}
	if kept = append(kept, r); len(kept) > syncsKept {
		kept = slices.Delete(kept, 0, 1)
	}
	l.last[r.Instance] = kept
}

// Syncs returns the last syncs of the current configuration's instances, the newest
// first.
func (d *Daemon) Syncs() []report.SyncRecord {
	d.syncs.mu.Lock()
	defer d.syncs.mu.Unlock()
	var all []report.SyncRecord
	for _, name := range d.currentRunner().config.InstanceNames() {
		all = append(all, d.syncs.last[name]...)
	}
	slices.SortStableFunc(all, func(a, b report.SyncRecord) int {
		return cmp.Or(b.Began.Compare(a.Began), cmp.Compare(a.Instance, b.Instance))
	})
	return all
}

// synced records a sync that has ended.
func (d *Daemon) synced(ev plan.Event, at time.Time) {
	if ev.Kind == plan.SyncDone || ev.Kind == plan.SyncFailed {
		d.syncs.add(report.NewSyncRecord(ev, at, d.redactor.Redact))
	}
}
