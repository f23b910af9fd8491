package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"reconciler/internal/binding"
	"reconciler/internal/confine"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

const (
	// maxPolicyBytes is the largest size of a policy file, maxPolicyFiles the
	// largest number of files.
	maxPolicyBytes = 64 << 10
	maxPolicyFiles = 100
	// readBudget is the processor time that reading all policies may take, and
	// runBudget what checking one declaration against them adds to it. busyFactor
	// is how many times longer it may take on a busy machine.
	readBudget = 10 * time.Second
	runBudget  = 50 * time.Millisecond
	busyFactor = 3
	// maxPolicyOutput is the largest size of an evaluation's result, in bytes.
	maxPolicyOutput = 16 << 20
)

// Policies are an organisation's own constraints, from the files policy/*.cue in
// the repository of declarations. They only add constraints: a declaration has to
// satisfy our schema first, and then each of them. The zero value constrains
// nothing. A Policies is safe for concurrent use.
type Policies struct {
	files []binding.File
	// findings are about the files that cannot be used.
	findings []finding.Finding
	// digest is the digest of all files.
	digest string
	// limits are those of a child process that evaluates no declarations; run is
	// the processor time that each declaration adds.
	limits confine.Limits
	run    time.Duration
}

// ParsePolicies takes policy files; findings show their paths. The files must come
// from a revision that is already trusted: the base of a pull request, or the
// branch that is followed. They must never come from the head of a pull request,
// because that could loosen the policies that apply to it. Policies are programs,
// so Load evaluates them in a child process (see confine). If one cannot be used,
// Load returns no declarations, so that no binding is changed.
func ParsePolicies(files []binding.File) Policies {
	p := Policies{run: runBudget, limits: confine.Limits{
		Memory: confine.ChildMemory(), Processor: readBudget, Time: busyFactor * readBudget, Output: maxPolicyOutput,
	}}
	if len(files) == 0 {
		return p
	}
	sorted := slices.SortedStableFunc(slices.Values(files), func(a, b binding.File) int { return strings.Compare(a.Path, b.Path) })
	hash := sha256.New()
	for i, f := range sorted {
		_, _ = fmt.Fprintf(hash, "%q %d %s\n", f.Path, len(f.Data), f.Data)
		if i == maxPolicyFiles {
			p.add(f.Path, message.New("policy.files", "most", maxPolicyFiles))
		}
		if i >= maxPolicyFiles {
			continue
		}
		switch {
		case len(f.Data) > maxPolicyBytes:
			p.add(f.Path, message.New("policy.bytes", "most", maxPolicyBytes))
		case !utf8.Valid(f.Data):
			p.add(f.Path, message.New("policy.encoding"))
		case isLFSPointer(f.Data):
			p.add(f.Path, message.New("document.lfs-pointer"))
		default:
			p.files = append(p.files, f)
		}
	}
	p.digest = hex.EncodeToString(hash.Sum(nil))
	return p
}

func (p *Policies) add(file string, m message.Message) {
	p.findings = append(p.findings, finding.New("policy-invalid", m).At(file, 0, 0))
}

// limitsFor returns the limits of a child process that evaluates that many
// declarations.
func (p Policies) limitsFor(declarations int) confine.Limits {
	l := p.limits
	l.Processor += time.Duration(declarations) * p.run
	l.Time += time.Duration(declarations) * p.run * busyFactor
	return l
}

// policyOrder is the input of a child process: the policy files, and the
// declarations to check as policies see them.
type policyOrder struct {
	Files        []policyFile     `json:"files"`
	Declarations []map[string]any `json:"declarations"`
	// Without are the codes of policies not to evaluate.
	Without []string `json:"without"`
}

// policyFile is one file. With Skip, it is not read.
type policyFile struct {
	Path string `json:"path"`
	Text []byte `json:"text"`
	Skip bool   `json:"skip"`
}

// policyFrame is one line of a child process's answer. A frame with File or Policy
// reports what begins, so that the last one shows what the child was doing when it
// ended.
type policyFrame struct {
	File      *int             `json:"file,omitempty"`
	Policy    *int             `json:"policy,omitempty"`
	Read      *policiesRead    `json:"read,omitempty"`
	Violation *policyViolation `json:"breach,omitempty"`
	Done      bool             `json:"done,omitempty"`
}

// policiesRead is what the files contain.
type policiesRead struct {
	Policies []policy      `json:"policies"`
	Faults   []policyFault `json:"faults"`
}

type policy struct {
	Code     string           `json:"code"`
	Text     string           `json:"text"`
	Hint     string           `json:"hint"`
	Severity finding.Severity `json:"severity"`
	// File is an index into the order's files, Line is the policy's line.
	File int `json:"file"`
	Line int `json:"line"`
}

// policyFault is an error at a place of a file.
type policyFault struct {
	File    int             `json:"file"`
	Line    int             `json:"line"`
	Column  int             `json:"column"`
	Message message.Message `json:"message"`
}

// policyViolation are the fields in which a declaration does not satisfy a policy.
type policyViolation struct {
	Policy      int      `json:"policy"`
	Declaration int      `json:"declaration"`
	Paths       []string `json:"paths"`
	// More is how many paths were left out.
	More int `json:"more"`
	// Match is true if the policy's match could not be computed for the
	// declaration.
	Match bool `json:"match,omitempty"`
}

// Limits of what is reported: paths of one policy and declaration, faults, and the
// length of a text.
const (
	maxPolicyPaths  = 100
	maxPolicyFaults = 100
	maxPolicyText   = 500
)
