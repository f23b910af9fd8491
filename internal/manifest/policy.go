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
	// maxPolicyBytes is the most of one policy file, maxPolicyFiles the most
	// files.
	maxPolicyBytes = 64 << 10
	maxPolicyFiles = 100
	// readBudget is the processor time that reading all policies may take, and
	// runBudget what checking one declaration against them adds. busyFactor is how
	// much longer it may take on a machine that is busy with other things.
	readBudget = 10 * time.Second
	runBudget  = 50 * time.Millisecond
	busyFactor = 3
	// maxPolicyOutput is the most bytes of an evaluation's result.
	maxPolicyOutput = 16 << 20
)

// Policies are an organisation's own constraints: what the files policy/*.cue
// of the repository of declarations say. They narrow and never widen: a
// declaration has to satisfy our schema first, and then each of them. The zero
// value constrains nothing. A Policies is a value that any goroutine may use.
type Policies struct {
	files []binding.File
	// findings are about the files that cannot be used.
	findings []finding.Finding
	// digest is of all files.
	digest string
	// limits are of a child process that evaluates no declarations, run what
	// one declaration adds to its processor time.
	limits confine.Limits
	run    time.Duration
}

// ParsePolicies takes policy files, whose paths are as they are to be shown.
// They are to come from the revision that is already trusted: the base of a
// pull request, or the branch that is followed; never from the head of a pull
// request, which could loosen what it is held to. They are programs, so Load
// evaluates them, in a child process (see confine). Where one cannot be used,
// Load lets no declaration through, so that every binding stays as it is.
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

// limitsFor are the limits of a child that evaluates some declarations.
func (p Policies) limitsFor(declarations int) confine.Limits {
	l := p.limits
	l.Processor += time.Duration(declarations) * p.run
	l.Time += time.Duration(declarations) * p.run * busyFactor
	return l
}

// policyOrder is what a child process is asked: the files, and the declarations
// to check as policies see them.
type policyOrder struct {
	Files        []policyFile     `json:"files"`
	Declarations []map[string]any `json:"declarations"`
	// Without are the codes of policies that are not to be evaluated.
	Without []string `json:"without"`
}

// policyFile is one file. Without text it is not read.
type policyFile struct {
	Path string `json:"path"`
	Text []byte `json:"text"`
	Skip bool   `json:"skip"`
}

// policyFrame is one line of a child's answer. A frame with File or Policy says
// what is begun, so that the last one names what the child was doing when it ended.
type policyFrame struct {
	File      *int             `json:"file,omitempty"`
	Policy    *int             `json:"policy,omitempty"`
	Read      *policiesRead    `json:"read,omitempty"`
	Violation *policyViolation `json:"breach,omitempty"`
	Done      bool             `json:"done,omitempty"`
}

// policiesRead is what is in the files.
type policiesRead struct {
	Policies []policy      `json:"policies"`
	Faults   []policyFault `json:"faults"`
}

type policy struct {
	Code     string           `json:"code"`
	Text     string           `json:"text"`
	Hint     string           `json:"hint"`
	Severity finding.Severity `json:"severity"`
	// File is an index into the order's files, Line where it stands.
	File int `json:"file"`
	Line int `json:"line"`
}

// policyFault is what is wrong at a place of a file.
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
	// Match says that the policy's match could not be computed for the declaration.
	Match bool `json:"match,omitempty"`
}

// No more is reported of one policy and declaration, or of one text.
const (
	maxPolicyPaths  = 100
	maxPolicyFaults = 100
	maxPolicyText   = 500
)
