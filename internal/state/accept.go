package state

import (
	"context"
	"encoding/json"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// historyAccept is the history's name for accepting a damaged journal.
const historyAccept = "accept-journal"

// errNotDamaged is returned by Accept if there is nothing to accept.
var errNotDamaged = message.NewError("state.not-damaged")

// Accept continues with what the store has although its journal is damaged,
// because a person accepts that. It moves the damaged journal aside, and chains
// the next one to its last readable entry. entry is where the damage begins that
// the person has seen, and no other damage is accepted; 0 accepts any.
func (s *Store) Accept(_ context.Context, who binding.Person, entry uint64, at time.Time) (binding.JournalDamage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.damage == nil {
		return binding.JournalDamage{}, message.Within("state", errNotDamaged)
	}
	damage := *s.damage
	if entry > 0 && entry != damage.Entry {
		return binding.JournalDamage{}, message.NewError("state.other-damage", "entry", entry, "damage", damage.Message())
	}
	m := message.New("history.journal-accepted", "damage", damage.Message())
	said, err := json.Marshal(binding.HistoryEntry{
		Person: who, Time: at, Action: historyAccept, Outcome: "done",
	}.WithMessage(m))
	held := s.table.copy()
	held.apply(newOperation(doAppend, bucketEvents, "", "", said))
	j := s.newJournal()
	j.last = s.lastKnown()
	if err == nil && s.index.foreign {
		err = s.index.copyAside() // It may have entries that the journal lacks.
	}
	if err == nil {
		err = s.beginAside(j, max(s.found.segment, 1)+1, held.dump)
	}
	if err != nil {
		return binding.JournalDamage{}, message.NewError("state.accept", "err", err)
	}
	s.serve(j, held)
	return damage, nil
}

// lastKnown is the entry that the journal after a damaged one is chained to.
// The new entries have higher numbers than any that the index knows.
func (s *Store) lastKnown() link {
	last := s.found.last
	if at := s.index.at; at.Journal != "" && at.Number >= last.Number {
		last = at.link
	}
	if last.Journal == "" {
		last = link{Journal: newName(), Hash: firstHash}
	}
	return last
}
