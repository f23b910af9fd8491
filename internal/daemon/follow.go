package daemon

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"reconciler/internal/metrics"
	"reconciler/internal/plan"
	"reconciler/internal/report"
	"reconciler/internal/source"
	"reconciler/internal/source/folder"
)

// follower looks at the source and hands every new snapshot to the loops.
type follower struct {
	*runner
	// last is the snapshot handed on last, nil before the first; seen is its
	// revision.
	last *source.Snapshot
	seen string
	// asked are the looks that persons asked for and that the next one answers.
	asked []look
	// handed says that the last look handed a snapshot on.
	handed bool
	// unwatched says that it was told already that the folder is not watched.
	unwatched bool
	// expected is a pushed commit that was not seen yet; lastPush is when a
	// push was last looked for.
	expected expectation
	lastPush time.Time
}

// run looks at once, then on the interval, whenever a watched folder changes
// or a push is told, and when a person asks. A snapshot of the generation
// before holds until the source answers.
func (f *follower) run(ctx context.Context) {
	defer close(f.unfollowed)
	_ = f.safely(ctx, f.resume) // What is wrong was told.
	var changes <-chan struct{}
	for {
		if changes == nil {
			changes = f.watch(ctx)
		}
		f.handed = false
		f.answer(f.safely(ctx, f.look))
		fired, stop := f.o.After.Start(f.pause())
		select {
		case <-ctx.Done():
			stop()
			return
		case <-fired:
		case asked := <-f.looks:
			stop()
			f.asked = append(f.asked, asked)
		case push := <-f.webhooks.pushes.newest:
			stop()
			f.happen(plan.Event{Kind: plan.WebhookReceived, From: push.Sender, Revision: push.Commit})
			f.pushed(ctx, push)
		case _, watched := <-changes:
			stop()
			if !watched {
				changes = nil
			}
		}
	}
}

// watch gives a signal for each change of a folder; nil for other sources and
// for a folder that cannot be watched now, on which a receive waits for ever.
func (f *follower) watch(ctx context.Context) <-chan struct{} {
	src, ok := f.engine.Source().(*folder.Source)
	if !ok {
		return nil
	}
	changes, err := src.Watch(ctx, func(err error) {
		f.log.Warn("not all of the folder is watched; it is polled", "err", err)
	})
	if err != nil && !f.unwatched {
		f.log.Warn("folder is not watched; the interval still holds", "err", err)
	}
	f.unwatched = err != nil
	return changes
}

// safely does one step. What fails changes nothing: the last snapshot stands.
// A panic is told, by its type only, and does not end the daemon. Being stopped
// is no failure to tell of.
func (f *follower) safely(ctx context.Context, step func(context.Context) error) (err error) {
	begun := f.now()
	f.moved()
	defer f.moved()
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("a fault of this program: panic with %T", v)
			f.metrics.SourceRead(metrics.ResultError, begun, f.now())
			f.log.Error("a fault of this program, please report it; the last snapshot stands",
				"panic", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
		}
	}()
	if err = step(ctx); err != nil && ctx.Err() == nil {
		f.metrics.SourceRead(metrics.ResultError, begun, f.now())
		f.log.Error("source not read; the last snapshot stands", "err", err)
		f.happen(plan.Event{Kind: plan.SourceNotRead, From: f.config.SourceKey(), Err: err})
	}
	return err
}

// look reads the source, and hands on what is new.
func (f *follower) look(ctx context.Context) error {
	begun := f.now()
	snapshot, err := f.load(ctx)
	switch {
	case err != nil:
		return err
	case snapshot == nil:
		f.metrics.SourceRead(metrics.ResultUnchanged, begun, f.now())
		return nil
	}
	if err := f.hand(ctx, *snapshot); err != nil {
		return err
	}
	f.metrics.SourceRead(metrics.ResultChanged, begun, f.now())
	return nil
}

// load gives the new snapshot, or nil where nothing is new. The source is
// asked against the trusted revision, which is not the one seen last while a
// rewritten history waits for a person.
func (f *follower) load(ctx context.Context) (*source.Snapshot, error) {
	if f.seen == "" {
		return f.whole(ctx)
	}
	trusted, err := f.engine.Trusted(ctx)
	if err != nil {
		return nil, err
	}
	snapshot, unchanged, err := f.engine.Source().Snapshot(ctx, trusted)
	switch {
	case err != nil:
		return nil, err
	case unchanged && trusted == f.seen, !unchanged && snapshot.Revision == f.seen:
		return nil, nil
	case unchanged:
		return f.whole(ctx)
	}
	return &snapshot, nil
}

// whole gives the newest snapshot, whether it is new or not.
func (f *follower) whole(ctx context.Context) (*source.Snapshot, error) {
	snapshot, err := f.engine.Read(ctx)
	return &snapshot, err
}

// resume hands on the snapshot of the generation before, checked by this one's
// configuration, so that drift is watched also while the source does not
// answer.
func (f *follower) resume(ctx context.Context) error {
	if f.last == nil {
		return nil
	}
	snapshot := *f.last
	trusted, err := f.engine.Trusted(ctx)
	if err != nil {
		return err
	}
	if trusted == snapshot.Revision {
		snapshot.Rewritten = false
	}
	return f.hand(ctx, snapshot)
}

// hand checks a snapshot and gives it to the loops.
func (f *follower) hand(ctx context.Context, snapshot source.Snapshot) error {
	loaded, err := f.engine.Check(ctx, snapshot, "")
	if err != nil {
		return err
	}
	desired := loaded.Desired
	f.last, f.seen = &snapshot, desired.Revision
	f.loaded.Store(&loaded)
	f.happen(plan.Event{Kind: plan.SnapshotRead, From: f.config.SourceKey(), Revision: desired.Revision})
	f.log.Info("snapshot", "revision", desired.Revision, "bindings", len(desired.Declarations),
		"broken_files", len(desired.Broken), "rewritten", desired.Rewritten)
	for _, finding := range loaded.Findings {
		f.log.Warn("finding", "code", finding.Code, "severity", finding.Severity, "file", finding.File,
			"line", finding.Line, "column", finding.Column, "message", report.English().Text(finding.Message))
	}
	f.gate.begin(desired, f.instances)
	// Before anything is done for it, so that whoever sees it done finds it
	// trusted.
	if !desired.Rewritten {
		if err := f.engine.Trust(ctx, desired.Revision); err != nil && ctx.Err() == nil {
			f.log.Error("revision not remembered", "err", err)
		}
	}
	for _, i := range f.instances {
		i.loop.Submit(desired, f.asks(i.Name)...)
	}
	f.handed = true
	return nil
}
