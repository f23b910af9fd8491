package cli

import (
	"context"
	"io"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/report"
)

// `get --watch` asks again when the daemon reports an event, but waits at least
// watchPause between two requests. It asks after watchWait in any case, because not
// every change is an event.
const (
	watchWait  = 5 * time.Second
	watchPause = time.Second
)

type bindingID struct{ instance, name string }

// watcher is a running `get --watch`.
type watcher struct {
	*getOptions
	table    *report.BindingTable
	begun    bool
	rows     map[bindingID]report.BindingRow
	problems report.Problems
}

// watching shows what was asked for, and then each change, until it is
// interrupted.
func (o *getOptions) watching(ctx context.Context, daemon *client.Client) error {
	if o.output.value == outputYAML {
		return checkChoice("--watch --output", outputYAML, "text", outputWide, outputName, "json")
	}
	w := &watcher{getOptions: o, table: report.NewBindingTable(o.style())}
	stderr := o.streams.Err
	for after := int64(0); ; stderr = io.Discard {
		view, err := o.ask(ctx, daemon, func(string) error { return nil }, stderr)
		if err == nil {
			err = w.show(view)
		}
		if err == nil {
			after, err = next(ctx, daemon, after)
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // An interrupt is the normal end.
		}
		if err != nil {
			return err
		}
	}
}

// next waits until it is time to ask again.
func next(ctx context.Context, daemon *client.Client, after int64) (int64, error) {
	wait := watchWait
	if after == 0 {
		wait = 0
	}
	list, err := daemon.Events(ctx, "", after, wait)
	if err != nil {
		return 0, err
	}
	select {
	case <-time.After(watchPause):
	case <-ctx.Done():
	}
	return list.Next, nil
}

// show writes what is new in a view.
func (w *watcher) show(view report.BindingView) error {
	changed := view
	changed.Statuses = slices.DeleteFunc(slices.Clone(view.Statuses), func(s binding.Status) bool {
		return w.rows[idOf(s)] == rowOf(s)
	})
	if view.Problems.Same(w.problems) {
		changed.Problems = report.Problems{}
	}
	gone := w.remember(view)
	switch {
	case w.output.json():
		return report.BindingLines(w.streams.Out, changed.Statuses)
	case w.output.value == outputName:
		return w.writeNames(changed.Statuses)
	case !w.begun:
		w.begun = true
		return w.table.Begin(w.streams.Out, view)
	}
	return w.table.Write(w.streams.Out, changed, gone)
}

// remember takes a view as the one shown, and returns the bindings that are no longer
// in it.
func (w *watcher) remember(view report.BindingView) (gone []report.BindingRow) {
	rows := map[bindingID]report.BindingRow{}
	for _, s := range view.Statuses {
		rows[idOf(s)] = rowOf(s)
	}
	for id, row := range w.rows {
		if _, ok := rows[id]; !ok {
			gone = append(gone, row)
		}
	}
	w.rows, w.problems = rows, view.Problems
	return gone
}

func idOf(s binding.Status) bindingID { return bindingID{s.Spec.Instance, s.Name} }

// rowOf returns the fields of a binding whose change is shown.
func rowOf(s binding.Status) report.BindingRow {
	r := report.NewBindingRow(s)
	r.Synced = time.Time{}
	return r
}
