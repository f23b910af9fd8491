package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

const (
	// maxPolicyBytes is the most of one policy file, maxPolicyFiles the most
	// files.
	maxPolicyBytes = 64 << 10
	maxPolicyFiles = 100
	// compileBudget is the time that compiling all policies may take, and
	// runBudget what checking one declaration against them adds. It is time on
	// the wall, and what took longer once is not begun again, so that it leaves
	// room for a machine that is busy with other things.
	compileBudget = 30 * time.Second
	runBudget     = 50 * time.Millisecond
)

// Policies are an organisation's own constraints: what the files policy/*.cue
// of the repository of declarations say. They narrow and never widen: a
// declaration has to satisfy our schema first, and then each of them. The zero
// value constrains nothing. A Policies is a value that any goroutine may use.
type Policies struct {
	files    []binding.File
	policies []policy
	// broken are the files that cannot be used. With one of them no
	// declaration passes.
	broken []string
	// digest is of all files.
	digest string
	// compile and run bound the time (compileBudget, runBudget).
	compile, run time.Duration
}

// policy is one policy of a file.
type policy struct {
	code, text, hint string
	severity         finding.Severity
	// file is an index into Policies.files.
	file int
	// where is the policy's file and line.
	where message.Place
}

// ParsePolicies reads policy files, whose paths are as they are to be shown.
// They are to come from the revision that is already trusted: the base of a
// pull request, or the branch that is followed; never from the head of a pull
// request, which could loosen what it is held to. Files without a finding of
// severity error can be used; where one has such a finding, Load lets no
// declaration through, so that every binding stays as it is.
func ParsePolicies(files []binding.File) (Policies, []finding.Finding) {
	p := Policies{compile: compileBudget, run: runBudget}
	if len(files) == 0 {
		return p, nil
	}
	p.files = slices.SortedStableFunc(slices.Values(files), func(a, b binding.File) int { return strings.Compare(a.Path, b.Path) })
	hash := sha256.New()
	for _, f := range p.files {
		_, _ = fmt.Fprintf(hash, "%q %d %s\n", f.Path, len(f.Data), f.Data)
	}
	p.digest = hex.EncodeToString(hash.Sum(nil))
	if len(files) > maxPolicyFiles {
		return p.refuse(files[0].Path, message.New("policy.files", "most", maxPolicyFiles))
	}
	read := &policyReader{seen: map[string]message.Place{}}
	if !within(p.compile, func() { read.files(p.files) }) {
		return p.refuse(p.files[0].Path, message.New("policy.slow-compile", "limit", p.compile))
	}
	p.policies = read.policies
	for _, f := range read.findings {
		if f.Severity == finding.Error {
			p.broken = append(p.broken, f.File)
		}
	}
	slices.Sort(p.broken)
	p.broken = slices.Compact(p.broken)
	return p, finding.Sort(read.findings)
}

// refuse makes the policies unusable for a reason that is not of one place.
func (p Policies) refuse(file string, m message.Message) (Policies, []finding.Finding) {
	p.broken = []string{file}
	return p, []finding.Finding{finding.New("policy-invalid", m).At(file, 0, 0)}
}

// within runs f and says whether it ended in time. CUE cannot be interrupted:
// what takes longer goes on beside us, so it must not be begun again.
func within(budget time.Duration, f func()) bool {
	started, done := time.Now(), make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	timer := time.NewTimer(budget)
	defer timer.Stop()
	select {
	case <-done:
		return time.Since(started) <= budget
	case <-timer.C:
		return false
	}
}

// policyReader reads the shape of policy files.
type policyReader struct {
	file     string
	policies []policy
	findings []finding.Finding
	// seen says where a code was first given.
	seen map[string]message.Place
}

// policyCode is what a policy's code looks like.
const policyCode = `^policy-[a-z0-9]+(-[a-z0-9]+)*$`

func (r *policyReader) add(m message.Message, at token.Pos) {
	f := finding.New("policy-invalid", m)
	place := at.Position()
	r.findings = append(r.findings, f.At(r.file, place.Line, place.Column))
}

// files reads each file in a CUE context of its own.
func (r *policyReader) files(files []binding.File) {
	for i, file := range files {
		r.file = file.Path
		r.read(i, file)
	}
}

func (r *policyReader) read(index int, file binding.File) {
	defer func() {
		if recover() != nil {
			r.add(message.New("policy.fault"), token.NoPos)
		}
	}()
	if faults := screen(file); len(faults) > 0 {
		for _, f := range faults {
			r.add(f.m, f.at)
		}
		return
	}
	root := cuecontext.New().CompileBytes(file.Data, cue.Filename(file.Path))
	if r.tell(root.Validate()) {
		return
	}
	fields, err := root.Fields()
	if r.tell(err) {
		return
	}
	before, found := len(r.findings), false
	for fields.Next() {
		if name := fields.Selector().Unquoted(); name != "policies" {
			r.add(message.New("policy.unknown-field", "name", clip(name)), fields.Value().Pos())
			continue
		}
		list, err := fields.Value().Fields()
		if r.tell(err) {
			return
		}
		for list.Next() {
			found = true
			r.policy(index, list.Selector().Unquoted(), list.Value())
		}
	}
	if !found && len(r.findings) == before {
		r.add(message.New("policy.none"), token.NoPos)
	}
}

// tell makes findings of CUE's errors.
func (r *policyReader) tell(err error) bool {
	for _, e := range errors.Errors(err) {
		format, args := e.Msg()
		r.add(message.New("policy.cue", "err", message.Foreign(fmt.Sprintf(format, args...))), e.Position())
	}
	return err != nil
}

func (r *policyReader) policy(index int, code string, value cue.Value) {
	p := policy{code: code, severity: finding.Error, file: index, where: message.Place{File: r.file, Line: value.Pos().Line()}}
	_, taken := finding.Lookup(code)
	switch {
	case !regexp.MustCompile(policyCode).MatchString(code):
		r.add(message.New("policy.odd-code", "code", clip(code)), value.Pos())
	case taken:
		r.add(message.New("policy.our-code", "code", code), value.Pos())
	case r.seen[code].File != "":
		r.add(message.New("policy.used-code", "code", code, "first", r.seen[code]), value.Pos())
	}
	r.seen[code] = p.where
	fields, err := value.Fields()
	if r.tell(err) {
		return
	}
	required := false
	for fields.Next() {
		name, field := fields.Selector().Unquoted(), fields.Value()
		switch name {
		case "message":
			p.text = r.text(name, field)
		case "hint":
			p.hint = r.text(name, field)
		case "severity":
			p.severity = finding.Severity(r.text(name, field))
			if p.severity != finding.Error && p.severity != finding.Warning {
				r.add(message.New("policy.severity"), field.Pos())
			}
		case "match", "require":
			required = required || name == "require"
			if field.IncompleteKind() != cue.StructKind {
				r.add(message.New("policy.no-struct", "field", name), field.Pos())
			}
		default:
			r.add(message.New("policy.no-field", "name", clip(name), "suggestion", didYouMean(name, []string{"message", "hint", "severity", "match", "require"})), field.Pos())
		}
	}
	if p.text == "" {
		r.add(message.New("policy.no-message", "code", code), value.Pos())
	}
	if !required {
		r.add(message.New("policy.no-require", "code", code), value.Pos())
	}
	r.policies = append(r.policies, p)
}

// text is a field's text, in one line and of a length that a finding holds.
func (r *policyReader) text(name string, value cue.Value) string {
	const most = 500
	s, err := value.String()
	s = strings.TrimSpace(s)
	if err != nil || s == "" || len(s) > most || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		r.add(message.New("policy.odd-text", "field", name, "most", most), value.Pos())
	}
	return s
}
