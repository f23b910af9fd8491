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
	// ProbeImage is an image repository to ask for, which does not have to exist:
	// a registry that serves the call answers with a specific error code.
	ProbeImage = "reconciler-probe/reconciler-probe"
	// ProbeAgain is how long a call counts as not served before it is probed again,
	// because a gateway may fail for a moment. A served call is not probed again
	// until it fails as not served.
	ProbeAgain = time.Hour
	// RefusedAgain is the same for a refused read, which somebody may allow.
	RefusedAgain = 10 * time.Minute
)

// Known remembers what an instance serves. Only one caller at a time probes it.
type Known struct {
	line *Line
	last atomic.Pointer[binding.Capabilities]
	// probeLock is held while the capabilities are probed. It guards when that was,
	// and after how long to probe again; 0 means never.
	probeLock chan struct{}
	probed    time.Time
	again     time.Duration
}

// Known makes an empty memory.
func (l *Line) Known() *Known { return &Known{line: l, probeLock: make(chan struct{}, 1)} }

// Last returns the last known capabilities; nil if there are none.
func (k *Known) Last() *binding.Capabilities { return k.last.Load() }

// Capabilities returns the known capabilities. If there are none, if they are
// old, or if a call was not served since, it calls probe, which also returns
// after how long to probe again (0 means never). If probe fails, the known ones
// stay.
func (k *Known) Capabilities(ctx context.Context, probe func(context.Context) (binding.Capabilities, time.Duration, error)) (binding.Capabilities, error) {
	select {
	case k.probeLock <- struct{}{}:
		defer func() { <-k.probeLock }()
	case <-ctx.Done():
		return binding.Capabilities{}, k.line.Failure(binding.Transient, message.New("op.registry.probe"), "", message.Message{}, ctx.Err())
	}
	now, known := k.line.callLimiter.now(), k.last.Load()
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

// Probe makes a call that finds out whether an operation of the wire profile is
// served. It names nothing except an image repository that does not have to exist.
// The error is the profile's. With wire.ErrNotProbed, the call has only its Action
// and must not be sent.
func (l *Line) Probe(o wire.Operation) (Call, error) {
	request, err := l.profile.Probe(o, wire.Arguments{InstanceID: l.instanceID, Image: ProbeImage})
	c := newCall(message.New("op.registry.probe"), request.Action, o, request)
	c.Probe = true
	return c, err
}
