package manifest

import (
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/errors"

	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/schema"
)

// maxRounds limits how often CUE checks the data again without the values that it
// rejected. Each round shows errors that earlier ones hid.
const maxRounds = 8

// validate checks a document against a definition and returns it with the schema's
// defaults. The document is valid only if no finding has severity error. CUE checks
// what the quick check does not accept.
func (c *checker) validate(root *node, file, name string) (accepted, []finding.Finding) {
	def, err := schema.Lookup(name)
	if err != nil {
		return accepted{}, []finding.Finding{c.internal(file, err)}
	}
	s := &shapeChecker{file: file, wrong: map[string]bool{}, plain: &c.plain}
	shaped, _ := s.shape(root, def.Field, false)
	data, _ := shaped.(map[string]any)
	if len(s.findings) == 0 {
		document, err := c.accept(def, name, data, s.values)
		if err == nil {
			return document, nil
		}
	}
	// A field that every platform has can be wrong for all of them, or only for
	// this one. The shared definition is checked first, so that the platform's rule
	// is reported only for values that are otherwise valid.
	v := &valueChecker{c: c, s: s, root: root, field: def.Field, data: data}
	if schema.Narrows(name) {
		v.rounds(schema.SourceBinding, false)
	}
	v.rounds(name, true)
	if len(s.findings) == 0 {
		// CUE rejected the document, but no field could be named.
		s.findings = append(s.findings, c.internal(file, nil))
	}
	return accepted{}, s.findings
}

// accept tries the quick check, then CUE.
func (c *checker) accept(def schema.Definition, name string, data map[string]any, values int) (accepted, error) {
	if def.Quick.Accept(data) {
		return accepted{data: data}, nil
	}
	unified, err := c.unify(name, data, values)
	if err != nil {
		return accepted{}, err
	}
	text, err := unified.MarshalJSON()
	return accepted{json: text}, err
}

// valueChecker lets CUE check the data and makes findings from its errors.
type valueChecker struct {
	c     *checker
	s     *shapeChecker
	root  *node
	field *schema.Field
	data  map[string]any
}

func (v *valueChecker) rounds(definition string, platform bool) {
	for range maxRounds {
		_, err := v.c.unify(definition, v.data, v.s.values)
		all := errors.Errors(err)
		if !v.reportEach(all, scalar, platform) && !v.reportEach(all, list, platform) {
			return
		}
	}
}

// reportEach adds findings for the errors at nodes of a kind, and reports whether
// there were any. A list is reported only if none of its items is.
func (v *valueChecker) reportEach(all []errors.Error, at kind, platform bool) bool {
	found := false
	for _, one := range all {
		if v.reportAt(one.Path(), at, platform) {
			found = true
		}
	}
	return found
}

// reportAt makes a finding from an error at a path of CUE, once, and removes the
// value from the data. It returns false if there is nothing new to report.
func (v *valueChecker) reportAt(path []string, of kind, platform bool) bool {
	if len(path) > 0 && strings.HasPrefix(path[0], "#") {
		path = path[1:]
	}
	at, found := v.follow(path)
	if !found || at.n.kind != of || v.s.wrong[at.n.path] || of == list && v.hasWrongItem(at.n.items) {
		return false // the faults of a mapping are those of its fields
	}
	code := "field-value"
	if platform && at.field.Rule != "" && at.field.Rule != "token-required" {
		code = at.field.Rule
	}
	if code == "field-value" || !v.dependsOnWrongField(at) {
		v.report(code, at)
	}
	v.drop(path)
	return true
}

// hasWrongItem reports whether a list's fault may be that of one of its items.
func (v *valueChecker) hasWrongItem(items []*node) bool {
	return slices.ContainsFunc(items, func(item *node) bool { return v.s.wrong[item.path] || item.kind == mapping })
}

// dependsOnWrongField reports whether a rule depends on a different field that is
// wrong itself, so that the rule cannot be checked yet.
func (v *valueChecker) dependsOnWrongField(at place) bool {
	beside := at.field.RuleAt != "" && v.s.wrong[join(at.parent.path, at.field.RuleAt)]
	return beside || at.field.RuleNeeds != "" && v.s.wrong[at.field.RuleNeeds]
}

func (v *valueChecker) report(code string, at place) {
	n, field := at.n, at.field
	if code != "field-value" {
		v.s.wrong[n.path] = true
		shown := n
		if neighbour := at.parent.find(field.RuleAt); field.RuleAt != "" && neighbour != nil {
			shown = neighbour
		}
		v.s.add(code, platformMessage(code, field.Name, n.text), shown)
		return
	}
	value := n.quote()
	if at.private || hasUserInfo(n.text) {
		value = message.New("kind.not-as-wanted")
	}
	v.s.add(code, message.New("field.value", "field", name(n.path), "is", value, "want", wanted(field),
		"suggestion", Suggestion(n.text, field.Choices)), n)
}

// place is where a path of CUE leads to.
type place struct {
	parent, n *node
	field     *schema.Field
	// private is true if messages must not show the value.
	private bool
}

// follow follows a path of CUE through the tree and the schema.
func (v *valueChecker) follow(path []string) (place, bool) {
	at := place{n: v.root, field: v.field}
	for _, step := range path {
		at.parent = at.n
		switch at.n.kind {
		case mapping:
			at.n, at.field = at.n.field(label(step)), at.field.Lookup(label(step))
		case list:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(at.n.items) {
				return place{}, false
			}
			at.n, at.field = at.n.items[i], at.field.Elem
		default:
			return place{}, false
		}
		if at.n == nil || at.field == nil {
			return place{}, false
		}
		at.private = at.private || at.field.Private
	}
	return at, true
}

// label is a step of a path of CUE, without quotes.
func label(step string) string {
	if plain, err := strconv.Unquote(step); err == nil {
		return plain
	}
	return step
}

// drop removes the value at a path from the data.
func (v *valueChecker) drop(path []string) {
	var at any = v.data
	for i, step := range path {
		last := i == len(path)-1
		switch container := at.(type) {
		case map[string]any:
			if last {
				delete(container, label(step))
				return
			}
			at = container[label(step)]
		case []any:
			index, err := strconv.Atoi(step)
			if err != nil || index >= len(container) {
				return
			}
			if last {
				v.drop(slices.Clone(path[:i])) // a list of scalars is removed as a whole
				return
			}
			at = container[index]
		default:
			return
		}
	}
}

// platformMessage is the message about a platform's rule that a field breaks.
func platformMessage(code, field, value string) message.Message {
	switch code {
	case "gitlab-subgroup-manual":
		return message.New("platform.subgroup", "source", clip(value))
	case "github-personal":
		if field == "address" {
			return message.New("platform.github-address")
		}
		return message.New("platform.github-owner", "source", clip(value))
	case "codeup-address":
		return message.New("platform.codeup-address")
	case "bitbucket-address":
		return message.New("platform.bitbucket-address")
	case "gitee-address":
		return message.New("platform.gitee-address")
	case "oauth-no-token":
		return message.New("platform.oauth-token")
	}
	return message.New("platform.rule", "field", field, "rule", code)
}
