package engine

import (
	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/observe"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
)

// observedIn returns the published observation of an instance, and the
// declarations that it was made for.
func observedIn(published report.PublishedInstance) (declared []binding.Declaration, seen binding.Observation) {
	for _, b := range published.Bindings {
		d := binding.Declaration{Name: b.Name, Spec: binding.Spec{
			Instance: published.Name, Platform: b.Platform, Username: b.Username, Address: b.Address,
		}}
		for _, source := range b.Sources {
			d.Spec.Repositories = append(d.Spec.Repositories, binding.Repository{Source: source})
		}
		if b.Vault != nil {
			d.Spec.Token = &binding.Token{Vault: *b.Vault}
		}
		declared = append(declared, d)
	}
	return declared, published.Observation()
}

// publishedInstances returns the instances of the configuration, for planning
// from a published observation.
func (e *Engine) publishedInstances() []*Instance {
	var instances []*Instance
	all := e.o.Config
	for _, c := range all.Instances {
		recorded := observe.NewRecorded(c.Name, nil, nil)
		for _, published := range e.o.Published.Instances {
			if published.Name == c.Name {
				declared, seen := observedIn(published)
				recorded = observe.NewRecorded(c.Name, declared, &seen)
			}
		}
		instances = append(instances, &Instance{Name: c.Name, Reconciler: reconcile.New(reconcile.Options{
			Instance: c.Target(), Observer: recorded,
			Store: e.memory.Store, Policy: all.PlanPolicy(), Windows: all.WindowsOf(c), Quotas: c.PlanQuotas(), Now: e.o.Now,
		})})
	}
	return instances
}

// publishedMemory returns the part of an instance's memory that was published.
func publishedMemory(published report.PublishedInstance) client.Memory {
	var memory client.Memory
	for _, r := range published.Records {
		memory.Records = append(memory.Records, r.OnInstance(published.Name))
	}
	for _, i := range published.Intents {
		memory.Intents = append(memory.Intents, i.OnInstance(published.Name))
	}
	for _, e := range published.RetryStates {
		memory.RetryStates = append(memory.RetryStates, e.OnInstance(published.Name))
	}
	for _, s := range published.Suspensions {
		memory.Suspensions = append(memory.Suspensions, s.OnInstance(published.Name))
	}
	return memory
}
