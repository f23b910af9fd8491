// Package personal is the driver for an instance of the Personal Edition, with
// the API cr 2016-06-07. Documented calls are Go code in codec.go; the instance's
// wire profile describes the others.
package personal

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry"
	"reconciler/internal/registry/line"
	"reconciler/internal/registry/wire"
)

var _ registry.Driver = (*Driver)(nil)

// Driver implements registry.Driver. It is safe for concurrent use.
type Driver struct {
	line.Accounts
	line  *line.Line
	known *line.Known
}

// New makes a driver. It sends no request. Errors say which option is wrong.
func New(o line.Options) (*Driver, error) {
	l, err := line.New(o)
	if err != nil {
		return nil, err
	}
	return &Driver{Accounts: l.Accounts(), line: l, known: l.Known()}, nil
}

// Ask sends a read that no driver uses, as line.Line.Ask does.
func (d *Driver) Ask(ctx context.Context, r wire.Request) (status int, body []byte, err error) {
	return d.line.Ask(ctx, r)
}

// Projects reads the paths of the source repositories that are visible to a bound
// account.
func (d *Driver) Projects(ctx context.Context, account binding.Account) ([]string, error) {
	op := message.New("op.registry.read-sources")
	object := string(account.Platform)
	body, err := d.line.Described(ctx, op, object, wire.ListProjects, wire.Arguments{Account: account})
	if err != nil || body == nil {
		return nil, err
	}
	projects, err := d.line.Profile().Projects(body)
	if err != nil {
		return nil, d.line.Unreadable(op, object, err)
	}
	return projects, nil
}
