package personal

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/line"
)

// This file has the JSON of the documented calls: 142765 to 142767 for build
// rules, GetRepoList for image repositories. The samples have a rule's image tag
// under both keys, so Tag and ImageTag are written with the same value, and
// imageTag is read. The JSON of the undocumented calls is in the wire profile.

// encodeRule makes the body for writing a build rule.
func encodeRule(r binding.BuildRule) ([]byte, error) {
	var body struct {
		BuildRule struct{ PushType, PushName, DockerfileLocation, DockerfileName, Tag, ImageTag string }
	}
	w, err := line.NewWireRule(r)
	if err != nil {
		return nil, err
	}
	b := &body.BuildRule
	b.PushType, b.PushName, b.DockerfileLocation, b.DockerfileName = w.PushType, w.PushName, w.Location, w.File
	b.Tag, b.ImageTag = w.ImageTag, w.ImageTag
	return json.Marshal(body)
}

// decodeRules decodes the build rules of a repository.
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
		return nil, message.NewError("registry.data.rules")
	}
	rules := make([]binding.ObservedRule, 0, len(list))
	for i, in := range list {
		rule := binding.ObservedRule{ID: string(in.BuildRuleID)}
		rule.BuildRule, err = line.WireRule{
			PushType: in.PushType, PushName: in.PushName, Location: in.DockerfileLocation, File: in.DockerfileName, ImageTag: in.ImageTag,
		}.Rule()
		if err == nil && rule.ID == "" {
			err = message.NewError("registry.field-missing")
		}
		if err != nil {
			return nil, message.NewError("registry.data.rule", "entry", i, "why", err)
		}
		switch same := slices.IndexFunc(rules, func(r binding.ObservedRule) bool { return r.ID == rule.ID }); {
		case same < 0:
			rules = append(rules, rule)
		case rules[same] != rule:
			return nil, message.NewError("registry.data.rule-id", "entry", i)
		}
	}
	return rules, nil
}

// decodeRuleID decodes the number of a rule that was just written.
func decodeRuleID(body []byte) (string, error) {
	raw, err := field(body, "buildRuleId")
	if err != nil {
		return "", err
	}
	var id number
	if err := json.Unmarshal(raw, &id); err != nil || id == "" {
		return "", message.NewError("registry.data.rule-number")
	}
	return string(id), nil
}

// decodeRepositories decodes one page of the image repositories, and the total
// number (GetRepoList, documented).
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
		return nil, 0, message.NewError("registry.data.repos")
	}
	for i, in := range list {
		if !isName(in.RepoNamespace) || !isName(in.RepoName) {
			return nil, 0, message.NewError("registry.data.repo", "entry", i)
		}
		images = append(images, in.RepoNamespace+"/"+in.RepoName)
	}
	if raw, err = field(body, "total"); err != nil {
		return nil, 0, err
	}
	if err := json.Unmarshal(raw, &total); err != nil || string(raw) == "null" || total < len(images) {
		return nil, 0, message.NewError("registry.data.total")
	}
	return images, total, nil
}

// decodeNamespaces counts the namespaces (GetNamespaceList, documented).
func decodeNamespaces(body []byte) (int, error) {
	raw, err := field(body, "namespaces")
	if err != nil {
		return 0, err
	}
	var list []struct {
		Namespace string `json:"namespace"`
	}
	if err := json.Unmarshal(raw, &list); err != nil || list == nil {
		return 0, message.NewError("registry.data.namespaces")
	}
	for i, in := range list {
		if !isName(in.Namespace) {
			return 0, message.NewError("registry.data.namespace", "entry", i)
		}
	}
	return len(list), nil
}

// field returns data.NAME of an answer. Every real answer has the field, at
// least as null.
func field(body []byte, name string) (json.RawMessage, error) {
	var e struct {
		Data map[string]json.RawMessage `json:"data"`
	}
	if json.Unmarshal(body, &e) != nil {
		return nil, message.NewError("registry.data.none")
	}
	raw, ok := e.Data[name]
	if !ok {
		return nil, message.NewError("registry.data.no-field", "name", name)
	}
	return raw, nil
}

// number is an ID of type Long, kept as text so that it is not rounded. Some
// calls of this version return it in quotes.
type number string

// UnmarshalJSON implements json.Unmarshaler. Null leaves the number empty.
func (n *number) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	if s == "null" {
		return nil
	}
	if v, err := strconv.ParseInt(s, 10, 64); err != nil || v < 1 || !isNumber(s) {
		return message.NewError("registry.not-positive")
	}
	*n = number(s)
	return nil
}
