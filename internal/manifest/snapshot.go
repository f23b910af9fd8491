package manifest

import (
	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// declarationField is a field of a declaration.
type declarationField struct {
	declaration *binding.Declaration
	path        string
}

func (s declarationField) at() binding.Position { return s.declaration.At(s.path) }

// message is where the field is, for a message about a different place.
func (s declarationField) message() message.Message {
	return message.New("binding-at", "binding", s.declaration.Name, "at", message.Place{File: s.declaration.File, Line: s.at().Line})
}

func (s declarationField) finding(code string, m message.Message) finding.Finding {
	return s.place(finding.New(code, m))
}

// place returns a finding about the field with its place.
func (s declarationField) place(f finding.Finding) finding.Finding {
	return f.At(s.declaration.File, s.at().Line, s.at().Column).In(s.path)
}

// checkSnapshot compares the declarations of a snapshot with each other and with
// the configured instances. All sides of a conflict are reported except for the one
// that was applied first, so that the order of files does not matter.
func checkSnapshot(declarations []binding.Declaration, instances []string, o owners) []finding.Finding {
	known := make(map[string]bool, len(instances))
	for _, name := range instances {
		known[name] = true
	}
	c := claims{first: make(map[claimKey]claimant, 3*len(declarations)), disputed: map[claimKey]*claim{}}
	var findings []finding.Finding
	for i := range declarations {
		d := &declarations[i]
		_, held := o.held[d.Name]
		c.add(claimKey{nameClaim, "", d.Name}, claimant{of: d}, held)
		c.add(claimKey{platformClaim, d.Spec.Instance, string(d.Spec.Platform)}, claimant{of: d}, false)
		for n, repository := range d.Spec.Repositories {
			c.add(claimKey{imageClaim, d.Spec.Instance, binding.NormalImage(repository.Image)}, claimant{d, n}, false)
		}
		if instances != nil && !known[d.Spec.Instance] {
			findings = append(findings, unknownInstance(d, instances))
		}
	}
	for _, disputed := range c.disputed {
		if disputed.what == nameClaim {
			findings = append(findings, o.names(*disputed)...)
			continue
		}
		findings = append(findings, o.conflicts(*disputed)...)
	}
	return findings
}

// claims are the claims of a snapshot.
type claims struct {
	// first is the first claimant found for each claim.
	first map[claimKey]claimant
	// disputed are the claims with several claimants, or that somebody else may
	// have.
	disputed map[claimKey]*claim
}

// claimant is a declaration, with one of its repositories if the claim is about
// that.
type claimant struct {
	of         *binding.Declaration
	repository int
}

// add adds a claimant. The claim is disputed if it has others already, or others is
// true.
func (c *claims) add(key claimKey, who claimant, others bool) {
	first, claimed := c.first[key]
	if !claimed {
		c.first[key] = who
	}
	if !claimed && !others {
		return
	}
	if c.disputed[key] == nil {
		c.disputed[key] = &claim{claimKey: key}
		if claimed {
			c.disputed[key].add(first)
		}
	}
	c.disputed[key].add(who)
}

// others names the first few fields of a group, without the one at i. It does not
// name all, because a group can be as large as the snapshot.
func others(group []declarationField, i int) []message.Message {
	const most = 3
	var names []message.Message
	for j, s := range group {
		if j == i {
			continue
		}
		if len(names) == most {
			names = append(names, message.New("list-more", "count", len(group)-1-most))
			break
		}
		names = append(names, s.message())
	}
	return names
}

func unknownInstance(d *binding.Declaration, instances []string) finding.Finding {
	m := message.New("instance.unknown", "name", clip(d.Spec.Instance), "suggestion", Suggestion(d.Spec.Instance, instances))
	return declarationField{d, "spec.instance"}.finding("unknown-instance", m)
}
