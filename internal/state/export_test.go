package state

// OpenWith opens a store whose steps on disk pass fault, with segments of a size.
func OpenWith(path string, fault func(step string, size int) (int, error), segment int64, keep uint64) (*Store, error) {
	return open(path, options{limits: limits{segment: segment, keep: keep, group: 1 << 20}, disk: disk{fault: fault}})
}

// Crash ends a store as the end of its process does: nothing more is written.
func (s *Store) Crash() {
	if s.journal != nil {
		_ = s.journal.file.Close()
	}
	if s.behind {
		s.index.releaseLock()
	} else if s.index.db != nil {
		_ = s.index.db.Close()
	}
}
