//go:build race

package source_test

// raceDetector says that the tests run with the race detector, which multiplies
// memory and time.
const raceDetector = true
