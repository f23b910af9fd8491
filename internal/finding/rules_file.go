package finding

func fileRules() []Rule {
	return []Rule{}
}
