package state

import (
	"time"

	"reconciler/internal/message"

	"reconciler/internal/binding"
)

// ErrDamaged is returned by whatever writes to a store whose journal is damaged.
var ErrDamaged = message.NewError("state.damaged")

// endOfTime is the end of what only a person ends.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// held is what suspends an instance while the journal is damaged: what was done
// and what people asked for is not known for certain.
func held(instance string, d *binding.JournalDamage) binding.Suspension {
	return binding.Suspension{
		Instance: instance, Until: endOfTime, Person: binding.Person{By: "reconciler"},
		Reason: message.English(binding.Suspension{Damage: d}.Why()), Damage: d,
	}
}

func damageAt(problem binding.JournalProblem, segment uint64, offset int64, entry uint64) *binding.JournalDamage {
	return &binding.JournalDamage{Problem: problem, Segment: segmentName(segment), Offset: offset, Entry: entry}
}
