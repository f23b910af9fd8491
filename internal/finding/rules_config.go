package finding

func configRules() []Rule {
	return []Rule{}
}
