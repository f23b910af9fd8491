package manifest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/confine"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

const (
	// maxOverLimits is how many policies may exceed a limit. After that, no policy
	// is evaluated.
	maxOverLimits = 3
	// overLimitPause is how long a policy that exceeded a limit is not evaluated.
	// It is tried again after that, because the machine may have been the cause.
	overLimitPause = 15 * time.Minute
)

// policyKey is what the findings of policies about a declaration depend on.
type policyKey struct {
	path, digest string
	place        binding.Position
	policies     string
	// file is the path that policies see, and day the day that they count from.
	file, day string
}

// policyMemory is what is known about the policies with a digest.
type policyMemory struct {
	digest string
	read   policiesRead
	// overLimits are the policies that exceeded a limit. They are not evaluated
	// before until.
	overLimits []overLimit
	until      time.Time
	// findings are the findings of declarations.
	findings map[policyKey][]finding.Finding
}

// overLimit is a policy that exceeded a limit; without a code, it is a whole file.
type overLimit struct {
	file  int
	code  string
	cause *confine.LimitError
}

// check checks declarations against the policies. It also returns findings about
// the policies themselves. whole is false if one of the policies cannot be
// evaluated, so that no declaration may be used.
func (p Policies) check(ctx context.Context, declarations []binding.Declaration, digests map[string]string, opts Options) (findings []finding.Finding, whole bool) {
	if p.digest == "" {
		return nil, true
	}
	memory := opts.Cache.policyMemory(p.digest)
	known := memory.digest != "" && opts.Now.Before(memory.until)
	if !known {
		memory = policyMemory{digest: p.digest, until: opts.Now.Add(overLimitPause)}
	}
	keys := make([]policyKey, len(declarations))
	byKey := make(map[policyKey][]finding.Finding, len(declarations))
	var due []int
	for i, d := range declarations {
		keys[i] = policyKey{d.File, digests[d.File], d.At(""), p.digest, opts.policyPath(d.File), binding.DateOf(opts.Now).String()}
		if found, ok := memory.findings[keys[i]]; ok && keys[i].digest != "" {
			byKey[keys[i]] = found
		} else {
			due = append(due, i)
		}
	}
	if (len(due) > 0 || !known) && len(memory.overLimits) < maxOverLimits {
		e := evaluation{policies: p, declarations: declarations, due: due, keys: keys, now: opts.Now, memory: memory, findings: byKey}
		if fault := e.run(ctx); !fault.IsZero() {
			return append(findings, finding.New("internal-error", fault).At(p.first(), 0, 0)), false
		}
		memory = e.memory
	}
	memory.findings = byKey
	if len(memory.overLimits) == 0 {
		// If no policy exceeded a limit, what is known stays valid.
		memory.until = opts.Now.AddDate(1, 0, 0)
	}
	opts.Cache.keepPolicies(memory)
	for _, key := range keys {
		findings = append(findings, byKey[key]...)
	}
	own := p.ownFindings(memory)
	return append(findings, own...), !finding.HasErrors(own)
}

// first returns a file to name in a finding if the right one is unknown.
func (p Policies) first() string {
	if len(p.files) > 0 {
		return p.files[0].Path
	}
	return p.findings[0].File
}

// ownFindings returns the findings about the policies themselves.
func (p Policies) ownFindings(memory policyMemory) []finding.Finding {
	own := slices.Clone(p.findings)
	for _, f := range memory.read.Faults {
		own = append(own, finding.New("policy-invalid", f.Message).At(p.files[f.File].Path, f.Line, f.Column))
	}
	for _, c := range memory.overLimits {
		line := 0
		for _, known := range memory.read.Policies {
			if known.Code == c.code {
				line = known.Line
			}
		}
		own = append(own, finding.New("policy-invalid", c.message()).At(p.files[c.file].Path, line, 0))
	}
	if len(memory.overLimits) == maxOverLimits {
		own = append(own, finding.New("policy-invalid", message.New("policy.not-evaluated", "most", maxOverLimits)).At(p.first(), 0, 0))
	}
	return own
}

// message says which policy exceeded which limit.
func (c overLimit) message() message.Message {
	const mebi = 1 << 20
	what := message.New("policy.the-file")
	if c.code != "" {
		what = message.New("policy.the-policy", "code", c.code)
	}
	switch c.cause.Limit {
	case confine.Memory:
		return message.New("policy.memory", "what", what, "most", int(c.cause.Limits.Memory/mebi))
	case confine.Processor:
		return message.New("policy.processor", "what", what, "most", c.cause.Limits.Processor)
	case confine.Time:
		return message.New("policy.time", "what", what, "most", c.cause.Limits.Time)
	default:
		return message.New("policy.output", "what", what, "most", int(c.cause.Limits.Output/mebi))
	}
}

// evaluation is one evaluation of policies. It uses one child process, and one more
// for each policy that exceeds a limit.
type evaluation struct {
	policies     Policies
	declarations []binding.Declaration
	due          []int
	keys         []policyKey
	now          time.Time
	memory       policyMemory
	findings     map[policyKey][]finding.Finding
}

// run evaluates until a child process succeeds. The result says why none did; zero
// if one did, or if too many policies exceeded a limit.
func (e *evaluation) run(ctx context.Context) (fault message.Message) {
	order := policyOrder{Declarations: make([]map[string]any, len(e.due))}
	for i, at := range e.due {
		var err error
		if order.Declarations[i], err = subject(e.declarations[at], e.keys[at].file, e.now); err != nil {
			return message.New("policy.run-fault")
		}
	}
	for _, f := range e.policies.files {
		order.Files = append(order.Files, policyFile{Path: f.Path, Text: f.Data})
	}
	for _, c := range e.memory.overLimits {
		order.exclude(c)
	}
	for {
		text, err := json.Marshal(order)
		if err != nil {
			return message.New("policy.run-fault")
		}
		limits := e.policies.limitsFor(len(e.due))
		out, err := confine.Run(ctx, policyWork, text, limits)
		if ctx.Err() != nil {
			return message.New("policy.interrupted", "err", ctx.Err())
		}
		passed, limited := errors.AsType[*confine.LimitError](err)
		answer, valid := readAnswer(out, order)
		switch {
		case err != nil && !limited:
			return message.New("policy.no-child", "err", message.Foreign(err.Error()))
		case !valid && !limited, err == nil && !answer.done:
			return message.New("policy.run-fault")
		case !limited:
			e.memory.read = answer.read
			e.addFindings(answer)
			return message.Message{}
		}
		c := answer.overLimit(passed)
		e.memory.overLimits = append(e.memory.overLimits, c)
		if len(e.memory.overLimits) == maxOverLimits || !answer.begun {
			e.memory.read = answer.read
			return message.Message{}
		}
		order.exclude(c)
	}
}

// exclude removes a policy or a file from an order.
func (o *policyOrder) exclude(c overLimit) {
	if c.code != "" {
		o.Without = append(o.Without, c.code)
		return
	}
	o.Files[c.file].Skip = true
}

// addFindings makes the findings of a complete answer.
func (e *evaluation) addFindings(answer policyAnswer) {
	for _, at := range e.due {
		e.findings[e.keys[at]] = nil
	}
	for _, b := range answer.violations {
		at := e.due[b.Declaration]
		d, p, key := e.declarations[at], answer.read.Policies[b.Policy], e.keys[at]
		text := message.New("policy.own", "text", message.Foreign(p.Text), "at", message.Place{File: e.policies.files[p.File].Path, Line: p.Line})
		if b.Match {
			text = message.New("policy.match", "code", p.Code, "at", message.Place{File: e.policies.files[p.File].Path, Line: p.Line})
		}
		for _, path := range b.Paths {
			e.findings[key] = append(e.findings[key], declarationField{&d, path}.place(finding.Finding{
				Code: p.Code, Severity: p.Severity, Message: text,
				Rule: message.Verbatim(p.Text), Hint: message.Verbatim(p.Hint),
			}))
		}
		if b.More > 0 {
			e.findings[key] = append(e.findings[key], finding.New("too-many-findings", message.New("check.more", "count", b.More)).At(d.File, 0, 0))
		}
	}
}

// policyAnswer is what a child process wrote.
type policyAnswer struct {
	read       policiesRead
	violations []policyViolation
	done       bool
	// file and code are what began last; begun is true if anything did.
	begun bool
	file  int
	code  string
}

func (a policyAnswer) overLimit(because *confine.LimitError) overLimit {
	return overLimit{file: a.file, code: a.code, cause: because}
}

// readAnswer reads an answer without trusting it. sound is false if the answer has
// anything that our child process would not write.
func readAnswer(out []byte, order policyOrder) (answer policyAnswer, valid bool) {
	decoder := json.NewDecoder(bytes.NewReader(out))
	decoder.DisallowUnknownFields()
	for !answer.done {
		var f policyFrame
		if err := decoder.Decode(&f); err != nil {
			return answer, errors.Is(err, io.EOF)
		}
		if !answer.add(f, order) {
			return answer, false
		}
	}
	return answer, true
}

func (a *policyAnswer) add(f policyFrame, order policyOrder) bool {
	within := func(i, n int) bool { return i >= 0 && i < n }
	switch {
	case f.Done:
		a.done = true
	case f.File != nil:
		a.begun, a.file, a.code = true, *f.File, ""
		return within(*f.File, len(order.Files))
	case f.Policy != nil:
		if !within(*f.Policy, len(a.read.Policies)) {
			return false
		}
		p := a.read.Policies[*f.Policy]
		a.file, a.code = p.File, p.Code
	case f.Read != nil:
		a.read = *f.Read
		return !slices.ContainsFunc(a.read.Policies, func(p policy) bool { return !within(p.File, len(order.Files)) || !p.valid() }) &&
			!slices.ContainsFunc(a.read.Faults, func(f policyFault) bool { return !within(f.File, len(order.Files)) })
	case f.Violation != nil:
		b := *f.Violation
		a.violations = append(a.violations, b)
		return within(b.Policy, len(a.read.Policies)) && within(b.Declaration, len(order.Declarations)) && len(b.Paths) <= maxPolicyPaths &&
			!slices.ContainsFunc(b.Paths, func(path string) bool { return declarationPath(path) != path })
	}
	return true
}

// valid reports whether a policy has the form that our child process writes.
func (p policy) valid() bool {
	return policyCode.MatchString(p.Code) && p.Text != "" && fitsLine(p.Text) && fitsLine(p.Hint) &&
		(p.Severity == finding.Error || p.Severity == finding.Warning)
}

// subject returns what a policy sees: the declaration with the schema's defaults,
// and facts that follow from its path and the current day.
func subject(d binding.Declaration, file string, now time.Time) (map[string]any, error) {
	text, err := json.Marshal(d.Spec)
	if err != nil {
		return nil, err
	}
	folders := strings.Split(file, "/")
	folders = folders[:len(folders)-1]
	days := map[string]any{}
	if d.Spec.Token != nil && !d.Spec.Token.Expires.IsZero() {
		days["tokenExpires"] = d.Spec.Token.Expires.DaysFrom(now)
	}
	return map[string]any{
		"apiVersion": binding.APIVersion, "kind": binding.KindSourceBinding, "metadata": map[string]any{"name": d.Name}, "spec": json.RawMessage(text),
		"file": file, "folders": folders, "today": binding.DateOf(now).String(), "days": days,
	}, nil
}
