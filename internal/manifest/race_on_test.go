//go:build race

package manifest

// raceDetector says that the tests run with the race detector, whose own memory does
// not fit into the limits of a child process.
const raceDetector = true
