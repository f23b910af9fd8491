package binding

import (
	"math"
	"testing"
	"time"
)

func TestPauseDoublesUpToTheLongest(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		0: time.Second, 1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 7: time.Minute, math.MaxInt: time.Minute,
	} {
		if got := Pause(time.Second, time.Minute, failures); got != want {
			t.Errorf("Pause after %d failures is %s, want %s", failures, got, want)
		}
	}
}
