package engine

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"reconciler/internal/client"
	"reconciler/internal/config"
	"reconciler/internal/message"
	"reconciler/internal/state"
)

// Memory is the state file that engines use, or a temporary copy if they only
// read.
type Memory struct {
	Store *state.Store
	// key is the key for fingerprints of tokens; nil if another process made
	// those in the records and keeps its key.
	key     []byte
	closers []func() error
}

// OpenMemory opens the state file at path for writing.
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

// openMemory opens the memory that the options ask for.
func openMemory(ctx context.Context, o Options) (*Memory, error) {
	if !o.ReadOnly {
		return OpenMemory(o.Config.State.Path, o.Log)
	}
	return ReadMemory(ctx, o)
}

// ReadMemory makes a copy of the memory, for a plan that writes nothing: from
// the state file, which need not exist; from the daemon that locks the file; or
// from a published observation.
func ReadMemory(ctx context.Context, o Options) (*Memory, error) {
	o.FillDefaults()
	if o.Published != nil {
		m := &Memory{Store: state.NewMemory()}
		return m, m.fillPublished(ctx, o)
	}
	m, err := askMemory(ctx, o.Config)
	if !errors.Is(err, client.ErrNoDaemon) {
		return m, err
	}
	m = &Memory{}
	if m.Store, err = state.Load(o.Config.State.Path); err != nil {
		return nil, err
	}
	m.report(o.Log)
	return m, m.readKey()
}

// askMemory asks the running daemon what it remembers of each instance.
func askMemory(ctx context.Context, cfg config.Config) (*Memory, error) {
	m, daemon := &Memory{Store: state.NewMemory()}, client.New(cfg.Server.Socket)
	for _, instance := range cfg.Instances {
		memory, err := daemon.Memory(ctx, instance.Name)
		if err != nil {
			return nil, message.NewError("engine.ask-daemon", "why", err)
		}
		if err := m.fill(ctx, memory, cfg.SourceKey()); err != nil {
			return nil, message.Within("state", err)
		}
	}
	return m, nil
}

// Close closes the file, and removes it if it is a copy. It may be called
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
		return message.NewError("engine.locked", "why", err)
	}
	if err != nil {
		return err
	}
	m.Store = store
	m.closers = append(m.closers, store.Close)
	m.report(log)
	return nil
}

// report logs what was wrong with the state.
func (m *Memory) report(log *slog.Logger) {
	if notice := m.Store.Notice(); !notice.IsZero() {
		log.Warn("state file rebuilt from the journal", "reason", message.English(notice))
	}
	if m.Store.Torn() {
		log.Warn("the journal's last entry was not written in full before a crash; it never counted and was cut off")
	}
}

func (m *Memory) readKey() (err error) {
	if m.key, err = m.Store.Key(); err != nil {
		return message.Within("state", err)
	}
	return nil
}

// fill adds what a running daemon remembers of an instance.
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
	for _, state := range memory.RetryStates {
		if err := m.Store.PutRetryState(ctx, state); err != nil {
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
	return m.trust(ctx, source, memory.Revision, memory.Since)
}

// trust remembers the revision of a source that the next one has to descend from,
// and the value of source.git.verify.since at that time.
func (m *Memory) trust(ctx context.Context, source, revision, since string) error {
	if err := m.Store.PutRevision(ctx, source, revision); err != nil {
		return err
	}
	return m.Store.PutRevision(ctx, sinceOf(source), since)
}

// sinceUsed is the since that trust remembered; empty if there was none.
func (m *Memory) sinceUsed(ctx context.Context, source string) (string, error) {
	since, err := m.Store.Revision(ctx, sinceOf(source))
	if err != nil {
		return "", message.Within("state", err)
	}
	return since, nil
}

// sinceOf is the key under which the since of a source is kept.
func sinceOf(source string) string { return source + " since" }

// fillPublished adds what a published observation holds.
func (m *Memory) fillPublished(ctx context.Context, o Options) error {
	for _, i := range o.Published.Instances {
		memory := publishedMemory(i)
		if o.Published.Source == o.Config.SourceKind() {
			memory.Revision = o.Published.Revision
		}
		if err := m.fill(ctx, memory, o.Config.SourceKey()); err != nil {
			return message.Within("state", err)
		}
	}
	return nil
}
