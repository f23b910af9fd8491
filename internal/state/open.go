package state

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"reconciler/internal/message"

	"go.etcd.io/bbolt"

	"reconciler/internal/binding"
)

// ErrLocked is returned by Open if another process has the state open.
var ErrLocked = message.NewError("state.locked")

// Store is a journal with its index, or the same in memory. It is safe for
// concurrent use; every write to a file is on disk when the method returns. Its
// methods take a context for other implementations. This one returns at once
// and ignores it.
type Store struct {
	o options
	files
	notice message.Message

	// mu guards the following fields, and files.found.
	mu    sync.RWMutex
	table *table
	// journal is nil for a store in memory, and while the journal is damaged.
	journal *journal
	damage  *binding.JournalDamage
	// behind is true if the index could not be written, and so no longer follows
	// the journal. The next Open rebuilds it.
	behind bool
	closed bool
	// unwritten is why the last write to the journal failed; nil if it did not.
	unwritten error

	// targets caches the secret targets, and targetChanges counts writes that may
	// have changed them.
	targets       atomic.Pointer[knownTargets]
	targetChanges atomic.Uint64
}

// files are the files of a state, and what was found in them.
type files struct {
	folder string
	// index is open as long as the store is. Its db is nil for a store in memory.
	index index
	// unusable is true if there was an index that could not be read.
	unusable bool
	found    scanned
}

// options are for tests.
type options struct {
	limits limits
	disk   disk
}

// JournalFolder is the folder of the journal that belongs to the state file at
// path.
func JournalFolder(path string) string { return path + ".journal" }

// Open opens the state at path: the file is the index, and the folder next to it
// the journal. If they do not exist, it creates them, readable only by their
// owner. It moves a state file of an earlier version into a journal. It renames a
// damaged index to path.broken-N and rebuilds it from the journal; Notice then
// says so. If the journal is damaged, Damage says where, and nothing can be
// written until Accept. The error is ErrLocked if another process has the state
// open.
func Open(path string) (*Store, error) {
	return open(path, options{limits: limits{segment: 8 << 20, keep: 8, group: 1 << 20}})
}

func open(path string, o options) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, message.NewError("state.make-folder", "file", path, "err", err)
	}
	s := &Store{o: o, files: files{folder: JournalFolder(path)}}
	if err := s.openIndex(path); err != nil {
		return nil, err
	}
	if err := s.openJournal(); err != nil {
		s.index.releaseLock()
		return nil, message.NewError("state.open", "file", path, "err", err)
	}
	return s, nil
}

func (s *Store) openIndex(path string) (err error) {
	writing := bbolt.Options{Timeout: lockTimeout}
	if s.index, err = openIndex(path, writing); err == nil {
		return nil
	}
	if !errors.Is(err, errUnusable) {
		return message.NewError("state.open", "file", path, "err", err)
	}
	aside, moveErr := moveAside(path)
	if moveErr != nil {
		return message.NewError("state.not-aside", "file", path, "err", err, "aside", moveErr)
	}
	s.notice = message.New("state.rebuilt", "file", path, "why", err, "aside", aside)
	s.unusable = true
	if s.index, err = openIndex(path, writing); err != nil {
		return message.NewError("state.reopen", "file", path, "err", err)
	}
	return nil
}

// openJournal reads the journal and determines the store's content: the sum of
// the journal's entries, unless there is no journal yet or it is damaged.
func (s *Store) openJournal() error {
	if err := s.finishMove(); err != nil {
		return err
	}
	damage, restored, err := s.assess(nil)
	if err != nil {
		return err
	}
	switch {
	case damage != nil:
		s.damage = damage
		if s.table, err = s.salvaged(restored, damage); err == nil && s.unusable && len(s.found.segments) == 0 {
			// So that a restart still knows that the journal is missing.
			err = s.index.writePosition(position{link: link{Journal: newName(), Number: 1, Hash: firstHash}})
		}
		return err
	case len(s.found.segments) == 0:
		return s.firstJournal()
	}
	j := s.newJournal()
	if err := openJournal(j, s.found); err != nil {
		return err
	}
	if s.index.foreign && s.index.at.link == s.found.last {
		// A version without a journal wrote to the index after the journal's end.
		if restored, err = s.movedTo(j); err != nil {
			return errors.Join(err, j.close())
		}
	}
	s.serve(j, restored)
	return nil
}

// assess reads the journal, calls visit, if not nil, for each entry, and
// compares the journal with the index.
func (s *files) assess(visit func(place) error) (*binding.JournalDamage, *table, error) {
	at := s.index.at.link
	found, r, err := restore(s.folder, at.Number, visit)
	if err != nil {
		return nil, nil, err
	}
	s.found = found
	damage := found.compare(at, r.seen, s.unusable)
	if damage != nil || !s.index.foreign || len(found.segments) == 0 || at == found.last {
		return damage, r.table, nil
	}
	held, err := s.moved()
	if err != nil {
		return nil, nil, err
	}
	if !held.equal(r.table) { // The index was not moved into this journal.
		damage = damageAt(binding.JournalEarlierFile, found.segment, found.end, found.last.Number+1)
	}
	return damage, r.table, nil
}

// compare returns the damage of a journal, which its index may reveal: the
// journal must have the entry up to which the index follows it, with the same
// hash. If the index is unusable, it is not assumed to have been empty.
func (f scanned) compare(at link, seen string, unusable bool) *binding.JournalDamage {
	end := damageAt(binding.JournalEntriesMissing, max(f.segment, 1), f.end, f.last.Number+1)
	switch {
	case f.damage != nil:
		return f.damage
	case len(f.segments) == 0 && (at.Journal != "" || unusable):
		end.Problem = binding.JournalSegmentMissing
		return end
	case at.Journal == "":
		return nil
	case at.Journal != f.last.Journal, at.Number >= f.first.Number && at.Number <= f.last.Number && seen != at.Hash:
		return damageAt(binding.JournalForeign, f.segments[0], 0, f.first.Number)
	case at.Number > f.last.Number:
		return end
	}
	return nil
}

// salvaged is the content of a store with a damaged journal: that of the index
// or, without an index of this journal, of all readable entries.
func (s *files) salvaged(restored *table, damage *binding.JournalDamage) (*table, error) {
	beside := s.index.at.Journal == "" && len(restored.entries) > 0
	if !s.index.hasContent() || beside || damage.Problem == binding.JournalEarlierFile {
		return withKey(restored), nil
	}
	held, err := s.index.table()
	if err == nil {
		err = salvage(s.folder, held, s.index.at.link)
	}
	return withKey(held), err
}

// firstJournal creates the first journal, with the content of the index:
// nothing, or what an earlier version wrote.
func (s *Store) firstJournal() error {
	j := s.newJournal()
	j.last = link{Journal: newName(), Hash: firstHash}
	held, err := s.moved()
	if err == nil {
		err = s.beginAside(j, 1, held.dump)
	}
	if err != nil {
		return err
	}
	if err := s.index.fill(held, j.last); err != nil {
		return errors.Join(err, j.close())
	}
	s.serve(j, held)
	return nil
}

// serve starts using a journal and the sum of its entries. The index follows it
// from now on, and is rebuilt if it differs.
func (s *Store) serve(j *journal, held *table) {
	s.journal, s.damage, s.table = j, nil, held
	s.index.db.NoSync = true
	j.longest = max(j.longest, held.longest())
	s.behind = s.catchUp(j.last) != nil
}

// catchUp makes the index equal to the sum of the journal's entries.
func (s *Store) catchUp(last link) error {
	held, err := s.index.table()
	if err != nil || !held.equal(s.table) {
		if err := s.index.fill(s.table, last); err != nil {
			return err
		}
		if s.index.at.Closed && !s.index.foreign {
			s.notice = message.New("state.stale")
		}
	}
	return s.index.writePosition(position{link: last})
}

func (s *Store) read() (*table, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, errClosed
	}
	return s.table, nil
}

// write makes operations count, all or none. If there are none, because nothing
// changes, it ensures that the current state is durable.
func (s *Store) write(operations ...operation) error {
	s.mu.RLock()
	t, j, damage, closed := s.table, s.journal, s.damage, s.closed
	s.mu.RUnlock()
	switch {
	case closed:
		return errClosed
	case len(operations) == 0 && j != nil:
		return s.settle(j)
	case len(operations) == 0:
		return nil
	case damage != nil:
		return message.NewError("state.damaged-at", "what", ErrDamaged, "damage", damage.Message())
	case j == nil:
		t.apply(operations...)
		s.changed(operations)
		return nil
	}
	return s.setUnwritten(j.append(operations))
}

// settle ensures that everything written so far is durable. After a failed write, the
// journal accepts writes again only if there is space for one.
func (s *Store) settle(j *journal) error {
	if err := j.settle(); err != nil || s.failed() == nil {
		return s.setUnwritten(err)
	}
	_ = s.setUnwritten(j.reserve()) // Everything necessary was written, so only Unwritten reports this.
	return nil
}

// setUnwritten stores the result of the last write to the journal.
func (s *Store) setUnwritten(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unwritten = err
	return err
}

// Unwritten returns why the journal cannot be written, as far as known without a
// write: for example, the disk was full at the last write, or the journal was removed
// since. It is nil if the journal can be written.
func (s *Store) Unwritten() error {
	s.mu.RLock()
	j, err := s.journal, s.unwritten
	s.mu.RUnlock()
	if err == nil && j != nil {
		return j.checkInPlace()
	}
	return err
}

// failed is why the last write to the journal failed; nil if it did not.
func (s *Store) failed() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.unwritten
}

// follow applies an entry of the journal, which counts already, to the table
// and the index.
func (s *Store) follow(operations []operation, at link) {
	s.mu.RLock()
	t, behind := s.table, s.behind
	s.mu.RUnlock()
	t.apply(operations...)
	s.changed(operations)
	if behind {
		return
	}
	_, err := s.o.disk.ask("index", 0)
	if err == nil {
		err = s.index.apply(operations, at)
	}
	if err != nil {
		s.mu.Lock()
		s.behind = true
		s.mu.Unlock()
	}
}

// Notice says that an unusable index was moved aside, and why. It is empty if
// the index was good or new.
func (s *Store) Notice() message.Message { return s.notice }

// Torn reports whether a crash left a partial entry at the journal's end. It
// never counted, and was cut off.
func (s *Store) Torn() bool { return s.found.torn && s.found.damage == nil }

// Damage is where the journal is damaged; nil if it is not, or if the damage was
// accepted.
func (s *Store) Damage() *binding.JournalDamage {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.damage
}

// Close releases the files.
func (s *Store) Close() error {
	s.mu.Lock()
	j, behind, closed := s.journal, s.behind, s.closed
	s.journal, s.closed = nil, true
	s.mu.Unlock()
	if s.index.db == nil || closed {
		return nil
	}
	var err error
	if j != nil {
		err = j.close()
		s.mu.RLock()
		behind = s.behind // The last write may have failed in the meantime.
		s.mu.RUnlock()
		if !behind {
			err = errors.Join(err, s.index.writePosition(position{link: j.last, Closed: true}))
		}
	}
	if behind {
		s.index.releaseLock()
	} else {
		err = errors.Join(err, guarded(s.index.db.Close))
	}
	if err != nil {
		return message.NewError("state.close", "err", err)
	}
	return nil
}

var errClosed = message.NewError("state.closed")
