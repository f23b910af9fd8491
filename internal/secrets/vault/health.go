package vault

import (
	"context"
	"net/http"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// Health checks, without signing in, whether the server answers and is
// unsealed. The error is a *binding.Failure, with CodeSealed if the server is
// sealed or not initialized. A standby is healthy.
func (c *Client) Health(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	// Only the root namespace serves this request.
	base := c.sessions.base.WithNamespace("")
	asked := call{op: message.New("op.vault.look-at"), object: base.Address()}
	state, err := base.Sys().HealthWithContext(ctx)
	switch {
	case err != nil:
		return asked.failed(err)
	case state == nil:
		return asked.unreadable(message.NewError("vault.empty"))
	case !state.Initialized:
		return asked.failure(binding.Transient, CodeSealed, message.New("vault.uninitialized"))
	case state.Sealed:
		return asked.failure(binding.Transient, CodeSealed, message.New("vault.sealed"))
	}
	return nil
}

// Login logs in and asks Vault for the token's own state. The error is a
// *binding.Failure. Unlike Check, it also detects a given token that Vault no
// longer knows. A token whose policies do not allow looking itself up passes:
// the reads show what it may do.
func (c *Client) Login(ctx context.Context) error {
	s, err := c.sessions.get(ctx)
	if err != nil {
		return err
	}
	asked := call{op: message.New("op.vault.look-up"), path: "auth/token/lookup-self"}
	r, failure := c.send(ctx, s, asked, nil)
	switch {
	case failure != nil:
		return failure
	case r.status == http.StatusOK, r.status == http.StatusForbidden && !r.tokenUnknown() && !r.proxied():
		return nil
	}
	return asked.refused(r)
}
