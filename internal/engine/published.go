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
	told := report.NewPublishedInstance(name, seen.Observed, o)
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
		told.Bindings = append(told.Bindings, b)
	}
	for _, r := range seen.Records {
		told.Records = append(told.Records, report.NewPublishedRecord(r))
	}
	for _, i := range seen.Intents {
		told.Intents = append(told.Intents, report.NewPublishedIntent(i))
	}
	for _, e := range seen.RetryStates {
		told.RetryStates = append(told.RetryStates, report.NewPublishedRetryState(e))
	}
	for _, s := range seen.Suspensions {
		told.Suspensions = append(told.Suspensions, report.NewPublishedSuspension(s))
	}
	slices.SortFunc(told.Records, func(a, b report.PublishedRecord) int {
		return cmp.Or(cmp.Compare(a.Binding, b.Binding), cmp.Compare(a.Platform, b.Platform))
	})
	slices.SortFunc(told.Intents, func(a, b report.PublishedIntent) int {
		return cmp.Or(cmp.Compare(a.Binding, b.Binding), cmp.Compare(a.Platform, b.Platform), a.Object.Compare(b.Object))
	})
	return told
}

// observedIn returns the published observation of an instance, and the
// declarations that it was made for.
func observedIn(told report.PublishedInstance) (declared []binding.Declaration, seen binding.Observation) {
	for _, b := range told.Bindings {
		d := binding.Declaration{Name: b.Name, Spec: binding.Spec{
			Instance: told.Name, Platform: b.Platform, Username: b.Username, Address: b.Address,
		}}
		for _, source := range b.Sources {
			d.Spec.Repositories = append(d.Spec.Repositories, binding.Repository{Source: source})
		}
		if b.Vault != nil {
			d.Spec.Token = &binding.Token{Vault: *b.Vault}
		}
		declared = append(declared, d)
	}
	return declared, told.Observation()
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
func publishedMemory(told report.PublishedInstance) client.Memory {
	var memory client.Memory
	for _, r := range told.Records {
		memory.Records = append(memory.Records, r.OnInstance(told.Name))
	}
	for _, i := range told.Intents {
		memory.Intents = append(memory.Intents, i.OnInstance(told.Name))
	}
	for _, e := range told.RetryStates {
		memory.RetryStates = append(memory.RetryStates, e.OnInstance(told.Name))
	}
	for _, s := range told.Suspensions {
		memory.Suspensions = append(memory.Suspensions, s.OnInstance(told.Name))
	}
	return memory
}
