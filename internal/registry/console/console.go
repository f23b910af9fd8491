// Package console drives an instance that has no API: every change is a
// person's step in the console, and nothing can be asked. Its capabilities say
// so, and a plan made by them asks for nothing else.
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

// Driver implements registry.Driver. Safe for concurrent use.
type Driver struct{ instance, region string }

// New makes a driver for the instance of that name in a region.
func New(instance, region string) *Driver { return &Driver{instance, region} }

// Capabilities implements registry.AccountReader: none, each with the reason.
func (*Driver) Capabilities(context.Context) (binding.Capabilities, error) { return incapable(), nil }

// incapable says for each capability why it is off. All instances share it.
var incapable = sync.OnceValue(func() binding.Capabilities {
	reasons := map[string]message.Message{}
	for _, c := range (binding.Capabilities{}).All() {
		reasons[c.Name] = message.New("incapable.console")
	}
	return binding.Capabilities{Reasons: reasons}
})

// Account implements registry.AccountReader. It is always refused, and never
// says that nothing is bound.
func (d *Driver) Account(_ context.Context, platform binding.Platform) (*binding.Account, error) {
	return nil, d.refuse(message.New("op.registry.read-binding"), string(platform), "code-source")
}

// Repository implements registry.RepositoryReader. It is always refused.
func (d *Driver) Repository(_ context.Context, image string) (binding.RepositoryState, error) {
	return binding.RepositoryState{}, d.refuse(message.New("op.registry.read-repository"), image, "repositories")
}

// Usage implements registry.RepositoryReader. It is always refused.
func (d *Driver) Usage(context.Context) (binding.Usage, error) {
	return binding.Usage{}, d.refuse(message.New("op.registry.count-repositories"), "repositories", "repositories")
}

// Bind implements registry.AccountWriter. It is always refused.
func (d *Driver) Bind(_ context.Context, wanted binding.Account, _ secrets.Secret) (binding.Account, error) {
	return binding.Account{}, d.refuse(message.New("op.registry.bind"), string(wanted.Platform), "code-source")
}

// Unbind implements registry.AccountWriter. It is always refused.
func (d *Driver) Unbind(_ context.Context, account binding.Account) error {
	return d.refuse(message.New("op.registry.unbind"), string(account.Platform), "code-source")
}

// Link implements registry.RepositoryWriter. It is always refused.
func (d *Driver) Link(_ context.Context, image string, _ binding.Link) error {
	return d.refuse(message.New("op.registry.link"), image, "repositories")
}

// Unlink implements registry.RepositoryWriter. It is always refused.
func (d *Driver) Unlink(_ context.Context, image string) error {
	return d.refuse(message.New("op.registry.unlink"), image, "repositories")
}

// CreateNamespace implements registry.RepositoryMaker. It is always refused.
func (d *Driver) CreateNamespace(_ context.Context, namespace string) error {
	return d.refuse(message.New("op.registry.create-namespace"), namespace, "namespaces")
}

// CreateRepository implements registry.RepositoryMaker. It is always refused.
func (d *Driver) CreateRepository(_ context.Context, image string, _ binding.Creation, _ binding.Link) error {
	return d.refuse(message.New("op.registry.create-repository"), image, "repositories")
}

// AddRule implements registry.RuleWriter. It is always refused.
func (d *Driver) AddRule(_ context.Context, image string, _ binding.BuildRule) (binding.ObservedRule, error) {
	return binding.ObservedRule{}, d.refuse(message.New("op.registry.add-rule"), image, "repositories")
}

// ChangeRule implements registry.RuleWriter. It is always refused.
func (d *Driver) ChangeRule(_ context.Context, image string, _ binding.ObservedRule) error {
	return d.refuse(message.New("op.registry.change-rule"), image, "repositories")
}

// RemoveRule implements registry.RuleWriter. It is always refused.
func (d *Driver) RemoveRule(_ context.Context, image, _ string) error {
	return d.refuse(message.New("op.registry.remove-rule"), image, "repositories")
}

// refuse says where a person finds it.
func (d *Driver) refuse(op message.Message, object, page string) *binding.Failure {
	return &binding.Failure{
		Kind: binding.Refused, Op: op, Object: d.instance + " " + object, Err: ErrNoAPI,
		Hint: message.New("registry.console-at", "region", d.region, "page", message.New("registry.console."+page)),
	}
}
