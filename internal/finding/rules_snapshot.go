package finding

func snapshotRules() []Rule {
	return []Rule{
		{
			Code: "binding-unique", Severity: Error,
			Sentence: "There is at most one binding for each platform of an instance.",
			Hint:     "Keep one of the declarations and move its neighbour's repositories into it.",
			Explanation: `The product binds one account per platform and instance: the console has one row for each. Two declarations for the
same row would take it from each other for ever. Both are reported, and neither is applied until one is gone.`,
			Source: ownRule + "; " + bindPage,
		},
		{
			Code: "name-unique", Severity: Error,
			Sentence: "A binding's name is unique among all declarations.",
			Hint:     "Rename one of them.",
			Explanation: `Plans, conditions, history and metrics speak of a binding by metadata.name, whatever its file or instance. Two bindings
of one name could not be told apart, so both are reported and neither is applied until one is renamed.`,
			Source: ownRule,
		},
		{
			Code: "image-owner-unique", Severity: Error,
			Sentence: "An image repository of an instance is declared once.",
			Hint:     "Remove the image repository from one of the declarations.",
			Explanation: `An image repository builds from one source repository. Declared twice in an instance, in one binding or in two, the
declarations would overwrite each other's source and build rules on every sync. All places are reported.`,
			Source: ownRule,
		},
		{
			Code: "unknown-instance", Severity: Error,
			Sentence: "spec.instance names an instance of the operator's configuration.",
			Hint:     "Correct the name, or ask the operator to add the instance to the configuration.",
			Explanation: `Declarations name an instance; which account, region and credentials stand behind the name is the operator's
configuration. A name that is not there has no registry to apply to. The check is left out where no configuration is given.`,
			Source: ownRule,
		},
	}
}
