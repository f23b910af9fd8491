package manifest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

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

// String is where the spot is, for another place's message.
func (s spot) String() string {
	return fmt.Sprintf("%s (%s:%d)", s.declaration.Name, s.declaration.File, s.at().Line)
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
	findings = append(findings, conflicts("binding-unique", "the platform is bound on this instance by %s too", bindings)...)
	findings = append(findings, conflicts("name-unique", "the name is used by %s too", names)...)
	return append(findings, conflicts("image-owner-unique", "the image repository is declared by %s too", images)...)
}

// conflicts tells every spot of a group that has more than one.
func conflicts(code, text string, groups map[string][]spot) []finding.Finding {
	var findings []finding.Finding
	for _, group := range groups {
		if len(group) < 2 {
			continue
		}
		for i, s := range group {
			f := finding.New(code, message.Verbatim(fmt.Sprintf(text, others(group, i))))
			findings = append(findings, f.At(s.declaration.File, s.at().Line, s.at().Column).In(s.path))
		}
	}
	return findings
}

// others names the spots of a group but the one at i: the first few, for a
// group can be as large as the snapshot.
func others(group []spot, i int) string {
	const most = 3
	var names []string
	for j, s := range group {
		if j == i {
			continue
		}
		if len(names) == most {
			names = append(names, fmt.Sprintf("%d more", len(group)-1-most))
			break
		}
		names = append(names, s.String())
	}
	return strings.Join(names, ", ")
}

func unknownInstance(d binding.Declaration, instances []string) (finding.Finding, bool) {
	if instances == nil || slices.Contains(instances, d.Spec.Instance) {
		return finding.Finding{}, false
	}
	const path = "spec.instance"
	at := d.At(path)
	text := "no instance is called " + show(d.Spec.Instance) + didYouMean(d.Spec.Instance, instances)
	return finding.New("unknown-instance", message.Verbatim(text)).At(d.File, at.Line, at.Column).In(path), true
}
