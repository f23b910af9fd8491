package manifest

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"

	"reconciler/internal/confine"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// policyWork is the name of the work of the child process.
const policyWork = "policies"

// ChildWork returns the work of this package that runs in a child process. main
// passes it to confine.Child.
func ChildWork() map[string]confine.Work {
	return map[string]confine.Work{policyWork: evaluatePolicies}
}

// evaluatePolicies runs in the child process: it reads policy files and checks
// declarations against them. The limits of its process apply to everything that it
// does, so it does not limit time and memory itself.
func evaluatePolicies(in io.Reader, out io.Writer) error {
	c := policyChild{out: json.NewEncoder(out), seen: map[string]message.Place{}}
	decoder := json.NewDecoder(in)
	decoder.UseNumber()
	if err := decoder.Decode(&c.order); err != nil {
		return err
	}
	for i, file := range c.order.Files {
		if !file.Skip {
			c.send(policyFrame{File: &i})
			c.file = i
			c.read(file)
		}
	}
	c.send(policyFrame{Read: &c.found})
	c.declarations()
	c.send(policyFrame{Done: true})
	return c.err
}

type policyChild struct {
	order policyOrder
	out   *json.Encoder
	// err is the first error of a write.
	err error

	file  int
	found policiesRead
	// seen is where each code was first used.
	seen map[string]message.Place
	// broken is true if the file being read has a fault.
	broken bool

	context *cue.Context
	values  []cue.Value
}

func (c *policyChild) send(f policyFrame) {
	if c.err == nil {
		c.err = c.out.Encode(f)
	}
}

// policyCode matches the code of a policy.
var policyCode = regexp.MustCompile(`^policy-[a-z0-9]+(-[a-z0-9]+)*$`)

func (c *policyChild) add(m message.Message, at token.Pos) {
	c.broken = true
	if len(c.found.Faults) < maxPolicyFaults {
		place := at.Position()
		c.found.Faults = append(c.found.Faults, policyFault{c.file, place.Line, place.Column, m})
	}
}

// read reads a file in a CUE context of its own. If the file has a fault, none of
// its policies is used.
func (c *policyChild) read(file policyFile) {
	before := len(c.found.Policies)
	c.broken = false
	defer func() {
		if recover() != nil {
			c.add(message.New("policy.fault"), token.NoPos)
		}
		if c.broken {
			c.found.Policies = c.found.Policies[:before]
		}
	}()
	root := cuecontext.New().CompileBytes(file.Text, cue.Filename(file.Path))
	if c.failed(root.Validate()) {
		return
	}
	fields, err := root.Fields()
	if c.failed(err) {
		return
	}
	found := false
	for fields.Next() {
		if name := fields.Selector().Unquoted(); name != "policies" {
			c.add(message.New("policy.unknown-field", "name", clip(name)), fields.Value().Pos())
			continue
		}
		list, err := fields.Value().Fields()
		if c.failed(err) {
			return
		}
		for list.Next() {
			found = true
			c.policy(list.Selector().Unquoted(), list.Value())
		}
	}
	if !found && !c.broken {
		c.add(message.New("policy.none"), token.NoPos)
	}
}

// failed adds a fault for each error of CUE, and reports whether there is one.
func (c *policyChild) failed(err error) bool {
	for _, e := range errors.Errors(err) {
		format, args := e.Msg()
		text := fmt.Sprintf(format, args...)
		c.add(message.New("policy.cue", "err", message.Foreign(text[:min(len(text), maxPolicyText)])), e.Position())
	}
	return err != nil
}

func (c *policyChild) policy(code string, value cue.Value) {
	p := policy{Code: code, Severity: finding.Error, File: c.file, Line: value.Pos().Line()}
	_, taken := finding.Lookup(code)
	switch {
	case !policyCode.MatchString(code):
		c.add(message.New("policy.odd-code", "code", clip(code)), value.Pos())
	case taken:
		c.add(message.New("policy.our-code", "code", code), value.Pos())
	case c.seen[code].File != "":
		c.add(message.New("policy.used-code", "code", code, "first", c.seen[code]), value.Pos())
	}
	c.seen[code] = message.Place{File: c.order.Files[c.file].Path, Line: p.Line}
	fields, err := value.Fields()
	if c.failed(err) {
		return
	}
	required := false
	for fields.Next() {
		name, field := fields.Selector().Unquoted(), fields.Value()
		switch name {
		case "message":
			p.Text = c.text(name, field)
		case "hint":
			p.Hint = c.text(name, field)
		case "severity":
			p.Severity = finding.Severity(c.text(name, field))
			if p.Severity != finding.Error && p.Severity != finding.Warning {
				c.add(message.New("policy.severity"), field.Pos())
			}
		case "match", "require":
			required = required || name == "require"
			if field.IncompleteKind() != cue.StructKind {
				c.add(message.New("policy.no-struct", "field", name), field.Pos())
			}
		default:
			c.add(message.New("policy.no-field", "name", clip(name), "suggestion", Suggestion(name, []string{"message", "hint", "severity", "match", "require"})), field.Pos())
		}
	}
	if p.Text == "" {
		c.add(message.New("policy.no-message", "code", code), value.Pos())
	}
	if !required {
		c.add(message.New("policy.no-require", "code", code), value.Pos())
	}
	c.found.Policies = append(c.found.Policies, p)
}

// text returns a field's text, which must be one line that fits into a finding.
func (c *policyChild) text(name string, value cue.Value) string {
	s, err := value.String()
	s = strings.TrimSpace(s)
	if err != nil || s == "" || !fitsLine(s) {
		c.add(message.New("policy.odd-text", "field", name, "most", maxPolicyText), value.Pos())
	}
	return s
}

// fitsLine reports whether a text is one line that fits into a finding.
func fitsLine(s string) bool {
	return len(s) <= maxPolicyText && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}

// declarations checks the declarations in batches, each in a new CUE context,
// because a context keeps everything that was ever built in it.
func (c *policyChild) declarations() {
	each := 1
	for range c.found.Policies {
		each += 20
	}
	for rest, first := c.order.Declarations, 0; len(rest) > 0; {
		size, values := 0, 0
		for size < len(rest) && (size == 0 || values < valuesPerContext) {
			values += each * (1 + len(repositories(rest[size]))/4)
			size++
		}
		c.batch(rest[:size], first)
		rest, first = rest[size:], first+size
	}
}

// repositories returns the repositories of a declaration as policies see it.
func repositories(data map[string]any) []any {
	spec, _ := data["spec"].(map[string]any)
	list, _ := spec["repositories"].([]any)
	return list
}

// numbers converts each json.Number in data, because CUE would read it as a text.
func numbers(data any) any {
	switch data := data.(type) {
	case map[string]any:
		for key, value := range data {
			data[key] = numbers(value)
		}
	case []any:
		for i, value := range data {
			data[i] = numbers(value)
		}
	case json.Number:
		if n, err := data.Int64(); err == nil {
			return n
		}
		n, _ := data.Float64()
		return n
	}
	return data
}

func (c *policyChild) batch(batch []map[string]any, first int) {
	c.newContext()
	values := make([]cue.Value, len(batch))
	for i, data := range batch {
		values[i] = c.context.Encode(numbers(data))
	}
	for i, p := range c.found.Policies {
		if slices.Contains(c.order.Without, p.Code) {
			continue
		}
		c.send(policyFrame{Policy: &i})
		match := c.values[i].LookupPath(cue.MakePath(cue.Str("match")))
		require := c.values[i].LookupPath(cue.MakePath(cue.Str("require")))
		for j, data := range batch {
			if match.Exists() {
				switch matches, computes := applies(match, values[j], data); {
				case !computes:
					c.send(policyFrame{Violation: &policyViolation{Policy: i, Declaration: first + j, Paths: []string{""}, Match: true}})
					continue
				case !matches:
					continue
				}
			}
			if paths := violations(require, values[j], data); len(paths) > 0 {
				shown := paths[:min(len(paths), maxPolicyPaths)]
				c.send(policyFrame{Violation: &policyViolation{Policy: i, Declaration: first + j, Paths: shown, More: len(paths) - len(shown)}})
			}
		}
	}
}

// newContext begins a new CUE context.
func (c *policyChild) newContext() {
	c.context, c.values = cuecontext.New(), nil
	roots := map[int]cue.Value{}
	for _, p := range c.found.Policies {
		root, ok := roots[p.File]
		if !ok {
			c.send(policyFrame{File: &p.File})
			f := c.order.Files[p.File]
			root = c.context.CompileBytes(f.Text, cue.Filename(f.Path))
			roots[p.File] = root
		}
		c.values = append(c.values, root.LookupPath(cue.MakePath(cue.Str("policies"), cue.Str(p.Code))))
	}
}

// declarationPath returns the field of the declaration that a field of the subject
// comes from; empty if it comes from the file's path or the day.
func declarationPath(path string) string {
	switch {
	case len(path) > maxPolicyText:
	case strings.HasPrefix(path, "days.tokenExpires"):
		return "spec.token.expires"
	case strings.HasPrefix(path, "spec"), strings.HasPrefix(path, "metadata"), path == "kind", path == "apiVersion":
		return path
	}
	return ""
}

// applies reports whether data matches a policy's match. computes is false if part
// of the match cannot be computed and no other part shows a mismatch: then data
// might match.
func applies(match, value cue.Value, data map[string]any) (matches, computes bool) {
	err := match.Unify(value).Validate(cue.Concrete(true), cue.Final())
	if err != nil {
		return false, slices.ContainsFunc(errors.Errors(err), mismatch)
	}
	return len(violations(match, value, data)) == 0, true
}

// mismatch reports whether an error of CUE is about a value that differs from the
// required one, or is missing. CUE's errors have no codes, so their formats are
// compared. An unknown format does not count as a mismatch: it could be a failure
// to compute.
func mismatch(err errors.Error) bool {
	form, _ := err.Msg()
	switch form {
	case "conflicting values %s and %s", "conflicting values %s and %s (mismatched types %s and %s)",
		"conflicting value %s (mismatched types %s and %s)",
		"invalid value %v (out of bound %s)", "invalid value %s (does not satisfy %s)",
		"incompatible list lengths (%d and %d)", "field not allowed",
		"incomplete value %v", "undefined field: %s", "field is required but not present", "required field missing: %s":
		return true
	}
	return false
}

// violations returns the fields in which data does not satisfy a constraint, as
// paths of the declaration; the empty path if the field is unknown. A field that
// the constraint has and data does not is a violation too, although unifying would
// just add it.
func violations(constraint, value cue.Value, data map[string]any) []string {
	unified := constraint.Unify(value)
	var paths []string
	if err := unified.Validate(cue.Concrete(true), cue.Final()); err != nil {
		skip := len(constraint.Path().Selectors())
		for _, e := range errors.Errors(err) {
			paths = append(paths, declarationPath(fieldPath(e.Path(), skip)))
		}
	} else {
		var whole any
		if err := unified.Decode(&whole); err != nil {
			return []string{""}
		}
		for _, path := range added("", data, whole) {
			paths = append(paths, declarationPath(path))
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// fieldPath converts a path of CUE into the path of a declaration's field.
func fieldPath(steps []string, skip int) string {
	path := ""
	if len(steps) < skip {
		return path
	}
	for _, step := range steps[skip:] {
		if _, err := strconv.Atoi(step); err == nil {
			path += "[" + step + "]"
			continue
		}
		path = join(path, label(step))
	}
	return path
}

// added returns the fields of whole that data does not have.
func added(path string, data, whole any) []string {
	var paths []string
	switch whole := whole.(type) {
	case map[string]any:
		have, _ := data.(map[string]any)
		for key, value := range whole {
			if _, ok := have[key]; !ok {
				paths = append(paths, join(path, key))
				continue
			}
			paths = append(paths, added(join(path, key), have[key], value)...)
		}
	case []any:
		have, _ := data.([]any)
		for i, value := range whole {
			if i < len(have) {
				paths = append(paths, added(path+"["+strconv.Itoa(i)+"]", have[i], value)...)
			}
		}
	}
	return paths
}
