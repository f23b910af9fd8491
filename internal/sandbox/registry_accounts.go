package sandbox

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// registryOperation is one call of the protocol.
type registryOperation struct {
	name, pattern string
	handle        func(*RegistryInstance, registryRequest) (any, *wireError)
}

// registryOperations are the calls served, by the product's own names.
func registryOperations() []registryOperation {
	const repo = "/repos/{namespace}/{name}"
	return []registryOperation{
		{"GetRegionList", "GET /regions", (*RegistryInstance).getRegions},
		{"CreateUserSourceAccount", "PUT /users/sourceAccount", (*RegistryInstance).createAccount},
		{"GetUserSourceAccount", "GET /users/sourceAccount", (*RegistryInstance).getAccounts},
		{"DeleteUserSourceAccount", "DELETE /users/sourceAccount/{account}", (*RegistryInstance).deleteAccount},
		{"GetUserSourceRepoList", "GET /users/sourceAccount/{account}/repos", (*RegistryInstance).getAccountRepos},
		{"CreateNamespace", "PUT /namespace", (*RegistryInstance).createNamespace},
		{"GetNamespaceList", "GET /namespace", (*RegistryInstance).getNamespaces},
		{"CreateRepo", "PUT /repos", (*RegistryInstance).createRepo},
		{"GetRepoList", "GET /repos", (*RegistryInstance).getRepos},
		{"GetRepoListByNamespace", "GET /repos/{namespace}", (*RegistryInstance).getRepos},
		{"GetRepo", "GET " + repo, (*RegistryInstance).getRepo},
		{"GetRepoSourceRepo", "GET " + repo + "/sourceRepo", (*RegistryInstance).getSource},
		{"UpdateRepoSourceRepo", "POST " + repo + "/sourceRepo", (*RegistryInstance).updateSource},
		{"GetRepoBuildRuleList", "GET " + repo + "/rules", (*RegistryInstance).getRules},
		{"CreateRepoBuildRule", "PUT " + repo + "/rules", (*RegistryInstance).createRule},
		{"UpdateRepoBuildRule", "POST " + repo + "/rules/{rule}", (*RegistryInstance).updateRule},
		{"DeleteRepoBuildRule", "DELETE " + repo + "/rules/{rule}", (*RegistryInstance).deleteRule},
	}
}

// origins are the source origin types of the Personal Edition.
func origins() []string { return []string{"CODEUP", "GITHUB", "BITBUCKET", "GITLAB"} }

// wireAccount is a binding on the wire. The shape is ours: the product's was
// never published.
type wireAccount struct {
	SourceAccountID  int64  `json:"sourceAccountId"`
	SourceOriginType string `json:"sourceOriginType"`
	SourceUserName   string `json:"sourceUserName"`
	SourceEndpoint   string `json:"sourceEndpoint,omitempty"`
	GmtCreate        int64  `json:"gmtCreate"`
}

func (i *RegistryInstance) getRegions(registryRequest) (any, *wireError) {
	return map[string]any{"regions": []map[string]string{{"regionId": i.principal.Region}}}, nil
}

// getAccounts answers the binding of one origin type, as a list of none or
// one. Ours.
func (i *RegistryInstance) getAccounts(r registryRequest) (any, *wireError) {
	origin := r.URL.Query().Get("SourceOriginType")
	if !slices.Contains(origins(), origin) {
		return nil, invalidParameter("SourceOriginType is required: CODEUP, GITHUB, BITBUCKET or GITLAB")
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	list := []wireAccount{}
	if a := i.visible(origin, r.Pattern).account; a != nil {
		list = append(list, wireAccount{a.ID, origin, a.Username, a.Address, a.Created.UnixMilli()})
	}
	return map[string]any{"sourceAccounts": list}, nil
}

// createAccount binds with a token. Ours.
func (i *RegistryInstance) createAccount(r registryRequest) (any, *wireError) {
	var body struct {
		SourceAccount struct {
			SourceOriginType, SourceUserName, SourceEndpoint, SourceToken string
		}
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	in := body.SourceAccount
	if err := checkNewAccount(in.SourceOriginType, in.SourceUserName, in.SourceEndpoint, in.SourceToken); err != nil {
		return nil, err
	}
	platform := strings.ToLower(in.SourceOriginType)
	if verify := i.registry.options.VerifyToken; verify != nil && !verify(platform, in.SourceEndpoint, in.SourceUserName, in.SourceToken) {
		return nil, &wireError{http.StatusBadRequest, "SOURCE_ACCOUNT_INVALID", "the code host refused the user name or the token"}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.accounts[in.SourceOriginType] != nil {
		return nil, &wireError{http.StatusConflict, "SOURCE_ACCOUNT_ALREADY_EXIST", "an account of this platform is bound already"}
	}
	a := &sourceAccount{origin: in.SourceOriginType, token: sha256.Sum256([]byte(in.SourceToken))}
	a.SourceAccount = SourceAccount{
		ID: i.registry.nextID(), Platform: platform,
		Username: in.SourceUserName, Address: in.SourceEndpoint, Created: i.registry.options.Now(),
	}
	i.accounts[a.origin] = a
	i.changed(a.origin)
	return map[string]any{"sourceAccountId": a.ID}, nil
}

// checkNewAccount refuses what no account can be made of.
func checkNewAccount(origin, username, endpoint, token string) *wireError {
	switch origin {
	case "CODEUP":
		if endpoint != "" {
			return invalidParameter("SourceEndpoint is not taken for CODEUP")
		}
	case "GITLAB":
		if endpoint == "" {
			return invalidParameter("SourceEndpoint is required for GITLAB")
		}
	case "GITHUB", "BITBUCKET":
		return &wireError{http.StatusBadRequest, "SOURCE_ACCOUNT_OAUTH_ONLY", "this platform is bound in the console, by OAuth"}
	default:
		return invalidParameter("SourceOriginType is required: CODEUP, GITHUB, BITBUCKET or GITLAB")
	}
	if username == "" || token == "" {
		return invalidParameter("SourceUserName and SourceToken are required")
	}
	return nil
}

// account finds the account that a request's path names. The caller holds mu.
func (i *RegistryInstance) account(r registryRequest) (*sourceAccount, *wireError) {
	id, err := strconv.ParseInt(r.PathValue("account"), 10, 64)
	if err != nil {
		return nil, invalidParameter("SourceAccountId is a number")
	}
	for _, a := range i.accounts {
		if a.ID == id {
			return a, nil
		}
	}
	return nil, &wireError{http.StatusNotFound, "SOURCE_ACCOUNT_NOT_EXIST", "source account is not exist"}
}

// deleteAccount unbinds. What it does to linked repositories is not known of
// the product; here they keep their source. Ours.
func (i *RegistryInstance) deleteAccount(r registryRequest) (any, *wireError) {
	i.mu.Lock()
	defer i.mu.Unlock()
	a, err := i.account(r)
	if err != nil {
		return nil, err
	}
	delete(i.accounts, a.origin)
	i.changed(a.origin)
	return map[string]any{}, nil
}

// getAccountRepos lists the projects that an account sees. Ours.
func (i *RegistryInstance) getAccountRepos(r registryRequest) (any, *wireError) {
	i.mu.Lock()
	a, err := i.account(r)
	i.mu.Unlock()
	if err != nil {
		return nil, err
	}
	list := []map[string]string{}
	if source := i.registry.options.SourceRepositories; source != nil {
		for _, project := range source(a.Platform, a.Address, a.Username) {
			namespace, name := splitProject(project)
			list = append(list, map[string]string{"sourceRepoNamespace": namespace, "sourceRepoName": name})
		}
	}
	return map[string]any{"sourceRepos": list}, nil
}

// splitProject parts a project's path at its last slash.
func splitProject(path string) (namespace, name string) {
	at := strings.LastIndexByte(path, '/')
	return path[:max(at, 0)], path[at+1:]
}
