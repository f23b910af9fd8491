// Package status computes conditions. It is pure: it computes the statuses after a
// round from those before, the round and its result. Times come from the round and
// the result.
package status
