package engine

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/observe"
	"reconciler/internal/registry"
)

// importTimeout limits each request of an import, including the wait for the
// rate limiter.
const importTimeout = 2 * time.Minute

// Found is what an instance has now, whether it is declared or not.
type Found struct {
	// Observation has an answer for every platform and for every image
	// repository of the list.
	binding.Observation
	// Unlisted says why the image repositories could not be listed.
	// Repositories is empty then, which does not mean that there are none.
	Unlisted *binding.Unknown
}

// repositoryLister lists the image repositories of an instance. The driver
// personal implements it; console has no API.
type repositoryLister interface {
	Repositories(ctx context.Context) ([]string, error)
}

// Import reads everything that an instance has: the binding of every platform,
// and every image repository's source and build rules. It writes nothing, reads
// no secret and asks no code host. progress, if not nil, receives how many
// requests were answered; several goroutines call it.
func (e *Engine) Import(ctx context.Context, name string, progress func(done, of int)) (Found, error) {
	c := &e.o.Config
	at := slices.Index(c.InstanceNames(), name)
	if at < 0 {
		return Found{}, manifest.NoInstance(name, c.InstanceNames())
	}
	cfg := c.Instances[at]
	driver, err := NewDriver(cfg, e.o.Redactor, nil)
	if err != nil {
		return Found{}, err
	}
	var found Found
	var images []string
	if lister, ok := driver.(repositoryLister); !ok {
		found.Unlisted = &binding.Unknown{Reason: "NotCapable", Message: message.New("unknown.no-list")}
	} else if images, err = lister.Repositories(ctx); err != nil {
		found.Unlisted = unlisted(err)
	}
	reader := &countingReader{Reader: driver, of: len(images) + len(cfg.KnownEdition().Platforms()), progress: progress}
	observer := observe.New(observe.Options{
		Instance: cfg.Name, Registry: reader, Tokens: noVault{}, Now: e.o.Now,
		CallTimeout: importTimeout,
	})
	found.Observation = observer.Observe(ctx, declareAll(cfg, images), nil, binding.DepthLive)
	if err := ctx.Err(); err != nil {
		return Found{}, message.NewError("engine.import.of", "instance", name, "why", err)
	}
	return found, nil
}

// declareAll returns declarations that make an observer read every platform and
// image repository.
func declareAll(cfg config.Instance, images []string) []binding.Declaration {
	var declared []binding.Declaration
	for _, p := range cfg.KnownEdition().Platforms() {
		declared = append(declared, binding.Declaration{
			Name: string(p), Spec: binding.Spec{Instance: cfg.Name, Platform: p},
		})
	}
	for _, image := range images {
		spec := &declared[0].Spec
		spec.Repositories = append(spec.Repositories, binding.Repository{Image: image})
	}
	return declared
}

func unlisted(err error) *binding.Unknown {
	u := &binding.Unknown{Reason: string(binding.KindOf(err)), Message: message.FromError(err)}
	if errors.Is(err, context.DeadlineExceeded) {
		u.Reason = "Timeout"
	}
	return u
}

// countingReader counts the requests that were answered.
type countingReader struct {
	registry.Reader
	of       int
	progress func(done, of int)
	done     atomic.Int64
}

func (r *countingReader) Account(ctx context.Context, platform binding.Platform) (*binding.Account, error) {
	defer r.count()
	return r.Reader.Account(ctx, platform)
}

func (r *countingReader) Repository(ctx context.Context, image string) (binding.RepositoryState, error) {
	defer r.count()
	return r.Reader.Repository(ctx, image)
}

func (r *countingReader) count() {
	if done := r.done.Add(1); r.progress != nil {
		r.progress(int(done), r.of)
	}
}
