package state

import (
	"errors"
	"time"

	"reconciler/internal/binding"
)

// ErrDamaged is returned by whatever writes to a store whose journal is damaged.
var ErrDamaged = errors.New("the journal is damaged, so nothing is changed until a person accepts it: see `reconciler audit verify`, then run `reconciler audit accept`")

// endOfTime is the end of what only a person ends.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// held is what suspends an instance while the journal is damaged: what was done
// and what people asked for is not known for certain.
func held(instance string, d *binding.JournalDamage) binding.Suspension {
	return binding.Suspension{
		Instance: instance, Until: endOfTime, Person: binding.Person{By: "reconciler"},
		Reason: "the journal is damaged (" + d.String() + "); see reconciler audit verify, then run reconciler audit accept",
	}
}

func damageAt(problem binding.JournalProblem, segment uint64, offset int64, entry uint64) *binding.JournalDamage {
	return &binding.JournalDamage{Problem: problem, Segment: segmentName(segment), Offset: offset, Entry: entry}
}
