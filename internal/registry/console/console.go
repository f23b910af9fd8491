// Package console is the driver for an instance without an API: every change is
// a step for a person in the console, and nothing can be read. Its capabilities
// say so, so that plans contain only such steps.
package console

import (
	"context"
	"sync"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry"
	"reconciler/internal/secrets"
)

var _ registry.Driver = (*Driver)(nil)

// ErrNoAPI is the cause of every Failure of this driver.
var ErrNoAPI = message.NewError("registry.no-api")

// Driver implements registry.Driver. It is safe for concurrent use.
type Driver struct{ instance, region string }

// New makes a driver for an instance in a region.
func New(instance, region string) *Driver { return &Driver{instance, region} }

// Capabilities implements registry.AccountReader. All are off, each with the
// reason.
func (*Driver) Capabilities(context.Context) (binding.Capabilities, error) { return incapable(), nil }

// incapable has the reason for each capability. All instances share it.
var incapable = sync.OnceValue(func() binding.Capabilities {
	reasons := map[string]message.Message{}
	for _, c := range (binding.Capabilities{}).All() {
		reasons[c.Name] = message.New("incapable.console")
	}
	return binding.Capabilities{Reasons: reasons}
})

// Account implements registry.AccountReader. It always fails, and never reports
// that nothing is bound.
func (d *Driver) Account(_ context.Context, platform binding.Platform) (*binding.Account, error) {
	return nil, d.refuse(message.New("op.registry.read-binding"), string(platform), "code-source")
}

// Repository implements registry.RepositoryReader. It always fails.
func (d *Driver) Repository(_ context.Context, image string) (binding.RepositoryState, error) {
	return binding.RepositoryState{}, d.refuse(message.New("op.registry.read-repository"), image, "repositories")
}

// Usage implements registry.RepositoryReader. It always fails.
func (d *Driver) Usage(context.Context) (binding.Usage, error) {
	return binding.Usage{}, d.refuse(message.New("op.registry.count-repositories"), "repositories", "repositories")
}

// Bind implements registry.AccountWriter. It always fails.
func (d *Driver) Bind(_ context.Context, wanted binding.Account, _ secrets.Secret) (binding.Account, error) {
	return binding.Account{}, d.refuse(message.New("op.registry.bind"), string(wanted.Platform), "code-source")
}

// Unbind implements registry.AccountWriter. It always fails.
func (d *Driver) Unbind(_ context.Context, account binding.Account) error {
	return d.refuse(message.New("op.registry.unbind"), string(account.Platform), "code-source")
}

// Link implements registry.RepositoryWriter. It always fails.
func (d *Driver) Link(_ context.Context, image string, _ binding.Link) error {
	return d.refuse(message.New("op.registry.link"), image, "repositories")
}

// Unlink implements registry.RepositoryWriter. It always fails.
func (d *Driver) Unlink(_ context.Context, image string) error {
	return d.refuse(message.New("op.registry.unlink"), image, "repositories")
}

// CreateNamespace implements registry.RepositoryMaker. It always fails.
func (d *Driver) CreateNamespace(_ context.Context, namespace string) error {
	return d.refuse(message.New("op.registry.create-namespace"), namespace, "namespaces")
}

// CreateRepository implements registry.RepositoryMaker. It always fails.
func (d *Driver) CreateRepository(_ context.Context, image string, _ binding.Creation, _ binding.Link) error {
	return d.refuse(message.New("op.registry.create-repository"), image, "repositories")
}

// AddRule implements registry.RuleWriter. It always fails.
func (d *Driver) AddRule(_ context.Context, image string, _ binding.BuildRule) (binding.ObservedRule, error) {
	return binding.ObservedRule{}, d.refuse(message.New("op.registry.add-rule"), image, "repositories")
}

// ChangeRule implements registry.RuleWriter. It always fails.
func (d *Driver) ChangeRule(_ context.Context, image string, _ binding.ObservedRule) error {
	return d.refuse(message.New("op.registry.change-rule"), image, "repositories")
}

// RemoveRule implements registry.RuleWriter. It always fails.
func (d *Driver) RemoveRule(_ context.Context, image, _ string) error {
	return d.refuse(message.New("op.registry.remove-rule"), image, "repositories")
}

// refuse makes the failure of a call, with the console page that a person uses
// instead.
func (d *Driver) refuse(op message.Message, object, page string) *binding.Failure {
	return &binding.Failure{
		Kind: binding.Refused, Op: op, Object: d.instance + " " + object, Err: ErrNoAPI,
		Hint: message.New("registry.console-at", "region", d.region, "page", message.New("registry.console."+page)),
	}
}
