package sandbox

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ruleExtras are what a build rule of the Enterprise Edition has besides.
type ruleExtras struct{ args, platforms []string }

func (i *RegistryInstance) rpcListRules(p url.Values) (map[string]any, *wireError) {
	i.mu.Lock()
	defer i.mu.Unlock()
	repo, err := i.repoOf(p, "ListRepoBuildRule")
	if err != nil {
		return nil, err
	}
	all := []map[string]any{}
	for _, r := range repo.rules {
		extras := i.extras[r.ID]
		all = append(all, map[string]any{
			"BuildRuleId": rulePrefix + strconv.FormatInt(r.ID, 10), "PushType": r.PushType, "PushName": r.PushName, "ImageTag": r.ImageTag,
			"DockerfileLocation": r.DockerfileLocation, "DockerfileName": r.DockerfileName, "BuildArgs": extras.args, "Platforms": extras.platforms,
		})
	}
	return rpcPage(i, p, all, "BuildRules")
}

// rpcRule reads the parameters of a rule.
func rpcRule(p url.Values) (ImageRule, ruleExtras, *wireError) {
	r := ImageRule{
		PushType: p.Get("PushType"), PushName: p.Get("PushName"), ImageTag: p.Get("ImageTag"),
		DockerfileLocation: p.Get("DockerfileLocation"), DockerfileName: p.Get("DockerfileName"),
	}
	if r.PushType != "GIT_BRANCH" && r.PushType != "GIT_TAG" {
		return r, ruleExtras{}, &wireError{http.StatusBadRequest, "InvalidParameter", "PushType is GIT_BRANCH or GIT_TAG"}
	}
	return r, ruleExtras{listed(p, "BuildArgs"), listed(p, "Platforms")}, nil
}

// listed are the items of a list: Name.1, Name.2 and so on.
func listed(p url.Values, name string) []string {
	var items []string
	for n := 1; p.Has(name + "." + strconv.Itoa(n)); n++ {
		items = append(items, p.Get(name+"."+strconv.Itoa(n)))
	}
	return items
}

func (i *RegistryInstance) rpcCreateRule(p url.Values) (map[string]any, *wireError) {
	rule, extras, err := rpcRule(p)
	if err != nil {
		return nil, err
	}
	rule.ID = i.registry.nextID()
	i.mu.Lock()
	defer i.mu.Unlock()
	repo, err := i.repoOf(p, "")
	if err != nil {
		return nil, err
	}
	repo.rules, i.extras[rule.ID] = append(repo.rules, rule), extras
	i.changed(repo.image)
	return map[string]any{"BuildRuleId": rulePrefix + strconv.FormatInt(rule.ID, 10)}, nil
}

func (i *RegistryInstance) rpcUpdateRule(p url.Values) (map[string]any, *wireError) {
	rule, extras, err := rpcRule(p)
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	repo, at, err := i.ruleOf(p)
	if err != nil {
		return nil, err
	}
	rule.ID = repo.rules[at].ID
	repo.rules[at], i.extras[rule.ID] = rule, extras
	i.changed(repo.image)
	return map[string]any{"BuildRuleId": p.Get("BuildRuleId")}, nil
}

func (i *RegistryInstance) rpcDeleteRule(p url.Values) (map[string]any, *wireError) {
	i.mu.Lock()
	defer i.mu.Unlock()
	repo, at, err := i.ruleOf(p)
	if err != nil {
		return nil, err
	}
	delete(i.extras, repo.rules[at].ID)
	repo.rules = slices.Delete(repo.rules, at, at+1)
	i.changed(repo.image)
	return map[string]any{}, nil
}

// ruleOf finds the rule of a BuildRuleId. The code of a missing one is ours. The
// caller holds mu.
func (i *RegistryInstance) ruleOf(p url.Values) (*imageRepository, int, *wireError) {
	repo, err := i.repoOf(p, "")
	if err != nil {
		return nil, 0, err
	}
	at := slices.IndexFunc(repo.rules, func(r ImageRule) bool {
		return rulePrefix+strconv.FormatInt(r.ID, 10) == p.Get("BuildRuleId")
	})
	if at < 0 {
		return nil, 0, &wireError{http.StatusNotFound, "BUILD_RULE_NOT_EXIST", "build rule is not exist"}
	}
	return repo, at, nil
}

// ConsoleBuildArgs sets the build arguments of a rule as a person does it in the
// console, and returns those that it had.
func (i *RegistryInstance) ConsoleBuildArgs(rule int64, args ...string) []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	before := i.extras[rule]
	i.extras[rule] = ruleExtras{args, before.platforms}
	return before.args
}

// enterpriseOrigins are the code types of the Enterprise Edition.
func enterpriseOrigins() []string { return append(origins(), "GITEE") }

func unknownCodeType() *wireError {
	return &wireError{http.StatusBadRequest, "InvalidParameter", "CodeRepoType is not known"}
}

// rpcListAccounts answers the account of one code type, as a list of none or one.
// Ours.
func (i *RegistryInstance) rpcListAccounts(p url.Values) (map[string]any, *wireError) {
	origin := p.Get("CodeRepoType")
	if !slices.Contains(enterpriseOrigins(), origin) {
		return nil, unknownCodeType()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	list := []map[string]any{}
	if a := i.visible(origin, "ListSourceCodeAccount").account; a != nil {
		list = append(list, map[string]any{
			"AccountId": strconv.FormatInt(a.ID, 10), "CodeRepoType": origin, "Username": a.Username, "CodeRepoUrl": a.Address,
			"CreateTime": a.Created.UnixMilli(),
		})
	}
	return map[string]any{"SourceCodeAccounts": list}, nil
}

// rpcCreateAccount binds with a token. Ours.
func (i *RegistryInstance) rpcCreateAccount(p url.Values) (map[string]any, *wireError) {
	origin, address, username, token := p.Get("CodeRepoType"), p.Get("CodeRepoUrl"), p.Get("Username"), p.Get("AccessToken")
	if !slices.Contains(enterpriseOrigins(), origin) {
		return nil, unknownCodeType()
	}
	if origin == "GITEE" {
		return nil, &wireError{http.StatusBadRequest, "SOURCE_CODE_ACCOUNT_OAUTH_ONLY", "this platform is bound in the console, by OAuth"}
	}
	if err := checkNewAccount(origin, username, address, token); err != nil {
		return nil, err
	}
	platform := strings.ToLower(origin)
	if verify := i.registry.options.VerifyToken; verify != nil && !verify(platform, address, username, token) {
		return nil, &wireError{http.StatusBadRequest, "SOURCE_CODE_ACCOUNT_INVALID", "the code host refused the user name or the token"}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.accounts[origin] != nil {
		return nil, &wireError{http.StatusConflict, "SOURCE_CODE_ACCOUNT_ALREADY_EXIST", "an account of this platform is bound already"}
	}
	a := &sourceAccount{origin: origin, token: sha256.Sum256([]byte(token))}
	a.SourceAccount = SourceAccount{ID: i.registry.nextID(), Platform: platform, Username: username, Address: address, Created: i.registry.options.Now()}
	i.accounts[origin] = a
	i.changed(origin)
	return map[string]any{"AccountId": strconv.FormatInt(a.ID, 10)}, nil
}

// rpcDeleteAccount unbinds. Ours.
func (i *RegistryInstance) rpcDeleteAccount(p url.Values) (map[string]any, *wireError) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for origin, a := range i.accounts {
		if strconv.FormatInt(a.ID, 10) == p.Get("AccountId") {
			delete(i.accounts, origin)
			i.changed(origin)
			return map[string]any{}, nil
		}
	}
	return nil, &wireError{http.StatusNotFound, "SOURCE_CODE_ACCOUNT_NOT_EXIST", "source code account is not exist"}
}
