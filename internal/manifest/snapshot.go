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

// checkSnapshot holds the declarations of a snapshot against each other and
// against the instances that are configured. Both sides of a conflict are
// told, so that the order of files means nothing.
func checkSnapshot(declarations []binding.Declaration, instances []string) []finding.Finding {
	bindings, names, images := map[string][]spot{}, map[string][]spot{}, map[string][]spot{}
	var findings []finding.Finding
	for _, d := range declarations {
		names[d.Name] = append(names[d.Name], spot{d, "metadata.name"})
		key := d.Spec.Instance + " " + string(d.Spec.Platform)
		bindings[key] = append(bindings[key], spot{d, "spec.platform"})
		for i, repository := range d.Spec.Repositories {
			key := d.Spec.Instance + " " + binding.NormalImage(repository.Image)
			images[key] = append(images[key], spot{d, "spec.repositories[" + strconv.Itoa(i) + "].image"})
		}
		if f, unknown := unknownInstance(d, instances); unknown {
			findings = append(findings, f)
		}
	}
	findings = append(findings, conflicts("binding-unique", "binding", bindings)...)
	findings = append(findings, conflicts("name-unique", "name", names)...)
	return append(findings, conflicts("image-owner-unique", "image", images)...)
}

// conflicts tells every spot of a group that has more than one.
func conflicts(code, what string, groups map[string][]spot) []finding.Finding {
	var findings []finding.Finding
	for _, group := range groups {
		if len(group) < 2 {
			continue
		}
		for i, s := range group {
			f := finding.New(code, message.New("conflict."+what, "others", others(group, i)))
			findings = append(findings, f.At(s.declaration.File, s.at().Line, s.at().Column).In(s.path))
		}
	}
	return findings
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
	m := message.New("instance.unknown", "name", clip(d.Spec.Instance), "suggestion", didYouMean(d.Spec.Instance, instances))
	return finding.New("unknown-instance", m).At(d.File, at.Line, at.Column).In(path), true
}
