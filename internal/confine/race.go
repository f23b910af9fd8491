//go:build race

package confine

// A program with the race detector waits a second at its end, which each child
// would do.
func init() { environment = append(environment, "GORACE=atexit_sleep_ms=0") }
