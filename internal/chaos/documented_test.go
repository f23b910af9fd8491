package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path"
	"slices"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/sandbox"
)

// documentedOnly says that the registry of a seed serves only what is documented.
// People do and confirm the rest there.
func documentedOnly(seed uint64) bool { return seed%4 == 3 }

// enterpriseEdition says that the second instance of a seed is of the Enterprise
// Edition.
func enterpriseEdition(seed uint64) bool { return seed%4 == 1 }

// cri is the second instance's identifier in the Enterprise Edition.
const cri = "cri-edge0000000000001"

// pageSize is how many items a page of a list has in the Enterprise Edition.
const pageSize = 2

// shiftPages lets people move rules while the process reads a list, the next few
// times.
func (w *world) shiftPages(r *rand.Rand) string {
	if !enterpriseEdition(w.seed) {
		return "no list has pages"
	}
	times := 1 + r.IntN(4)
	w.shifts.Store(int64(times))
	return fmt.Sprintf("%d times", times)
}

// nextPage is called before a page after the first is read.
func (w *world) nextPage(accessKey string) {
	if w.shifts.Add(-1) < 0 {
		w.shifts.Store(0)
		return
	}
	w.count("read: pages shift")
	i := w.outside.Registry.Instance(accessKey)
	for _, r := range i.Peek().Repositories {
		if len(r.Rules) > pageSize {
			i.ConsoleRemoveRule(r.Image, r.Rules[0].ID)
			i.ConsoleAddRule(r.Image, r.Rules[0])
		}
	}
	w.oracle.people()
}

// asks says that a request to the registry changes nothing.
func asks(q *http.Request) bool {
	action := q.Header.Get("X-Acs-Action")
	if q.URL.Path == "/" && action != "" {
		return strings.HasPrefix(action, "Get") || strings.HasPrefix(action, "List")
	}
	return q.Method == http.MethodGet
}

// checked are the conditions that the oracle knows the truth of. What a person
// confirmed and nobody can ask is not among them: it stays confirmed, whatever
// people do in the console.
func (w *world) checked() []binding.ConditionType {
	if documentedOnly(w.seed) {
		return []binding.ConditionType{binding.Declared, binding.RulesCurrent}
	}
	return checked()
}

// confirm lets people do the steps that wait for their word, and say so.
func (w *world) confirm() {
	if !documentedOnly(w.seed) || w.process == nil || w.process.dead() {
		return
	}
	for _, c := range w.config.Instances {
		r := w.process.instances[c.Name]
		last := r.Last()
		if last == nil {
			continue
		}
		for _, t := range w.git.teams {
			if t.instance != c.Name || !r.Awaiting()[t.name] {
				continue
			}
			for _, a := range last.Plan.Actions {
				if a.Binding == t.name && a.Attestable(last.Observation.Capabilities) {
					w.byHand(c.Name, a, !last.Observation.Capabilities.ReadRules)
				}
			}
			w.oracle.people()
			if said, err := r.Attest(context.Background(), t.name, binding.Person{By: "somebody"}); err == nil {
				w.count("steps confirmed")
				w.oracle.happened("attested", message.English(said))
			}
		}
	}
}

// byHand does a step in the console, with the build rules where the step asks for
// them.
func (w *world) byHand(instance string, a plan.Action, withRules bool) {
	i, platform, d, link := w.instance(instance), string(a.Platform), a.Target.Declaration, a.Target.Link
	switch {
	case a.Object.IsAccount() && d == nil:
		i.ConsoleUnbind(platform)
	case a.Object.IsAccount():
		i.ConsoleBind(platform, d.Spec.Address, d.Spec.Username)
	case link == nil:
		i.ConsoleUnlink(a.Target.Image)
	default:
		i.ConsoleLink(a.Target.Image, sandbox.ImageSource{
			Platform: platform, Project: link.Source, Auto: link.Trigger == binding.Auto, Overseas: link.OverseasBuild, CacheDisabled: !link.BuildCache,
		})
		for _, r := range d.Spec.Repositories {
			if withRules && binding.NormalImage(r.Image) == a.Target.Image {
				w.rulesByHand(instance, r)
			}
		}
	}
}

// rulesByHand makes the declared rules of an image repository in the console, and
// removes the others.
func (w *world) rulesByHand(instance string, declared binding.Repository) {
	i := w.instance(instance)
	missing := slices.Clone(declared.Rules)
	for _, rule := range repositoryOf(i.Peek(), declared.Image).Rules {
		at := slices.IndexFunc(missing, func(want binding.BuildRule) bool { return want.Same(ruleOf(rule)) })
		if at < 0 {
			i.ConsoleRemoveRule(declared.Image, rule.ID)
			continue
		}
		missing = slices.Delete(missing, at, at+1)
	}
	for _, want := range missing {
		rule := sandbox.ImageRule{PushType: "GIT_BRANCH", PushName: want.Branch, ImageTag: want.ImageTag}
		if want.Tag != "" {
			rule.PushType, rule.PushName = "GIT_TAG", want.Tag
		}
		rule.DockerfileLocation, rule.DockerfileName = path.Split(want.Dockerfile)
		i.ConsoleAddRule(declared.Image, rule)
	}
}
