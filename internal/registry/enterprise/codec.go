package enterprise

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"

	cr "github.com/alibabacloud-go/cr-20181201/v2/client"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// decode reads an answer into one of the vendor's types. said is what that has of
// success.
func decode(body []byte, answer any, said func() (success *bool, code *string)) error {
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(answer); err != nil {
		return message.NewError("registry.undocumented")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return message.NewError("registry.two-values")
	}
	if success, _ := said(); success == nil || !*success {
		return message.NewError("registry.no-success")
	}
	return nil
}

// noSourceCodes are the codes that say that an image repository has no source.
// The product documents none; this form is assumed.
func noSourceCodes() []string {
	return []string{"REPO_SOURCE_CODE_REPO_NOT_EXIST", "SOURCE_CODE_REPO_NOT_EXIST"}
}

// decodeSource reads a source; nil means that there is none. The three flags are
// texts.
func decodeSource(body []byte) (*binding.Link, error) {
	var answer cr.GetRepoSourceCodeRepoResponseBody
	if err := decode(body, &answer, func() (*bool, *string) { return answer.IsSuccess, answer.Code }); err != nil {
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

// origin is the registry's word for a platform.
func origin(p binding.Platform) string { return strings.ToUpper(string(p)) }

// wireRule is a build rule in the registry's own words.
type wireRule struct{ pushType, pushName, location, file, imageTag string }

func encodeRule(r binding.BuildRule) (wireRule, error) {
	w := wireRule{pushType: "GIT_BRANCH", pushName: r.Branch, imageTag: r.ImageTag}
	if r.Tag != "" {
		w.pushType, w.pushName = "GIT_TAG", r.Tag
	}
	path := binding.NormalDockerfile(r.Dockerfile)
	at := strings.LastIndexByte(path, '/')
	w.location, w.file = path[:max(at, 1)], path[at+1:]
	if w.pushName == "" || w.file == "" || w.imageTag == "" {
		return w, message.NewError("registry.rule-needs")
	}
	return w, nil
}

func decodeRule(r *listedRule) (binding.ObservedRule, error) {
	rule := binding.ObservedRule{ID: text(r.BuildRuleId)}
	switch text(r.PushType) {
	case "GIT_BRANCH":
		rule.Branch = text(r.PushName)
	case "GIT_TAG":
		rule.Tag = text(r.PushName)
	default:
		return rule, message.NewError("registry.push-type", "type", message.Cut(text(r.PushType), 40))
	}
	if text(r.PushName) == "" || text(r.DockerfileName) == "" || text(r.ImageTag) == "" {
		return rule, message.NewError("registry.field-missing")
	}
	rule.Dockerfile = binding.NormalDockerfile(text(r.DockerfileLocation) + "/" + *r.DockerfileName)
	rule.ImageTag = *r.ImageTag
	return rule, nil
}

// splitProject parts a project's path at its last slash.
func splitProject(path string) (namespace, name string) {
	path = strings.Trim(path, "/")
	at := strings.LastIndexByte(path, '/')
	return path[:max(at, 0)], path[at+1:]
}

var identifier = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

func isID(id *string) bool { return id != nil && identifier.MatchString(*id) }

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
