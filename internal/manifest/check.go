package manifest

import (
	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/schema"
)

// valuesPerContext is how many values a CUE context gets before it is dropped,
// because it keeps everything that was ever built in it. Two hundred common
// declarations have about as many.
const valuesPerContext = 10_000

// checker checks files one after another. It owns a CUE context, so only one
// goroutine may use it, and only for one batch. The context is made when the first
// document needs it. A common document does not need it (see schema.Quick).
type checker struct {
	allowPrivate bool
	editions     editions
	isInstances  func(file string) bool
	shapes       []shape
	marks        *markBytes
	// context is the CUE context, with the schema in root and the number of values
	// that it got in values; nil if there is none yet.
	context *cue.Context
	root    cue.Value
	values  int
	quick   quickYAML
	nodes   nodePool
	plain   mapPool
}

func newChecker(opts Options) *checker {
	return &checker{
		allowPrivate: opts.AllowPrivateAddresses, editions: opts.editions, isInstances: opts.isInstances, shapes: shapes(),
	}
}

// unify checks data against a definition. values is about how many values data has.
func (c *checker) unify(definition string, data any, values int) (cue.Value, error) {
	if c.context == nil || c.values > valuesPerContext {
		context := cuecontext.New()
		root, err := schema.Compile(context)
		if err != nil {
			return cue.Value{}, err
		}
		c.context, c.root, c.values = context, root, 0
	}
	c.values += values
	unified := c.root.LookupPath(cue.ParsePath(definition)).Unify(c.context.Encode(data))
	return unified, unified.Validate(cue.Concrete(true), cue.Final())
}

// check checks one declaration file by itself. A panic in it ends only the check of
// this file.
func (c *checker) check(file binding.File) (checked checkedFile) {
	defer func() {
		if fault := recover(); fault != nil {
			// The text of the panic could contain a part of the file.
			checked = checkedFile{findings: []finding.Finding{c.internal(file.Path, nil)}}
		}
	}()
	checked.findings = c.parse(file, func(root *node) []finding.Finding {
		if c.isInstances(file.Path) && isKind(root, KindInstances) {
			return nil // readEditions has checked it
		}
		declaration, found := c.declaration(root, file.Path)
		c.plain.release()
		if !finding.HasErrors(found) {
			checked.declarations = append(checked.declarations, declaration)
		}
		return found
	})
	checked.findings = bound(checked.findings, maxFindings, 0)
	return checked
}

func (c *checker) internal(file string, err error) finding.Finding {
	m := message.New("check.fault")
	if err != nil {
		m = message.New("check.fault-because", "err", err)
	}
	return finding.New("internal-error", m).At(file, 0, 0)
}

// parse calls use with the tree of each document of a file, and returns all
// findings, including those of use.
func (c *checker) parse(file binding.File, use func(root *node) []finding.Finding) []finding.Finding {
	text, findings, ok := checkText(file)
	if !ok {
		return findings
	}
	if isLFSPointer(text) {
		f := finding.New("document-kind", message.New("document.lfs-pointer")).At(file.Path, 1, 1)
		return append(findings, f.WithHint(message.New("hint.out-of-lfs")))
	}
	text, secrets := c.maskSecrets(text, file.Path)
	r := &reader{c: c, file: file.Path, findings: append(findings, secrets...)}
	r.read(text, func(root *node) {
		r.findings = append(r.findings, use(root)...)
	})
	return r.findings
}

// declaration checks one document and makes a declaration from it. The declaration
// is complete if no finding has severity error.
func (c *checker) declaration(root *node, file string) (binding.Declaration, []finding.Finding) {
	kind := binding.KindSourceBinding
	if c.isInstances(file) && !isKind(root, kind) {
		kind = KindInstances
	}
	if found := checkHeader(root, file, kind); found != nil {
		return binding.Declaration{}, found
	}
	edition := c.editions.of(root.textOf("spec", "instance"))
	name, known := schema.Platform(root.textOf("spec", "platform"), string(edition))
	if !known {
		name = schema.SourceBinding
	}
	document, findings := c.validate(root, file, name)
	findings = append(findings, c.checkAddress(root, file, edition)...)
	findings = append(findings, checkEdition(root, file, edition)...)
	findings = append(findings, checkRules(root, file)...)
	if finding.HasErrors(findings) {
		return binding.Declaration{}, findings
	}
	declaration, err := decode(document)
	if err != nil {
		return binding.Declaration{}, append(findings, c.internal(file, err))
	}
	if edition == binding.Enterprise {
		declaration.Edition = edition
	}
	declaration.Positions = positions(root)
	return declaration, findings
}

// decode makes a declaration from a checked document.
func decode(checked accepted) (binding.Declaration, error) {
	var document struct {
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
		Spec binding.Spec `json:"spec"`
	}
	if err := checked.decode(&document); err != nil {
		return binding.Declaration{}, message.NewError("manifest-error.decode", "err", err)
	}
	return binding.Declaration{Name: document.Metadata.Name, Spec: document.Spec}, nil
}

// checkHeader checks the apiVersion and kind of a document. If they are wrong,
// checking the rest is pointless.
func checkHeader(root *node, file, want string) []finding.Finding {
	if root.kind != mapping {
		f := finding.New("field-type", message.New("document.no-mapping", "is", root.describe()))
		return []finding.Finding{root.place(file, f)}
	}
	var findings []finding.Finding
	for _, header := range []struct{ field, want string }{{"apiVersion", binding.APIVersion}, {"kind", want}} {
		n := root.field(header.field)
		switch {
		case n == nil:
			f := finding.New("document-kind", message.New("document.no-header", "field", header.field, "want", header.want))
			findings = append(findings, root.place(file, f).In(header.field))
		case n.kind != scalar || n.text != header.want:
			f := finding.New("document-kind", message.New("document.header", "field", header.field, "is", n.quote(),
				"want", header.want, "suggestion", Suggestion(n.text, []string{header.want})))
			switch n.text {
			case KindInstances:
				f.Hint = message.New("hint.instances-place", "file", InstancesFile)
			case KindConfiguration:
				f.Hint = message.New("hint.configuration-place", "folder", declarationsOf(root))
			}
			findings = append(findings, n.place(file, f))
		}
	}
	if want != binding.KindSourceBinding {
		for i := range findings {
			findings[i].Hint = message.New("hint.header", "apiVersion", binding.APIVersion, "kind", want)
		}
	}
	return findings
}

// declarationsOf is the folder of the declarations that a configuration names; it
// is empty if the configuration names none.
func declarationsOf(configuration *node) string {
	for _, source := range []string{"folder", "git"} {
		if n := configuration.find("source", source, "path"); n != nil && n.kind == scalar {
			return clip(n.text)
		}
	}
	return ""
}

// find returns the node at a chain of fields, or nil.
func (n *node) find(fields ...string) *node {
	for _, name := range fields {
		if n == nil || n.kind != mapping {
			return nil
		}
		n = n.field(name)
	}
	return n
}

// textOf returns the scalar at the given keys as it is written; empty if there is
// none.
func (n *node) textOf(fields ...string) string {
	if child := n.find(fields...); child != nil && child.kind == scalar {
		return child.text
	}
	return ""
}

// place returns a finding about n with its place.
func (n *node) place(file string, f finding.Finding) finding.Finding {
	return f.At(file, n.at.Line, n.at.Column).In(n.path)
}

// describe names the type of a node, without its value.
func (n *node) describe() message.Message {
	switch {
	case n.kind == mapping:
		return message.New("kind.mapping")
	case n.kind == list:
		return message.New("kind.list")
	case n.value == nil:
		return message.New("kind.null")
	case n.day && n.plain:
		return message.New("kind.yaml-date")
	}
	switch n.value.(type) {
	case bool:
		return message.New("kind.boolean")
	case string:
		return message.New("kind.text")
	}
	return message.New("kind.number")
}

// quote shows a node for a message: a scalar as it is written.
func (n *node) quote() message.Message {
	if n.kind != scalar || n.value == nil {
		return n.describe()
	}
	return message.New("kind.value", "value", clip(n.text))
}
