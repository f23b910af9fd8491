package finding

func sourceRules() []Rule {
	return []Rule{}
}
