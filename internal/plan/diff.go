package plan

import (
	"slices"
	"strings"

	"reconciler/internal/message"
)

// Difference is one action in which two plans differ: Was alone is gone, Is
// alone is new, and both are the same thing done otherwise.
type Difference struct{ Was, Is *Action }

// Compare says in which actions two plans differ, in the order of the actions
// of is, and what is gone after them. Plans of equal actions in another order
// have no difference.
func Compare(was, is Plan) []Difference {
	gone := rest(was.Actions, is.Actions, whole)
	var differences []Difference
	for _, a := range rest(is.Actions, was.Actions, whole) {
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

// Moved says field by field in what the instances of two plans differ, sorted
// by instance. An instance that only one of them has is no difference.
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

// rest gives the actions of list that have no equal in without, by key; what
// stands twice needs two equals.
func rest(list, without []Action, key func(Action) string) []Action {
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

// whole is an action with all that is reported about it.
func whole(a Action) string {
	return encoded(struct {
		essence
		Reason message.Message   `json:"reason"`
		Steps  []message.Message `json:"steps,omitempty"`
	}{essenceOf(a), a.Reason, a.Steps})
}

// object names what an action is done to, whatever is done.
func object(a Action) string {
	return strings.Join([]string{a.Instance, a.Binding, string(a.Platform), a.Object.String()}, "\x00")
}

// Split parts the plan of a change's head by what the plan of its base would
// do too: change are the actions that the change brings, pending those that
// were due without it. An action is the same where it does the same thing to
// the same object, whatever the reason and the steps say. What stays as it is,
// is in neither, except for what head keeps for a reason that base does not have:
// that the change leaves it alone is the change's doing.
func Split(base, head Plan) (change, pending []Action) {
	does := func(a Action) string { return encoded(effectOf(a)) }
	doing := withoutNoop(head.Actions)
	change = rest(doing, withoutNoop(base.Actions), does)
	pending = rest(doing, change, does)
	kept := func(a Action) bool { return a.Kind == Noop && !a.Settled() && !a.Unknown() }
	reasons := map[string]bool{}
	for _, a := range base.Actions {
		if kept(a) {
			reasons[whole(a)] = true
		}
	}
	for _, a := range head.Actions {
		if kept(a) && !reasons[whole(a)] {
			change = append(change, a)
		}
	}
	return change, pending
}

func withoutNoop(actions []Action) []Action {
	var doing []Action
	for i := range actions {
		if actions[i].Kind != Noop {
			doing = append(doing, actions[i])
		}
	}
	return doing
}
