package sandbox

// ConsoleLink gives an image repository a source as a person does it in the
// console, and makes the repository where there is none.
func (i *RegistryInstance) ConsoleLink(image string, source ImageSource) {
	i.registry.Faults.catchUp()
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
	i.registry.Faults.catchUp()
	i.AddRepository(image)
	rule.ID = i.registry.nextID()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.repos[image].rules = append(i.repos[image].rules, rule)
	i.changed(image)
}
