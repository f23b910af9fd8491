// Package apply carries out a round. It uses the round, its clients, store, event
// sink and clock, and nothing that anybody remembers elsewhere; what became of
// the actions it returns as outcomes.
//
// The order of calls:
//
//	AnswerIntents    before a round is made: what an earlier run left open
//	Apply            order.go: in order, and what is independent at once
//	  act            may it be done (window.go, retry.go, halves.go), do it, report it
//	    secure       halves.go: what replaces something is certain before it is taken away
//	    perform      account.go, repository.go: intent, call, confirmation, record
//	  forgetGone     records of what is neither declared nor bound
//	  remember       retry_state.go: failures, repairs and pending steps, written once
//	Attest           a person did it
//	Reset            a person asks to start again
package apply
