// Package status computes conditions. It is pure: statuses before, a round and
// its result give the statuses after; times come from the round and the result.
package status
