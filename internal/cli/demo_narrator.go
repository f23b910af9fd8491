package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// narrator explains to a person what the daemon does. It is safe for concurrent use.
type narrator struct {
	out      io.Writer
	style    report.Style
	progress *progress
	// watch, if not nil, gets every event.
	watch func(plan.Event)
	// added receives a value after every event, unless one is waiting there
	// already.
	added chan struct{}

	mu       sync.Mutex
	statuses map[string][]binding.Status
	// shown is the digest of the plan that was shown last, by instance.
	shown map[string]string
}

func newNarrator(streams Streams) *narrator {
	return &narrator{
		out: streams.Out, style: streams.style(streams.Out), progress: newProgress(streams, streams.Out), added: make(chan struct{}, 1),
		statuses: map[string][]binding.Status{}, shown: map[string]string{},
	}
}

// printParagraph prints a paragraph after an empty line.
func (n *narrator) printParagraph(m message.Message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	text := n.style.Language.Text(m)
	if n.style.Color {
		text = "\x1b[1m" + text + "\x1b[0m"
	}
	_, _ = fmt.Fprintf(n.out, "\n%s\n\n", text)
}

// event shows an event of the daemon.
func (n *narrator) event(e plan.Event) {
	if n.watch != nil {
		n.watch(e)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch e.Kind {
	case plan.PlanMade:
		digest := e.Plan.Digest()
		if e.Plan.HasChanges() && n.shown[e.Instance] != digest {
			n.shown[e.Instance] = digest
			_ = report.Plan(n.out, *e.Plan, n.style)
			_, _ = fmt.Fprintln(n.out)
		}
	case plan.SyncDone:
		n.statuses[e.Instance] = e.Statuses
	case plan.SyncFailed:
		failed := message.New("demo.sync-failed", "instance", e.Instance, "why", message.FromError(e.Err))
		_, _ = fmt.Fprintln(n.out, report.Sanitize(n.style.Language.Text(failed)))
	case plan.ActionStarted, plan.ActionDone:
		if !e.Action.Kind.ByPerson() {
			n.progress.event(e)
		}
	default: // The plan shows the same, or the daemon's log does.
	}
	select {
	case n.added <- struct{}{}:
	default:
	}
}

func (n *narrator) all(count int, holds func(binding.Status) bool) bool {
	bindings := n.bindings()
	return len(bindings) == count && !slices.ContainsFunc(bindings, func(b binding.Status) bool { return !holds(b) })
}

func (n *narrator) bindings() []binding.Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []binding.Status
	for _, statuses := range n.statuses {
		all = append(all, statuses...)
	}
	slices.SortFunc(all, func(a, b binding.Status) int {
		return strings.Compare(a.Spec.Instance+"/"+a.Name, b.Spec.Instance+"/"+b.Name)
	})
	return all
}

// table prints the bindings as `get` does; full shows every condition too.
func (n *narrator) table(full bool) {
	bindings := n.bindings()
	n.mu.Lock()
	defer n.mu.Unlock()
	_, _ = fmt.Fprintln(n.out)
	style := n.style
	style.Full, style.Steps, style.Now = full, true, time.Now()
	_ = report.Bindings(n.out, report.BindingView{Statuses: bindings}, style)
}
