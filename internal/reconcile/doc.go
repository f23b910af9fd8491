// Package reconcile makes an instance as it is declared, and keeps it so: it
// observes, asks package plan for a plan, applies it, and says in conditions
// what holds. It knows the registry, the code hosts, the secret store and the
// state only by the small interfaces in ports.go.
//
// The life of one sync, in the order of the files:
//
//	observe.go     asks; what does not answer is unknown, and only that
//	recover.go     answers intents left by a crash from what was observed
//	reconciler.go  plans from declarations, observation and records
//	order.go       runs actions in order, and what is independent at once
//	apply.go       one action: may it be done, do it, tell
//	account.go     bind, rebind (and the way back), unbind, adopt
//	repository.go  sources and build rules
//	ledger.go      intent before a write, outcome after
//	conditions.go  what holds of each binding now
//	loop.go        when all this happens
package reconcile
