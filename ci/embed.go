package ci

import _ "embed" // The jobs that init writes.

// GitHubActions is the ready-made workflow.
//
//go:embed github-actions.yaml
var GitHubActions []byte

// GitLabCI is the ready-made pipeline.
//
//go:embed gitlab-ci.yaml
var GitLabCI []byte
