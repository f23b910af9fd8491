package state

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"

	"reconciler/internal/message"

	"reconciler/internal/binding"
)

// newName returns a random name for a journal.
func newName() string {
	name := make([]byte, 8)
	_, _ = rand.Read(name) // It never fails: the runtime would end the program.
	return hex.EncodeToString(name)
}

func (s *Store) newJournal() *journal {
	return &journal{disk: s.o.disk, folder: s.folder, limits: s.o.limits, table: s.read, written: s.follow}
}

// asideName is the folder in which a journal is created before it gets its name.
func (s *Store) asideName() string { return s.folder + ".new" }

// finishMove gives a journal that was completed aside its name, and removes an
// incomplete one.
func (s *Store) finishMove() error {
	if _, err := os.Lstat(s.folder); err == nil {
		return s.o.disk.remove(s.asideName())
	}
	finished, err := segmentsIn(s.asideName())
	switch {
	case err != nil:
		return err
	case len(finished) == 0:
		return s.o.disk.remove(s.asideName())
	}
	return s.o.disk.rename(s.asideName(), s.folder)
}

// beginAside creates a journal aside, whose first segment has a checkpoint of
// what dump passes, and gives it its name. It first moves an existing journal
// aside.
func (s *Store) beginAside(j *journal, number uint64, dump func(func(operation) error) error) error {
	disk, aside := s.o.disk, s.asideName()
	if err := errors.Join(disk.remove(aside), disk.folder(aside)); err != nil {
		return message.NewError("state.journal", "err", err)
	}
	j.folder, j.first = aside, number
	b, err := j.begin(number, number, dump)
	if err != nil {
		return errors.Join(err, disk.remove(aside))
	}
	j.use(b)
	j.folder = s.folder
	if _, err = os.Lstat(s.folder); err == nil {
		_, err = moveAside(s.folder)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err == nil {
		err = disk.rename(aside, s.folder)
	}
	if err != nil {
		return errors.Join(message.NewError("state.journal", "err", err), j.file.Close())
	}
	return nil
}

// movedTo continues a journal with the content of the index, which is newer.
func (s *Store) movedTo(j *journal) (*table, error) {
	held, err := s.moved()
	if err != nil {
		return nil, err
	}
	next, err := j.begin(j.segment+1, j.oldest(j.segment+1), held.dump)
	if err != nil {
		return nil, err
	}
	j.use(next)
	return held, s.index.fill(held, j.last)
}

// moved returns the content of an index of an earlier version, and where its
// records and intents sent secrets.
func (s *files) moved() (*table, error) {
	held, err := s.index.table()
	if err != nil {
		return nil, err
	}
	var sent []binding.Record
	for _, bucket := range []string{bucketRecords, bucketIntents} {
		err = errors.Join(err, held.all(bucket, collect(bucket, &sent)))
	}
	for _, record := range sent {
		targets, one := targetOperations(held, record)
		// A target that is already known is newer.
		held.apply(slices.DeleteFunc(targets, func(o operation) bool { return held.get(o.Bucket, o.Instance, o.Key) != nil })...)
		err = errors.Join(err, one)
	}
	return held, err
}

// sentBy returns the records that a record or an intent is about.
func sentBy(bucket string, value []byte) ([]binding.Record, error) {
	if bucket == bucketRecords {
		var record binding.Record
		err := json.Unmarshal(value, &record)
		return []binding.Record{record}, err
	}
	var intent binding.Intent
	err := json.Unmarshal(value, &intent)
	return []binding.Record{intent.Record, intent.After}, err
}
