package plan

import (
	"fmt"
	"slices"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

const consoleURL = "https://cr.console.aliyun.com"

// off says whether a capability, by its JSON name, is off.
func off(c binding.Capabilities, name string) bool {
	return slices.Contains([]string{
		offName(c.ListAccounts, "listAccounts"), offName(c.Bind, "bind"), offName(c.Unbind, "unbind"),
		offName(c.ReadRepositories, "readRepositories"), offName(c.LinkRepositories, "linkRepositories"),
		offName(c.WriteRules, "writeRules"),
	}, name)
}

func offName(on bool, name string) string {
	if on {
		return ""
	}
	return name
}

// cannot adds to a reason which of the named capabilities are off, and why
// where the driver knows.
func (m *maker) cannot(reason message.Message, names ...string) message.Message {
	caps := m.in.Observation.Capabilities
	for _, name := range names {
		if off(caps, name) {
			reason = message.New("reason.driver-cannot", "reason", reason,
				"what", message.New("capability."+name), "why", message.Foreign(caps.Reasons[name]))
		}
	}
	return reason
}

// codeSourceSteps lead a person to the page where accounts are bound.
func (m *maker) codeSourceSteps(p binding.Platform) []string {
	return []string{
		fmt.Sprintf("Open the Container Registry console (%s) and select the region %s", consoleURL, m.in.Instance.Region),
		fmt.Sprintf("Instances > the Personal Edition instance (%s) > Repository > Code Source", m.in.Instance.Name),
		fmt.Sprintf("Find the row of %s", p.Title()),
	}
}

// bindSteps are the clicks that bind a platform by a token. They name where
// the token is kept and never hold it.
func (m *maker) bindSteps(s subject) []string {
	d := s.d
	steps := append(m.codeSourceSteps(d.Spec.Platform), "Actions column > Bind Account")
	if d.Spec.Platform == binding.Codeup {
		steps = append(steps, "Endpoint: leave it as it is; it is found automatically",
			fmt.Sprintf("Username: %s (the HTTPS clone username of Codeup > Personal Settings > HTTPS Password)", d.Spec.Username))
	} else {
		steps = append(steps, "Address: "+d.Spec.Address, "Username: "+d.Spec.Username)
	}
	where := unpinned(d.Spec.Token.Vault)
	if s.token.Version > 0 {
		where += fmt.Sprintf(", version %d", s.token.Version)
	}
	steps = append(steps, "Personal access token: from Vault, "+where,
		"Confirm; the row then says Bound")
	return append(steps, triggerURLSteps(d)...)
}

// authorizeSteps are the clicks that bind a platform by a person's
// authorization in a browser.
func (m *maker) authorizeSteps(d *binding.Declaration) []string {
	title := d.Spec.Platform.Title()
	grant := "On the page Authorize Aliyun Container Registry, review the permissions > Authorize AliyunDeveloper"
	if d.Spec.Platform == binding.Bitbucket {
		grant = "On the page Confirm access to your account, review the permissions > Grant access"
	}
	steps := append(m.codeSourceSteps(d.Spec.Platform),
		"Actions column > Bind Account",
		fmt.Sprintf("In the dialog %s > Go to the source code repository to bind account", title),
		fmt.Sprintf("Sign in to %s as %s", title, d.Spec.Username),
		grant,
		fmt.Sprintf("Back in the console, a message says that the %s account is bound", title))
	if n := len(d.Spec.Repositories); n > 0 && m.in.Observation.Capabilities.ReadRepositories && m.in.Observation.Capabilities.LinkRepositories {
		steps = append(steps, fmt.Sprintf("Nothing more to do by hand: the next plan links the image repositories (%d)", n))
	}
	return steps
}

// unbindSteps are the clicks that let an account go.
func (m *maker) unbindSteps(p binding.Platform) []string {
	steps := append(m.codeSourceSteps(p), "Actions column: unbind the account")
	if p == binding.GitHub {
		steps = append(steps, "Where the row offers no such action: GitHub > Settings > Applications > Authorized OAuth Apps > revoke Aliyun Container Registry")
	}
	return steps
}

// linkSteps are the clicks that give an image repository its source and rules.
func (m *maker) linkSteps(image string, link binding.Link, rules []binding.BuildRule) []string {
	steps := m.buildSteps(image)
	steps = append(steps, fmt.Sprintf("Code source: %s, repository %s", link.Platform.Title(), link.Source),
		"Build automatically on a change of code: "+onOff(link.Trigger == binding.Auto),
		"Build outside mainland China: "+onOff(link.OverseasBuild),
		"Build without cache: "+onOff(!link.BuildCache))
	for _, r := range rules {
		steps = append(steps, "Build rule: "+ruleText(r))
	}
	return steps
}

// buildSteps lead a person to an image repository's build settings.
func (m *maker) buildSteps(image string) []string {
	return []string{
		fmt.Sprintf("Open the Container Registry console (%s) and select the region %s", consoleURL, m.in.Instance.Region),
		fmt.Sprintf("Instances > the Personal Edition instance (%s) > Repository > Repositories > %s > Build", m.in.Instance.Name, image),
	}
}

func ruleText(r binding.BuildRule) string {
	ref := "branch " + r.Branch
	if r.Tag != "" {
		ref = "tag " + r.Tag
	}
	return fmt.Sprintf("%s with %s into image tag %s", ref, binding.NormalDockerfile(r.Dockerfile), r.ImageTag)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// rebindSteps are what a rebind promises.
func rebindSteps(s subject) []string {
	newToken := "the token"
	if s.token.Version > 0 {
		newToken = fmt.Sprintf("version %d of the token", s.token.Version)
	}
	steps := []string{
		fmt.Sprintf("Check %s at the code host; where it says no, nothing changes", newToken),
		"Unbind the account, then bind it again",
	}
	if s.ours() {
		steps = append(steps, wayBack(s))
	}
	return append(steps, triggerURLSteps(s.d)...)
}

// wayBack says what becomes of the account where the registry refuses the new
// token.
func wayBack(s subject) string {
	version, before := s.record.TokenVersion, s.token.Previous
	switch {
	case version == 0:
		return "Where the registry refuses it, the account stays unbound, for the token of now is kept in no version that could be bound again"
	case before != nil && before.Unknown != nil:
		return fmt.Sprintf("Where the registry refuses it, the account stays unbound, for version %d, bound now, cannot be had any more (%s)", version, before.Unknown.Reason)
	}
	return fmt.Sprintf("Where the registry refuses it, bind version %d again, as before, while Vault still has it", version)
}

// triggerURLSteps is the rule gitlab-trigger-url, which only a person can
// fulfil.
func triggerURLSteps(d *binding.Declaration) []string {
	address, plain := strings.CutPrefix(binding.NormalAddress(d.Spec.Address), "http://")
	host, _, _ := strings.Cut(address, "/")
	colon := strings.LastIndexByte(host, ':')
	// A normal address has no default port; a bracket at its end closes an
	// IPv6 address.
	if d.Spec.Platform != binding.GitLab || !plain || colon < 0 || strings.HasSuffix(host, "]") {
		return nil
	}
	return []string{fmt.Sprintf(
		"By hand, once bound: add the port to the end of the trigger URL (%s), for GitLab answers over HTTP on a port other than 80", host[colon:])}
}

// attestStep is the way to say that a binding's step is done, or all of
// several.
func attestStep(name string, several bool) string {
	what := "it"
	if several {
		what = "all of it, links too,"
	}
	return "Confirm that " + what + " is done: reconciler attest " + name
}
