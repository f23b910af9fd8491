package line

import (
	"context"
	"errors"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/wire"
	"reconciler/internal/secrets"
)

// Accounts reads and changes the accounts that an instance is bound to, with the
// calls of its wire profile.
type Accounts struct{ line *Line }

// Accounts returns the Accounts of the instance.
func (l *Line) Accounts() Accounts { return Accounts{l} }

// Account implements registry.AccountReader.
func (a Accounts) Account(ctx context.Context, platform binding.Platform) (*binding.Account, error) {
	op := message.New("op.registry.read-binding")
	body, err := a.line.Described(ctx, op, string(platform), wire.ListAccounts, wire.Arguments{Account: binding.Account{Platform: platform}})
	if f, ok := errors.AsType[*binding.Failure](err); ok && f.Kind == binding.NotFound {
		// "Does not exist" may be about anything, unless the profile says that it
		// means that there is no account.
		f.Kind = binding.Unreadable
	}
	if err != nil || body == nil {
		return nil, err
	}
	account, err := a.line.profile.Account(body, platform)
	if err != nil {
		return nil, a.line.Unreadable(op, string(platform), err)
	}
	return account, nil
}

// Bind implements registry.AccountWriter. It reads the account back, because the
// answer to a bind is not documented. As long as the registry does not show the
// account, it has no ID.
func (a Accounts) Bind(ctx context.Context, wanted binding.Account, token secrets.Secret) (binding.Account, error) {
	op := message.New("op.registry.bind")
	object := string(wanted.Platform)
	switch {
	case wanted.Platform.OAuth():
		return binding.Account{}, a.line.Failure(binding.Refused, op, object, message.New("registry.by-browser"), nil)
	case token.IsZero():
		return binding.Account{}, a.line.Failure(binding.Refused, op, object, message.Message{}, message.NewError("registry.token-empty"))
	}
	if _, err := a.line.Described(ctx, op, object, wire.Bind, wire.Arguments{Account: wanted, Token: token}); err != nil {
		return binding.Account{}, err
	}
	bound, err := a.Account(ctx, wanted.Platform)
	if err != nil || bound == nil || !binding.SameAccount(*bound, wanted) {
		return wanted, nil //nolint:nilerr // It is bound. Later reads may show it with its number.
	}
	return *bound, nil
}

// Unbind implements registry.AccountWriter.
func (a Accounts) Unbind(ctx context.Context, account binding.Account) error {
	op := message.New("op.registry.unbind")
	object := string(account.Platform)
	_, err := a.line.Described(ctx, op, object, wire.Unbind, wire.Arguments{Account: account})
	return err
}

// Described makes a call of the wire profile. The body is nil if the answer is an
// error code that means "none" according to the profile.
func (l *Line) Described(ctx context.Context, op message.Message, object string, o wire.Operation, a wire.Arguments) ([]byte, error) {
	a.InstanceID = l.instanceID
	request, err := l.profile.Request(o, a)
	if err != nil {
		return nil, l.Failure(binding.Refused, op, object, message.New("registry.correct-profile"), err)
	}
	defer clear(request.Body)
	c := newCall(op, object, o, request)
	c.Secret = a.Token.Expose()
	body, err := l.Do(ctx, c)
	if f, ok := errors.AsType[*binding.Failure](err); ok && l.profile.IsNotFoundCode(o, f.Code) {
		return nil, nil
	}
	return body, err
}

// newCall makes a call of a request of a wire profile.
func newCall(op message.Message, object string, o wire.Operation, r wire.Request) Call {
	return Call{
		Op: op, Object: object, Action: r.Action, Version: r.Version, RPC: r.Style == wire.RPC, Method: r.Method, Path: r.Path,
		Query: r.Query, Form: r.Form, Body: r.Body, Reads: o.Reads(),
	}
}
