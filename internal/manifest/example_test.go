package manifest_test

import (
	"context"
	"fmt"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/manifest"
)

// One file is valid, the other one is not: its bindings are not changed.
func ExampleLoad() {
	result := manifest.Load(context.Background(), []binding.File{
		{Path: "github.yaml", Data: []byte(`apiVersion: reconciler/v1alpha1
kind: SourceBinding
metadata: {name: web-github}
spec: {instance: prod-hangzhou, platform: github, username: octo-dev}
`)},
		{Path: "gitlab.yaml", Data: []byte(`apiVersion: reconciler/v1alpha1
kind: SourceBinding
metadata: {name: edge-gitlab}
spec:
  instance: prod-hangzhou
  platform: gitlab
  address: http://gitlab.example.com:22
  username: ci-bot
  token: {vault: {mount: secret, path: acr/edge, key: token}}
`)},
	}, manifest.Options{Now: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)})
	for _, d := range result.Declarations {
		fmt.Println(d.Name, d.File)
	}
	for _, f := range result.Findings {
		fmt.Println(f.File, f.Line, f.Severity, f.Code)
	}
	fmt.Println(result.Broken)
	// Output:
	// web-github github.yaml
	// gitlab.yaml 7 error gitlab-http-port
	// [gitlab.yaml]
}
