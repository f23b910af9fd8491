package apply

import (
	"sync"

	"reconciler/internal/plan"
)

// inOrder calls do for every action: after all earlier actions that touch the same
// resources, and at the same time as the others, so that one slow code host delays
// only its own bindings.
func inOrder(actions []plan.Action, resources func(plan.Action) []string, do func(i int)) {
	last := map[string]<-chan struct{}{}
	var wait sync.WaitGroup
	for i, a := range actions {
		var before []<-chan struct{}
		finished := make(chan struct{})
		for _, resource := range resources(a) {
			if c, ok := last[resource]; ok && c != finished {
				before = append(before, c)
			}
			last[resource] = finished
		}
		wait.Go(func() {
			defer close(finished)
			for _, c := range before {
				<-c
			}
			do(i)
		})
	}
	wait.Wait()
}

// resources names what two actions must not touch at the same time.
func resources(a plan.Action) []string {
	touched := []string{"binding " + a.Binding, "platform " + string(a.Platform)}
	if image := a.Object.Image; image != "" {
		touched = append(touched, "image "+image)
	}
	return touched
}
