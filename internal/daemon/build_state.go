package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"reconciler/internal/server"
	"reconciler/internal/state"
)

// openState opens the state file. For a read-only engine it works on a copy
// that goes with it; where a running daemon holds the file, it asks the daemon.
func (e *Engine) openState(ctx context.Context, readOnly bool) error {
	path := e.config.State.Path
	if !readOnly {
		return e.openStore(path)
	}
	folder, err := os.MkdirTemp("", "reconciler-plan-")
	if err != nil {
		return fmt.Errorf("state: folder for a copy: %w", err)
	}
	e.closers = append(e.closers, func() error { return os.RemoveAll(folder) })
	copied := filepath.Join(folder, "state.db")
	client := server.NewClient(e.config.Server.Socket)
	memory, err := client.Memory(ctx, e.config.Instances[0].Name)
	if errors.Is(err, server.ErrNoDaemon) {
		if err := state.Copy(path, copied); err != nil {
			return err
		}
		return e.openStore(copied)
	}
	// The daemon keeps the key of its fingerprints to itself: without it there
	// are none here, and none that would differ.
	e.foreign = true
	if err := e.openStore(copied); err != nil {
		return err
	}
	for i := 0; ; {
		if err != nil {
			return fmt.Errorf("state: ask the running daemon: %w", err)
		}
		if err := e.remember(ctx, memory); err != nil {
			return fmt.Errorf("state: %w", err)
		}
		if i++; i == len(e.config.Instances) {
			return nil
		}
		memory, err = client.Memory(ctx, e.config.Instances[i].Name)
	}
}

// remember puts what a running daemon told of an instance into the copy.
func (e *Engine) remember(ctx context.Context, memory server.Memory) error {
	for _, record := range memory.Records {
		if err := e.store.PutRecord(ctx, record); err != nil {
			return err
		}
	}
	for _, intent := range memory.Intents {
		if err := e.store.PutIntent(ctx, intent); err != nil {
			return err
		}
	}
	if memory.Revision == "" {
		return nil
	}
	return e.store.PutRevision(ctx, e.sourceKey(), memory.Revision)
}

func (e *Engine) openStore(path string) error {
	store, err := state.Open(path)
	if errors.Is(err, state.ErrLocked) {
		return fmt.Errorf("%w (is a daemon running? `reconciler plan` works beside it, `apply` does not)", err)
	}
	if err != nil {
		return err
	}
	e.store = store
	// The folder of a copy is removed after the file in it is closed.
	e.closers = append([]func() error{store.Close}, e.closers...)
	if notice := store.Notice(); notice != "" {
		e.log.Warn("state rebuilt by observing", "reason", notice)
	}
	return nil
}
