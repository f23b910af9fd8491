package manifest

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// policyKey is what a declaration's findings by policy depend on.
type policyKey struct {
	path, digest string
	place        binding.Position
	policies     string
	// file is the path that policies see, day the one that they count from.
	file, day string
}

// check holds declarations against the policies. whole is false where nothing
// can be said, so that no declaration may pass.
func (p Policies) check(ctx context.Context, declarations []binding.Declaration, digests map[string]string, opts Options) (findings []finding.Finding, whole bool) {
	if len(p.broken) > 0 {
		return nil, false
	}
	if len(p.policies) == 0 {
		return nil, true
	}
	keys := make([]policyKey, len(declarations))
	told := make(map[policyKey][]finding.Finding, len(declarations))
	var due []int
	for i, d := range declarations {
		keys[i] = policyKey{d.File, digests[d.File], d.At(""), p.digest, opts.policyPath(d.File), binding.DateOf(opts.Now).String()}
		if found, ok := opts.Cache.policy(keys[i]); ok {
			told[keys[i]] = found
		} else {
			due = append(due, i)
		}
	}
	if opts.Cache.isSlow(p.digest) {
		return []finding.Finding{p.slow(message.New("policy.slow-before"))}, false
	}
	run := policyRun{policies: p, now: opts.Now, results: make([][]finding.Finding, len(due))}
	budget := p.compile + time.Duration(len(due))*p.run
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	if !within(budget, func() { run.all(stop, declarations, due, keys) }) {
		opts.Cache.slow(p.digest)
		return []finding.Finding{p.slow(message.New("policy.slow", "limit", budget))}, false
	}
	if !run.fault.IsZero() {
		return []finding.Finding{finding.New("internal-error", run.fault).At(p.files[0].Path, 0, 0)}, false
	}
	for i, at := range due {
		told[keys[at]] = run.results[i]
	}
	opts.Cache.keepPolicies(told)
	for _, key := range keys {
		findings = append(findings, told[key]...)
	}
	return findings, true
}

func (p Policies) slow(m message.Message) finding.Finding {
	return finding.New("policy-invalid", m).At(p.files[0].Path, 0, 0)
}

// policyRun is one run. Only its own goroutine writes to it, and nobody reads
// it before that ended.
type policyRun struct {
	policies Policies
	now      time.Time
	results  [][]finding.Finding
	// fault says why the run cannot be used.
	fault message.Message

	context *cue.Context
	values  []cue.Value
	used    int
}

// all checks the declarations that are due, in fresh CUE contexts: nothing
// that a policy does outlives the run.
func (r *policyRun) all(ctx context.Context, declarations []binding.Declaration, due []int, keys []policyKey) {
	defer func() {
		if recover() != nil {
			r.fault = message.New("policy.run-fault")
		}
	}()
	for i, at := range due {
		if err := ctx.Err(); err != nil {
			r.fault = message.New("policy.interrupted", "err", err)
			return
		}
		if r.context == nil || r.used > valuesPerContext {
			r.renew()
		}
		r.results[i] = r.declaration(declarations[at], keys[at].file)
	}
}

func (r *policyRun) renew() {
	r.context, r.used, r.values = cuecontext.New(), 0, nil
	var roots []cue.Value
	for _, f := range r.policies.files {
		roots = append(roots, r.context.CompileBytes(f.Data, cue.Filename(f.Path)))
	}
	for _, p := range r.policies.policies {
		r.values = append(r.values, roots[p.file].LookupPath(cue.MakePath(cue.Str("policies"), cue.Str(p.code))))
	}
}

// subject is what a policy sees: the declaration with the schema's defaults,
// and what follows from where and when it stands.
func subject(d binding.Declaration, file string, now time.Time) (map[string]any, error) {
	text, err := json.Marshal(d.Spec)
	if err != nil {
		return nil, err
	}
	var spec map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if err := decoder.Decode(&spec); err != nil {
		return nil, err
	}
	folders := strings.Split(file, "/")
	folders = folders[:len(folders)-1]
	days := map[string]any{}
	if d.Spec.Token != nil && !d.Spec.Token.Expires.IsZero() {
		days["tokenExpires"] = d.Spec.Token.Expires.DaysFrom(now)
	}
	return map[string]any{
		"apiVersion": binding.APIVersion, "kind": binding.KindSourceBinding, "metadata": map[string]any{"name": d.Name}, "spec": spec,
		"file": file, "folders": folders, "today": binding.DateOf(now).String(), "days": days,
	}, nil
}

func (r *policyRun) declaration(d binding.Declaration, file string) []finding.Finding {
	data, err := subject(d, file, r.now)
	if err != nil {
		panic(err) // A declaration was JSON when it was read.
	}
	value := r.context.Encode(data)
	var findings []finding.Finding
	for i, p := range r.policies.policies {
		r.used += 20 + 5*len(d.Spec.Repositories)
		match := r.values[i].LookupPath(cue.MakePath(cue.Str("match")))
		if match.Exists() && len(breaches(match, value, data)) > 0 {
			continue
		}
		require := r.values[i].LookupPath(cue.MakePath(cue.Str("require")))
		for _, path := range breaches(require, value, data) {
			path = written(path)
			at := d.At(path)
			findings = append(findings, finding.Finding{
				Code: p.code, Severity: p.severity, Message: message.New("policy.own", "text", message.Foreign(p.text), "at", p.where),
				Rule: message.Verbatim(p.text), Hint: message.Verbatim(p.hint),
			}.At(d.File, at.Line, at.Column).In(path))
		}
	}
	return findings
}

// written is the field of the declaration that a field of the subject comes
// from; empty for what comes from the file or the day.
func written(path string) string {
	switch {
	case strings.HasPrefix(path, "days.tokenExpires"):
		return "spec.token.expires"
	case strings.HasPrefix(path, "spec"), strings.HasPrefix(path, "metadata"), path == "kind", path == "apiVersion":
		return path
	}
	return ""
}

// breaches are the fields in which data does not satisfy a constraint, as
// paths of the declaration; the empty path where it cannot be said. A field
// that the constraint writes and data does not have is one: unifying alone
// would put it there.
func breaches(constraint, value cue.Value, data map[string]any) []string {
	unified := constraint.Unify(value)
	if err := unified.Validate(cue.Concrete(true), cue.Final()); err != nil {
		var paths []string
		skip := len(constraint.Path().Selectors())
		for _, e := range errors.Errors(err) {
			paths = append(paths, fieldPath(e.Path(), skip))
		}
		slices.Sort(paths)
		return slices.Compact(paths)
	}
	var whole any
	if err := unified.Decode(&whole); err != nil {
		return []string{""}
	}
	return added("", data, whole)
}

// fieldPath writes a path of CUE's as that of a declaration's field.
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

// added are the fields of whole that data does not have.
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
	slices.Sort(paths)
	return paths
}
