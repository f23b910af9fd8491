package reconcile_test

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/secrets"
)

// slowHost answers about tokens only after it is released.
type slowHost struct {
	host
	release <-chan struct{}
}

func (h slowHost) CheckToken(ctx context.Context, a binding.Account, s []string, token secrets.Secret) binding.TokenReport {
	<-h.release
	return h.host.CheckToken(ctx, a, s, token)
}
