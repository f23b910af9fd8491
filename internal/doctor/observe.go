package doctor

import (
	"context"
	"slices"
	"sync"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/engine"
	"reconciler/internal/observe"
	"reconciler/internal/registry"
	"reconciler/internal/secrets"
)

// observed is the observation that a sync of an instance would make, with the
// errors behind its unknown answers.
type observed struct {
	binding.Observation
	calls *recorder
}

// observe observes an instance as a sync does, for the chosen declarations.
func (d *doctor) observe(ctx context.Context, c config.Instance) observed {
	r := &recorder{tokens: d.clients.Tokens, refuse: d.appliedErr, metadata: map[secrets.Ref]error{}, values: map[secrets.Ref]error{}, images: map[string]error{}}
	if d.o.Engine.Config.Policy.AllowAddressChangeWithSecret {
		r.refuse = nil
	}
	driver, err := engine.NewDriver(c, d.redactor, nil)
	if r.Reader = driver; err != nil {
		r.Reader = noDriver{err}
	}
	o := d.clients.ObserverOptions(c.Name, r, nil)
	o.Tokens, o.CallTimeout, o.Parallel = r, d.o.Timeout, d.o.Parallel
	declared := slices.DeleteFunc(slices.Clone(d.declared), func(b binding.Declaration) bool { return b.Spec.Instance != c.Name })
	return observed{
		Observation: observe.New(o).ObserveEach(ctx, [][]binding.Declaration{declared}, []binding.SecretTargets{d.targets}, d.applied[c.Name], binding.DepthPreflight)[0],
		calls:       r,
	}
}

// recorder keeps the errors of an observer's requests. An observation has only
// their messages.
type recorder struct {
	registry.Reader
	tokens observe.TokenReader
	// refuse, if not nil, is the error to return instead of a token.
	refuse error

	mu           sync.Mutex
	capabilities error
	images       map[string]error
	// metadata and values have an entry for each request that was made.
	metadata, values map[secrets.Ref]error
}

func (r *recorder) Capabilities(ctx context.Context) (binding.Capabilities, error) {
	can, err := r.Reader.Capabilities(ctx)
	r.note(func() { r.capabilities = err })
	return can, err
}

func (r *recorder) Repository(ctx context.Context, image string) (binding.RepositoryState, error) {
	state, err := r.Reader.Repository(ctx, image)
	r.note(func() { r.images[image] = err })
	return state, err
}

func (r *recorder) Metadata(ctx context.Context, ref secrets.Ref) (secrets.Metadata, error) {
	meta, err := r.tokens.Metadata(ctx, ref)
	r.note(func() { r.metadata[ref] = err })
	return meta, err
}

func (r *recorder) Read(ctx context.Context, ref secrets.Ref) (secrets.Secret, secrets.Metadata, error) {
	if r.refuse != nil {
		return secrets.Secret{}, secrets.Metadata{}, r.refuse
	}
	token, meta, err := r.tokens.Read(ctx, ref)
	r.note(func() { r.values[ref] = err })
	return token, meta, err
}

func (r *recorder) note(write func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	write()
}

// noDriver replaces a driver that could not be made.
type noDriver struct{ err error }

func (n noDriver) Capabilities(context.Context) (binding.Capabilities, error) {
	return binding.Capabilities{}, n.err
}

func (n noDriver) Account(context.Context, binding.Platform) (*binding.Account, error) {
	return nil, n.err
}

func (n noDriver) Repository(context.Context, string) (binding.RepositoryState, error) {
	return binding.RepositoryState{}, n.err
}

func (n noDriver) Usage(context.Context) (binding.Usage, error) { return binding.Usage{}, n.err }
