package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"reconciler/internal/client"
	"reconciler/internal/manifest"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
	"reconciler/internal/server"
)

// Attest writes down a person's word that the steps of a binding are done, and
// looks at its instance anew where a daemon runs. It goes by the last plan, so
// one has to be made before.
func (e *Engine) Attest(ctx context.Context, who server.Caller, word client.Attestation) (string, error) {
	g, done := e.hold()
	defer done()
	i, err := g.attested(word)
	if err != nil {
		return "", err
	}
	said, err := i.reconciler.Attest(ctx, word.Binding, who.Person(word.By))
	if err != nil {
		e.log.Info("a person's word was not taken", "instance", i.name, "binding", word.Binding, "by", word.By, "caller", who, "err", err)
		return "", err
	}
	e.log.Info("a person attested", "instance", i.name, "binding", word.Binding, "by", word.By, "caller", who, "what", said)
	e.tell(report.Event{Instance: i.name, Binding: word.Binding, Type: report.EventNormal, Reason: "Attested", Message: "by " + word.By + ": " + said})
	i.loop.Ask(reconcile.Ask{Binding: word.Binding})
	return said, nil
}

// attested is the instance that a person speaks of: the one where steps of the
// binding wait, or else one that has it, which then says why none do.
func (g *generation) attested(word client.Attestation) (*instance, error) {
	var (
		has, waits []*instance
		names      []string
		unplanned  bool
	)
	for _, i := range g.instances {
		if word.Instance != "" && word.Instance != i.name {
			continue
		}
		awaiting := i.reconciler.Awaiting()
		unplanned = unplanned || awaiting == nil
		for name, waiting := range awaiting {
			names = append(names, name)
			if name == word.Binding {
				has = append(has, i)
			}
			if name == word.Binding && waiting {
				waits = append(waits, i)
			}
		}
	}
	slices.Sort(names)
	switch {
	case len(waits) == 1:
		return waits[0], nil
	case len(waits) > 1:
		var on []string
		for _, i := range waits {
			on = append(on, i.name)
		}
		return nil, fmt.Errorf("attest %s: steps wait on several instances (%s): say which with --instance", word.Binding, strings.Join(on, ", "))
	case len(has) > 0:
		return has[0], nil
	case word.Instance != "" && !slices.Contains(g.config.InstanceNames(), word.Instance):
		return nil, fmt.Errorf("attest: no instance is called %s%s", word.Instance, manifest.DidYouMean(word.Instance, g.config.InstanceNames()))
	case unplanned:
		return nil, errors.New("attest: the first look at the instances is not over yet; try again in a moment")
	}
	hint := manifest.DidYouMean(word.Binding, names)
	if hint == "" {
		hint = "; `reconciler plan --full` lists all"
	}
	return nil, fmt.Errorf("attest: no binding is called %s%s", word.Binding, hint)
}
