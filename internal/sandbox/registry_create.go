package sandbox

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Quota bounds how many namespaces and image repositories an instance may have;
// zero is no bound.
type Quota struct{ Namespaces, Repositories int }

// SetQuota bounds what calls make from now on.
func (i *RegistryInstance) SetQuota(q Quota) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.quota = q
}

// madeName is the name of a namespace or an image repository (document 72396).
var madeName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{1,29}$`)

// allNamespaces are the namespaces, sorted. The caller holds mu.
func (i *RegistryInstance) allNamespaces() []string {
	set := map[string]bool{}
	for namespace := range i.namespaces {
		set[namespace] = true
	}
	for image := range i.repos {
		namespace, _, _ := strings.Cut(image, "/")
		set[namespace] = true
	}
	return sortedKeys(set)
}

// makeNamespace makes a namespace. The codes for one that exists, and for one too
// many, are ours.
func (i *RegistryInstance) makeNamespace(namespace string) *wireError {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case !madeName.MatchString(namespace):
		return invalidParameter("a namespace has 2 to 30 lower-case letters, digits, - and _")
	case i.hasNamespace(namespace):
		return &wireError{http.StatusConflict, "NAMESPACE_ALREADY_EXIST", "namespace is already exist"}
	case i.quota.Namespaces > 0 && len(i.allNamespaces()) >= i.quota.Namespaces:
		return &wireError{http.StatusBadRequest, "NAMESPACE_QUOTA_EXCEEDED", "too many namespaces"}
	}
	i.namespaces[namespace] = true
	return nil
}

// makeRepository makes an image repository. The codes for one that exists, and
// for one too many, are ours.
func (i *RegistryInstance) makeRepository(repo imageRepository, in *repoSource) *wireError {
	namespace, name := splitProject(repo.image)
	summary := utf8.RuneCountInString(repo.summary)
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case !madeName.MatchString(name):
		return invalidParameter("a repository has 2 to 30 lower-case letters, digits, - and _")
	case summary < 1 || summary > 100:
		return invalidParameter("Summary has 1 to 100 characters")
	case repo.visibility != "PUBLIC" && repo.visibility != "PRIVATE":
		return invalidParameter("RepoType is PUBLIC or PRIVATE")
	case !i.hasNamespace(namespace):
		return &wireError{http.StatusNotFound, "NAMESPACE_NOT_EXIST", "namespace is not exist"}
	case i.repos[repo.image] != nil:
		return &wireError{http.StatusConflict, "REPO_ALREADY_EXIST", "repo is already exist"}
	case i.quota.Repositories > 0 && len(i.repos) >= i.quota.Repositories:
		return &wireError{http.StatusBadRequest, "REPO_QUOTA_EXCEEDED", "too many repositories"}
	}
	if in != nil {
		source, err := i.sourceOf(*in)
		if err != nil {
			return err
		}
		repo.source = source
	}
	repo.id = i.registry.nextID() // After all checks: a probe takes no number.
	i.repos[repo.image] = &repo
	i.changed(repo.image)
	return nil
}

func (i *RegistryInstance) createNamespace(r registryRequest) (any, *wireError) {
	var body struct{ Namespace struct{ Namespace string } }
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	return map[string]any{}, i.makeNamespace(body.Namespace.Namespace)
}

func (i *RegistryInstance) getNamespaces(registryRequest) (any, *wireError) {
	i.mu.Lock()
	defer i.mu.Unlock()
	list := []map[string]any{}
	for _, namespace := range i.allNamespaces() {
		list = append(list, map[string]any{
			"namespace": namespace, "authorizeType": "ADMIN", "defaultVisibility": "PRIVATE", "autoCreate": false, "namespaceStatus": "NORMAL",
		})
	}
	return map[string]any{"namespaces": list}, nil
}

// createRepo makes a repository. The place of RepoSource in the body is ours.
func (i *RegistryInstance) createRepo(r registryRequest) (any, *wireError) {
	var body struct {
		Repo       struct{ RepoNamespace, RepoName, Summary, Detail, RepoType string }
		RepoSource *repoSource
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	in := body.Repo
	return map[string]any{}, i.makeRepository(imageRepository{
		image: in.RepoNamespace + "/" + in.RepoName, visibility: in.RepoType, summary: in.Summary,
	}, body.RepoSource)
}

func (i *RegistryInstance) rpcCreateNamespace(p url.Values) (map[string]any, *wireError) {
	return map[string]any{}, i.makeNamespace(p.Get("NamespaceName"))
}

func (i *RegistryInstance) rpcListNamespace(p url.Values) (map[string]any, *wireError) {
	i.mu.Lock()
	defer i.mu.Unlock()
	all := []map[string]any{}
	for _, namespace := range i.allNamespaces() {
		all = append(all, map[string]any{"NamespaceName": namespace, "NamespaceStatus": "NORMAL", "DefaultRepoType": "PRIVATE", "AutoCreateRepo": false})
	}
	return rpcPage(i, p, all, "Namespaces")
}

func (i *RegistryInstance) rpcCreateRepository(p url.Values) (map[string]any, *wireError) {
	return map[string]any{}, i.makeRepository(imageRepository{
		image: p.Get("RepoNamespaceName") + "/" + p.Get("RepoName"), visibility: p.Get("RepoType"), summary: p.Get("Summary"),
	}, nil)
}
