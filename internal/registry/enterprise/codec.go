package enterprise

import (
	"encoding/json"
	"strings"

	cr "github.com/alibabacloud-go/cr-20181201/v2/client"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/line"
	"reconciler/internal/registry/wire"
)

// decode decodes an answer into one of the vendor's types. said returns its
// success flag.
func decode(body []byte, answer any, said func() *bool) error {
	if json.Unmarshal(body, answer) != nil {
		return message.NewError("registry.undocumented")
	}
	if success := said(); success == nil || !*success {
		return message.NewError("registry.no-success")
	}
	return nil
}

// noSourceCodes are the error codes that mean that an image repository has no
// source. The product documents none; these are assumed.
func noSourceCodes() []string {
	return []string{"REPO_SOURCE_CODE_REPO_NOT_EXIST", "SOURCE_CODE_REPO_NOT_EXIST"}
}

// decodeSource decodes a source; nil means that there is none. The three flags
// are strings.
func decodeSource(body []byte) (*binding.Link, error) {
	var answer cr.GetRepoSourceCodeRepoResponseBody
	if err := decode(body, &answer, func() *bool { return answer.IsSuccess }); err != nil {
		return nil, err
	}
	word, namespace, name := text(answer.CodeRepoType), text(answer.CodeRepoNamespaceName), text(answer.CodeRepoName)
	if word == "" && namespace == "" && name == "" {
		return nil, nil
	}
	if namespace == "" || name == "" {
		return nil, message.NewError("registry.source-unnamed")
	}
	link := &binding.Link{Source: namespace + "/" + name, Trigger: binding.Manual}
	for _, p := range binding.AllPlatforms() {
		if origin(p) == word {
			link.Platform = p
		}
	}
	if link.Platform == "" {
		return nil, message.NewError("registry.repo-type", "type", message.Cut(word, 40))
	}
	auto, err := flag("AutoBuild", answer.AutoBuild)
	if err != nil {
		return nil, err
	}
	if auto {
		link.Trigger = binding.Auto
	}
	if link.OverseasBuild, err = flag("OverseaBuild", answer.OverseaBuild); err != nil {
		return nil, err
	}
	uncached, err := flag("DisableCacheBuild", answer.DisableCacheBuild)
	link.BuildCache = !uncached
	return link, err
}

func flag(name string, value *string) (bool, error) {
	switch text(value) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, message.NewError("registry.not-bool", "name", name)
}

// origin is the registry's name of a platform.
func origin(p binding.Platform) string { return strings.ToUpper(string(p)) }

func decodeRule(r *listedRule) (rule binding.ObservedRule, err error) {
	rule.ID = text(r.BuildRuleId)
	rule.BuildRule, err = line.WireRule{
		PushType: text(r.PushType), PushName: text(r.PushName), Location: text(r.DockerfileLocation), File: text(r.DockerfileName), ImageTag: text(r.ImageTag),
	}.Rule()
	return rule, err
}

func isID(id *string) bool { return id != nil && wire.IsIdentifier(*id) }

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
