// Package apply carries out a round. It uses only the round, its clients, store,
// event sink and clock, and returns the outcome of each action.
//
// The order of calls:
//
//	AnswerIntents    before a round is made: what an earlier run left open
//	Apply            order.go: in order; independent actions run at the same time
//	  act            checks (window.go, retry.go, halves.go), does and reports an action
//	    secure       halves.go: makes certain that what is removed can be replaced
//	    perform      account.go, repository.go: intent, call, confirmation, record
//	  forgetGone     records of what is neither declared nor bound
//	  remember       retry_state.go: failures, repairs and pending steps, written once
//	Attest           records that a person did it
//	Reset            a person asks to start again
package apply
