//go:build race

package confine

// raceDetector says that the tests run with the race detector, whose own memory does
// not fit into the limits of a child process.
const raceDetector = true
