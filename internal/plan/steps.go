package plan

import (
	"net/url"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

const consoleURL = "https://cr.console.aliyun.com"

// off reports whether a capability, by its JSON name, is off.
func off(c binding.Capabilities, name string) bool {
	return slices.Contains(c.All(), binding.Capability{Name: name})
}

// cannot adds to a reason which of the named capabilities are off, and why if the
// driver knows that.
func (m *maker) cannot(reason message.Message, names ...string) message.Message {
	caps := m.in.Observation.Capabilities
	for _, name := range names {
		if off(caps, name) {
			reason = message.New("reason.driver-cannot", "reason", reason,
				"what", message.New("capability."+name), "why", caps.Reasons[name])
		}
	}
	return reason
}

// enterprise reports whether the instance is of the Enterprise Edition.
func (m *maker) enterprise() bool {
	return m.in.Instance.Edition == binding.Enterprise ||
		slices.ContainsFunc(m.in.Declarations, func(d binding.Declaration) bool { return d.Edition == binding.Enterprise })
}

// codeSourceSteps lead a person to the page where accounts are bound.
func (m *maker) codeSourceSteps(p binding.Platform) []message.Message {
	return []message.Message{
		message.New("step.console", "url", consoleURL, "region", m.in.Instance.Region),
		message.New("step.code-source", "enterprise", m.enterprise(), "instance", m.in.Instance.Name),
		message.New("step.row", "platform", p.Title()),
	}
}

// bindSteps are the steps that bind an account for the first time.
func (m *maker) bindSteps(s subject) []message.Message {
	return append(m.codeSourceSteps(s.d.Spec.Platform), m.bindClicks(s, nil)...)
}

// rebindByHandSteps are the steps that replace a bound account because of changes.
// One step names all fields that did not change.
func (m *maker) rebindByHandSteps(s subject, changes []Change) []message.Message {
	return append(m.unbindSteps(s.d.Spec.Platform), m.bindClicks(s, changes)...)
}

// bindClicks are the clicks on the page of an account that bind it. If there are
// changes, it was bound before. They name where the token is kept and never contain
// it.
func (m *maker) bindClicks(s subject, changes []Change) []message.Message {
	if s.d.Spec.Platform.OAuth() {
		return m.authorizeClicks(s.d)
	}
	steps := append([]message.Message{message.New("step.bind-account")}, accountClicks(s.d, changes)...)
	steps = append(steps, message.New("step.token", "vault", unpinned(s.d.Spec.Token.Vault), "version", s.token.Version), message.New("step.confirm"))
	return append(steps, triggerURLSteps(s.d)...)
}

// accountClicks are the clicks that fill in the account. One step names all fields
// that did not change.
func accountClicks(d *binding.Declaration, changes []Change) []message.Message {
	split := func(field, value string) (kept, due string) {
		if changes == nil || slices.ContainsFunc(changes, func(c Change) bool { return c.Field == field }) {
			return "", value
		}
		return value, ""
	}
	keptName, username := split("username", d.Spec.Username)
	keptAddress, address := split("address", d.Spec.Address)
	var steps []message.Message
	if keptName != "" || keptAddress != "" {
		steps = append(steps, message.New("step.as-before", "username", keptName, "address", keptAddress))
	}
	if changes == nil && d.Spec.Platform == binding.Codeup {
		steps = append(steps, message.New("step.endpoint"))
	}
	if address != "" {
		steps = append(steps, message.New("step.address", "address", address))
	}
	switch {
	case username == "":
	case d.Spec.Platform == binding.Codeup:
		steps = append(steps, message.New("step.username-codeup", "username", username))
	default:
		steps = append(steps, message.New("step.username", "username", username))
	}
	return steps
}

// authorizeClicks are the clicks on the page of an account that bind a platform
// by a person's authorization in a browser.
func (m *maker) authorizeClicks(d *binding.Declaration) []message.Message {
	title := d.Spec.Platform.Title()
	grant := message.New("step.grant")
	if d.Spec.Platform == binding.Bitbucket {
		grant = message.New("step.grant-bitbucket")
	}
	steps := []message.Message{
		message.New("step.bind-account"),
		message.New("step.dialog", "platform", title),
		message.New("step.sign-in", "platform", title, "username", d.Spec.Username),
		grant,
		message.New("step.back", "platform", title),
	}
	if n := len(d.Spec.Repositories); n > 0 && m.in.Observation.Capabilities.ReadSources && m.in.Observation.Capabilities.LinkRepositories {
		steps = append(steps, message.New("step.next-plan-links", "repositories", n))
	}
	return steps
}

// unbindSteps are the clicks that unbind an account.
func (m *maker) unbindSteps(p binding.Platform) []message.Message {
	steps := append(m.codeSourceSteps(p), message.New("step.unbind"))
	if p == binding.GitHub {
		steps = append(steps, message.New("step.unbind-github"))
	}
	return steps
}

// linkSteps are the clicks that make changes to an image repository's source,
// and to its rules if the registry cannot be asked about them.
func (m *maker) linkSteps(r image, want binding.Link, changes []Change) []message.Message {
	steps := m.buildSteps(r.name)
	add := func(step message.Message, fields ...string) {
		if slices.ContainsFunc(changes, func(c Change) bool { return slices.Contains(fields, c.Field) }) {
			steps = append(steps, step)
		}
	}
	add(message.New("step.source", "platform", want.Platform.Title(), "source", want.Source), "platform", "source")
	add(message.New("step.automatic", "on", want.Trigger == binding.Auto), "trigger")
	add(message.New("step.overseas", "on", want.OverseasBuild), "overseasBuild")
	add(message.New("step.no-cache", "on", !want.BuildCache), "buildCache")
	if m.in.Observation.Capabilities.ReadRules {
		return steps
	}
	return append(steps, ruleSteps(r)...)
}

// ruleSteps are the clicks that change the build rules from those that a person
// confirmed last to the declared ones.
func ruleSteps(r image) []message.Message {
	var steps []message.Message
	made, removed := unconfirmedRules(r)
	for _, rule := range made {
		steps = append(steps, message.New("step.rule", "rule", ruleText(rule)))
	}
	for _, rule := range removed {
		steps = append(steps, message.New("step.remove-rule", "rule", ruleText(rule)))
	}
	return steps
}

// buildSteps lead a person to an image repository's build settings.
func (m *maker) buildSteps(image string) []message.Message {
	return []message.Message{
		message.New("step.console", "url", consoleURL, "region", m.in.Instance.Region),
		message.New("step.build", "enterprise", m.enterprise(), "instance", m.in.Instance.Name, "image", image),
	}
}

func ruleText(r binding.BuildRule) message.Message {
	return message.New("step.rule-text", "branch", r.Branch, "tag", r.Tag,
		"dockerfile", binding.NormalDockerfile(r.Dockerfile), "imageTag", r.ImageTag)
}

// rebindSteps describe what a rebind does.
func rebindSteps(s subject) []message.Message {
	steps := []message.Message{
		message.New("step.check", "version", s.token.Version),
		message.New("step.rebind"),
	}
	if s.ours() {
		steps = append(steps, fallbackMessage(s))
	}
	return append(steps, triggerURLSteps(s.d)...)
}

// fallbackMessage says what happens to the account if the registry refuses the new token.
func fallbackMessage(s subject) message.Message {
	version, before := s.record.TokenVersion, s.token.Previous
	switch {
	case version == 0:
		return message.New("step.no-way-back")
	case before != nil && before.Unknown != nil:
		return message.New("step.way-back-lost", "version", version, "why", before.Unknown.Reason)
	}
	return message.New("step.way-back", "version", version)
}

// triggerURLSteps are the steps of the rule gitlab-trigger-url, which only a person
// can fulfil.
func triggerURLSteps(d *binding.Declaration) []message.Message {
	// NormalAddress removes a default port.
	u, err := url.Parse(binding.NormalAddress(d.Spec.Address))
	if err != nil || d.Spec.Platform != binding.GitLab || u.Scheme != "http" || u.Port() == "" {
		return nil
	}
	return []message.Message{message.New("step.trigger-url", "port", ":"+u.Port())}
}

// attestStep is the step to confirm that a binding's step is done, or that all of
// several are.
func attestStep(name string, several bool) message.Message {
	return message.New("step.attest", "several", several, "binding", name)
}
