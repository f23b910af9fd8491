// Package notify sends messages to people: it decides what they are to learn,
// keeps what is not delivered yet, and formats it for each receiver.
//
// Decide is pure: what was reported before, what is so now and the time come in;
// what is reported and what waits in the queues of the receivers come out. A
// Notifier keeps that in the state, delivers the queues, and retries. A sender
// (package sender) knows one service and nothing of retries.
package notify
