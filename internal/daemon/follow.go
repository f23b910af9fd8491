package daemon

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"reconciler/internal/reconcile"
	"reconciler/internal/source"
	"reconciler/internal/source/folder"
)

// follower looks at the source and hands every new snapshot to the loops.
type follower struct {
	*generation
	loops []*reconcile.Loop
	// seen is the revision handed on last; empty before the first.
	seen string
	// asked are the looks that persons asked for and that the next one answers.
	asked []look
	// handed says that the last look handed a snapshot on.
	handed bool
	// unwatched says that it was told already that the folder is not watched.
	unwatched bool
}

// run looks at once, then on the interval, whenever a watched folder changes,
// and when a person asks.
func (f *follower) run(ctx context.Context) {
	defer close(f.unfollowed)
	var changes <-chan struct{}
	sync := f.config.Sync
	for {
		if changes == nil {
			changes = f.watch(ctx)
		}
		f.answer(f.look(ctx))
		timer := time.NewTimer(sync.vary(sync.Interval))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case asked := <-f.looks:
			timer.Stop()
			f.asked = append(f.asked, asked)
		case _, watched := <-changes:
			timer.Stop()
			if !watched {
				changes = nil
			}
		}
	}
}

// watch gives a signal for each change of a folder; nil for other sources and
// for a folder that cannot be watched now, on which a receive waits for ever.
func (f *follower) watch(ctx context.Context) <-chan struct{} {
	src, ok := f.source.(*folder.Source)
	if !ok {
		return nil
	}
	changes, err := src.Watch(ctx)
	if err != nil && !f.unwatched {
		f.log.Warn("folder is not watched; the interval still holds", "err", err)
	}
	f.unwatched = err != nil
	return changes
}

// vary changes a pause by up to the configured part either way, so that many
// daemons do not ask one server at the same second.
func (s SyncConfig) vary(pause time.Duration) time.Duration {
	spread := (rand.Float64()*2 - 1) * s.Jitter //nolint:gosec // Jitter is no secret.
	return time.Duration(float64(pause) * (1 + spread))
}

// look reads the source. What cannot be read changes nothing: the last
// snapshot stands. A panic is told, by its type only, and does not end the
// daemon.
func (f *follower) look(ctx context.Context) (err error) {
	f.handed = false
	begun := f.now()
	f.follows()
	defer f.follows()
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("a fault of this program: panic with %T", v)
			f.metrics.source.looked(resultError, begun, f.now())
			f.log.Error("a fault of this program, please report it; the last snapshot stands",
				"panic", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
		}
	}()
	loaded, err := f.load(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		f.metrics.source.looked(resultError, begun, f.now())
		f.log.Error("source not read; the last snapshot stands", "err", err)
	case loaded == nil:
		f.metrics.source.looked(resultUnchanged, begun, f.now())
	default:
		f.metrics.source.looked(resultChanged, begun, f.now())
		f.hand(ctx, *loaded)
	}
	return err
}

// load gives the new snapshot, or nil where nothing is new. The source is
// asked against the trusted revision, which is not the one seen last while a
// rewritten history waits for a person.
func (f *follower) load(ctx context.Context) (*Loaded, error) {
	if f.seen == "" {
		return f.whole(ctx)
	}
	trusted, err := f.trusted(ctx)
	if err != nil {
		return nil, err
	}
	snapshot, unchanged, err := f.source.Snapshot(ctx, trusted)
	switch {
	case err != nil:
		return nil, err
	case unchanged && trusted == f.seen, !unchanged && snapshot.Revision == f.seen:
		return nil, nil
	case unchanged:
		return f.whole(ctx)
	}
	return f.checked(ctx, snapshot)
}

// whole gives the newest snapshot, whether it is new or not.
func (f *follower) whole(ctx context.Context) (*Loaded, error) {
	snapshot, err := f.read(ctx)
	if err != nil {
		return nil, err
	}
	return f.checked(ctx, snapshot)
}

func (f *follower) checked(ctx context.Context, snapshot source.Snapshot) (*Loaded, error) {
	loaded, err := f.check(ctx, snapshot, "")
	return &loaded, err
}

// hand gives a snapshot to the loops.
func (f *follower) hand(ctx context.Context, loaded Loaded) {
	desired := loaded.Desired
	f.seen = desired.Revision
	f.log.Info("snapshot", "revision", desired.Revision, "bindings", len(desired.Declarations),
		"broken_files", len(desired.Broken), "rewritten", desired.Rewritten)
	for _, finding := range loaded.Findings {
		f.log.Warn("finding", "code", finding.Code, "severity", finding.Severity, "file", finding.File,
			"line", finding.Line, "column", finding.Column, "message", finding.Message)
	}
	f.trial.begin(desired, f.instances)
	for n, loop := range f.loops {
		loop.Submit(desired, f.asks(f.instances[n].name)...)
	}
	f.handed = true
	if !desired.Rewritten {
		if err := f.trust(ctx, desired.Revision); err != nil {
			f.log.Error("revision not remembered", "err", err)
		}
	}
}
