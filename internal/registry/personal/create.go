package personal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/registry"
	"reconciler/internal/registry/wire"
)

// The paths of the calls that make namespaces and image repositories.
const (
	namespacesPath   = "/namespace"
	repositoriesPath = "/repos"
)

// CreateNamespace implements registry.RepositoryMaker.
func (d *Driver) CreateNamespace(ctx context.Context, namespace string) error {
	const op = "registry: create namespace"
	if !isName(namespace) {
		return d.failure(binding.Refused, op, namespace, "", errors.New("it is no name of a namespace"))
	}
	body, err := json.Marshal(map[string]any{"Namespace": map[string]string{"Namespace": namespace}})
	if err != nil {
		return d.failure(binding.Refused, op, namespace, "", err)
	}
	_, err = d.do(ctx, call{op: op, object: namespace, action: "CreateNamespace", method: http.MethodPut, path: namespacesPath, body: body})
	if err = Existing(err); errors.Is(err, registry.ErrExists) {
		return nil
	}
	return err
}

// CreateRepository implements registry.RepositoryMaker. The wire profile says how
// the call carries the source. If it does not, the source is set afterwards where
// the endpoint serves that, and by a person elsewhere.
func (d *Driver) CreateRepository(ctx context.Context, image string, as binding.Creation, link binding.Link) error {
	const op = "registry: create repository"
	if _, err := d.repositoryCall(op, image); err != nil {
		return err
	}
	namespace, name, _ := strings.Cut(image, "/")
	fields := map[string]any{"Repo": map[string]any{
		"RepoNamespace": namespace, "RepoName": name, "Summary": as.Summary, "RepoType": strings.ToUpper(string(as.Visibility)),
	}}
	sourceless := d.profile.AddSource(fields, wire.Arguments{Image: image, Link: link})
	if sourceless != nil && !errors.Is(sourceless, wire.ErrNoCall) {
		return d.failure(binding.Refused, op, image, "", sourceless)
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return d.failure(binding.Refused, op, image, "", err)
	}
	_, err = d.do(ctx, call{op: op, object: image, action: "CreateRepo", method: http.MethodPut, path: repositoriesPath, body: body})
	if err != nil || sourceless == nil || !d.can().LinkRepositories {
		return Existing(err)
	}
	return d.Link(ctx, image, link)
}

// Existing makes an error wrap registry.ErrExists if it says so.
func Existing(err error) error {
	f, ok := errors.AsType[*binding.Failure](err)
	if !ok || f.Kind != binding.Refused || !strings.HasSuffix(f.Code, "_EXIST") && !strings.HasSuffix(f.Code, "_EXISTS") {
		return err
	}
	f.Err, f.Hint = fmt.Errorf("%w: %w", registry.ErrExists, f.Err), "the next plan compares it with the declaration"
	f.Fault = binding.FaultRequest
	return err
}
