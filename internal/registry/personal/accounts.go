package personal

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"reconciler/internal/binding"
	"reconciler/internal/secrets"
)

const accountPath = "/users/sourceAccount"

// Account implements registry.AccountReader.
func (d *Driver) Account(ctx context.Context, platform binding.Platform) (*binding.Account, error) {
	const op = "registry: read binding"
	body, err := d.do(ctx, call{
		op: op, object: string(platform), action: "GetUserSourceAccount", method: http.MethodGet,
		path: accountPath, query: map[string]string{"SourceOriginType": originType(platform)},
	})
	if err != nil {
		// An empty list means that there is no account; "does not exist" may be
		// about anything.
		if f, ok := errors.AsType[*binding.Failure](err); ok && f.Kind == binding.NotFound {
			f.Kind = binding.Unreadable
		}
		return nil, err
	}
	account, err := decodeAccount(body, platform)
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
	value := token.Expose()
	body, err := encodeAccount(wanted, value)
	if err != nil {
		return binding.Account{}, d.failure(binding.Refused, op, object, "", errors.New("the account cannot be written as JSON"))
	}
	defer clear(body)
	_, err = d.do(ctx, call{
		op: op, object: object, action: "CreateUserSourceAccount", method: http.MethodPut,
		path: accountPath, body: body, secret: value,
	})
	if err != nil {
		return binding.Account{}, err
	}
	bound, err := d.Account(ctx, wanted.Platform)
	if err != nil || bound == nil || !binding.SameAccount(*bound, wanted) {
		// It is bound. Reads may show it later, and its number with it.
		return wanted, nil
	}
	return *bound, nil
}

// Unbind implements registry.AccountWriter.
func (d *Driver) Unbind(ctx context.Context, account binding.Account) error {
	const op = "registry: unbind"
	object := string(account.Platform)
	if !isNumber(account.ID) {
		return d.failure(binding.Refused, op, object, "", fmt.Errorf("account id %q is not a number", account.ID))
	}
	_, err := d.do(ctx, call{
		op: op, object: object, action: "DeleteUserSourceAccount", method: http.MethodDelete, path: accountPath + "/" + account.ID,
	})
	return err
}

// unreadable says that an answer came that is not what the codec takes.
func (d *Driver) unreadable(op, object string, err error) *binding.Failure {
	return d.failure(binding.Unreadable, op, object, "the API's undocumented JSON may differ from what the codec assumes (see the assumptions in the documentation)", err)
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
