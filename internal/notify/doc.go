// Package notify sends messages to people: it decides what to report, keeps
// what is not delivered yet, and formats it for each receiver.
//
// Decide is pure. Its inputs are what was reported before, the current state and
// the time; its result is what was reported and what waits in the receivers'
// queues. A Notifier keeps that in the state file, delivers the queues, and
// retries. A sender (package sender) knows one service and does not retry.
package notify
