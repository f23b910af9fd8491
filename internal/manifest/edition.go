package manifest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/schema"
)

const (
	// KindInstances is the kind of the file that names the edition of
	// each instance.
	KindInstances = "Instances"
	// InstancesFile is the name of that file, at the root of the declarations.
	InstancesFile = "instances.yaml"
)

// editions is what is known about the editions of the instances.
type editions struct {
	// configured are the editions in the configuration. They take precedence.
	configured map[string]binding.Edition
	// declared are the editions in instances.yaml.
	declared map[string]declaredEdition
	// findings are the findings of documents of kind Instances.
	findings []finding.Finding
	// broken is true if instances.yaml cannot be used.
	broken bool
}

// declaredEdition is what instances.yaml says about one instance.
type declaredEdition struct {
	edition binding.Edition
	file    string
	// name and value are the fields.
	name, value *node
}

func (d declaredEdition) place() message.Place {
	return message.Place{File: d.file, Line: d.value.at.Line}
}

// of returns the edition whose rules apply to an instance.
func (e editions) of(instance string) binding.Edition {
	if edition, ok := e.configured[instance]; ok {
		return edition
	}
	if d, ok := e.declared[instance]; ok {
		return d.edition
	}
	return binding.Personal
}

// certain reports whether the edition of an instance is known, even if
// instances.yaml cannot be used.
func (e editions) certain(instance string) bool {
	_, configured := e.configured[instance]
	return configured || !e.broken
}

// disagreement returns what instances.yaml states about an instance, and whether
// the configuration states something else.
func (e editions) disagreement(instance string) (declaredEdition, bool) {
	configured, ok := e.configured[instance]
	d, declared := e.declared[instance]
	return d, ok && declared && configured != d.edition
}

// digest identifies the editions of all instances.
func (e editions) digest() string {
	hash := sha256.New()
	for _, said := range []map[string]binding.Edition{e.configured, e.onlyCommitted()} {
		for _, name := range slices.Sorted(maps.Keys(said)) {
			_, _ = fmt.Fprintf(hash, "%q %q\n", name, said[name])
		}
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// onlyCommitted returns the editions of instances.yaml that the configuration does
// not state.
func (e editions) onlyCommitted() map[string]binding.Edition {
	said := map[string]binding.Edition{}
	for name, d := range e.declared {
		if _, ok := e.configured[name]; !ok {
			said[name] = d.edition
		}
	}
	return said
}

var instancesKind = regexp.MustCompile(`(?m)^["']?kind["']?:[ \t]*["']?Instances["']?[ \t\r]*(#.*)?$`)

// IsInstances reports whether a file seems to have a document of kind Instances.
func IsInstances(file binding.File) bool { return instancesKind.Match(file.Data) }

// isInstances reports whether a file is the one that names the editions.
func (o Options) isInstances(file string) bool {
	return o.policyPath(file) == InstancesFile || slices.Contains(o.InstancesFiles, file)
}

// readEditions reads the files that name the edition of each instance.
// What else is in them is checked as in any other file.
func readEditions(files []binding.File, opts Options) editions {
	e := editions{
		configured: opts.Editions, declared: map[string]declaredEdition{},
		broken: slices.ContainsFunc(opts.Unreadable, opts.isInstances),
	}
	for _, file := range files {
		if opts.isInstances(file.Path) {
			e.read(file, opts)
		}
	}
	return e
}

func (e *editions) read(file binding.File, opts Options) {
	c := newChecker(opts)
	defer func() {
		if fault := recover(); fault != nil {
			e.broken, e.findings = true, append(e.findings, c.internal(file.Path, nil))
		}
	}()
	all := c.parse(file, func(root *node) []finding.Finding {
		if !isKind(root, KindInstances) {
			return nil
		}
		found := e.document(c, root, file.Path)
		e.findings = append(e.findings, found...)
		return found
	})
	e.broken = e.broken || finding.HasErrors(all)
}

func (e *editions) document(c *checker, root *node, file string) []finding.Finding {
	if found := checkHeader(root, file, KindInstances); found != nil {
		return found
	}
	checked, findings := c.validate(root, file, schema.Instances)
	if finding.HasErrors(findings) {
		return findings
	}
	var document struct {
		Instances []struct {
			Name    string          `json:"name"`
			Edition binding.Edition `json:"edition"`
		} `json:"instances"`
	}
	if err := checked.decode(&document); err != nil {
		return append(findings, c.internal(file, err))
	}
	for i, in := range document.Instances {
		item := root.field("instances").items[i]
		d := declaredEdition{edition: in.Edition, file: file, name: item.field("name"), value: item.field("edition")}
		if first, twice := e.declared[in.Name]; twice {
			m := message.New("edition.twice", "instance", in.Name, "other", first.place())
			findings = append(findings, d.finding("instance-edition", m, d.name))
			continue
		}
		e.declared[in.Name] = d
	}
	return findings
}

// finding returns a finding at a field of the entry.
func (d declaredEdition) finding(code string, m message.Message, at *node) finding.Finding {
	return at.place(d.file, finding.New(code, m))
}

// check checks the names of instances.yaml.
func (e editions) check(instances []string) []finding.Finding {
	findings := e.findings
	for name, d := range e.declared {
		if instances != nil && !slices.Contains(instances, name) {
			m := message.New("instance.unknown", "name", clip(name), "suggestion", Suggestion(name, instances))
			findings = append(findings, d.finding("unknown-instance", m, d.name).As(finding.Warning))
		}
	}
	return findings
}

// disagreements compares instances.yaml with the configuration. If they disagree
// about an instance, that instance is not changed, because it is uncertain which
// rules apply to its declarations. Other instances are not affected.
func (e editions) disagreements(declarations []binding.Declaration) (held []binding.HeldInstance, findings []finding.Finding) {
	for _, name := range slices.Sorted(maps.Keys(e.declared)) {
		said, disagree := e.disagreement(name)
		if !disagree {
			continue
		}
		h := binding.HeldInstance{Instance: name, Files: []string{said.file}, Why: e.disagreementMessage(name, said)}
		about := func(f finding.Finding) { f.Instance = name; findings = append(findings, f) }
		about(said.finding("instance-edition", h.Why, said.value))
		for _, d := range declarations {
			if d.Spec.Instance == name {
				h.Files = append(h.Files, d.File)
				about(declarationField{&d, "spec.instance"}.finding("instance-edition", h.Why))
			}
		}
		slices.Sort(h.Files)
		h.Files = slices.Compact(h.Files)
		held = append(held, h)
	}
	return held, findings
}

// committed returns the editions in instances.yaml, with their places; nil if it
// cannot be used.
func (e editions) committed() map[string]CommittedEdition {
	if e.broken {
		return nil
	}
	said := map[string]CommittedEdition{}
	for name, d := range e.declared {
		said[name] = CommittedEdition{Edition: d.edition, File: d.file, At: d.value.at}
	}
	return said
}

// CommittedEdition is the edition of an instance in instances.yaml.
type CommittedEdition struct {
	Edition binding.Edition
	File    string
	At      binding.Position
}

// EditionChanges returns a finding for each instance whose committed edition head
// changes, because that changes the rules of its declarations. An instance that is
// not named is of the Personal Edition. If one of the files cannot be used, there
// are no findings.
func EditionChanges(base, head map[string]CommittedEdition, declarations []binding.Declaration) []finding.Finding {
	if base == nil || head == nil {
		return nil
	}
	names := slices.Collect(maps.Keys(base))
	for name := range head {
		names = append(names, name)
	}
	slices.Sort(names)
	var findings []finding.Finding
	for _, name := range slices.Compact(names) {
		was, is := base[name], head[name]
		from, to := cmp.Or(was.Edition, binding.Personal), cmp.Or(is.Edition, binding.Personal)
		if from == to {
			continue
		}
		checked := 0
		for _, d := range declarations {
			if d.Spec.Instance == name {
				checked++
			}
		}
		at := cmp.Or(is, CommittedEdition{File: was.File})
		f := finding.New("edition-changed", message.New("edition.changed", "instance", name, "from", from.Title(), "to", to.Title(), "declarations", checked))
		f.Instance = name
		findings = append(findings, f.At(at.File, at.At.Line, at.At.Column))
	}
	return findings
}

// moves reports the declarations whose binding was applied on a different instance,
// and what differs there.
func (e editions) moves(declarations []binding.Declaration, applied []binding.Record) []finding.Finding {
	var findings []finding.Finding
	// first is the number, from 1, of the first record of each binding. next is the
	// number of the next one with the same binding; 0 if there is none.
	first, next := make(map[string]int, len(applied)), make([]int, len(applied))
	for i := range slices.Backward(applied) {
		name := applied[i].Binding
		first[name], next[i] = i+1, first[name]
	}
	for _, d := range declarations {
		var from *binding.Record
		for i := first[d.Name]; i > 0; i = next[i-1] {
			r := &applied[i-1]
			if r.Platform != d.Spec.Platform || !r.Managed {
				continue
			}
			if r.Instance == d.Spec.Instance {
				from = nil
				break
			}
			from = r
		}
		if from == nil {
			continue
		}
		before, after := e.of(from.Instance), e.of(d.Spec.Instance)
		m := message.New("edition.moved", "from", from.Instance, "fromEdition", before.Title(), "to", d.Spec.Instance, "toEdition", after.Title(),
			"kept", from.DeletionPolicy != binding.Unbind, "enterprise", before != after && after == binding.Enterprise,
			"personal", before != after && after != binding.Enterprise)
		findings = append(findings, declarationField{&d, "spec.instance"}.finding("instance-moved", m))
	}
	return findings
}

// disagreementMessage is a message with both sides of a disagreement.
func (e editions) disagreementMessage(instance string, d declaredEdition) message.Message {
	return message.New("edition.disagree", "instance", instance, "configured", e.configured[instance],
		"place", d.place(), "declared", d.edition)
}

// isKind reports whether a document states that it is of a kind.
func isKind(root *node, kind string) bool {
	return root.textOf("kind") == kind
}

// checkEdition checks what depends on the edition of a declaration's instance
// and is not in its definition.
func checkEdition(root *node, file string, edition binding.Edition) []finding.Finding {
	p := binding.Platform(root.textOf("spec", "platform"))
	if slices.Contains(binding.AllPlatforms(), p) && !slices.Contains(edition.Platforms(), p) {
		f := finding.New("platform-edition", message.New("edition.platform", "platform", p.Title(), "edition", edition.Title()))
		return []finding.Finding{root.find("spec", "platform").place(file, f)}
	}
	if edition != binding.Enterprise || p != binding.GitHub {
		return nil
	}
	username, repositories := root.find("spec", "username"), root.find("spec", "repositories")
	if username == nil || repositories == nil {
		return nil
	}
	var findings []finding.Finding
	for _, r := range repositories.items {
		source := r.find("source")
		if source == nil || source.kind != scalar || ownedBy(source.text, username.text) {
			continue
		}
		findings = append(findings, source.place(file, finding.New("github-personal",
			message.New("platform.github-owner", "source", clip(source.text))).As(finding.Warning)))
	}
	return findings
}

// ownedBy reports whether the first part of a project's path is the account.
func ownedBy(source, username string) bool {
	owner, _, _ := strings.Cut(strings.TrimPrefix(source, "/"), "/")
	return binding.SameUsername(binding.GitHub, owner, username)
}

// enterpriseAddress adapts the findings of a GitLab address to the Enterprise
// Edition. That edition reaches a site in a VPC over a link, so a private address
// or an unusual port may be right.
func enterpriseAddress(findings []finding.Finding) []finding.Finding {
	for i, f := range findings {
		switch f.Code {
		case "gitlab-public":
			findings[i] = finding.New("gitlab-vpc", f.Message)
		case "gitlab-http-port", "gitlab-https-port":
			findings[i] = f.As(finding.Warning)
		}
	}
	return findings
}
