package chaos

import (
	"fmt"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/source"
)

// team is one declaration, and what its people do with it.
type team struct {
	name, instance string
	platform       binding.Platform
	// user numbers the accounts that the team has had at its code host.
	user int
	// pin is the pinned version of the token; 0 is none.
	pin int
	// dockerfile numbers the folders of the Dockerfile.
	dockerfile int
	manual     bool
	// trunk lets another branch build the image tag latest.
	trunk bool
	// wide declares a second image repository, and more a third build rule.
	wide, more bool
	unbind     bool
	report     bool
	observe    bool
	adopt      bool
	// stranger says that people bound an account while nothing was declared, or before and
	// nobody had replaced it when the declaration went, or nothing was bound again since.
	stranger bool
	// wasGone says that the file was away once: until it is applied again, which an outage
	// or Observe may delay, an account that people bind was never ours.
	wasGone bool
	// suspended is the last day of the declaration's suspend block.
	suspended time.Time
	// gone takes the file away, broken makes it invalid.
	gone, broken bool
}

// gitlab is the GitLab of all teams. It is asked over HTTP, because handshakes
// of TLS would take a third of a run.
const gitlab = "gitlab.example.com"

func (t *team) file() string     { return t.name + "/binding.yaml" }
func (t *team) username() string { return fmt.Sprintf("%s-bot-%d", t.name, t.user) }
func (t *team) path() string     { return "acr/" + t.name }

// hasToken says that the platform is bound with a token, not by OAuth.
func (t *team) hasToken() bool {
	return t.platform == binding.GitLab || t.platform == binding.Codeup
}

// project is the path of the nth source project.
func (t *team) project(n int) string {
	owner := t.name
	if !t.hasToken() {
		owner = t.username()
	}
	return fmt.Sprintf("%s/app-%d", owner, n)
}

func (t *team) image(n int) string { return fmt.Sprintf("%s/app-%d", t.name, n) }

// address is what an account of the team's has in the registry.
func (t *team) address() string {
	if t.platform == binding.GitLab {
		return "http://" + gitlab
	}
	return ""
}

// text is the team's file.
func (t *team) text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	username := "username"
	if t.broken {
		username = "usrname"
	}
	line("apiVersion: reconciler/v1alpha1\nkind: SourceBinding\nmetadata: {name: %s}\nspec:", t.name)
	line("  instance: %s\n  platform: %s\n  %s: %s", t.instance, t.platform, username, t.username())
	if address := t.address(); address != "" {
		line("  address: %s", address)
	}
	if t.hasToken() {
		line("  token:\n    vault: {mount: secret, path: %s, key: token%s}", t.path(), when(t.pin > 0, fmt.Sprintf(", version: %d", t.pin)))
	}
	if t.platform == binding.Codeup {
		line("    expires: 2010-10-31")
	}
	line("  deletionPolicy: %s", choose(t.unbind, "Unbind", "Retain"))
	line("  driftPolicy: %s", choose(t.report, "Report", "Correct"))
	line("  adopt: %v", t.adopt)
	line("  managementPolicy: %s", choose(t.observe, "Observe", "Manage"))
	if !t.suspended.IsZero() {
		line("  suspend: {until: %s, reason: a freeze, owner: %s}", t.suspended.Format(time.DateOnly), t.name)
	}
	line("  repositories:")
	for n := range 1 + len(when(t.wide, "x")) {
		line("    - image: %s\n      source: %s\n      trigger: %s", t.image(n), t.project(n), choose(t.manual, "manual", "auto"))
		line("      rules:\n        - {branch: %s, dockerfile: /v%d/Dockerfile, imageTag: latest}", choose(t.trunk, "trunk", "main"), t.dockerfile)
		line(`        - {tag: "v$version", dockerfile: /build/Dockerfile, imageTag: "$version"}`)
		if t.more {
			line("        - {branch: next, dockerfile: /v%d/Dockerfile, imageTag: next}", t.dockerfile)
		}
	}
	return b.String()
}

func when(yes bool, text string) string { return choose(yes, text, "") }

func choose[T any](yes bool, a, b T) T {
	if yes {
		return a
	}
	return b
}

// repository is the declarations in git.
type repository struct {
	teams   []*team
	commits int
	// taken is a file of another team that declares the name of the first.
	taken bool
	// rewritten says that the head does not descend from what was trusted last.
	rewritten bool
}

// revision is the head.
func (r *repository) revision() string { return fmt.Sprintf("%040d", r.commits) }

// snapshot reads the head.
func (r *repository) snapshot() source.Snapshot {
	s := source.Snapshot{Revision: r.revision(), Rewritten: r.rewritten}
	for _, t := range r.teams {
		if !t.gone {
			s.Files = append(s.Files, binding.File{Path: t.file(), Data: []byte(t.text())})
		}
	}
	if r.taken {
		s.Files = append(s.Files, binding.File{Path: "zz/copy.yaml", Data: []byte(r.teams[0].text())})
	}
	return s
}
