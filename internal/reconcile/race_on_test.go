//go:build race

package reconcile_test

// raceDetector is true if the tests run with the race detector, which makes the
// simulated hours of this package four times as expensive.
const raceDetector = true
