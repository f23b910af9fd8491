package personal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"reconciler/internal/binding"
)

// This file is the whole of the JSON. What Alibaba Cloud documents is used as
// documented; the calls on source accounts and source repositories exist by
// path and method (public metadata of 2018, withdrawn in 2020) but their JSON
// was never published, so it is assumed here, and nowhere else. A person with
// an account corrects it in minutes: open the console's Code Source page with
// the browser's network panel, bind and unbind, and compare.
//
//	call                                   what is assumed                        why
//	any                                    {"data":{…},"requestId":"…"}           documented for every other call of this version
//	GET  /users/sourceAccount              query SourceOriginType is CODEUP,      GITHUB, GITLAB and BITBUCKET as in the resource
//	                                       GITHUB, BITBUCKET or GITLAB            type ALIYUN::CR::Repository; CODEUP as in the
//	                                                                              Enterprise API
//	GET  /users/sourceAccount              data.sourceAccounts is a list of       reads answer lower camel case; the query takes a
//	                                       none or one of {sourceAccountId,       type and not an id
//	                                       sourceOriginType, sourceUserName,
//	                                       sourceEndpoint, gmtCreate (ms)}; an
//	                                       empty list means "not bound", and
//	                                       nothing else does
//	PUT  /users/sourceAccount              {"SourceAccount":{SourceOriginType,    writes wrap one object in a key in Pascal case;
//	                                       SourceUserName, SourceToken,           Codeup takes no address
//	                                       SourceEndpoint}}; the answer is not
//	                                       read but looked up
//	DELETE /users/sourceAccount/{id}       no body; the id is a number            the id's type is in the metadata
//	GET  /repos/{ns}/{name}/sourceRepo     data.repoSource is null or             names of the fields as in RepoSource of the same
//	                                       {sourceRepoType, sourceRepoNamespace,  resource type, in lower camel case
//	                                       sourceRepoName, isAutoBuild,
//	                                       isOversea, isDisableCache}
//	POST /repos/{ns}/{name}/sourceRepo     {"RepoSource":{SourceRepoType, …}}     as above; there is no delete, so that null is the
//	                                       sets, {"RepoSource":null} removes      least certain of all, and looked up after
//	GET  /repos                            nothing: documented, with its pages
//	any                                    code SOURCE_ACCOUNT_INVALID says       the codes for source accounts are not documented;
//	                                       that the code host rejected the        those that are have this form. A code that is not
//	                                       user name or the token                 listed in tokenCodes never condemns a token
//	build rules                            nothing: documented (142765–142767);   the samples write the image tag under both keys
//	                                       Tag and ImageTag are written alike,
//	                                       imageTag is read

// tokenCodes are the codes that judge the token of a bind, and condemn it. The
// list is short on purpose: no such code is documented.
func tokenCodes() map[string]bool { return map[string]bool{"SOURCE_ACCOUNT_INVALID": true} }

// originType is the registry's word for a platform.
func originType(p binding.Platform) string { return strings.ToUpper(string(p)) }

// platformOf is the platform of an origin type.
func platformOf(origin string) (binding.Platform, error) {
	for _, p := range binding.Platforms() {
		if originType(p) == origin {
			return p, nil
		}
	}
	return "", fmt.Errorf("source type %q is none that is known", short(origin, 40))
}

// newAccount is the body of a bind.
type newAccount struct {
	SourceAccount struct {
		SourceOriginType string
		SourceUserName   string
		SourceToken      string
		SourceEndpoint   string `json:",omitempty"`
	}
}

func encodeAccount(wanted binding.Account, token string) ([]byte, error) {
	var body newAccount
	body.SourceAccount.SourceOriginType = originType(wanted.Platform)
	body.SourceAccount.SourceUserName = wanted.Username
	body.SourceAccount.SourceToken = token
	body.SourceAccount.SourceEndpoint = wanted.Address
	return json.Marshal(body)
}

// decodeAccount reads the binding of one platform; nil means that the registry
// said that there is none.
func decodeAccount(body []byte, p binding.Platform) (*binding.Account, error) {
	raw, err := field(body, "sourceAccounts")
	if err != nil {
		return nil, err
	}
	var list []struct {
		SourceAccountID  number `json:"sourceAccountId"`
		SourceOriginType string `json:"sourceOriginType"`
		SourceUserName   string `json:"sourceUserName"`
		SourceEndpoint   string `json:"sourceEndpoint"`
		GmtCreate        int64  `json:"gmtCreate"`
	}
	if err := json.Unmarshal(raw, &list); err != nil || list == nil {
		return nil, errors.New("data.sourceAccounts is not a list of accounts")
	}
	if len(list) == 0 {
		return nil, nil
	}
	if len(list) > 1 {
		return nil, fmt.Errorf("data.sourceAccounts has %d accounts where there can be one", len(list))
	}
	a := list[0]
	if a.SourceAccountID == "" || a.SourceOriginType != originType(p) || a.SourceUserName == "" {
		return nil, fmt.Errorf("data.sourceAccounts[0] is not an account of %s with an id and a user name", originType(p))
	}
	account := &binding.Account{ID: string(a.SourceAccountID), Platform: p, Username: a.SourceUserName, Address: a.SourceEndpoint}
	if a.GmtCreate > 0 {
		account.Created = time.UnixMilli(a.GmtCreate).UTC()
	}
	return account, nil
}

// repoSource is a repository's source as it is written. All six are required.
type repoSource struct {
	SourceRepoType      string
	SourceRepoNamespace string
	SourceRepoName      string
	IsAutoBuild         bool
	IsOversea           bool
	IsDisableCache      bool
}

// encodeSource is the body that sets a source, or removes it for nil.
func encodeSource(link *binding.Link) ([]byte, error) {
	var body struct{ RepoSource *repoSource }
	if link != nil {
		project := strings.Trim(link.Source, "/")
		at := strings.LastIndexByte(project, '/')
		if at < 1 {
			return nil, fmt.Errorf("source %q: want a project's path with its owner or group", link.Source)
		}
		body.RepoSource = &repoSource{
			SourceRepoType: originType(link.Platform), SourceRepoNamespace: project[:at], SourceRepoName: project[at+1:],
			IsAutoBuild: link.Trigger == binding.Auto, IsOversea: link.OverseasBuild, IsDisableCache: !link.BuildCache,
		}
	}
	return json.Marshal(body)
}

// decodeSource reads a repository's source; nil means that it has none.
func decodeSource(body []byte) (*binding.Link, error) {
	raw, err := field(body, "repoSource")
	if err != nil {
		return nil, err
	}
	if string(raw) == "null" {
		return nil, nil
	}
	var s struct {
		SourceRepoType      string `json:"sourceRepoType"`
		SourceRepoNamespace string `json:"sourceRepoNamespace"`
		SourceRepoName      string `json:"sourceRepoName"`
		IsAutoBuild         *bool  `json:"isAutoBuild"`
		IsOversea           *bool  `json:"isOversea"`
		IsDisableCache      *bool  `json:"isDisableCache"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, errors.New("data.repoSource is not a source")
	}
	if s.SourceRepoNamespace == "" || s.SourceRepoName == "" || s.IsAutoBuild == nil || s.IsOversea == nil || s.IsDisableCache == nil {
		return nil, errors.New("data.repoSource lacks one of its six fields")
	}
	p, err := platformOf(s.SourceRepoType)
	if err != nil {
		return nil, err
	}
	link := &binding.Link{
		Platform: p, Source: s.SourceRepoNamespace + "/" + s.SourceRepoName,
		Trigger: binding.Manual, OverseasBuild: *s.IsOversea, BuildCache: !*s.IsDisableCache,
	}
	if *s.IsAutoBuild {
		link.Trigger = binding.Auto
	}
	return link, nil
}

// encodeRule is the body of a build rule's write.
func encodeRule(r binding.BuildRule) ([]byte, error) {
	var body struct {
		BuildRule struct{ PushType, PushName, DockerfileLocation, DockerfileName, Tag, ImageTag string }
	}
	b := &body.BuildRule
	b.PushType, b.PushName = "GIT_BRANCH", r.Branch
	if r.Tag != "" {
		b.PushType, b.PushName = "GIT_TAG", r.Tag
	}
	path := binding.NormalDockerfile(r.Dockerfile)
	at := strings.LastIndexByte(path, '/')
	b.DockerfileLocation, b.DockerfileName = path[:max(at, 1)], path[at+1:]
	b.Tag, b.ImageTag = r.ImageTag, r.ImageTag
	if b.PushName == "" || b.DockerfileName == "" || b.Tag == "" {
		return nil, errors.New("a build rule wants a branch or a tag, a Dockerfile and an image tag")
	}
	return json.Marshal(body)
}

// decodeRules reads the build rules of a repository.
func decodeRules(body []byte) ([]binding.ObservedRule, error) {
	raw, err := field(body, "buildRules")
	if err != nil {
		return nil, err
	}
	var list []struct {
		BuildRuleID        number `json:"buildRuleId"`
		PushType           string `json:"pushType"`
		PushName           string `json:"pushName"`
		DockerfileLocation string `json:"dockerfileLocation"`
		DockerfileName     string `json:"dockerfileName"`
		ImageTag           string `json:"imageTag"`
	}
	if err := json.Unmarshal(raw, &list); err != nil || list == nil {
		return nil, errors.New("data.buildRules is not a list of rules")
	}
	rules := make([]binding.ObservedRule, 0, len(list))
	for i, in := range list {
		rule := binding.ObservedRule{ID: string(in.BuildRuleID)}
		switch in.PushType {
		case "GIT_BRANCH":
			rule.Branch = in.PushName
		case "GIT_TAG":
			rule.Tag = in.PushName
		default:
			return nil, fmt.Errorf("data.buildRules[%d]: push type %q is none that is known", i, short(in.PushType, 40))
		}
		if rule.ID == "" || in.PushName == "" || in.DockerfileName == "" || in.ImageTag == "" {
			return nil, fmt.Errorf("data.buildRules[%d] lacks one of its fields", i)
		}
		rule.Dockerfile = binding.NormalDockerfile(in.DockerfileLocation + "/" + in.DockerfileName)
		rule.ImageTag = in.ImageTag
		switch same := slices.IndexFunc(rules, func(r binding.ObservedRule) bool { return r.ID == rule.ID }); {
		case same < 0:
			rules = append(rules, rule)
		case rules[same] != rule:
			return nil, fmt.Errorf("data.buildRules[%d] has the id of another rule", i)
		}
	}
	return rules, nil
}

// decodeRuleID reads the number of a rule just written.
func decodeRuleID(body []byte) (string, error) {
	raw, err := field(body, "buildRuleId")
	if err != nil {
		return "", err
	}
	var id number
	if err := json.Unmarshal(raw, &id); err != nil || id == "" {
		return "", errors.New("data.buildRuleId is not a number")
	}
	return string(id), nil
}

// decodeRepositories reads one page of the image repositories, and how many
// there are in all (GetRepoList, documented).
func decodeRepositories(body []byte) (images []string, total int, err error) {
	raw, err := field(body, "repos")
	if err != nil {
		return nil, 0, err
	}
	var list []struct {
		RepoNamespace string `json:"repoNamespace"`
		RepoName      string `json:"repoName"`
	}
	if err := json.Unmarshal(raw, &list); err != nil || list == nil {
		return nil, 0, errors.New("data.repos is not a list of repositories")
	}
	for i, in := range list {
		if !isName(in.RepoNamespace) || !isName(in.RepoName) {
			return nil, 0, fmt.Errorf("data.repos[%d] has no namespace and name", i)
		}
		images = append(images, in.RepoNamespace+"/"+in.RepoName)
	}
	if raw, err = field(body, "total"); err != nil {
		return nil, 0, err
	}
	if err := json.Unmarshal(raw, &total); err != nil || string(raw) == "null" || total < len(images) {
		return nil, 0, errors.New("data.total is not the number of repositories")
	}
	return images, total, nil
}

// field returns data.NAME of an answer. The field is present, even as null, in
// every real answer.
func field(body []byte, name string) (json.RawMessage, error) {
	var e struct {
		Data map[string]json.RawMessage `json:"data"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&e); err != nil {
		return nil, errors.New("the answer is not a JSON object with data")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the answer has more than one JSON value")
	}
	raw, ok := e.Data[name]
	if !ok {
		return nil, fmt.Errorf("the answer has no data.%s", name)
	}
	return raw, nil
}

// number is an identifier of type Long, kept as text so that none is rounded.
// Some calls of this version answer it in quotes.
type number string

// UnmarshalJSON implements json.Unmarshaler. Null leaves the number empty.
func (n *number) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	if s == "null" {
		return nil
	}
	if v, err := strconv.ParseInt(s, 10, 64); err != nil || v < 1 || !isNumber(s) {
		return errors.New("not a positive whole number")
	}
	*n = number(s)
	return nil
}
