package git

// Cached says how many objects and bytes are held between snapshots. They are
// those of one snapshot, however many commits were read.
func (s *Source) Cached() (objects int, size int64) {
	if s.store == nil {
		return 0, 0
	}
	for _, o := range s.store.held {
		size += int64(len(o.content))
	}
	return len(s.store.held), size
}

// MaxObjects is how many objects a pack may have.
const MaxObjects = maxObjects

// RaceDetector says that the tests run with the race detector.
const RaceDetector = raceDetector

// WasRead are the contents that a clone has read.
func WasRead(l *Local) (contents []string) {
	for _, data := range l.read {
		contents = append(contents, string(data))
	}
	return contents
}
