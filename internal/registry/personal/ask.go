package personal

import (
	"context"
	"errors"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/registry/wire"
)

// Ask sends one read that no driver makes, of any version of the API, and gives
// what came: the body of an answer also where it is an error.
func (d *Driver) Ask(ctx context.Context, r wire.Request) (status int, body []byte, err error) {
	const op = "registry: record"
	if !strings.HasPrefix(r.Action, "Get") && !strings.HasPrefix(r.Action, "List") && !strings.HasPrefix(r.Action, "Check") {
		return 0, nil, d.failure(binding.Refused, op, r.Action, "", errors.New("this call may change something"))
	}
	c := newCall(op, r.Action, wire.ListAccounts, r)
	c.probe = true
	x, f := d.exchange(ctx, c)
	if f != nil {
		err = f
	}
	return x.status, x.body, err
}

// Projects reads the paths of the source repositories that a bound account sees.
func (d *Driver) Projects(ctx context.Context, account binding.Account) ([]string, error) {
	const op = "registry: read source repositories"
	object := string(account.Platform)
	body, err := d.described(ctx, op, object, wire.ListProjects, wire.Arguments{Account: account})
	if err != nil || body == nil {
		return nil, err
	}
	projects, err := d.profile.Projects(body)
	if err != nil {
		return nil, d.unreadable(op, object, err)
	}
	return projects, nil
}
