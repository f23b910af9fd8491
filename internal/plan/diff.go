package plan

import (
	"slices"
	"strings"

	"reconciler/internal/message"
)

// Difference is one action in which two plans differ. If only Was is set, the
// action is gone; if only Is is set, it is new. If both are set, the action on the
// same object is a different one.
type Difference struct{ Was, Is *Action }

// Compare returns the actions in which two plans differ: first in the order of is,
// then the actions that are gone. Plans with equal actions in a different order do
// not differ.
func Compare(was, is Plan) []Difference {
	gone := subtract(was.Actions, is.Actions, fullKey)
	var differences []Difference
	for _, a := range subtract(is.Actions, was.Actions, fullKey) {
		d := Difference{Is: &a}
		if i := slices.IndexFunc(gone, func(g Action) bool { return object(g) == object(a) }); i >= 0 {
			d.Was = &Action{}
			*d.Was = gone[i]
			gone = slices.Delete(gone, i, i+1)
		}
		differences = append(differences, d)
	}
	for _, g := range gone {
		differences = append(differences, Difference{Was: &g})
	}
	return differences
}

// Moved returns the fields in which the instances of two plans differ, sorted by
// instance. An instance that only one of them has does not count as a difference.
func Moved(was, is []Instance) []Move {
	var moves []Move
	for _, now := range is {
		i := slices.IndexFunc(was, func(before Instance) bool { return before.Name == now.Name })
		if i < 0 {
			continue
		}
		for _, c := range []Change{
			{Field: "account", From: was[i].Account, To: now.Account},
			{Field: "driver", From: was[i].Driver, To: now.Driver},
			{Field: "endpoint", From: was[i].Endpoint, To: now.Endpoint},
			{Field: "region", From: was[i].Region, To: now.Region},
		} {
			if c.From != c.To {
				moves = append(moves, Move{now.Name, c})
			}
		}
	}
	return moves
}

// Move is a field of an instance in which two plans differ.
type Move struct {
	Instance string
	Change
}

// subtract returns the actions of list that have no equal in without, compared by key.
// An action that occurs twice needs two equals.
func subtract(list, without []Action, key func(Action) string) []Action {
	left := map[string]int{}
	for _, a := range without {
		left[key(a)]++
	}
	var own []Action
	for _, a := range list {
		if k := key(a); left[k] > 0 {
			left[k]--
		} else {
			own = append(own, a)
		}
	}
	return own
}

// fullKey is the text of an action with everything that is reported about it.
func fullKey(a Action) string {
	return encoded(struct {
		digestFields
		Reason message.Message   `json:"reason"`
		Steps  []message.Message `json:"steps,omitempty"`
	}{digestFieldsOf(a), a.Reason, a.Steps})
}

// object identifies the object of an action, whatever its kind.
func object(a Action) string {
	return strings.Join([]string{a.Instance, a.Binding, string(a.Platform), a.Object.String()}, "\x00")
}

// Split divides the plan of a pull request's head by comparing it with the plan of
// its base: change are the actions that the pull request adds, pending those that
// are due without it. Two actions are the same if they do the same to the same
// object, whatever their reasons and steps. Neither part has noops, with one
// exception: if head keeps an object unchanged for a reason that base does not
// have, the pull request causes that, so the noop is in change.
func Split(base, head Plan) (change, pending []Action) {
	does := func(a Action) string { return encoded(effectOf(a)) }
	changing := withoutNoop(head.Actions)
	change = subtract(changing, withoutNoop(base.Actions), does)
	pending = subtract(changing, change, does)
	kept := func(a Action) bool { return a.Kind == Noop && !a.Settled() && !a.Unknown() }
	reasons := map[string]bool{}
	for _, a := range base.Actions {
		if kept(a) {
			reasons[fullKey(a)] = true
		}
	}
	for _, a := range head.Actions {
		if kept(a) && !reasons[fullKey(a)] {
			change = append(change, a)
		}
	}
	return change, pending
}

func withoutNoop(actions []Action) []Action {
	var changing []Action
	for i := range actions {
		if actions[i].Kind != Noop {
			changing = append(changing, actions[i])
		}
	}
	return changing
}
