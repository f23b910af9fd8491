package plan

import (
	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// codeMoved is the rule against sending a token to a different host.
const codeMoved = string(CauseSecretTarget)

// Targets returns where the round's secrets were sent last and where the whole
// snapshot sends them.
func (in Input) Targets() binding.SecretTargets {
	return in.SecretTargets.With(in.Records, in.Declarations).And(in.Declared)
}

// AddressMoves compares the declarations of two revisions. It returns a finding for
// each declaration of head that sends a token to a host to which no declaration of
// base sends it. It needs only the files, so it works on a pull request before
// anything is observed. It covers all instances at once.
func AddressMoves(base, head Desired) []finding.Finding {
	return moves(base.SecretTargets().AsApplied(), head.Declarations, "declared")
}

// SecretConflicts returns a warning for each declaration that sends a token to a
// different host than another declaration does. They are not errors, because the
// files do not show which host the token was applied with.
func SecretConflicts(declarations []binding.Declaration) []finding.Finding {
	findings := moves(binding.SecretTargets{}.With(nil, declarations), declarations, "conflict")
	for i, f := range findings {
		findings[i] = f.As(finding.Warning)
	}
	return findings
}

// moves returns a finding for each declaration that moves a token; how says how the
// token is tied to the previous hosts.
func moves(targets binding.SecretTargets, declarations []binding.Declaration, how string) []finding.Finding {
	var findings []finding.Finding
	for _, d := range declarations {
		if move := targets.Move(d, ""); move != nil {
			path, f := movedFinding(&d, how, move.From)
			at := d.At(path)
			findings = append(findings, f.At(d.File, at.Line, at.Column).In(path))
		}
	}
	return finding.Sort(findings)
}

// moved reports whether the declaration would send its token to a different host.
// If so, it plans the forbidden action.
func (m *maker) moved(s subject) bool {
	why := m.findMove(s)
	if why.IsZero() {
		return false
	}
	m.act(s, takeAccount, Action{
		Object: binding.AccountObject(), Kind: Forbidden, Cause: CauseSecretTarget,
		Reason: message.New("reason.of-rule", "rule", codeMoved, "why", why),
	})
	return true
}

// findMove adds a finding about a move that is not allowed, and returns its
// message; zero if there is none. It needs no answer from the registry.
func (m *maker) findMove(s subject) message.Message {
	move := m.targets.Move(*s.d, s.token.Host)
	if !move.Refused(m.in.Policy.AllowAddressChangeWithSecret) {
		return message.Message{}
	}
	how := "conflict"
	switch {
	case move.Named:
		how = "host"
	case move.Applied:
		how = "applied"
	}
	path, f := movedFinding(s.d, how, move.From)
	m.find(s.d, path, f)
	return f.Message
}

// movedFinding is the finding that a token would be sent to a different host; how
// says how the token is tied to the previous hosts.
func movedFinding(d *binding.Declaration, how string, from []string) (path string, f finding.Finding) {
	path = "spec.address"
	if d.Spec.Address == "" {
		path = "spec.platform"
	}
	return path, finding.New(codeMoved, message.New("plan.secret-moves", "secret", unpinned(d.Spec.Token.Vault), "how", message.New("plan.secret."+how),
		"from", from, "to", binding.SecretTargetOf(d.Spec.Platform, d.Spec.Address)))
}
