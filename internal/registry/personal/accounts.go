package personal

import (
	"context"
	"errors"

	"reconciler/internal/binding"
	"reconciler/internal/registry/wire"
	"reconciler/internal/secrets"
)

// Account implements registry.AccountReader.
func (d *Driver) Account(ctx context.Context, platform binding.Platform) (*binding.Account, error) {
	const op = "registry: read binding"
	body, err := d.described(ctx, op, string(platform), wire.ListAccounts, wire.Arguments{Account: binding.Account{Platform: platform}})
	if f, ok := errors.AsType[*binding.Failure](err); ok && f.Kind == binding.NotFound {
		// "Does not exist" may be about anything, if the profile does not say that
		// it means that there is no account.
		f.Kind = binding.Unreadable
	}
	if err != nil || body == nil {
		return nil, err
	}
	account, err := d.profile.Account(body, platform)
	if err != nil {
		return nil, d.unreadable(op, string(platform), err)
	}
	return account, nil
}

// Bind implements registry.AccountWriter. What the registry has is read back,
// for the answer to a bind is not documented. While it does not show the account,
// that has no ID.
func (d *Driver) Bind(ctx context.Context, wanted binding.Account, token secrets.Secret) (binding.Account, error) {
	const op = "registry: bind"
	object := string(wanted.Platform)
	switch {
	case wanted.Platform.OAuth():
		return binding.Account{}, d.failure(binding.Refused, op, object, "a person binds it in the console, by OAuth in a browser", nil)
	case token.IsZero():
		return binding.Account{}, d.failure(binding.Refused, op, object, "", errors.New("the token is empty"))
	}
	if _, err := d.described(ctx, op, object, wire.Bind, wire.Arguments{Account: wanted, Token: token}); err != nil {
		return binding.Account{}, err
	}
	bound, err := d.Account(ctx, wanted.Platform)
	if err != nil || bound == nil || !binding.SameAccount(*bound, wanted) {
		return wanted, nil //nolint:nilerr // It is bound. Reads may show it later, and its number with it.
	}
	return *bound, nil
}

// Unbind implements registry.AccountWriter.
func (d *Driver) Unbind(ctx context.Context, account binding.Account) error {
	const op = "registry: unbind"
	object := string(account.Platform)
	_, err := d.described(ctx, op, object, wire.Unbind, wire.Arguments{Account: account})
	return err
}

// described makes a call of the wire profile. The body is nil where the answer is
// a code that the profile says means "none".
func (d *Driver) described(ctx context.Context, op, object string, o wire.Operation, a wire.Arguments) ([]byte, error) {
	request, err := d.profile.Request(o, d.arguments(a))
	if err != nil {
		return nil, d.failure(binding.Refused, op, object, "", err)
	}
	defer clear(request.Body)
	c := newCall(op, object, o, request)
	c.secret = a.Token.Expose()
	body, err := d.do(ctx, c)
	if f, ok := errors.AsType[*binding.Failure](err); ok && d.profile.MeansNone(o, f.Code) {
		return nil, nil
	}
	return body, err
}

// arguments completes what a call of the wire profile may name.
func (d *Driver) arguments(a wire.Arguments) wire.Arguments {
	a.InstanceID = d.instanceID
	return a
}

// newCall is a request of the wire profile as a call.
func newCall(op, object string, o wire.Operation, r wire.Request) call {
	return call{
		op: op, object: object, action: r.Action, version: r.Version, rpc: r.Style == wire.RPC, method: r.Method, path: r.Path,
		query: r.Query, form: r.Form, body: r.Body, reads: o.Reads(),
	}
}

// unreadable says that an answer came that cannot be read.
func (d *Driver) unreadable(op, object string, err error) *binding.Failure {
	return d.failure(binding.Unreadable, op, object, "the API's undocumented JSON may differ from the wire profile: `reconciler registry record` shows what the registry answers, and wireProfile names a corrected profile", err)
}

// isNumber reports whether an identifier can be part of a path.
func isNumber(id string) bool {
	for _, r := range id {
		if r < '0' || r > '9' {
			return false
		}
	}
	return id != "" && len(id) < 20
}
