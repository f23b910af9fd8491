package state

import (
	"time"

	"reconciler/internal/message"

	"reconciler/internal/binding"
)

// ErrDamaged is returned by every method that writes to a store with a damaged
// journal.
var ErrDamaged = message.NewError("state.damaged")

// endOfTime is the end of a suspension that only a person ends.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// damageSuspension is the suspension of an instance while the journal is damaged, because
// it is uncertain what was done and what people asked for.
func damageSuspension(instance string, d *binding.JournalDamage) binding.Suspension {
	return binding.Suspension{
		Instance: instance, Until: endOfTime, Person: binding.Person{By: "reconciler"},
		Reason: message.English(binding.Suspension{Damage: d}.Why()), Damage: d,
	}
}

func damageAt(problem binding.JournalProblem, segment uint64, offset int64, entry uint64) *binding.JournalDamage {
	return &binding.JournalDamage{Problem: problem, Segment: segmentName(segment), Offset: offset, Entry: entry}
}
