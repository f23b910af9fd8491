package manifest

import (
	"cmp"
	"slices"
	"strconv"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// claimKind is what a claim is for. The names of its messages end with it.
type claimKind string

const (
	nameClaim     claimKind = "name"
	platformClaim claimKind = "binding"
	imageClaim    claimKind = "image"
)

// claimKey is something that only one declaration may have: a name, a platform of
// an instance, or an image repository of an instance.
type claimKey struct {
	what           claimKind
	instance, name string
}

// claim is a claimKey with the declarations that claim it.
type claim struct {
	claimKey
	group []declarationField
}

func (c *claim) add(who claimant) {
	path := "metadata.name"
	switch c.what {
	case platformClaim:
		path = "spec.platform"
	case imageClaim:
		path = "spec.repositories[" + strconv.Itoa(who.repository) + "].image"
	case nameClaim:
	}
	c.group = append(c.group, declarationField{who.of, path})
}

// code is the rule of a claim.
func (c claim) code() string {
	switch c.what {
	case platformClaim:
		return "binding-unique"
	case imageClaim:
		return "image-owner-unique"
	default:
		return "name-unique"
	}
}

// identity is the weight of an equal name, instance and platform. For a claim to a
// name it is less than the weight of the file, which shows better which declaration
// it is.
func (c claim) identity() int {
	if c.what == nameClaim {
		return weightFile / 2
	}
	return weightFile
}

func (c claim) matches(r *binding.Record) bool {
	switch c.what {
	case nameClaim:
		return r.Binding == c.name
	case platformClaim:
		return r.Instance == c.instance && string(r.Platform) == c.name
	default:
		return r.Instance == c.instance && slices.ContainsFunc(r.Images, func(i binding.RecordedImage) bool {
			return binding.NormalImage(i.Image) == c.name
		})
	}
}

const (
	// weightFile is the weight of an equal file, weightAccount of an equal
	// account.
	weightFile    = 4
	weightAccount = 1
)

// owners decides who keeps what several files claim: the declaration that was
// applied first. Without records, no declaration was first.
type owners struct {
	applied []binding.Record
	// place names a file as the records do.
	place func(file string) string
	// held are the bindings whose own file has errors or is unreadable, with that
	// file.
	held map[string]string
}

func newOwners(opts Options, files []binding.File, checked []checkedFile) owners {
	unusable := map[string]bool{}
	for _, file := range opts.Unreadable {
		unusable[opts.policyPath(file)] = true
	}
	for i, c := range checked {
		if finding.HasErrors(c.findings) {
			unusable[opts.policyPath(files[i].Path)] = true
		}
	}
	o := owners{applied: opts.Applied, place: opts.policyPath, held: map[string]string{}}
	if len(unusable) == 0 {
		return o
	}
	for i := range opts.Applied {
		if file := o.place(opts.Applied[i].File); unusable[file] {
			o.held[opts.Applied[i].Binding] = file
		}
	}
	return o
}

// conflicts returns a finding for every declaration of a claim that has more than
// one, except for the one that was applied first.
func (o owners) conflicts(c claim) []finding.Finding {
	if len(c.group) < 2 {
		return nil
	}
	first := o.first(c)
	var findings []finding.Finding
	for i, s := range c.group {
		m := message.New("conflict."+string(c.what), "others", others(c.group, i))
		if first >= 0 {
			m = message.New("conflict-taken."+string(c.what), "owner", c.group[first].message())
		}
		if i != first {
			findings = append(findings, s.finding(c.code(), m))
		}
	}
	return findings
}

// names does the same for a name. If the file that last declared a binding cannot
// be used now, the name is not free, because the file may still declare it.
func (o owners) names(c claim) []finding.Finding {
	file, held := o.held[c.name]
	declares := func(s declarationField) bool {
		return slices.ContainsFunc(o.applied, func(r binding.Record) bool {
			return c.matches(&r) && o.place(s.declaration.File) == o.place(r.File)
		})
	}
	if !held || slices.ContainsFunc(c.group, declares) {
		return o.conflicts(c)
	}
	var findings []finding.Finding
	for _, s := range c.group {
		findings = append(findings, s.finding(c.code(), message.New("name-held", "file", message.Place{File: file})))
	}
	return findings
}

// first returns the index of the declaration of a claim that was applied first, or
// -1 unless the records show exactly one.
func (o owners) first(c claim) int {
	first, best, tied := -1, evidence{}, false
	for n := range o.applied {
		r := &o.applied[n]
		if !c.matches(r) {
			continue
		}
		for i, s := range c.group {
			e := o.evidence(s.declaration, r, c.identity())
			switch order := e.compare(best); {
			case e.weight == 0:
			case order > 0:
				first, best, tied = i, e, false
			case order == 0 && i != first:
				tied = true
			}
		}
	}
	if tied {
		return -1
	}
	return first
}

// evidence is how likely a record belongs to a declaration. Between two records,
// one of a binding that is ours wins, then the later one: the previous owner of the
// claim was removed from the files since.
type evidence struct {
	weight  int
	managed int
	applied int64
}

func (e evidence) compare(other evidence) int {
	return cmp.Or(cmp.Compare(e.weight, other.weight), cmp.Compare(e.managed, other.managed), cmp.Compare(e.applied, other.applied))
}

// evidence weighs what a declaration has in common with a record: its name on the
// platform of the instance, its file, its account. One of the first two may differ:
// a file that was moved and a binding that was renamed in its file are not new. The
// account only decides between candidates that have one of them.
func (o owners) evidence(d *binding.Declaration, r *binding.Record, identity int) evidence {
	e := evidence{applied: r.Applied.UnixNano()}
	if r.Managed {
		e.managed = 1
	}
	there := d.Spec.Instance == r.Instance && d.Spec.Platform == r.Platform
	if there && d.Name == r.Binding {
		e.weight += identity
	}
	if r.File != "" && o.place(d.File) == o.place(r.File) {
		e.weight += weightFile
	}
	if e.weight > 0 && there && binding.SameAccount(d.Spec.Account(), r.Wanted()) {
		e.weight += weightAccount
	}
	return e
}

// AsApplied returns the records that the declarations would have if they had been
// applied. It is for files that existed before others but were not applied here.
func AsApplied(declarations []binding.Declaration) []binding.Record {
	records := make([]binding.Record, 0, len(declarations))
	for _, d := range declarations {
		r := binding.Record{
			Instance: d.Spec.Instance, Binding: d.Name, Platform: d.Spec.Platform, File: d.File,
			Asked: d.Spec.Account(), Managed: !d.Spec.Observed(),
		}
		for _, repository := range d.Spec.Repositories {
			r.Images = append(r.Images, binding.RecordedImage{Image: repository.Image})
		}
		records = append(records, r)
	}
	return records
}
