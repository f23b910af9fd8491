//go:build race

package git

// raceDetector says that the tests run with the race detector, which multiplies
// memory and time.
const raceDetector = true
