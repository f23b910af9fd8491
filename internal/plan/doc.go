// Package plan makes plans: the ordered actions that lead from an observation to
// the declarations, and findings about problems. It is pure: it does no I/O and
// reads no clock. Making a plan changes nothing.
//
// The order of calls:
//
//	NewRound            a sync of one instance: what it was made from, and its plan
//	  Make              make.go
//	    instance        reports if nothing is known about the instance
//	    declaration     for each: account.go, then repositories.go and rules.go
//	    undeclared      removal.go: what is recorded and no longer declared
//	    resolveRemovals removal.go: the threshold, a rewritten history, an empty snapshot
//	    observedSteps   observe.go: what a person sees of bindings that are only observed
//	    waits           steps for a person, and since when they are pending
//	    plan            the actions in their order, and the findings
//	Plan.Digest         digest.go: identifies what was reviewed
//
// Package apply carries out a round and returns a Result (outcome.go): the outcome
// of each action, and the records after it.
package plan
