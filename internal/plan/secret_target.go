package plan

import (
	"fmt"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// codeMoved is the rule that keeps a token from being sent to a different host.
const codeMoved = string(CauseSecretTarget)

// AddressMoves compares the declarations of two revisions. It makes a finding
// of each declaration of head that sends a token to a host to which no
// declaration of base sends it. It needs nothing but the files, so it works on a
// pull request before anything is observed, and it covers all instances at once.
func AddressMoves(base, head []binding.Declaration) []finding.Finding {
	declared := binding.SecretTargets{}
	for _, d := range base {
		if d.Spec.Token != nil {
			declared.Add(d.Spec.Token.Vault, d.Spec.Platform, d.Spec.Address)
		}
	}
	var findings []finding.Finding
	for _, d := range head {
		if from, moves := declared.Moves(d); moves {
			path, f := movedFinding(&d, "declared", from)
			at := d.At(path)
			findings = append(findings, f.At(d.File, at.Line, at.Column).In(path))
		}
	}
	return finding.Sort(findings)
}

// moved says whether the declaration would send its token to a different host,
// and plans the action that refuses it.
func (m *maker) moved(s subject) bool {
	from, moves := binding.SecretMoves(*s.d, m.in.Declarations, m.in.Records)
	if !moves || m.in.Policy.AllowAddressChangeWithSecret {
		return false
	}
	path, f := movedFinding(s.d, "applied", from)
	m.find(s.d, path, f)
	text := movedText(s.d, "was applied with", from)
	m.act(s, takeAccount, Action{Object: binding.AccountObject(), Kind: Forbidden, Cause: CauseSecretTarget, Reason: codeMoved + ": " + text})
	return true
}

// movedFinding says that a token would be sent to a different host; how says
// what ties it to the hosts before.
func movedFinding(d *binding.Declaration, how string, from []string) (path string, f finding.Finding) {
	path = "spec.address"
	if d.Spec.Address == "" {
		path = "spec.platform"
	}
	return path, finding.New(codeMoved, message.New("plan.secret-moves", "secret", unpinned(d.Spec.Token.Vault), "how", message.New("plan.secret."+how),
		"from", from, "to", binding.SecretTargetOf(d.Spec.Platform, d.Spec.Address)))
}

func movedText(d *binding.Declaration, how string, from []string) string {
	return fmt.Sprintf("the token at %s %s %s, and would be sent to %s",
		unpinned(d.Spec.Token.Vault), how, strings.Join(from, ", "), binding.SecretTargetOf(d.Spec.Platform, d.Spec.Address))
}
