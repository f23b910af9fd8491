package finding

func platformRules() []Rule {
	return []Rule{}
}
