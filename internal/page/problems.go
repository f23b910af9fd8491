package page

import (
	"net/http"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

// outage is a part that gives no usable answer, and the consequences.
type outage struct {
	Part, Why, Effect message.Message
	Reason            string
	Since             time.Time
	// Count is how many bindings are affected. Link is the address of their list;
	// empty if there is none.
	Count int
	Link  string
}

// brokenFile is an invalid file.
type brokenFile struct {
	File     string
	Findings []brokenFinding
	Holds    []held
	// More is how many more bindings the file holds.
	More int
}

// maxHeld limits the bindings that are named for one file.
const maxHeld = 10

type brokenFinding struct {
	Place     message.Place
	Code      string
	Why, Hint message.Message
}

// held is a binding that is not changed because of a file.
type held struct{ Name, Instance, Link string }

type problemsData struct {
	Down      []outage
	Instances []badInstance
	Daemon    []binding.Condition
	Files     []brokenFile
}

// badInstance is a condition of an instance that is not true.
type badInstance struct {
	report.InstanceCondition
	Link string
	Why  message.Message
}

func badInstanceOf(c report.InstanceCondition) badInstance {
	return badInstance{c, filter{Instance: c.Instance}.Address(1), report.MessageOf(c.ID, c.Args, c.Message)}
}

// Empty reports whether there are no problems.
func (d problemsData) Empty() bool {
	return len(d.Down)+len(d.Instances)+len(d.Daemon)+len(d.Files) == 0
}

// problems is the page with what the daemon cannot know or do, since when, and the
// consequences.
func (p *pages) problems(*http.Request) (screen, error) {
	all, found := p.Present.Statuses(), p.Present.Problems()
	d := problemsData{Daemon: notTrue(p.Present.Conditions())}
	for _, u := range found.Unanswered {
		d.Down = append(d.Down, outageOf(u, all))
	}
	for _, c := range found.Instances {
		d.Instances = append(d.Instances, badInstanceOf(c))
	}
	for _, b := range found.BrokenFiles {
		f := brokenFile{File: b.File}
		for _, finding := range b.Findings {
			f.Findings = append(f.Findings, brokenFinding{
				message.Place{File: finding.File, Line: finding.Line, Column: finding.Column},
				finding.Code,
				report.MessageOf(finding.ID, finding.Args, finding.Message), report.MessageOf(finding.HintID, finding.HintArgs, finding.Hint),
			})
		}
		f.More = max(len(b.Holds)-maxHeld, 0)
		for _, h := range b.Holds[:len(b.Holds)-f.More] {
			f.Holds = append(f.Holds, held{h.Name, h.Instance, linkOf(h.Instance, h.Name)})
		}
		d.Files = append(d.Files, f)
	}
	return screen{name: "problems", data: d}, nil
}

func notTrue(conditions []binding.Condition) []binding.Condition {
	var bad []binding.Condition
	for _, c := range conditions {
		if c.Status != binding.True {
			bad = append(bad, c)
		}
	}
	return bad
}

// outageOf says what the outage of a part means, and for how many bindings.
func outageOf(u report.UnansweredPart, all []binding.Status) outage {
	o := outage{
		Part: message.New("part."+string(u.Part), "name", u.Name), Effect: message.New("page.effect." + string(u.Part)),
		Reason: u.Reason, Since: u.Since, Why: report.MessageOf(u.ID, u.Args, u.Message),
	}
	for _, s := range all {
		if concerns(u, s) {
			o.Count++
			o.Link = linkOfPart(u, s)
		}
	}
	return o
}

func concerns(u report.UnansweredPart, s binding.Status) bool {
	switch u.Part {
	case binding.PartRegistry:
		return s.Spec.Instance == u.Name
	case binding.PartVault:
		return s.Spec.Token != nil
	case binding.PartCodeHost:
		return binding.SecretTargetOf(s.Spec.Platform, s.Spec.Address).Host == u.Name
	case binding.PartReceiver:
		return false
	default:
		return true
	}
}

// linkOfPart is the address of the list of bindings that a part affects, such
// as s; empty if no filter selects them.
func linkOfPart(u report.UnansweredPart, s binding.Status) string {
	switch {
	case u.Part == binding.PartRegistry:
		return filter{Instance: u.Name}.Address(1)
	case u.Part == binding.PartCodeHost && s.Spec.Address == "":
		return filter{Platform: string(s.Spec.Platform)}.Address(1)
	case u.Part == binding.PartCodeHost:
		return filter{Platform: string(s.Spec.Platform), Query: s.Spec.Address}.Address(1)
	}
	return ""
}
