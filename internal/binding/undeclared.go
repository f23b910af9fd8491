package binding

import "slices"

// What is no longer declared may stay in the registry, and a person may change it.
// If it is declared again, it has not drifted: drift is a difference from what was
// applied and is still declared. So a record marks what its declaration no longer
// has, until that is applied again.

// WithUndeclared returns the record with marks on everything that a declaration
// does not have, and whether a mark is new. The declaration is nil if the whole
// binding is no longer declared. r is not changed.
func (r Record) WithUndeclared(d *Declaration) (marked Record, changed bool) {
	declared := map[string]*Repository{}
	if d != nil {
		for i := range d.Spec.Repositories {
			declared[NormalImage(d.Spec.Repositories[i].Image)] = &d.Spec.Repositories[i]
		}
	}
	changed = d == nil && !r.Undeclared
	r.Undeclared = r.Undeclared || d == nil
	own := false
	for i := range r.Images {
		repository := declared[NormalImage(r.Images[i].Image)]
		if !r.Images[i].lacksMark(repository) {
			continue
		}
		if !own {
			r, own, changed = r.withOwnImages(), true, true
		}
		r.Images[i].markUndeclared(repository)
	}
	return r, changed
}

// lacksMark reports whether something is not declared and not marked. The
// declaration of the image repository is nil if there is none.
func (i RecordedImage) lacksMark(declared *Repository) bool {
	return declared == nil && !i.Undeclared ||
		slices.ContainsFunc(i.Rules, func(rule RecordedRule) bool { return !rule.Undeclared && !declared.has(rule) })
}

func (i *RecordedImage) markUndeclared(declared *Repository) {
	i.Undeclared = i.Undeclared || declared == nil
	for n := range i.Rules {
		i.Rules[n].Undeclared = i.Rules[n].Undeclared || !declared.has(i.Rules[n])
	}
}

// has reports whether a rule is declared.
func (r *Repository) has(rule RecordedRule) bool {
	return r != nil && slices.ContainsFunc(r.Rules, func(b BuildRule) bool { return b.Key() == rule.Key })
}

// AdoptLink notes that the source is as declared. What is known about our own write
// of the same source stays known.
func (i *RecordedImage) AdoptLink(link *Link) {
	same, written := i.Link != nil && i.Link.Same(*link), i.LinkWritten
	if i.SetLink(link); same {
		i.LinkWritten = written
	}
}

// AdoptRule returns the image repository with a rule that is as declared. What is
// known about our own write of the same rule stays known. i is not changed.
func (i RecordedImage) AdoptRule(rule ObservedRule) RecordedImage {
	var written Write
	if made := i.Made(rule); made != nil && made.Key == rule.Key() && made.Dockerfile == NormalDockerfile(rule.Dockerfile) && !made.Removed {
		written = made.Written
	}
	i = i.WithRule(rule)
	if made := i.Made(rule); made != nil {
		made.Written = written
	}
	return i
}

// Applied returns the Dockerfile of a rule that was applied and is still declared;
// ok is false if there is none.
func (i *RecordedImage) Applied(key string) (dockerfile string, ok bool) {
	if i == nil {
		return "", false
	}
	for _, r := range i.Rules {
		if r.Key == key && !r.Removed && !r.Undeclared {
			return r.Dockerfile, true
		}
	}
	return "", false
}
