package line

import (
	"context"
	"maps"
	"sync/atomic"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/wire"
)

const (
	// ProbeImage is a repository that is asked for and need not exist: a registry
	// that knows the call says so with a code of its own.
	ProbeImage = "reconciler-probe/reconciler-probe"
	// ProbeAgain is how long a call counts as not served before it is probed again:
	// a gateway may say so for a moment. What is served is not probed again until a
	// call says that it is not.
	ProbeAgain = time.Hour
	// RefusedAgain is the same for a read that is refused, which somebody may allow.
	RefusedAgain = 10 * time.Minute
)

// Known remembers what an instance serves. One caller at a time finds it out.
type Known struct {
	line *Line
	last atomic.Pointer[binding.Capabilities]
	// probing is held while the capabilities are being found out, and guards when
	// they were, and after how long they are again; 0 for never.
	probing chan struct{}
	probed  time.Time
	again   time.Duration
}

// Known makes a memory that holds nothing yet.
func (l *Line) Known() *Known { return &Known{line: l, probing: make(chan struct{}, 1)} }

// Last is what was found out last; nil if nothing was.
func (k *Known) Last() *binding.Capabilities { return k.last.Load() }

// Capabilities are those that are known. Where none are, they are old, or a call
// was not served since, probe finds them out, and says after how long to do so
// again (0 for never). If it fails, what is known stays.
func (k *Known) Capabilities(ctx context.Context, probe func(context.Context) (binding.Capabilities, time.Duration, error)) (binding.Capabilities, error) {
	select {
	case k.probing <- struct{}{}:
		defer func() { <-k.probing }()
	case <-ctx.Done():
		return binding.Capabilities{}, k.line.Failure(binding.Transient, message.New("op.registry.probe"), "", message.Message{}, ctx.Err())
	}
	now, known := k.line.gate.now(), k.last.Load()
	old := known != nil && k.again > 0 && now.Sub(k.probed).Abs() >= k.again
	if unserved := k.line.unserved.Swap(false); known == nil || old || unserved {
		found, again, err := probe(ctx)
		switch {
		case err == nil:
			k.last.Store(&found)
			k.probed, k.again, known = now, again, &found
		case known == nil:
			return binding.Capabilities{}, err
		}
	}
	c := *known
	c.Reasons = maps.Clone(c.Reasons)
	return c, nil
}

// Probe is a call of the wire profile that asks whether it is served and names
// nothing but an image repository that need not exist. The error is the profile's:
// with wire.ErrNotProbed the call has its Action, and must not be sent.
func (l *Line) Probe(o wire.Operation) (Call, error) {
	request, err := l.profile.Probe(o, wire.Arguments{InstanceID: l.instanceID, Image: ProbeImage})
	c := newCall(message.New("op.registry.probe"), request.Action, o, request)
	c.Probe = true
	return c, err
}
