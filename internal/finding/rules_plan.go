package finding

import "slices"

const design = "the design of reconciler"

// planRules are the rules that only a plan can tell: they need the registry,
// the secret store, the code hosts or what was applied last.
func planRules() []Rule {
	return slices.Concat(knowledgeRules(), driftRules(), safetyRules())
}

// knowledgeRules speak of what is known and of whose things are.
func knowledgeRules() []Rule {
	return []Rule{
		{
			Code: "observation-unknown", Severity: Warning,
			Sentence:    "What the registry does not answer is unknown, and nothing is changed on the strength of it.",
			Hint:        "See the message; the next run asks again.",
			Explanation: "A registry that is away, throttles or answers what cannot be understood has told nothing. Least of all has it told that a binding is absent: the bindings concerned stay exactly as they are, and every run asks again.",
			Source:      design,
		},
		{
			Code: "not-observed", Severity: Info,
			Sentence:    "What nothing named when a snapshot was taken is not known from it.",
			Hint:        "Nothing is wrong; plan without --snapshot, where there are the rights, to know it before the merge.",
			Explanation: "A plan from a snapshot asks nobody: it knows what the daemon had looked at, which is what was declared or applied then. Of an account, an image repository or a token that a change names for the first time it cannot say whether it is there, so nothing is planned for it; the daemon looks when the change is merged.",
			Source:      design,
		},
		{
			Code: "secret-unavailable", Severity: Warning,
			Sentence:    "A binding whose token cannot be had stays as it is.",
			Hint:        "Check the address, the sign-in and the policy of the secret store, and the token's mount, path and key.",
			Explanation: "To bind or to bind anew takes the token. Where the secret store does not answer, refuses, or has no such secret, nothing is planned for the account; a binding that is in place stays in place.",
			Source:      design,
		},
		{
			Code: "token-refused", Severity: Warning,
			Sentence:    "A version of a token that was refused is not tried again.",
			Hint:        "Make a token that meets the platform's rules, write it to the secret store as a new version, and it is taken up by itself.",
			Explanation: "The registry refused this version of the token for this account, and the version before it was bound again. To try it again on every run would let that working binding go each time, so it is left alone until the secret store has a newer version, or the declaration names another token or account. Where the binding is lost meanwhile, the version that worked is bound again while the secret store has it.",
			Source:      design,
		},
		{
			Code: "host-refused", Severity: Error,
			Sentence:    "The code host has to accept the token, the account and the project.",
			Hint:        "See the message for what was asked and what came back.",
			Explanation: "Before a binding is changed, the code host is asked whether the token is valid, whose it is and what it may. A certain no stops the change; an answer that is none stops nothing.",
			Source:      design,
		},
		{
			Code: "adopt-required", Severity: Error,
			Sentence:    "What somebody else set up, and differs from the declaration, is replaced only with adopt: true.",
			Hint:        "Declare what is there, or set spec.adopt: true to have it replaced.",
			Explanation: "An existing binding, link or build rule that equals its declaration is taken over without a change. One that differs, and was never applied from here, may be somebody's working set-up; to replace it the declaration has to say so.",
			Source:      design,
		},
		{
			Code: "image-repository-missing", Severity: Error,
			Sentence:    "An image repository that is linked exists in the registry already.",
			Hint:        "Make the namespace and the image repository in the console (Repository > Repositories), or mend the name in spec.repositories.",
			Explanation: "Image repositories, and whether they are public, are made by their owners. Only their source and their build rules are looked after here.",
			Source:      design,
		},
		{
			Code: "source-missing", Severity: Error,
			Sentence:    "The source of an image repository exists at the code host and the account sees it.",
			Hint:        "Mend the project's path, or give the account access to the project.",
			Explanation: "The code host was asked for the project and said with certainty that there is none, or none that the account may see. Linking it would fail, or build nothing.",
			Source:      design,
		},
	}
}

// driftRules speak of what is not as it was left, and of who is to mend it.
func driftRules() []Rule {
	return []Rule{
		{
			Code: "drift", Severity: Warning,
			Sentence:    "The registry no longer matches what was applied, and the declaration wants that told and not corrected.",
			Hint:        "Set spec.driftPolicy: Correct to have it put right, or change the declaration to what is there.",
			Explanation: "Somebody changed the registry by other ways. With driftPolicy Correct, which is the default, it is put right; with Report it is only shown. A change of the declaration is carried out under either.",
			Source:      design,
		},
		{
			Code: "repair-does-not-hold", Severity: Warning,
			Sentence:    "A repair that is undone again and again is not made any more.",
			Hint:        "Find who else changes it and settle which of you does; then run reconciler sync BINDING, or declare what is to be.",
			Explanation: "Drift is repaired, and each repair of an object is counted. When more than drift.maxRepairs of them did not hold within drift.within, somebody else wants it otherwise: a second reconciler on the same instance, a script, a person in the console. To go on would make both sides rewrite each other's work for ever, unbind a working account each time, and use up the registry's rate limit. So the object is left as it is, the condition Contested says so with what was found each time, and a person is asked. Only another declaration of the binding or reconciler sync BINDING begins anew; neither time nor a restart does.",
			Source:      design,
		},
		{
			Code: "person-overdue", Severity: Warning,
			Sentence:    "A step that waits for a person is done before its deadline.",
			Hint:        "Do the steps that reconciler plan shows; where the registry cannot be asked, confirm them with reconciler attest BINDING.",
			Explanation: "What only a person can do, such as an authorization in a browser or a click in the console, is asked for and waited for, and until then the binding is not as declared. It is told since when; after people.deadline it is overdue. Whoever the declaration names in spec.suspend.owner is named as the one to ask; nobody else is known here.",
			Source:      design,
		},
		{
			Code: "observed-difference", Severity: Warning,
			Sentence:    "The registry is not as declared, and the declaration is only looked at.",
			Hint:        "Set spec.managementPolicy: Manage to have it made as declared, or change the declaration to what is there.",
			Explanation: "With managementPolicy Observe a binding is looked at, compared and told, and its token is watched; nothing is ever changed, bound, adopted or unbound for it. It is the way to see what the declaration would do to an instance that others still look after, and to step back from one without taking the declaration away.",
			Source:      design,
		},
	}
}

// safetyRules stop and ask before much is removed.
func safetyRules() []Rule {
	const allow = "Check that the removal is meant, then run: reconciler apply --unsafe-allow-deletions"
	return []Rule{
		{
			Code: "deletions-beyond-threshold", Severity: Error,
			Sentence:    "Removing more than the allowed share of what is ours on an instance stops and asks.",
			Hint:        allow,
			Explanation: "A template gone wrong, a moved folder or a bad merge looks just like the wish to remove everything. Removals of more than the configured share (30 % unless set), once they are at least the configured number (3 unless set), are refused with their numbers. Bindings that are no longer declared are counted against the managed bindings of the instance, image repositories dropped from declared bindings against those linked.",
			Source:      design,
		},
		{
			Code: "empty-snapshot", Severity: Error,
			Sentence:    "A snapshot that declares nothing removes nothing.",
			Hint:        "Check the branch and the path of the source; if it is meant to be empty, run: reconciler apply --unsafe-allow-deletions",
			Explanation: "A wrong path, a branch without its files or an over-eager ignore file give an empty snapshot. It is never taken as the wish to remove all bindings.",
			Source:      design,
		},
		{
			Code: "history-rewritten", Severity: Error,
			Sentence:    "After a rewritten history nothing is removed.",
			Hint:        allow,
			Explanation: "A binding is removed because a commit removed its declaration. When the new revision does not descend from the one applied last, no such commit can be named: declarations may be gone because somebody forced an older state onto the branch. What is declared is applied; what is not is kept.",
			Source:      design,
		},
	}
}
