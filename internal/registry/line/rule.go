package line

import (
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// WireRule is a build rule in the registry's terms, which are the same in both
// versions of the API.
type WireRule struct{ PushType, PushName, Location, File, ImageTag string }

// NewWireRule converts a build rule to the registry's terms.
func NewWireRule(r binding.BuildRule) (WireRule, error) {
	w := WireRule{PushType: "GIT_BRANCH", PushName: r.Branch, ImageTag: r.ImageTag}
	if r.Tag != "" {
		w.PushType, w.PushName = "GIT_TAG", r.Tag
	}
	path := binding.NormalDockerfile(r.Dockerfile)
	at := strings.LastIndexByte(path, '/')
	w.Location, w.File = path[:max(at, 1)], path[at+1:]
	if w.PushName == "" || w.File == "" || w.ImageTag == "" {
		return w, message.NewError("registry.rule-needs")
	}
	return w, nil
}

// Rule converts a build rule from the registry's terms.
func (w WireRule) Rule() (binding.BuildRule, error) {
	rule := binding.BuildRule{Dockerfile: binding.NormalDockerfile(w.Location + "/" + w.File), ImageTag: w.ImageTag}
	switch w.PushType {
	case "GIT_BRANCH":
		rule.Branch = w.PushName
	case "GIT_TAG":
		rule.Tag = w.PushName
	default:
		return rule, message.NewError("registry.push-type", "type", message.Cut(w.PushType, 40))
	}
	if w.PushName == "" || w.File == "" || w.ImageTag == "" {
		return rule, message.NewError("registry.field-missing")
	}
	return rule, nil
}
