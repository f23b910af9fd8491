// Package console drives an instance that has no API: every change is a
// person's step in the console, and nothing can be asked. Its capabilities say
// so, and a plan made by them asks for nothing else.
package console

import (
	"context"
	"errors"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry"
	"reconciler/internal/secrets"
)

var _ registry.Driver = (*Driver)(nil)

// ErrNoAPI is the cause of every Failure of this driver.
var ErrNoAPI = errors.New("the driver console has no API")

// Driver implements registry.Driver. Safe for concurrent use.
type Driver struct{ instance, region string }

// New makes a driver for the instance of that name in a region.
func New(instance, region string) *Driver { return &Driver{instance, region} }

// Capabilities implements registry.AccountReader: none, each with the reason.
func (*Driver) Capabilities(context.Context) (binding.Capabilities, error) {
	reasons := map[string]message.Message{}
	for _, c := range (binding.Capabilities{}).All() {
		reasons[c.Name] = message.New("incapable.console")
	}
	return binding.Capabilities{Reasons: reasons}, nil
}

// Account implements registry.AccountReader. It is always refused, and never
// says that nothing is bound.
func (d *Driver) Account(_ context.Context, platform binding.Platform) (*binding.Account, error) {
	return nil, d.refuse("registry: read binding", string(platform), "Code Source")
}

// Repository implements registry.RepositoryReader. It is always refused.
func (d *Driver) Repository(_ context.Context, image string) (binding.RepositoryState, error) {
	return binding.RepositoryState{}, d.refuse("registry: read repository", image, "Repositories")
}

// Usage implements registry.RepositoryReader. It is always refused.
func (d *Driver) Usage(context.Context) (binding.Usage, error) {
	return binding.Usage{}, d.refuse("registry: count repositories", "repositories", "Repositories")
}

// Bind implements registry.AccountWriter. It is always refused.
func (d *Driver) Bind(_ context.Context, wanted binding.Account, _ secrets.Secret) (binding.Account, error) {
	return binding.Account{}, d.refuse("registry: bind", string(wanted.Platform), "Code Source")
}

// Unbind implements registry.AccountWriter. It is always refused.
func (d *Driver) Unbind(_ context.Context, account binding.Account) error {
	return d.refuse("registry: unbind", string(account.Platform), "Code Source")
}

// Link implements registry.RepositoryWriter. It is always refused.
func (d *Driver) Link(_ context.Context, image string, _ binding.Link) error {
	return d.refuse("registry: link", image, "Repositories")
}

// Unlink implements registry.RepositoryWriter. It is always refused.
func (d *Driver) Unlink(_ context.Context, image string) error {
	return d.refuse("registry: unlink", image, "Repositories")
}

// CreateNamespace implements registry.RepositoryMaker. It is always refused.
func (d *Driver) CreateNamespace(_ context.Context, namespace string) error {
	return d.refuse("registry: create namespace", namespace, "Namespaces")
}

// CreateRepository implements registry.RepositoryMaker. It is always refused.
func (d *Driver) CreateRepository(_ context.Context, image string, _ binding.Creation, _ binding.Link) error {
	return d.refuse("registry: create repository", image, "Repositories")
}

// AddRule implements registry.RuleWriter. It is always refused.
func (d *Driver) AddRule(_ context.Context, image string, _ binding.BuildRule) (binding.ObservedRule, error) {
	return binding.ObservedRule{}, d.refuse("registry: add build rule", image, "Repositories")
}

// ChangeRule implements registry.RuleWriter. It is always refused.
func (d *Driver) ChangeRule(_ context.Context, image string, _ binding.ObservedRule) error {
	return d.refuse("registry: change build rule", image, "Repositories")
}

// RemoveRule implements registry.RuleWriter. It is always refused.
func (d *Driver) RemoveRule(_ context.Context, image, _ string) error {
	return d.refuse("registry: remove build rule", image, "Repositories")
}

// refuse says where a person finds it.
func (d *Driver) refuse(op, object, page string) *binding.Failure {
	return &binding.Failure{
		Kind: binding.Refused, Op: op, Object: d.instance + " " + object, Err: ErrNoAPI,
		Hint: "in the console: Container Registry, region " + d.region + ", the Personal Edition instance, " + page,
	}
}
