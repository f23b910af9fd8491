// Command reconciler keeps the code hosting accounts that Alibaba Cloud
// Container Registry instances are bound to as a git repository declares them.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"reconciler/internal/cli"
	"reconciler/internal/confine"
	"reconciler/internal/manifest"
)

func main() {
	confine.Child(manifest.ChildWork())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal is not caught any more, and ends the process at once.
	context.AfterFunc(ctx, stop)
	code := cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
