package sandbox

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// getRepos lists repositories, of one namespace where the path names one.
func (i *RegistryInstance) getRepos(r registryRequest) (any, *wireError) {
	page, size := 1, 30
	for name, into := range map[string]*int{"Page": &page, "PageSize": &size} {
		if v := r.URL.Query().Get(name); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || n > 100 {
				return nil, invalidParameter(name + " is a number from 1 to 100")
			}
			*into = n
		}
	}
	namespace := r.PathValue("namespace")
	i.mu.Lock()
	defer i.mu.Unlock()
	if namespace != "" && !i.hasNamespace(namespace) {
		return nil, &wireError{http.StatusNotFound, "NAMESPACE_NOT_EXIST", "namespace is not exist"}
	}
	all := []any{}
	for _, image := range sortedKeys(i.repos) {
		if namespace == "" || strings.HasPrefix(image, namespace+"/") {
			all = append(all, i.wireRepo(i.repos[image]))
		}
	}
	from := min((page-1)*size, len(all))
	to := min(from+size, len(all))
	return map[string]any{"repos": all[from:to], "total": len(all), "page": page, "pageSize": size}, nil
}

func (i *RegistryInstance) getRepo(r registryRequest) (any, *wireError) {
	i.mu.Lock()
	defer i.mu.Unlock()
	repo, err := i.shownRepo(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{"repo": i.wireRepo(repo)}, nil
}

func (i *RegistryInstance) wireRepo(repo *imageRepository) map[string]any {
	namespace, name := splitProject(repo.image)
	build := "MANUAL"
	if repo.source != nil && repo.source.Auto {
		build = "AUTO_BUILD"
	}
	return map[string]any{
		"repoId": repo.id, "repoNamespace": namespace, "repoName": name, "repoType": cmp.Or(repo.visibility, "PRIVATE"), "summary": repo.summary,
		"repoStatus": "NORMAL", "repoBuildType": build, "repoAuthorizeType": "ADMIN", "regionId": i.principal.Region,
	}
}

// getSource answers a repository's source, null where it has none. Ours.
func (i *RegistryInstance) getSource(r registryRequest) (any, *wireError) {
	i.mu.Lock()
	defer i.mu.Unlock()
	repo, err := i.shownRepo(r)
	if err != nil {
		return nil, err
	}
	if repo.source == nil {
		return map[string]any{"repoSource": nil}, nil
	}
	namespace, name := splitProject(repo.source.Project)
	return map[string]any{"repoSource": map[string]any{
		"sourceRepoType": strings.ToUpper(repo.source.Platform), "sourceRepoNamespace": namespace, "sourceRepoName": name,
		"isAutoBuild": repo.source.Auto, "isOversea": repo.source.Overseas, "isDisableCache": repo.source.CacheDisabled,
	}}, nil
}

// repoSource is a source in the body of a write, by the names of the product's
// repository source.
type repoSource struct {
	SourceRepoType, SourceRepoNamespace, SourceRepoName string
	IsAutoBuild, IsOversea, IsDisableCache              *bool
}

// sourceOf checks a source that a write carries. The caller holds mu.
func (i *RegistryInstance) sourceOf(in repoSource) (*ImageSource, *wireError) {
	if in.SourceRepoNamespace == "" || in.SourceRepoName == "" || in.IsAutoBuild == nil || in.IsOversea == nil || in.IsDisableCache == nil {
		return nil, invalidParameter("all six fields of RepoSource are required")
	}
	if !slices.Contains(origins(), in.SourceRepoType) || i.accounts[in.SourceRepoType] == nil {
		return nil, &wireError{http.StatusNotFound, "SOURCE_ACCOUNT_NOT_EXIST", "source account is not exist"}
	}
	if in.SourceRepoType == "GITLAB" && strings.Contains(in.SourceRepoNamespace, "/") && *in.IsAutoBuild {
		return nil, &wireError{http.StatusBadRequest, "SOURCE_REPO_AUTO_BUILD_NOT_SUPPORTED", "a repository in a subgroup is built by hand"}
	}
	return &ImageSource{
		Platform: strings.ToLower(in.SourceRepoType), Project: in.SourceRepoNamespace + "/" + in.SourceRepoName,
		Auto: *in.IsAutoBuild, Overseas: *in.IsOversea, CacheDisabled: *in.IsDisableCache,
	}, nil
}

// updateSource sets a repository's source; null takes it away. The call is ours.
func (i *RegistryInstance) updateSource(r registryRequest) (any, *wireError) {
	var body struct{ RepoSource *repoSource }
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	repo, err := i.repo(r)
	if err != nil {
		return nil, err
	}
	var source *ImageSource
	if body.RepoSource != nil {
		if source, err = i.sourceOf(*body.RepoSource); err != nil {
			return nil, err
		}
	}
	repo.source = source
	i.changed(repo.image)
	return map[string]any{}, nil
}

// wireRule is a build rule as reads answer it (document 142767).
type wireRule struct {
	ID                 int64  `json:"buildRuleId"`
	PushType           string `json:"pushType"`
	PushName           string `json:"pushName"`
	DockerfileLocation string `json:"dockerfileLocation"`
	DockerfileName     string `json:"dockerfileName"`
	ImageTag           string `json:"imageTag"`
}

func (i *RegistryInstance) getRules(r registryRequest) (any, *wireError) {
	i.mu.Lock()
	defer i.mu.Unlock()
	repo, err := i.shownRepo(r)
	if err != nil {
		return nil, err
	}
	rules := []wireRule{}
	for _, rule := range repo.rules {
		rules = append(rules, wireRule(rule))
	}
	return map[string]any{"buildRules": rules}, nil
}

// readRule reads the body of a rule's write (documents 142765 and 142766):
// the image tag is called Tag, and the samples send ImageTag too.
func readRule(r registryRequest) (ImageRule, *wireError) {
	var body struct {
		BuildRule struct{ PushType, PushName, DockerfileLocation, DockerfileName, Tag, ImageTag string }
	}
	if err := r.decode(&body); err != nil {
		return ImageRule{}, err
	}
	in := body.BuildRule
	switch {
	case in.PushType != "GIT_BRANCH" && in.PushType != "GIT_TAG":
		return ImageRule{}, invalidParameter("PushType is GIT_BRANCH or GIT_TAG")
	case in.PushName == "" || in.Tag == "":
		return ImageRule{}, invalidParameter("PushName and Tag are required")
	case in.ImageTag != "" && in.ImageTag != in.Tag:
		return ImageRule{}, invalidParameter("Tag and ImageTag differ")
	case len(in.DockerfileLocation) < 1 || len(in.DockerfileLocation) > 128:
		return ImageRule{}, invalidParameter("DockerfileLocation has 1 to 128 characters")
	case len(in.DockerfileName) < 4 || len(in.DockerfileName) > 64:
		return ImageRule{}, invalidParameter("DockerfileName has 4 to 64 characters")
	}
	return ImageRule{0, in.PushType, in.PushName, in.DockerfileLocation, in.DockerfileName, in.Tag}, nil
}

func (i *RegistryInstance) createRule(r registryRequest) (any, *wireError) {
	rule, err := readRule(r)
	if err != nil {
		return nil, err
	}
	rule.ID = i.registry.nextID()
	i.mu.Lock()
	defer i.mu.Unlock()
	repo, err := i.repo(r)
	if err != nil {
		return nil, err
	}
	repo.rules = append(repo.rules, rule)
	i.changed(repo.image)
	return map[string]any{"buildRuleId": rule.ID}, nil
}

func (i *RegistryInstance) updateRule(r registryRequest) (any, *wireError) {
	rule, err := readRule(r)
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	repo, at, err := i.rule(r)
	if err != nil {
		return nil, err
	}
	rule.ID = repo.rules[at].ID
	repo.rules[at] = rule
	i.changed(repo.image)
	return map[string]any{"buildRuleId": rule.ID}, nil
}

func (i *RegistryInstance) deleteRule(r registryRequest) (any, *wireError) {
	i.mu.Lock()
	defer i.mu.Unlock()
	repo, at, err := i.rule(r)
	if err != nil {
		return nil, err
	}
	repo.rules = slices.Delete(repo.rules, at, at+1)
	i.changed(repo.image)
	return map[string]any{}, nil
}

// rule finds the rule that a request's path names. The code of a missing one
// is ours. The caller holds mu.
func (i *RegistryInstance) rule(r registryRequest) (*imageRepository, int, *wireError) {
	repo, err := i.repo(r)
	if err != nil {
		return nil, 0, err
	}
	id, parseErr := strconv.ParseInt(r.PathValue("rule"), 10, 64)
	if parseErr != nil {
		return nil, 0, invalidParameter("BuildRuleId is a number")
	}
	at := slices.IndexFunc(repo.rules, func(rule ImageRule) bool { return rule.ID == id })
	if at < 0 {
		return nil, 0, &wireError{http.StatusNotFound, "BUILD_RULE_NOT_EXIST", "build rule is not exist"}
	}
	return repo, at, nil
}
