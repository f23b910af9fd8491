package enterprise

import (
	"context"
	"errors"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	openapiutil "github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	"github.com/alibabacloud-go/tea/dara"

	"reconciler/internal/binding"
	"reconciler/internal/registry/personal"
	"reconciler/internal/registry/wire"
	"reconciler/internal/secrets"
)

// Account implements registry.AccountReader.
func (d *Driver) Account(ctx context.Context, platform binding.Platform) (*binding.Account, error) {
	const op = "registry: read binding"
	body, err := d.described(ctx, op, string(platform), wire.ListAccounts, wire.Arguments{Account: binding.Account{Platform: platform}})
	if err != nil {
		f, ok := errors.AsType[*binding.Failure](err)
		if ok && d.profile.MeansNone(wire.ListAccounts, f.Code) {
			return nil, nil
		}
		// What the profile takes for "none" means that there is no account; "does
		// not exist" may be about anything.
		if ok && f.Kind == binding.NotFound {
			f.Kind = binding.Unreadable
		}
		return nil, err
	}
	account, err := d.profile.Account(body, platform)
	if err != nil {
		return nil, d.line.Unreadable(op, string(platform), err)
	}
	return account, nil
}

// Bind implements registry.AccountWriter. What the registry has is read back,
// because the answer to a bind is not documented.
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
		return wanted, nil //nolint:nilerr // It is bound. Reads may show it later.
	}
	return *bound, nil
}

// Unbind implements registry.AccountWriter.
func (d *Driver) Unbind(ctx context.Context, account binding.Account) error {
	_, err := d.described(ctx, "registry: unbind", string(account.Platform), wire.Unbind, wire.Arguments{Account: account})
	return err
}

// described sends a call that the wire profile describes.
func (d *Driver) described(ctx context.Context, op, object string, o wire.Operation, a wire.Arguments) ([]byte, error) {
	a.InstanceID = d.id
	request, err := d.profile.Request(o, a)
	if err != nil {
		return nil, d.failure(binding.Refused, op, object, "correct the instance's wire profile", err)
	}
	return d.send(ctx, personal.Call{Op: op, Object: object, Writes: !o.Reads(), Secret: a.Token.Expose()}, request)
}

// send sends a call that the wire profile made.
func (d *Driver) send(ctx context.Context, c personal.Call, request wire.Request) ([]byte, error) {
	params := &openapiutil.Params{
		Action: &request.Action, Version: &request.Version, Protocol: new("HTTPS"), Method: &request.Method,
		Pathname: &request.Path, Style: new("RPC"), AuthType: new("AK"), ReqBodyType: new("json"), BodyType: new("none"),
	}
	if request.Style == wire.ROA {
		params.Style = new("ROA")
	}
	call := &openapiutil.OpenApiRequest{Query: map[string]*string{}}
	for name, value := range request.Query {
		call.Query[name] = new(value)
	}
	switch {
	case request.Body != nil:
		call.Body = string(request.Body)
	case request.Form != nil:
		params.ReqBodyType, call.Body = new("formData"), request.Form
	}
	c.Action = request.Action
	c.Send = func(client openapi.Client) { _, _ = client.CallApi(params, call, &dara.RuntimeOptions{}) }
	return d.line.Do(ctx, c)
}
