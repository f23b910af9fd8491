package personal

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/line"
	"reconciler/internal/registry/wire"
)

// The paths of the calls that create namespaces and image repositories.
const (
	namespacesPath   = "/namespace"
	repositoriesPath = "/repos"
)

// CreateNamespace implements registry.RepositoryMaker.
func (d *Driver) CreateNamespace(ctx context.Context, namespace string) error {
	op := message.New("op.registry.create-namespace")
	if !isName(namespace) {
		return d.line.Failure(binding.Refused, op, namespace, message.Message{}, message.NewError("registry.bad-namespace"))
	}
	body, err := json.Marshal(map[string]any{"Namespace": map[string]string{"Namespace": namespace}})
	if err != nil {
		return d.line.Failure(binding.Refused, op, namespace, message.Message{}, err)
	}
	_, err = d.line.Do(ctx, line.Call{Op: op, Object: namespace, Action: "CreateNamespace", Method: http.MethodPut, Path: namespacesPath, Body: body})
	if binding.KindOf(err) == binding.AlreadyExists {
		return nil
	}
	return err
}

// CreateRepository implements registry.RepositoryMaker. The wire profile
// describes how the call sets the source. If it does not, the source is set
// afterwards: by another call if the endpoint serves it, or else by a person.
func (d *Driver) CreateRepository(ctx context.Context, image string, as binding.Creation, link binding.Link) error {
	op := message.New("op.registry.create-repository")
	if _, err := d.repositoryCall(op, image); err != nil {
		return err
	}
	namespace, name, _ := strings.Cut(image, "/")
	fields := map[string]any{"Repo": map[string]any{
		"RepoNamespace": namespace, "RepoName": name, "Summary": as.Summary, "RepoType": strings.ToUpper(string(as.Visibility)),
	}}
	sourceless := d.line.Profile().AddSource(fields, wire.Arguments{Image: image, Link: link})
	if sourceless != nil && !errors.Is(sourceless, wire.ErrNoCall) {
		return d.line.Failure(binding.Refused, op, image, message.Message{}, sourceless)
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return d.line.Failure(binding.Refused, op, image, message.Message{}, err)
	}
	_, err = d.line.Do(ctx, line.Call{Op: op, Object: image, Action: "CreateRepo", Method: http.MethodPut, Path: repositoriesPath, Body: body})
	if err != nil || sourceless == nil || !d.can().LinkRepositories {
		return err
	}
	return d.Link(ctx, image, link)
}
