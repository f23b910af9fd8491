//go:build !race

package git_test

const raceDetector = false
