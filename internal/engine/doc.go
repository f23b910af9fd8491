// Package engine builds everything that one configuration needs: the clients,
// the memory and a reconciler for each instance. The command line and the
// daemon use the same one.
//
// The order of calls:
//
//	e, err := engine.New(ctx, engine.Options{Config: cfg}) // opens the memory, calls nobody
//	defer e.Close()                                        // signs out of Vault, closes the memory
//	loaded, err := e.Load(ctx)                             // source and manifest: declarations and findings
//	p, err := e.PlanEach(ctx, []Loaded{loaded}, depth)     // observe and plan: all instances side by side
//	result, err := e.Apply(ctx, loaded, p[0])                // apply, one instance after the other
//
// A command that only plans sets Options.ReadOnly: then the memory is a copy,
// and no reconciler can write. One that plans without any access sets
// Options.Published: then no request is sent at all.
//
// The daemon builds an Engine for each configuration that it loads, with the
// same Options.Memory, and runs a loop for each of Instances.
package engine
