package enterprise

import (
	"context"
	"strings"

	cr "github.com/alibabacloud-go/cr-20181201/v2/client"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/line"
)

// CreateNamespace implements registry.RepositoryMaker. A push does not create
// undeclared repositories, and those that a person creates are private.
func (d *Driver) CreateNamespace(ctx context.Context, namespace string) error {
	request := &cr.CreateNamespaceRequest{
		InstanceId: &d.id, NamespaceName: &namespace, AutoCreateRepo: new(false), DefaultRepoType: new("PRIVATE"),
	}
	err := d.write(ctx, line.Call{Op: message.New("op.registry.create-namespace"), Object: namespace, Action: "CreateNamespace"},
		func(c *cr.Client) { _, _ = c.CreateNamespace(request) })
	if binding.KindOf(err) == binding.AlreadyExists {
		return nil
	}
	return err
}

// CreateRepository implements registry.RepositoryMaker. The call has no parameter
// for the source, which the next call sets. If that fails, the repository stays,
// and a later plan links it.
func (d *Driver) CreateRepository(ctx context.Context, image string, as binding.Creation, link binding.Link) error {
	op := message.New("op.registry.create-repository")
	namespace, name, found := strings.Cut(image, "/")
	if !found || namespace == "" || name == "" {
		return d.line.Failure(binding.Refused, op, image, message.Message{}, message.NewError("registry.want-name"))
	}
	request := &cr.CreateRepositoryRequest{
		InstanceId: &d.id, RepoNamespaceName: &namespace, RepoName: &name,
		RepoType: new(strings.ToUpper(string(as.Visibility))), Summary: &as.Summary,
	}
	err := d.write(ctx, line.Call{Op: op, Object: image, Action: "CreateRepository"},
		func(c *cr.Client) { _, _ = c.CreateRepository(request) })
	if err != nil {
		return err
	}
	return d.Link(ctx, image, link)
}
