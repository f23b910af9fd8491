package engine

import (
	"cmp"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/observe"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
)

// Publish returns the part of an instance's round that is published.
func Publish(name string, seen *plan.Round) report.PublishedInstance {
	o := seen.Observation
	published := report.NewPublishedInstance(name, seen.Observed, o)
	for _, d := range seen.Declarations {
		b := report.PublishedBinding{
			Name: d.Name, Platform: d.Spec.Platform, Username: d.Spec.Username, Address: d.Spec.Address, Projects: report.ProjectObjects(o.Projects[d.Name]),
		}
		for _, r := range d.Spec.Repositories {
			b.Sources = append(b.Sources, r.Source)
		}
		if d.Spec.Token != nil {
			b.Vault = &d.Spec.Token.Vault
		}
		if state, asked := o.Tokens[d.Name]; asked {
			b.Token = report.NewPublishedToken(state)
		}
		published.Bindings = append(published.Bindings, b)
	}
	for _, r := range seen.Records {
		published.Records = append(published.Records, report.NewPublishedRecord(r))
	}
	for _, i := range seen.Intents {
		published.Intents = append(published.Intents, report.NewPublishedIntent(i))
	}
	for _, e := range seen.RetryStates {
		published.RetryStates = append(published.RetryStates, report.NewPublishedRetryState(e))
	}
	for _, s := range seen.Suspensions {
		published.Suspensions = append(published.Suspensions, report.NewPublishedSuspension(s))
	}
	slices.SortFunc(published.Records, func(a, b report.PublishedRecord) int {
		return cmp.Or(cmp.Compare(a.Binding, b.Binding), cmp.Compare(a.Platform, b.Platform))
	})
	slices.SortFunc(published.Intents, func(a, b report.PublishedIntent) int {
		return cmp.Or(cmp.Compare(a.Binding, b.Binding), cmp.Compare(a.Platform, b.Platform), a.Object.Compare(b.Object))
	})
	return published
}

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
