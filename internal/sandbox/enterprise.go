package sandbox

import (
	"cmp"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The Enterprise Edition's protocol, cr 2018-12-01: one path, an action and flat
// parameters. An identity's instance answers it under the id of its principal.
// The documented calls are served strictly. The account calls are ours: their
// parameters stood in the vendor's SDKs of 2019, their answers nowhere.

// enterpriseOperation is one action: the parameters that it takes, with * at the
// end of those that are required.
type enterpriseOperation struct {
	parameters string
	handle     func(*RegistryInstance, url.Values) (map[string]any, *wireError)
}

// enterpriseOperations are the actions served, by name.
func enterpriseOperations() map[string]enterpriseOperation {
	const rule = "RepoId* PushType* PushName* ImageTag* DockerfileLocation DockerfileName BuildArgs Platforms"
	const source = "RepoId* CodeRepoType* CodeRepoNamespaceName* CodeRepoName* AutoBuild OverseaBuild DisableCacheBuild"
	return map[string]enterpriseOperation{
		"CreateNamespace":          {"NamespaceName* AutoCreateRepo DefaultRepoType", (*RegistryInstance).rpcCreateNamespace},
		"ListNamespace":            {"PageNo PageSize NamespaceName NamespaceStatus", (*RegistryInstance).rpcListNamespace},
		"CreateRepository":         {"RepoNamespaceName* RepoName* RepoType* Summary* Detail TagImmutability", (*RegistryInstance).rpcCreateRepository},
		"GetRepository":            {"RepoId RepoName RepoNamespaceName", (*RegistryInstance).rpcGetRepository},
		"ListRepository":           {"PageNo PageSize RepoName RepoNamespaceName RepoStatus", (*RegistryInstance).rpcListRepository},
		"GetRepoSourceCodeRepo":    {"RepoId*", (*RegistryInstance).rpcGetSource},
		"CreateRepoSourceCodeRepo": {source, (*RegistryInstance).rpcCreateSource},
		"UpdateRepoSourceCodeRepo": {source + " CodeRepoId", (*RegistryInstance).rpcUpdateSource},
		"ListRepoBuildRule":        {"RepoId* PageNo PageSize", (*RegistryInstance).rpcListRules},
		"CreateRepoBuildRule":      {rule, (*RegistryInstance).rpcCreateRule},
		"UpdateRepoBuildRule":      {rule + " BuildRuleId*", (*RegistryInstance).rpcUpdateRule},
		"DeleteRepoBuildRule":      {"RepoId* BuildRuleId*", (*RegistryInstance).rpcDeleteRule},
		"ListSourceCodeAccount":    {"CodeRepoType*", (*RegistryInstance).rpcListAccounts},
		"CreateSourceCodeAccount":  {"CodeRepoType* CodeRepoUrl AccessToken Username", (*RegistryInstance).rpcCreateAccount},
		"DeleteSourceCodeAccount":  {"AccountId*", (*RegistryInstance).rpcDeleteAccount},
	}
}

// enterpriseVersion is the version of the protocol.
const enterpriseVersion = "2018-12-01"

// serveEnterprise checks the signature and answers one action.
func (r *Registry) serveEnterprise(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxRequestBody))
	if err != nil {
		r.refuseAction(w, &wireError{http.StatusRequestEntityTooLarge, "RequestTooLarge", "the body is too large"})
		return
	}
	accessKey, failure := r.verifier.verify(req, body)
	if failure != nil {
		r.refuseAction(w, failure)
		return
	}
	action := req.Header.Get("X-Acs-Action")
	data, failure := r.act(accessKey, action, req, body)
	if failure != nil {
		r.refuseAction(w, failure)
		return
	}
	if r.options.Changed != nil && !strings.HasPrefix(action, "Get") && !strings.HasPrefix(action, "List") {
		r.options.Changed(RegistryChange{Time: r.options.Now(), Operation: action, AccessKey: accessKey})
	}
	data["Code"], data["IsSuccess"], data["RequestId"] = "success", true, r.requestID()
	r.answer(w, http.StatusOK, data)
}

// act carries out an action whose signature was found good.
func (r *Registry) act(accessKey, action string, req *http.Request, body []byte) (map[string]any, *wireError) {
	r.mu.Lock()
	gone := r.withdrawn[action]
	r.mu.Unlock()
	op, ok := enterpriseOperations()[action]
	if !ok || gone || req.Header.Get("X-Acs-Version") != enterpriseVersion {
		return nil, &wireError{http.StatusNotFound, "InvalidAction.NotFound", "Specified api is not found, please check your url and method."}
	}
	parameters := req.URL.Query()
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, invalidParameter("the body is no form")
	}
	for name, values := range form {
		parameters[name] = append(parameters[name], values...)
	}
	if failure := op.check(parameters); failure != nil {
		return nil, failure
	}
	instance := r.instances[accessKey]
	if instance.principal.InstanceID == "" || parameters.Get("InstanceId") != instance.principal.InstanceID {
		return nil, &wireError{http.StatusNotFound, "INSTANCE_NOT_EXIST", "instance is not exist"}
	}
	if no := parameters.Get("PageNo"); no != "" && no != "1" && r.options.NextPage != nil {
		r.options.NextPage(accessKey)
	}
	return op.handle(instance, parameters)
}

// check refuses parameters that the action does not take, and the lack of those
// that it requires. Name.1 is an item of a list.
func (op enterpriseOperation) check(parameters url.Values) *wireError {
	known := append(strings.Fields(op.parameters), "InstanceId*")
	for name, values := range parameters {
		base, _, _ := strings.Cut(name, ".")
		if len(values) != 1 || !slices.Contains(known, base) && !slices.Contains(known, base+"*") {
			return &wireError{http.StatusBadRequest, "InvalidParameter", "the action does not take " + name}
		}
	}
	for _, name := range known {
		if name, required := strings.CutSuffix(name, "*"); required && parameters.Get(name) == "" {
			return &wireError{http.StatusBadRequest, "MissingParameter", name + " is required"}
		}
	}
	return nil
}

// refuseAction answers an error in this protocol's shape.
func (r *Registry) refuseAction(w http.ResponseWriter, e *wireError) {
	r.answer(w, e.status, map[string]any{"RequestId": r.requestID(), "Code": e.code, "Message": e.message, "IsSuccess": false})
}

// rpcPage cuts the page that was asked for out of a list.
func rpcPage[T any](i *RegistryInstance, parameters url.Values, all []T, name string) (map[string]any, *wireError) {
	no, size := 1, 30
	for parameter, into := range map[string]*int{"PageNo": &no, "PageSize": &size} {
		if v := parameters.Get(parameter); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || n > 100 {
				return nil, &wireError{http.StatusBadRequest, "InvalidParameter", parameter + " is a number from 1 to 100"}
			}
			*into = n
		}
	}
	if most := i.registry.options.PageSize; most > 0 {
		size = min(size, most)
	}
	from := min((no-1)*size, len(all))
	items := append([]T{}, all[from:min(from+size, len(all))]...)
	return map[string]any{name: items, "PageNo": no, "PageSize": size, "TotalCount": strconv.Itoa(len(all))}, nil
}

const (
	repoPrefix = "crr-"
	rulePrefix = "crbr-"
)

// repoOf finds the image repository of a RepoId; shown as a read shows it. The
// caller holds mu.
func (i *RegistryInstance) repoOf(parameters url.Values, read string) (*imageRepository, *wireError) {
	for image, repo := range i.repos {
		if repoPrefix+strconv.FormatInt(repo.id, 10) != parameters.Get("RepoId") {
			continue
		}
		if read != "" {
			repo = i.visible(image, read+parameters.Get("PageNo")).repo // Each page by itself.
		}
		if repo != nil {
			return repo, nil
		}
	}
	return nil, &wireError{http.StatusNotFound, "REPO_NOT_EXIST", "repo is not exist"}
}

func (i *RegistryInstance) rpcRepository(repo *imageRepository) map[string]any {
	namespace, name := splitProject(repo.image)
	return map[string]any{
		"InstanceId": i.principal.InstanceID, "RepoId": repoPrefix + strconv.FormatInt(repo.id, 10), "RepoNamespaceName": namespace,
		"RepoName": name, "RepoType": cmp.Or(repo.visibility, "PRIVATE"), "Summary": repo.summary, "RepoStatus": "NORMAL", "RepoBuildType": "MANUAL", "TagImmutability": false,
	}
}

func (i *RegistryInstance) rpcGetRepository(p url.Values) (map[string]any, *wireError) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if p.Get("RepoId") != "" {
		repo, err := i.repoOf(p, "GetRepository")
		if err != nil {
			return nil, err
		}
		return i.rpcRepository(repo), nil
	}
	namespace := p.Get("RepoNamespaceName")
	repo := i.visible(namespace+"/"+p.Get("RepoName"), "GetRepository").repo
	switch {
	case repo != nil:
		return i.rpcRepository(repo), nil
	case !i.hasNamespace(namespace):
		return nil, &wireError{http.StatusNotFound, "NAMESPACE_NOT_EXIST", "namespace is not exist"}
	}
	return nil, &wireError{http.StatusNotFound, "REPO_NOT_EXIST", "repo is not exist"}
}

func (i *RegistryInstance) rpcListRepository(p url.Values) (map[string]any, *wireError) {
	i.mu.Lock()
	defer i.mu.Unlock()
	all := []map[string]any{}
	for _, image := range sortedKeys(i.repos) {
		all = append(all, i.rpcRepository(i.repos[image]))
	}
	return rpcPage(i, p, all, "Repositories")
}

// rpcGetSource answers a source. The code for none is ours.
func (i *RegistryInstance) rpcGetSource(p url.Values) (map[string]any, *wireError) {
	i.mu.Lock()
	defer i.mu.Unlock()
	repo, err := i.repoOf(p, "GetRepoSourceCodeRepo")
	if err != nil {
		return nil, err
	}
	s := repo.source
	if s == nil {
		return nil, &wireError{http.StatusNotFound, "SOURCE_CODE_REPO_NOT_EXIST", "source code repo is not exist"}
	}
	namespace, name := splitProject(s.Project)
	return map[string]any{
		"RepoId": p.Get("RepoId"), "CodeRepoType": strings.ToUpper(s.Platform), "CodeRepoNamespaceName": namespace, "CodeRepoName": name,
		"CodeRepoDomain": "", "AutoBuild": strconv.FormatBool(s.Auto), "OverseaBuild": strconv.FormatBool(s.Overseas),
		"DisableCacheBuild": strconv.FormatBool(s.CacheDisabled),
	}, nil
}

func (i *RegistryInstance) rpcCreateSource(p url.Values) (map[string]any, *wireError) {
	return i.rpcSetSource(p, false)
}

func (i *RegistryInstance) rpcUpdateSource(p url.Values) (map[string]any, *wireError) {
	return i.rpcSetSource(p, true)
}

// rpcSetSource sets a source where there is one already, or none yet.
func (i *RegistryInstance) rpcSetSource(p url.Values, exists bool) (map[string]any, *wireError) {
	i.mu.Lock()
	defer i.mu.Unlock()
	repo, err := i.repoOf(p, "")
	if err != nil {
		return nil, err
	}
	if i.accounts[p.Get("CodeRepoType")] == nil {
		return nil, &wireError{http.StatusNotFound, "SOURCE_CODE_ACCOUNT_NOT_EXIST", "source code account is not exist"}
	}
	if exists != (repo.source != nil) {
		return nil, &wireError{http.StatusConflict, "SOURCE_CODE_REPO_CONFLICT", "the repository has a source already, or has none"}
	}
	repo.source = &ImageSource{
		Platform: strings.ToLower(p.Get("CodeRepoType")), Project: p.Get("CodeRepoNamespaceName") + "/" + p.Get("CodeRepoName"),
		Auto: p.Get("AutoBuild") == "true", Overseas: p.Get("OverseaBuild") == "true", CacheDisabled: p.Get("DisableCacheBuild") == "true",
	}
	i.changed(repo.image)
	return map[string]any{}, nil
}
