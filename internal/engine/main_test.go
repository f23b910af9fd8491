package engine

import (
	"os"
	"testing"

	"reconciler/internal/confine"
	"reconciler/internal/manifest"
)

// TestMain lets the test binary stand for the program, whose child processes
// evaluate policies.
func TestMain(m *testing.M) {
	confine.Child(manifest.ChildWork())
	os.Exit(m.Run())
}
