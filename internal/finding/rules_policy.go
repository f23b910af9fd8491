package finding

// policySource is where the policy's rules come from.
const policySource = "this project's design: docs/policy.md"

func policyRules() []Rule { return append(accessRules(), policyFileRules()...) }

// accessRules are about what the operator lets a folder use.
func accessRules() []Rule {
	return []Rule{
		{
			Code: "policy-instance", Severity: Error,
			Sentence: "A declaration names only instances that the operator's policy allows in its folder.",
			Hint:     "Name an allowed instance, or ask the operator to change the rule that the message names.",
			Explanation: `The operator's configuration says under policy.rules which instances the declarations of a folder may name. Every rule
whose files match holds, so an instance has to be allowed by each of them.`,
			Source: policySource,
		},
		{
			Code: "policy-vault-path", Severity: Error,
			Sentence: "A declaration names only secrets that the operator's policy allows in its folder.",
			Hint:     "Name a secret of your own folder, or ask the operator to change the rule that the message names.",
			Explanation: `The daemon can read every secret that a declaration may name. Without a rule, whoever may write in one folder could
have another team's token read and sent to an address of his own. A rule names mounts and paths by full segments; a path with ` +
				"`.` or `..` in it is allowed by none.",
			Source: policySource,
		},
		{
			Code: "policy-address", Severity: Error,
			Sentence: "A declaration names only addresses that the operator's policy allows in its folder.",
			Hint:     "Name an allowed host, or ask the operator to change the rule that the message names.",
			Explanation: `Tokens are sent to the address that a declaration names. The rule lists hosts, with a port where only that one is
meant; ` + "`*.example.com`" + ` is every name below example.com, however deep.`,
			Source: policySource,
		},
		{
			Code: "policy-image", Severity: Error,
			Sentence: "A declaration links only image repositories of namespaces that the operator's policy allows in its folder.",
			Hint:     "Use an allowed namespace, or ask the operator to change the rule that the message names.",
			Explanation: `Whoever links an image repository decides what is built into it, and so what others run. The rule lists the namespaces
that a folder may build into.`,
			Source: policySource,
		},
		{
			Code: "policy-required-field", Severity: Error,
			Sentence: "A declaration writes the fields that the operator's policy asks of its folder.",
			Hint:     "Write the field.",
			Explanation: `Some fields may be left out by the format and are wanted by the operator, the last day of a token for example. A field
that the declaration's platform does not take is not asked for. The finding stands at the nearest field around the missing one.`,
			Source: policySource,
		},
		{
			Code: "policy-no-rule", Severity: Error,
			Sentence: "Where the operator's policy denies by default, a rule is for every declaration.",
			Hint:     "Move the file to a folder that a rule is for, or ask the operator to add a rule.",
			Explanation: `With ` + "`policy.default: deny`" + ` a file whose path no rule matches may not declare anything. With ` + "`allow`" + `, the default, such a
file is held to nothing but the format.`,
			Source: policySource,
		},
	}
}

// policyFileRules are about the organisation's own policies, and about theft.
func policyFileRules() []Rule {
	return []Rule{
		{
			Code: "policy-invalid", Severity: Error,
			Sentence: "A policy file compiles, has the documented shape and keeps to its limits of size and time.",
			Hint:     "Mend the policy; docs/policy.md shows its shape.",
			Explanation: `A policy that cannot be used might have refused anything, so while there is one no declaration passes: every binding
stays as it is and nothing is removed. A policy imports nothing but a few of CUE's own packages, and what could take any amount of
time or memory is refused before it is evaluated.`,
			Source: policySource,
		},
		{
			Code: "config-policy", Severity: Error,
			Sentence: "The patterns and fields of the configuration's policy can be read.",
			Hint:     "Mend the pattern or the field's name; docs/policy.md tells how they are written.",
			Explanation: `A pattern that cannot be read would match nothing, and its rule would hold for no file: so a configuration with one is
not used at all.`,
			Source: policySource,
		},
		{
			Code: "address-changed-with-secret", Severity: Error,
			Sentence: "A declaration does not send a token to another host than the one it was applied with.",
			Hint:     "Make a token for the new host and keep it under a new path; or have the operator set policy.allowAddressChangeWithSecret for the time of the move.",
			Explanation: `The classic theft: a change that looks like a move of a server points the address at somebody else's host and keeps
the place of the secret, and the daemon sends the token there. So a token is sent to no other host than the one it was applied
with: it is not read, the code host is not asked, and nothing is bound. The address may change in its path or from http to https;
another host, another port and the way back from https to http are refused.`,
			Source: policySource,
		},
	}
}
