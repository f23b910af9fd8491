package finding

func snapshotRules() []Rule {
	return []Rule{}
}
