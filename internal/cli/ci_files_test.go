package cli_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// job is a script of a ready-made file that calls reconciler.
type job struct {
	script string
	// env is what the file itself gives the script.
	env map[string]string
}

// expressions are GitHub's, as a pull request from base to HEAD has them.
func expressions(expression string) (string, error) {
	values := map[string]string{
		"github.event.pull_request.base.sha": "base",
		"github.event.pull_request.head.sha": "HEAD",
		"github.token":                       token,
		"vars.RECONCILER_SNAPSHOT":           os.Getenv("RECONCILER_SNAPSHOT"),
	}
	var unknown error
	text := regexp.MustCompile(`\$\{\{(.*?)\}\}`).ReplaceAllStringFunc(expression, func(found string) string {
		value, ok := values[strings.TrimSpace(strings.Trim(found, "${} "))]
		if !ok {
			unknown = fmt.Errorf("%s is no value that the test knows", found)
		}
		return value
	})
	return text, unknown
}

// githubFile, gitlabFile, flowFile and hook are what is read of each file.
type githubFile struct {
	On          string
	Permissions map[string]string
	Jobs        map[string]struct {
		Permissions map[string]string
		Steps       []struct {
			Uses, Run string
			Env, With map[string]string
		}
	}
}

type gitlabFile struct {
	Variables map[string]string
	Check     struct {
		Script    []string
		Artifacts struct {
			Paths   []string
			Reports map[string]string
		}
	} `yaml:"reconciler-check"`
	Comment struct {
		Script    []string
		Variables map[string]string
	} `yaml:"reconciler-comment"`
}

type flowFile struct {
	Stages map[string]struct {
		Jobs map[string]struct {
			Steps map[string]struct {
				With struct{ Run string }
			}
		}
	}
}

// actionFile is a GitHub Action, componentFile the second document of a GitLab
// component.
type actionFile struct {
	Inputs map[string]struct{ Default string }
	Runs   struct {
		Steps []struct {
			Run string
			Env map[string]string
		}
	}
}

type componentFile struct {
	Job struct{ Script []string } `yaml:"reconciler"`
}

type hook struct{ ID, Entry, Files string }

// read reads a file of the folder ci.
func read(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "ci", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// readSecond reads the second document of a file of that folder.
func readSecond(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "ci", name))
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var first yaml.Node
	if err := errors.Join(decoder.Decode(&first), decoder.Decode(into)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// jobs are the scripts of every file that call reconciler, by file.
func jobs(t *testing.T) map[string][]job {
	t.Helper()
	all := map[string][]job{}
	add := func(name, script string, env map[string]string) {
		if regexp.MustCompile(`(?m)^\s*reconciler `).MatchString(script) {
			all[name] = append(all[name], job{script, env})
		}
	}
	var github githubFile
	read(t, "github-actions.yaml", &github)
	for _, name := range slices.Sorted(maps.Keys(github.Jobs)) {
		for _, s := range github.Jobs[name].Steps {
			add("github-actions.yaml", s.Run, s.Env)
		}
	}
	var gitlab gitlabFile
	read(t, "gitlab-ci.yaml", &gitlab)
	add("gitlab-ci.yaml", strings.Join(gitlab.Check.Script, "\n"), map[string]string{
		"CI_MERGE_REQUEST_DIFF_BASE_SHA": "base", "CI_COMMIT_SHA": "HEAD",
		"RECONCILER_SNAPSHOT": cmp.Or(os.Getenv("RECONCILER_SNAPSHOT"), gitlab.Variables["RECONCILER_SNAPSHOT"]),
	})
	add("gitlab-ci.yaml", strings.Join(gitlab.Comment.Script, "\n"), nil)
	var flow flowFile
	read(t, "codeup-flow.yaml", &flow)
	for _, stage := range flow.Stages {
		for _, j := range stage.Jobs {
			for _, s := range j.Steps {
				add("codeup-flow.yaml", s.With.Run, nil)
			}
		}
	}
	var action actionFile
	read(t, "../action.yml", &action)
	for _, s := range action.Runs.Steps {
		for name, value := range s.Env {
			input := strings.TrimSpace(strings.TrimPrefix(strings.Trim(value, "${} "), "inputs."))
			given, known := action.Inputs[input]
			if !known {
				t.Errorf("action.yml: %s: no input %q", name, input)
			}
			s.Env[name] = given.Default
			if input == "snapshot" {
				s.Env[name] = os.Getenv("RECONCILER_SNAPSHOT")
			}
		}
		add("action.yml", s.Run, s.Env)
	}
	var component componentFile
	readSecond(t, "../templates/reconciler.yml", &component)
	add("component.yaml", strings.Join(component.Job.Script, "\n"), map[string]string{
		"CI_MERGE_REQUEST_DIFF_BASE_SHA": "base", "CI_COMMIT_SHA": "HEAD", "RECONCILER_DECLARATIONS": "bindings",
		"RECONCILER_SNAPSHOT": os.Getenv("RECONCILER_SNAPSHOT"),
	})
	var hooks []hook
	read(t, "../.pre-commit-hooks.yaml", &hooks)
	for _, h := range hooks {
		const changed = "bindings/payments/gitlab.yaml"
		if !regexp.MustCompile(h.Files).MatchString(changed) {
			t.Errorf("hook %s does not look at %s", h.ID, changed)
		}
		add(".pre-commit-hooks.yaml", h.Entry+" "+changed, nil)
	}
	return all
}
