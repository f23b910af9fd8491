package reconcile

import (
	"context"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
)

// SuspensionStore keeps what people suspend.
type SuspensionStore interface {
	Suspensions(ctx context.Context, instance string) ([]binding.Suspension, error)
	DeleteSuspension(ctx context.Context, suspension binding.Suspension) error
}

// SecretTargetStore says where each secret was sent last, on all instances.
type SecretTargetStore interface {
	SecretTargets(ctx context.Context) (binding.SecretTargets, error)
}

// Store is the daemon's memory. A write is durable when its method returns.
type Store interface {
	apply.Store
	SuspensionStore
	SecretTargetStore
}
