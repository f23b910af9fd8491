package sandbox

import "slices"

// ConsoleLink gives an image repository a source as a person does it in the
// console, and makes the repository where there is none.
func (i *RegistryInstance) ConsoleLink(image string, source ImageSource) {
	i.registry.Faults.applyDue()
	i.AddRepository(image)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.repos[image].source = &source
	i.changed(image)
}

// ConsoleAddRule adds a build rule to an image repository as a person does it
// in the console, and makes the repository where there is none. The rule's ID
// is given by the registry.
func (i *RegistryInstance) ConsoleAddRule(image string, rule ImageRule) {
	i.registry.Faults.applyDue()
	i.AddRepository(image)
	rule.ID = i.registry.nextID()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.repos[image].rules = append(i.repos[image].rules, rule)
	i.changed(image)
}

// ConsoleChangeRule replaces a build rule as a person does it in the console;
// its ID stays. A rule that is not there stays away.
func (i *RegistryInstance) ConsoleChangeRule(image string, rule ImageRule) {
	i.changeRules(image, func(rules []ImageRule) []ImageRule {
		if at := slices.IndexFunc(rules, func(r ImageRule) bool { return r.ID == rule.ID }); at >= 0 {
			rules[at] = rule
		}
		return rules
	})
}

// ConsoleRemoveRule removes a build rule as a person does it in the console.
func (i *RegistryInstance) ConsoleRemoveRule(image string, id int64) {
	i.changeRules(image, func(rules []ImageRule) []ImageRule {
		return slices.DeleteFunc(rules, func(r ImageRule) bool { return r.ID == id })
	})
}

func (i *RegistryInstance) changeRules(image string, change func([]ImageRule) []ImageRule) {
	i.registry.Faults.applyDue()
	i.mu.Lock()
	defer i.mu.Unlock()
	if repo := i.repos[image]; repo != nil {
		repo.rules = change(repo.rules)
		i.changed(image)
	}
}
