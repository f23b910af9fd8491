//go:build race

package state_test

// raceDetector says that the tests run with the race detector.
const raceDetector = true
