package sandbox

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// UndocumentedOperations are the calls whose JSON was never published. A registry
// without them serves only what is documented.
func UndocumentedOperations() []string {
	return []string{
		"GetUserSourceAccount", "CreateUserSourceAccount", "DeleteUserSourceAccount",
		"GetUserSourceRepoList", "GetRepoSourceRepo", "UpdateRepoSourceRepo",
	}
}

//go:embed foreign.yaml
var foreignProfile []byte

// ForeignProfile is the wire profile of what ServeForeignAPI serves.
func ForeignProfile() []byte { return foreignProfile }

// ServeForeignAPI serves the undocumented calls in a different way than the project
// assumes: other paths, methods, names, words and nesting.
func (r *Registry) ServeForeignAPI() {
	r.Withdraw(UndocumentedOperations()...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.foreign = true
}

// foreignOperations are the calls that ServeForeignAPI serves.
func foreignOperations() []registryOperation {
	const origin = "/v9/images/{namespace}/{name}/origin"
	return []registryOperation{
		{"ListCodeHosts", "GET /v9/hosts", (*RegistryInstance).listHosts},
		{"LinkCodeHost", "POST /v9/hosts", (*RegistryInstance).linkHost},
		{"UnlinkCodeHost", "DELETE /v9/hosts/{account}/link", (*RegistryInstance).deleteAccount},
		{"GetOrigin", "GET " + origin, (*RegistryInstance).getOrigin},
		{"SetOrigin", "PUT " + origin, (*RegistryInstance).setOrigin},
		{"DropOrigin", "DELETE " + origin, (*RegistryInstance).dropOrigin},
	}
}

func foreignNames() map[string]string {
	return map[string]string{"cu": "CODEUP", "gh": "GITHUB", "bb": "BITBUCKET", "gl": "GITLAB"}
}

func foreignName(origin string) string {
	for word, known := range foreignNames() {
		if known == origin {
			return word
		}
	}
	return ""
}

// withRequest is a request with another query or body.
func (r registryRequest) withRequest(query url.Values, body any) registryRequest {
	clone := r.Clone(r.Context())
	clone.URL.RawQuery = query.Encode()
	r.Request = clone
	r.body, _ = json.Marshal(body)
	return r
}

func (i *RegistryInstance) listHosts(r registryRequest) (any, *wireError) {
	kind := r.URL.Query().Get("kind")
	data, failure := i.getAccounts(r.withRequest(url.Values{"SourceOriginType": {foreignNames()[kind]}}, nil))
	if failure != nil {
		return nil, failure
	}
	answer, _ := data.(map[string]any)
	list, _ := answer["sourceAccounts"].([]wireAccount)
	if len(list) == 0 {
		return map[string]any{"found": map[string]any{"hosts": nil}}, nil
	}
	a := list[0]
	return map[string]any{"found": map[string]any{"hosts": []any{map[string]any{
		"ref": map[string]any{"no": a.SourceAccountID}, "type": kind, "since": a.GmtCreate,
		"who": map[string]any{"login": a.SourceUserName, "site": a.SourceEndpoint},
	}}}}, nil
}

func (i *RegistryInstance) linkHost(r registryRequest) (any, *wireError) {
	var in struct {
		Host struct {
			Type, Site string
			Auth       struct{ Login, Key string }
		}
	}
	if failure := r.decode(&in); failure != nil {
		return nil, failure
	}
	account := map[string]any{
		"SourceOriginType": foreignNames()[in.Host.Type], "SourceUserName": in.Host.Auth.Login, "SourceToken": in.Host.Auth.Key,
		"SourceEndpoint": in.Host.Site,
	}
	data, failure := i.createAccount(r.withRequest(nil, map[string]any{"SourceAccount": account}))
	if failure != nil && failure.code == "SOURCE_ACCOUNT_INVALID" {
		failure.code = "HostSaysNo"
	}
	return data, failure
}

func (i *RegistryInstance) getOrigin(r registryRequest) (any, *wireError) {
	data, failure := i.getSource(r)
	if failure != nil {
		return nil, failure
	}
	answer, _ := data.(map[string]any)
	s, _ := answer["repoSource"].(map[string]any)
	if s == nil {
		return map[string]any{}, nil
	}
	kind, _ := s["sourceRepoType"].(string)
	namespace, _ := s["sourceRepoNamespace"].(string)
	name, _ := s["sourceRepoName"].(string)
	word := func(flag string, yes, no string) string {
		if on, _ := s[flag].(bool); on {
			return yes
		}
		return no
	}
	overseas, _ := s["isOversea"].(bool)
	return map[string]any{"origin": map[string]any{
		"type": foreignName(kind), "project": namespace + "/" + name, "near": !overseas,
		"start": word("isAutoBuild", "PUSH", "HAND"), "cache": word("isDisableCache", "no", "yes"),
	}}, nil
}

func (i *RegistryInstance) setOrigin(r registryRequest) (any, *wireError) {
	var in struct {
		Type, Project, Start, Cache string
		Near                        bool
	}
	if failure := r.decode(&in); failure != nil {
		return nil, failure
	}
	at := max(strings.LastIndexByte(in.Project, '/'), 0)
	return i.updateSource(r.withRequest(nil, map[string]any{"RepoSource": map[string]any{
		"SourceRepoType": foreignNames()[in.Type], "SourceRepoNamespace": in.Project[:at], "SourceRepoName": strings.TrimPrefix(in.Project[at:], "/"),
		"IsAutoBuild": in.Start == "PUSH", "IsOversea": !in.Near, "IsDisableCache": in.Cache == "no",
	}}))
}

func (i *RegistryInstance) dropOrigin(r registryRequest) (any, *wireError) {
	r = r.withRequest(nil, map[string]any{"RepoSource": nil})
	r.Header = http.Header{"Content-Type": {"application/json"}}
	return i.updateSource(r)
}
