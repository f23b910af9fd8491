package daemon

import (
	"fmt"
	"strings"

	"reconciler/internal/binding"
)

// gitlabAt declares a binding with a repository and two rules.
func gitlabAt(name, instance string, extra ...string) string {
	return declare(name, instance, "gitlab", append([]string{"address: https://gitlab.example.com", token(name)}, extra...))
}

func token(name string) string {
	return "token: {vault: {mount: secret, path: acr/" + name + ", key: token}}"
}

func codeupAt(name, instance string, extra ...string) string {
	return declare(name, instance, "codeup", append([]string{
		"token: {vault: {mount: secret, path: acr/" + name + ", key: token}, expires: 2099-10-31}",
	}, extra...))
}

func oauthAt(name, instance string, platform binding.Platform, extra ...string) string {
	return declare(name, instance, string(platform), extra)
}

func declare(name, instance, platform string, extra []string) string {
	username := name + "-bot"
	source := name + "/app"
	if platform == "github" || platform == "bitbucket" {
		source = username + "/app"
	}
	return fmt.Sprintf(`apiVersion: reconciler/v1alpha1
kind: SourceBinding
metadata: {name: %s}
spec:
  instance: %s
  platform: %s
  username: %s
  %s
  repositories:
    - image: %s/app
      source: %s
      trigger: auto
      rules:
        - {branch: main, dockerfile: /Dockerfile, imageTag: latest}
        - {tag: "v$version", dockerfile: /build/Dockerfile, imageTag: "$version"}
`, name, instance, platform, username, strings.Join(extra, "\n  "), name, source)
}
