package plan

import (
	"net/url"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

const consoleURL = "https://cr.console.aliyun.com"

// off says whether a capability, by its JSON name, is off.
func off(c binding.Capabilities, name string) bool {
	return slices.Contains(c.All(), binding.Capability{Name: name})
}

// cannot adds to a reason which of the named capabilities are off, and why
// where the driver knows.
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

// enterprise says that the instance is of the Enterprise Edition.
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

// bindSteps are the clicks that bind a platform by a token. They name where
// the token is kept and never hold it.
func (m *maker) bindSteps(s subject) []message.Message {
	d := s.d
	steps := append(m.codeSourceSteps(d.Spec.Platform), message.New("step.bind-account"))
	if d.Spec.Platform == binding.Codeup {
		steps = append(steps, message.New("step.endpoint"),
			message.New("step.username-codeup", "username", d.Spec.Username))
	} else {
		steps = append(steps, message.New("step.address", "address", d.Spec.Address), message.New("step.username", "username", d.Spec.Username))
	}
	steps = append(steps, message.New("step.token", "vault", unpinned(d.Spec.Token.Vault), "version", s.token.Version), message.New("step.confirm"))
	return append(steps, triggerURLSteps(d)...)
}

// authorizeSteps are the clicks that bind a platform by a person's
// authorization in a browser.
func (m *maker) authorizeSteps(d *binding.Declaration) []message.Message {
	title := d.Spec.Platform.Title()
	grant := message.New("step.grant")
	if d.Spec.Platform == binding.Bitbucket {
		grant = message.New("step.grant-bitbucket")
	}
	steps := append(m.codeSourceSteps(d.Spec.Platform),
		message.New("step.bind-account"),
		message.New("step.dialog", "platform", title),
		message.New("step.sign-in", "platform", title, "username", d.Spec.Username),
		grant,
		message.New("step.back", "platform", title))
	if n := len(d.Spec.Repositories); n > 0 && m.in.Observation.Capabilities.ReadSources && m.in.Observation.Capabilities.LinkRepositories {
		steps = append(steps, message.New("step.next-plan-links", "repositories", n))
	}
	return steps
}

// unbindSteps are the clicks that let an account go.
func (m *maker) unbindSteps(p binding.Platform) []message.Message {
	steps := append(m.codeSourceSteps(p), message.New("step.unbind"))
	if p == binding.GitHub {
		steps = append(steps, message.New("step.unbind-github"))
	}
	return steps
}

// linkSteps are the clicks that give an image repository its source, and its
// rules if the registry cannot be asked about them.
func (m *maker) linkSteps(image string, link binding.Link, rules []binding.BuildRule) []message.Message {
	if m.in.Observation.Capabilities.ReadRules {
		rules = nil
	}
	steps := m.buildSteps(image)
	steps = append(steps, message.New("step.source", "platform", link.Platform.Title(), "source", link.Source),
		message.New("step.automatic", "on", link.Trigger == binding.Auto),
		message.New("step.overseas", "on", link.OverseasBuild),
		message.New("step.no-cache", "on", !link.BuildCache))
	return append(steps, ruleSteps(rules)...)
}

// ruleSteps are the clicks that make rules.
func ruleSteps(rules []binding.BuildRule) []message.Message {
	var steps []message.Message
	for _, r := range rules {
		steps = append(steps, message.New("step.rule", "rule", ruleText(r)))
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

// rebindSteps are what a rebind promises.
func rebindSteps(s subject) []message.Message {
	steps := []message.Message{
		message.New("step.check", "version", s.token.Version),
		message.New("step.rebind"),
	}
	if s.ours() {
		steps = append(steps, wayBack(s))
	}
	return append(steps, triggerURLSteps(s.d)...)
}

// wayBack says what becomes of the account where the registry refuses the new
// token.
func wayBack(s subject) message.Message {
	version, before := s.record.TokenVersion, s.token.Previous
	switch {
	case version == 0:
		return message.New("step.no-way-back")
	case before != nil && before.Unknown != nil:
		return message.New("step.way-back-lost", "version", version, "why", before.Unknown.Reason)
	}
	return message.New("step.way-back", "version", version)
}

// triggerURLSteps is the rule gitlab-trigger-url, which only a person can
// fulfil.
func triggerURLSteps(d *binding.Declaration) []message.Message {
	// A normal address has no default port.
	u, err := url.Parse(binding.NormalAddress(d.Spec.Address))
	if err != nil || d.Spec.Platform != binding.GitLab || u.Scheme != "http" || u.Port() == "" {
		return nil
	}
	return []message.Message{message.New("step.trigger-url", "port", ":"+u.Port())}
}

// attestStep is the way to say that a binding's step is done, or all of
// several.
func attestStep(name string, several bool) message.Message {
	return message.New("step.attest", "several", several, "binding", name)
}
