package finding

func planRules() []Rule {
	return []Rule{}
}
