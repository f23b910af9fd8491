//go:build race

package manifest

// raceDetector is true if the tests run with the race detector, whose own memory
// exceeds the limits of a child process.
const raceDetector = true
