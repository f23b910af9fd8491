// Package daemon is the process: it follows the source, runs a loop for each
// instance, listens, and answers what people ask of it.
//
// The order of calls:
//
//	d, err := daemon.New(ctx, daemon.Options{Engine: engine.Options{Config: cfg}})
//	defer d.Close()
//	err = d.Run(ctx, daemon.Reload{Path: path, Asked: hangup})
//
// Run opens the ports and starts the runner of the present configuration:
//
//	follower.run   looks at the source: on the interval, on a push, when a person asks
//	follower.hand  checks a new snapshot, opens the rewrite gate, submits it to the loops
//	reconcile.Loop syncs its instance, and reports each step to runner.event
//	runner.event   writes the log, the metrics and the list of events; closes the gate
//
// A changed configuration becomes another runner, whole or not at all: reloader
// builds it, ends the previous one, hands over what is in memory and starts it.
// What lives as long as the process is in Daemon: state file, redactor, metrics,
// ports, log, events.
package daemon
