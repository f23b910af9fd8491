package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"reconciler/internal/client"
	"reconciler/internal/state"
)

// Memory is the state file that engines remember in, or a copy of what it holds
// where they only read.
type Memory struct {
	Store *state.Store
	// key makes fingerprints of tokens; nil where another process made those of
	// the records, and keeps its key.
	key     []byte
	closers []func() error
}

// OpenMemory opens the state file at path to write in it.
func OpenMemory(path string, log *slog.Logger) (*Memory, error) {
	m := &Memory{}
	if err := m.open(path, log); err != nil {
		return nil, err
	}
	if err := m.readKey(); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// openMemory opens what the options ask for.
func openMemory(ctx context.Context, o Options) (*Memory, error) {
	if !o.ReadOnly {
		return OpenMemory(o.Config.State.Path, o.Log)
	}
	return ReadMemory(ctx, o)
}

// ReadMemory makes a copy of what is remembered, which goes when it is closed: of
// the state file, which is not written and need not exist; of what the daemon
// says that holds the file; or of what a published observation holds.
func ReadMemory(ctx context.Context, o Options) (_ *Memory, err error) {
	o.fillDefaults()
	folder, err := os.MkdirTemp("", "reconciler-plan-")
	if err != nil {
		return nil, fmt.Errorf("state: folder for a copy: %w", err)
	}
	m := &Memory{closers: []func() error{func() error { return os.RemoveAll(folder) }}}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
		}
	}()
	copied, cfg := filepath.Join(folder, "state.db"), o.Config
	if o.Published != nil {
		if err := m.open(copied, o.Log); err != nil {
			return nil, err
		}
		return m, m.fillPublished(ctx, o)
	}
	daemon := client.New(cfg.Server.Socket)
	told, err := daemon.Memory(ctx, cfg.Instances[0].Name)
	if errors.Is(err, client.ErrNoDaemon) {
		if err := state.Copy(cfg.State.Path, copied); err != nil {
			return nil, err
		}
		if err := m.open(copied, o.Log); err != nil {
			return nil, err
		}
		return m, m.readKey()
	}
	if openErr := m.open(copied, o.Log); openErr != nil {
		return nil, openErr
	}
	for i := 0; ; {
		if err != nil {
			return nil, fmt.Errorf("state: ask the running daemon: %w", err)
		}
		if err := m.fill(ctx, told, cfg.SourceKey()); err != nil {
			return nil, fmt.Errorf("state: %w", err)
		}
		if i++; i == len(cfg.Instances) {
			return m, nil
		}
		told, err = daemon.Memory(ctx, cfg.Instances[i].Name)
	}
}

// Close closes the file, and removes it where it is a copy. It may be called
// twice.
func (m *Memory) Close() error {
	var errs []error
	for _, c := range slices.Backward(m.closers) {
		errs = append(errs, c())
	}
	m.closers = nil
	return errors.Join(errs...)
}

func (m *Memory) open(path string, log *slog.Logger) error {
	store, err := state.Open(path)
	if errors.Is(err, state.ErrLocked) {
		return fmt.Errorf("%w (is a daemon running? `reconciler plan` works beside it, `apply` does not)", err)
	}
	if err != nil {
		return err
	}
	m.Store = store
	m.closers = append(m.closers, store.Close)
	if notice := store.Notice(); notice != "" {
		log.Warn("state rebuilt by observing", "reason", notice)
	}
	return nil
}

func (m *Memory) readKey() (err error) {
	if m.key, err = m.Store.Key(); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}

// fill puts what a running daemon says of an instance into the copy.
func (m *Memory) fill(ctx context.Context, memory client.Memory, source string) error {
	for _, record := range memory.Records {
		if err := m.Store.PutRecord(ctx, record); err != nil {
			return err
		}
	}
	for _, intent := range memory.Intents {
		if err := m.Store.PutIntent(ctx, intent); err != nil {
			return err
		}
	}
	for _, effort := range memory.Efforts {
		if err := m.Store.PutEffort(ctx, effort); err != nil {
			return err
		}
	}
	for _, suspension := range memory.Suspensions {
		if err := m.Store.PutSuspension(ctx, suspension); err != nil {
			return err
		}
	}
	if memory.Revision == "" {
		return nil
	}
	return m.Store.PutRevision(ctx, source, memory.Revision)
}

// fillPublished puts what a published observation holds into the copy.
func (m *Memory) fillPublished(ctx context.Context, o Options) error {
	for _, i := range o.Published.Instances {
		memory := publishedMemory(i)
		if o.Published.Source == o.Config.SourceKind() {
			memory.Revision = o.Published.Revision
		}
		if err := m.fill(ctx, memory, o.Config.SourceKey()); err != nil {
			return fmt.Errorf("state: %w", err)
		}
	}
	return nil
}
