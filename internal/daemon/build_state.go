package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"reconciler/internal/client"
	"reconciler/internal/state"
)

// openState opens the state file. Where it is only read, that is a copy that
// goes with the process; where a running daemon holds the file, it asks the
// daemon, and where there is a snapshot, it takes what that tells.
func (l *longLived) openState(ctx context.Context, opts Options) error {
	config, path := opts.Config, opts.Config.State.Path
	if !opts.ReadOnly {
		return l.openStore(path)
	}
	folder, err := os.MkdirTemp("", "reconciler-plan-")
	if err != nil {
		return fmt.Errorf("state: folder for a copy: %w", err)
	}
	l.closers = append(l.closers, func() error { return os.RemoveAll(folder) })
	copied := filepath.Join(folder, "state.db")
	if opts.Snapshot != nil {
		return l.openPublished(ctx, copied, config, *opts.Snapshot)
	}
	daemon := client.New(config.Server.Socket)
	memory, err := daemon.Memory(ctx, config.Instances[0].Name)
	if errors.Is(err, client.ErrNoDaemon) {
		if err := state.Copy(path, copied); err != nil {
			return err
		}
		return l.openStore(copied)
	}
	// The daemon keeps the key of its fingerprints to itself: without it there
	// are none here, and none that would differ.
	l.foreign = true
	if err := l.openStore(copied); err != nil {
		return err
	}
	for i := 0; ; {
		if err != nil {
			return fmt.Errorf("state: ask the running daemon: %w", err)
		}
		if err := l.remember(ctx, memory, config.SourceKey()); err != nil {
			return fmt.Errorf("state: %w", err)
		}
		if i++; i == len(config.Instances) {
			return nil
		}
		memory, err = daemon.Memory(ctx, config.Instances[i].Name)
	}
}

// remember puts what a running daemon told of an instance into the copy.
func (l *longLived) remember(ctx context.Context, memory client.Memory, source string) error {
	for _, record := range memory.Records {
		if err := l.store.PutRecord(ctx, record); err != nil {
			return err
		}
	}
	for _, intent := range memory.Intents {
		if err := l.store.PutIntent(ctx, intent); err != nil {
			return err
		}
	}
	for _, effort := range memory.Efforts {
		if err := l.store.PutEffort(ctx, effort); err != nil {
			return err
		}
	}
	for _, suspension := range memory.Suspensions {
		if err := l.store.PutSuspension(ctx, suspension); err != nil {
			return err
		}
	}
	if memory.Revision == "" {
		return nil
	}
	return l.store.PutRevision(ctx, source, memory.Revision)
}

func (l *longLived) openStore(path string) error {
	store, err := state.Open(path)
	if errors.Is(err, state.ErrLocked) {
		return fmt.Errorf("%w (is a daemon running? `reconciler plan` works beside it, `apply` does not)", err)
	}
	if err != nil {
		return err
	}
	l.store = store
	// The folder of a copy is removed after the file in it is closed.
	l.closers = append([]func() error{store.Close}, l.closers...)
	if notice := store.Notice(); notice != "" {
		l.log.Warn("state rebuilt by observing", "reason", notice)
	}
	return nil
}
