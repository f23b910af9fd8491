package cli

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"reconciler/ci"
	"reconciler/examples"
	"reconciler/internal/binding"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
)

// Names of the files that init writes.
const (
	initConfiguration = "reconciler.yaml"
	initBindings      = "bindings"
)

// initIgnore excludes the files of init that are no declarations.
const initIgnore = `# YAML that is no declaration, for whoever checks this folder and not ` + initBindings + `/
# alone. The patterns are those of a .gitignore.
/` + initConfiguration + `
/.github/
/.gitlab-ci.yml
`

// initAnswers are the answers that the files of init are made from.
type initAnswers struct {
	instance, region, driver, platform, address, username, team, image, source, ci string
}

// token reports whether the platform is bound with a token, not in a browser.
func (a initAnswers) token() bool { return !binding.Platform(a.platform).OAuth() }

// initQuestion is one question of init.
type initQuestion struct {
	flag   string
	answer func(*initAnswers) *string
	// fallback returns the default, which may depend on earlier answers.
	fallback func(initAnswers) string
	choices  []string
	// applies reports whether the question is still open after the earlier answers;
	// nil means always.
	applies func(initAnswers) bool
}

// message is the question in words.
func (q initQuestion) message() message.Message { return message.New("init.ask." + q.flag) }

func initQuestions() []initQuestion {
	always := func(text string) func(initAnswers) string { return func(initAnswers) string { return text } }
	return []initQuestion{
		{flag: "instance", answer: func(a *initAnswers) *string { return &a.instance }, fallback: always("prod-hangzhou")},
		{flag: "region", answer: func(a *initAnswers) *string { return &a.region }, fallback: always("cn-hangzhou")},
		{
			flag:   "driver",
			answer: func(a *initAnswers) *string { return &a.driver }, fallback: always("console"), choices: []string{"console", "personal"},
		},
		{
			flag:   "platform",
			answer: func(a *initAnswers) *string { return &a.platform }, fallback: always("gitlab"),
			choices: []string{"codeup", "github", "bitbucket", "gitlab"},
		},
		{
			flag: "address", answer: func(a *initAnswers) *string { return &a.address },
			fallback: always("https://gitlab.com"), applies: func(a initAnswers) bool { return a.platform == string(binding.GitLab) },
		},
		{flag: "username", answer: func(a *initAnswers) *string { return &a.username }, fallback: always("ci-bot")},
		{flag: "team", answer: func(a *initAnswers) *string { return &a.team }, fallback: always("payments")},
		{
			flag: "image", answer: func(a *initAnswers) *string { return &a.image },
			fallback: func(a initAnswers) string { return cmp.Or(a.team, "payments") + "/api" },
		},
		{
			flag: "source", answer: func(a *initAnswers) *string { return &a.source },
			fallback: func(a initAnswers) string {
				if a.platform != "" && !a.token() {
					return a.username + "/api"
				}
				return cmp.Or(a.team, "payments") + "/api"
			},
		},
		{
			flag: "ci", answer: func(a *initAnswers) *string { return &a.ci },
			fallback: always("github"), choices: []string{"github", "gitlab", "none"},
		},
	}
}

// files returns the files that init writes.
func (a initAnswers) files(now time.Time) ([]binding.File, error) {
	files := []binding.File{
		canonical(initConfiguration, a.configuration()),
		canonical(initBindings+"/"+a.team+"/"+a.platform+".yaml", a.declaration(now)),
		{Path: initBindings + "/policy/own-vault-path.cue", Data: examples.OwnVaultPath},
		{Path: ".reconcilerignore", Data: []byte(initIgnore)},
	}
	switch a.ci {
	case "github":
		files = append(files, binding.File{Path: ".github/workflows/reconciler.yaml", Data: ci.GitHubActions})
	case "gitlab":
		files = append(files, binding.File{Path: ".gitlab-ci.yml", Data: ci.GitLabCI})
	}
	if !teamName.MatchString(a.team) {
		return nil, message.NewError("init.team", "team", a.team)
	}
	return files, nil
}

// canonical returns a file formatted as by fmt. A file with findings stays as it
// is; they are shown before anything is written.
func canonical(path, text string) binding.File {
	file := binding.File{Path: path, Data: []byte(text)}
	if formatted, found := manifest.NewFormatter().Format(file); len(found) == 0 {
		file.Data = formatted
	}
	return file
}

var teamName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

func (a initAnswers) configuration() string {
	var text strings.Builder
	fmt.Fprintf(&text, `# Checked with: reconciler validate --config %[1]s %[2]s
# Every field: docs/configuration.md. It contains no secret.
apiVersion: reconciler/v1alpha1
kind: Configuration
source:
  folder: {path: %[2]s}
  # The daemon follows a git repository instead of the folder:
  # git: {url: https://git.example.com/platform/registry-bindings.git, branch: main, path: %[2]s}
instances:
  - name: %[3]s
    region: %[4]s
    driver: %[5]s # console: a person does the steps of a plan; personal: by the API
`, initConfiguration, initBindings, yamlWord(a.instance), yamlWord(a.region), a.driver)
	if a.driver == "personal" {
		text.WriteString("    credentials:\n      environment: {} # ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET\n")
	}
	if a.token() {
		text.WriteString(`vault:
  address: https://vault.example.com:8200 # yours
  auth: {token: {environment: VAULT_TOKEN}}
`)
	}
	fmt.Fprintf(&text, `# What the declarations of each folder may use; a folder without a rule may not
# be used.
policy:
  default: deny
  rules:
    - name: %[4]s
      files: ["%[1]s/**"]
      names: ["%[1]s-*"]
      instances: [%[2]s]
      namespaces: [%[3]s]
`, a.team, yamlWord(a.instance), yamlWord(namespaceOf(a.image)), yamlWord(a.team))
	if a.token() {
		fmt.Fprintf(&text, "      vault: [{mount: secret, path: acr/%s/**}]\n", a.team)
	}
	return text.String()
}

func (a initAnswers) declaration(now time.Time) string {
	var text strings.Builder
	fmt.Fprintf(&text, `apiVersion: reconciler/v1alpha1
kind: SourceBinding
metadata:
  name: %s-%s
spec:
  instance: %s
  platform: %s
`, a.team, a.platform, yamlWord(a.instance), a.platform)
	if a.address != "" {
		fmt.Fprintf(&text, "  address: %s\n", yamlWord(a.address))
	}
	fmt.Fprintf(&text, "  username: %s\n", yamlWord(a.username))
	if a.token() {
		fmt.Fprintf(&text, "  token:\n    vault: {mount: secret, path: acr/%s/%s, key: token}\n", a.team, a.platform)
	}
	if a.platform == string(binding.Codeup) {
		fmt.Fprintf(&text, "    expires: %s # the token's last day: correct it, because Codeup does not report it\n", now.AddDate(0, 0, 90).Format(time.DateOnly))
	}
	trigger := "auto"
	if a.platform == string(binding.GitLab) && strings.Count(strings.Trim(a.source, "/"), "/") > 1 {
		trigger = "manual # in a GitLab subgroup builds are started by hand"
	}
	fmt.Fprintf(&text, `  repositories:
    - image: %s
      source: %s
      trigger: %s
      rules:
        - {branch: main, dockerfile: /Dockerfile, imageTag: latest}
`, yamlWord(a.image), yamlWord(a.source), trigger)
	return text.String()
}

// namespaceOf is the first part of an image repository's name.
func namespaceOf(image string) string {
	namespace, _, _ := strings.Cut(strings.Trim(image, "/"), "/")
	return namespace
}

var plainWord = regexp.MustCompile(`^[a-z][a-z0-9./-]*$`)

// yamlWord returns text as one YAML value, quoted if YAML would read it
// differently.
func yamlWord(text string) string {
	if plainWord.MatchString(text) && !slices.Contains([]string{"true", "false", "yes", "no", "on", "off", "y", "n", "null"}, text) {
		return text
	}
	return strconv.Quote(text)
}
