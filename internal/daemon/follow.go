package daemon

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/metrics"
	"reconciler/internal/plan"
	"reconciler/internal/report"
	"reconciler/internal/source"
	"reconciler/internal/source/folder"
	"reconciler/internal/trace"
)

// follower reads the source and submits every new snapshot to the loops.
type follower struct {
	*runner
	// last is the last submitted snapshot, nil before the first; seen is its
	// revision.
	last *source.Snapshot
	seen string
	// asked are the requests that the next read answers.
	asked []readRequest
	// submitted is true if the last read submitted a snapshot.
	submitted bool
	// watchFailed is true if it was logged that the folder is not watched.
	watchFailed bool
	// expected is a pushed commit that was not seen yet; lastPush is when the
	// source was last read because of a push.
	expected expectation
	lastPush time.Time
	// asksToWait is how long the source asked to wait at the last read.
	asksToWait time.Duration
}

// run reads the source at once, then on the interval, when a watched folder
// changes, a push is reported or a person asks. Until the source answers, the last
// snapshot of the previous runner applies.
func (f *follower) run(ctx context.Context) {
	defer close(f.followerEnded)
	_ = f.runStep(ctx, f.resume) // It logged its error.
	var changes <-chan struct{}
	for {
		if changes == nil {
			changes = f.watch(ctx)
		}
		f.submitted = false
		f.answer(f.runStep(ctx, f.poll))
		fired, stop := f.o.After.Start(f.pause())
		select {
		case <-ctx.Done():
			stop()
			return
		case <-fired:
		case asked := <-f.readRequests:
			stop()
			f.asked = append(f.asked, asked)
		case push := <-f.webhooks.pushes.newest:
			stop()
			f.addEvent(plan.Event{Kind: plan.WebhookReceived, From: push.Sender, Revision: push.Commit})
			f.pushed(ctx, push)
		case _, watched := <-changes:
			stop()
			if !watched {
				changes = nil
			}
		}
	}
}

// watch returns a channel with a signal for each change of a folder; nil, which
// blocks forever, for other sources and for a folder that cannot be watched.
func (f *follower) watch(ctx context.Context) <-chan struct{} {
	src, ok := f.engine.Source().(*folder.Source)
	if !ok {
		return nil
	}
	changes, err := src.Watch(ctx, func(err error) {
		f.log.Warn("cannot watch all of the folder; it is polled", "err", err)
	})
	if err != nil && !f.watchFailed {
		f.log.Warn("folder is not watched; the interval still applies", "err", err)
	}
	f.watchFailed = err != nil
	return changes
}

// runStep runs one step. A failure changes nothing: the last snapshot still applies. A
// panic is logged, by its type only, and the daemon continues. Being stopped is not
// logged as a failure.
func (f *follower) runStep(ctx context.Context, step func(context.Context) error) (err error) {
	begun := f.now()
	f.moved()
	defer f.moved()
	defer func() {
		if v := recover(); v != nil {
			err = binding.BugOf(v)
			f.metrics.SourceRead(metrics.ResultError, begun, f.now())
			f.log.Error("a fault of this program, please report it; the last snapshot still applies",
				"panic", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
		}
	}()
	err = step(ctx)
	f.asksToWait = 0
	if failure, ok := errors.AsType[*binding.Failure](err); ok {
		f.asksToWait = failure.RetryAfter
	}
	if err != nil && ctx.Err() == nil {
		f.metrics.SourceRead(metrics.ResultError, begun, f.now())
		f.log.Error("source not read; the last snapshot still applies", "err", err)
		f.addEvent(plan.Event{Kind: plan.SourceNotRead, From: f.config.SourceKey(), Err: err})
	}
	return err
}

// poll reads the source and submits what is new.
func (f *follower) poll(ctx context.Context) error {
	begun := f.now()
	ctx, span := trace.Start(trace.WithParent(ctx, f.expected.trace), "source")
	defer func() { span.End("") }()
	snapshot, err := f.load(ctx)
	if ctx.Err() == nil {
		held := err
		if held == nil && snapshot != nil {
			held = snapshot.Held
		}
		f.sourceRead(held)
	}
	switch {
	case err != nil:
		return err
	case snapshot == nil:
		f.metrics.SourceRead(metrics.ResultUnchanged, begun, f.now())
		return nil
	}
	if err := f.submit(ctx, *snapshot); err != nil {
		return err
	}
	f.expected.trace = "" // It ends with the commit.
	f.metrics.SourceRead(metrics.ResultChanged, begun, f.now())
	return nil
}

// load returns the new snapshot, or nil if nothing is new. It compares with the
// trusted revision, which is older than the last one seen while a rewritten
// history waits for approval.
func (f *follower) load(ctx context.Context) (*source.Snapshot, error) {
	if f.seen == "" {
		return f.newestSnapshot(ctx)
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
		return f.newestSnapshot(ctx)
	}
	return &snapshot, nil
}

// newestSnapshot returns the newest snapshot, even if it is not new.
func (f *follower) newestSnapshot(ctx context.Context) (*source.Snapshot, error) {
	snapshot, err := f.engine.Read(ctx)
	return &snapshot, err
}

// resume submits the last snapshot of the previous runner, checked with the new
// configuration, so that drift is detected even if the source does not answer.
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
	return f.submit(ctx, snapshot)
}

// submit checks a snapshot and gives it to the loops.
func (f *follower) submit(ctx context.Context, snapshot source.Snapshot) error {
	var before []binding.Declaration
	if last := f.loaded.Load(); last != nil {
		before = last.Desired.Declarations
	}
	loaded, err := f.engine.Check(ctx, snapshot, "", before...)
	if err != nil {
		return err
	}
	desired := loaded.Desired
	desired.Trace = trace.Parent(ctx)
	f.last, f.seen = &snapshot, desired.Revision
	f.loaded.Store(&loaded)
	f.syncs.setAuthor(desired.Revision, f.redactor.Redact(snapshot.Author))
	f.addEvent(plan.Event{Kind: plan.SnapshotRead, From: f.config.SourceKey(), Revision: desired.Revision})
	f.log.Info("snapshot", "revision", desired.Revision, "bindings", len(desired.Declarations),
		"broken_files", len(desired.Broken), "rewritten", desired.Rewritten)
	for _, finding := range loaded.Findings {
		f.log.Warn("finding", "code", finding.Code, "severity", finding.Severity, "file", finding.File,
			"line", finding.Line, "column", finding.Column, "message", report.English().Text(finding.Message))
	}
	f.reportBroken(desired, loaded.Findings)
	f.notifier.Wake()
	f.gate.begin(desired, f.instances)
	// This comes first, so that anybody who sees an effect of the snapshot
	// finds it trusted.
	if !desired.Rewritten {
		if err := f.engine.Trust(ctx, desired.Revision); err != nil && ctx.Err() == nil {
			f.log.Error("cannot store the revision", "err", err)
		}
	}
	for _, i := range f.instances {
		i.loop.Submit(desired, f.syncRequests(i.Name)...)
	}
	f.submitted = true
	return nil
}
