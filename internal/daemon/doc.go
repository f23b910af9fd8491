// Package daemon is the long-running process: it follows the source, runs a
// loop for each instance, and serves requests.
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
// A changed configuration becomes a new runner, completely or not at all:
// reloader builds it, stops the previous one, hands over what is in memory and
// starts the new one. Daemon has everything that lives as long as the process:
// state file, redactor, metrics, ports, log, events.
package daemon
