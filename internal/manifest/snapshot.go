package manifest

import (
	"slices"
	"strconv"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// spot is a field of a declaration.
type spot struct {
	declaration binding.Declaration
	path        string
}

func (s spot) at() binding.Position { return s.declaration.At(s.path) }

// message is where the spot is, for another place's message.
func (s spot) message() message.Message {
	return message.New("binding-at", "binding", s.declaration.Name, "at", message.Place{File: s.declaration.File, Line: s.at().Line})
}

// finding is one at the spot.
func (s spot) finding(code string, m message.Message) finding.Finding {
	return finding.New(code, m).At(s.declaration.File, s.at().Line, s.at().Column).In(s.path)
}

// checkSnapshot holds the declarations of a snapshot against each other and
// against the instances that are configured. Of a conflict all sides are reported
// except for the one that was applied first, so that the order of files means
// nothing.
func checkSnapshot(declarations []binding.Declaration, instances []string, o owners) []finding.Finding {
	claims := map[string]*claim{}
	add := func(c claim, key string, s spot) {
		key = c.code + " " + key
		if claims[key] == nil {
			claims[key] = &c
		}
		claims[key].group = append(claims[key].group, s)
	}
	var findings []finding.Finding
	for _, d := range declarations {
		add(nameClaim(d), d.Name, spot{d, "metadata.name"})
		add(platformClaim(d), d.Spec.Instance+" "+string(d.Spec.Platform), spot{d, "spec.platform"})
		for i, repository := range d.Spec.Repositories {
			image := binding.NormalImage(repository.Image)
			add(imageClaim(d, image), d.Spec.Instance+" "+image, spot{d, "spec.repositories[" + strconv.Itoa(i) + "].image"})
		}
		if f, unknown := unknownInstance(d, instances); unknown {
			findings = append(findings, f)
		}
	}
	for _, c := range claims {
		if c.what == "name" {
			findings = append(findings, o.names(*c)...)
			continue
		}
		findings = append(findings, o.conflicts(*c)...)
	}
	return findings
}

// nameClaim is a declaration's claim of its name. Its file says more of who it is
// than where it binds what.
func nameClaim(d binding.Declaration) claim {
	return claim{code: "name-unique", what: "name", identity: weightFile / 2, had: func(r binding.Record) bool { return r.Binding == d.Name }}
}

func platformClaim(d binding.Declaration) claim {
	return claim{code: "binding-unique", what: "binding", identity: weightFile, had: func(r binding.Record) bool {
		return r.Instance == d.Spec.Instance && r.Platform == d.Spec.Platform
	}}
}

func imageClaim(d binding.Declaration, image string) claim {
	return claim{code: "image-owner-unique", what: "image", identity: weightFile, had: func(r binding.Record) bool {
		return r.Instance == d.Spec.Instance && slices.ContainsFunc(r.Images, func(i binding.RecordedImage) bool {
			return binding.NormalImage(i.Image) == image
		})
	}}
}

// others names the spots of a group but the one at i: the first few, for a
// group can be as large as the snapshot.
func others(group []spot, i int) []message.Message {
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

func unknownInstance(d binding.Declaration, instances []string) (finding.Finding, bool) {
	if instances == nil || slices.Contains(instances, d.Spec.Instance) {
		return finding.Finding{}, false
	}
	const path = "spec.instance"
	at := d.At(path)
	m := message.New("instance.unknown", "name", clip(d.Spec.Instance), "suggestion", Suggestion(d.Spec.Instance, instances))
	return finding.New("unknown-instance", m).At(d.File, at.Line, at.Column).In(path), true
}
