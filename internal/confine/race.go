//go:build race

package confine

// With the race detector, a program waits a second before it exits, and so
// would each child.
func init() { environment = append(environment, "GORACE=atexit_sleep_ms=0") }
