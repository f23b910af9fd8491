package wire

import (
	"regexp"
	"slices"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/secrets"
)

// Arguments are the values of a call's placeholders. Fields that a call does
// not use are empty.
type Arguments struct {
	// InstanceID is the registry's ID of the instance.
	InstanceID string
	// Account names the platform for ListAccounts, the account to bind, or the
	// one to unbind.
	Account binding.Account
	Token   secrets.Secret
	// Image is an image repository (namespace/name).
	Image string
	// Link is the source to set.
	Link binding.Link
}

// placeholders maps each name to its value: a text or a boolean. An empty value
// is left out of the call.
func (p *Profile) placeholders(o Operation, a Arguments) map[string]any {
	platform := a.Account.Platform
	values := map[string]any{
		"instanceId": a.InstanceID, "username": a.Account.Username, "address": a.Account.Address, "account": a.Account.ID,
		"token": a.Token.Expose(), "image": a.Image,
	}
	values["imageNamespace"], values["imageName"] = SplitPath(a.Image)
	if o == WriteSource || o == CreateSource {
		platform = a.Link.Platform
		auto := a.Link.Trigger == binding.Auto
		values["source"] = strings.Trim(a.Link.Source, "/")
		values["sourceNamespace"], values["sourceName"] = SplitPath(a.Link.Source)
		values["auto"], values["manual"] = auto, !auto
		values["overseas"], values["domestic"] = a.Link.OverseasBuild, !a.Link.OverseasBuild
		values["buildCache"], values["noBuildCache"] = a.Link.BuildCache, !a.Link.BuildCache
	}
	values["platform"] = p.Platforms[platform]
	return values
}

// SplitPath splits the path of an image repository or a project at its last
// slash.
func SplitPath(path string) (namespace, name string) {
	path = strings.Trim(path, "/")
	at := strings.LastIndexByte(path, '/')
	return path[:max(at, 0)], path[at+1:]
}

// names returns the placeholders that an operation has values for.
func names(o Operation) []string {
	image := []string{"instanceId", "image", "imageNamespace", "imageName"}
	switch o {
	case ListAccounts:
		return []string{"instanceId", "platform"}
	case Bind:
		return []string{"instanceId", "platform", "username", "token", "address"}
	case Unbind, ListProjects:
		return []string{"instanceId", "platform", "account", "username", "address"}
	case ReadSource, RemoveSource:
		return image
	default:
		return append(image, "platform", "source", "sourceNamespace", "sourceName",
			"auto", "manual", "overseas", "domestic", "buildCache", "noBuildCache")
	}
}

// needs returns the placeholders that an operation requires, with alternatives
// in one list. A call without them would do something else.
func needs(o Operation) [][]string {
	image := []string{"image", "imageName"}
	source := [][]string{{"platform"}, {"source", "sourceName"}, {"auto", "manual"}, {"overseas", "domestic"}, {"buildCache", "noBuildCache"}}
	switch o {
	case Bind:
		return [][]string{{"platform"}, {"username"}, {"token"}}
	case Unbind:
		return [][]string{{"account", "platform"}}
	case ReadSource, RemoveSource:
		return [][]string{image}
	case WriteSource:
		return append(source, image)
	case CreateSource:
		return source
	default:
		return nil
	}
}

// placeholder matches a placeholder in a text: $name or $name=YES|NO; $$ is a
// dollar sign.
var placeholder = regexp.MustCompile(`\$(\$|[A-Za-z]+(=[A-Za-z0-9_.-]+\|[A-Za-z0-9_.-]+)?|)`)

// nameIn returns the placeholder's name in a match, and its words for true and
// false.
func nameIn(match string) (name, yes, no string) {
	name, words, _ := strings.Cut(strings.TrimPrefix(match, "$"), "=")
	yes, no, _ = strings.Cut(words, "|")
	return name, yes, no
}

// isFlag reports whether a placeholder is a boolean.
func isFlag(name string) bool {
	return slices.Contains([]string{"auto", "manual", "overseas", "domestic", "buildCache", "noBuildCache"}, name)
}
