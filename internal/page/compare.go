package page

import (
	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// compared is a declared value and the one in the registry.
type compared struct {
	// Of is the image repository; empty for the account.
	Of                 string
	Field              message.Message
	Declared, Registry string
	// Unknown says why the registry's value is unknown; zero if it is known.
	Unknown message.Message
	// Differs is true if the two values differ.
	Differs bool
}

// comparison compares a declaration with the registry.
type comparison struct {
	rows []compared
	// settled are the objects that match the declaration according to the last plan,
	// even if their values are written differently.
	settled map[binding.Object]bool
}

func compare(d report.Description, o binding.Observation) []compared {
	c := &comparison{settled: map[binding.Object]bool{}}
	for _, planned := range d.Objects {
		c.settled[planned.Object] = planned.Action == plan.Noop && len(planned.Changes) == 0
	}
	c.account(d, o)
	for _, r := range d.Spec.Repositories {
		state, asked := o.Repositories[r.Image]
		switch {
		case o.Unknown != nil:
			state.Unknown = o.Unknown
		case !asked:
			state.Unknown = &binding.Unknown{Message: message.New("page.not-asked")}
		}
		c.repository(r, state)
	}
	return c.rows
}

// add adds a value that is known on both sides.
func (c *comparison) add(of binding.Object, field message.Message, declared, registry string) {
	c.rows = append(c.rows, compared{Of: of.Image, Field: field, Declared: declared, Registry: registry, Differs: declared != registry && !c.settled[of]})
}

// unknown adds a value that is unknown in the registry.
func (c *comparison) unknown(of binding.Object, field message.Message, declared string, why *binding.Unknown) {
	c.rows = append(c.rows, compared{Of: of.Image, Field: field, Declared: declared, Unknown: why.Message})
}

func (c *comparison) account(d report.Description, o binding.Observation) {
	of, field, state := binding.AccountObject(), message.New("page.field.account"), o.Accounts[d.Spec.Platform]
	switch {
	case o.Unknown != nil:
		c.unknown(of, field, d.Spec.Username, o.Unknown)
	case state.Unknown != nil:
		c.unknown(of, field, d.Spec.Username, state.Unknown)
	case state.Account == nil:
		c.add(of, field, d.Spec.Username, "")
	default:
		c.add(of, field, d.Spec.Username, state.Account.Username)
		if d.Spec.Address != "" {
			c.add(of, message.New("page.field.address"), d.Spec.Address, state.Account.Address)
		}
	}
	if d.Spec.Token != nil && d.Token.Version > 0 {
		c.add(of, message.New("page.field.token"), number(d.Token.Version), number(d.Token.Bound))
	}
}

// repository compares an image repository field by field.
func (c *comparison) repository(r binding.Repository, state binding.RepositoryState) {
	of, link := binding.RepositoryObject(r.Image), binding.Link{}
	if state.Link != nil {
		link = *state.Link
	}
	if unknown := state.NoSource(); unknown != nil {
		c.unknown(of, message.New("page.field.source"), r.Source, unknown)
	} else {
		c.add(of, message.New("page.field.source"), r.Source, link.Source)
		c.add(of, message.New("page.field.trigger"), string(r.Trigger), string(link.Trigger))
		if r.OverseasBuild != nil {
			c.add(of, message.New("page.field.overseas"), yesNo(*r.OverseasBuild), yesNo(link.OverseasBuild))
		}
		if r.BuildCache != nil {
			c.add(of, message.New("page.field.cache"), yesNo(*r.BuildCache), yesNo(link.BuildCache))
		}
	}
	if r.Rules != nil {
		c.rules(r, state)
	}
}

// rules matches build rules by what they build from and into.
func (c *comparison) rules(r binding.Repository, state binding.RepositoryState) {
	field, unknown := message.New("page.field.rule"), state.NoRules()
	has := map[string]binding.BuildRule{}
	for _, rule := range state.Rules {
		has[rule.Key()] = rule.BuildRule
	}
	for _, rule := range r.Rules {
		of, other := binding.RuleObject(r.Image, rule), ""
		if found, there := has[rule.Key()]; there {
			other = ruleText(found)
			delete(has, rule.Key())
		}
		if unknown != nil {
			c.unknown(of, field, ruleText(rule), unknown)
			continue
		}
		c.add(of, field, ruleText(rule), other)
	}
	for _, rule := range state.Rules {
		if other, left := has[rule.Key()]; left && unknown == nil {
			c.add(binding.RuleObject(r.Image, rule.BuildRule), field, "", ruleText(other))
		}
	}
}

// ruleText is a rule as the pages show it, with the terms of a declaration.
func ruleText(r binding.BuildRule) string {
	from := "branch: " + r.Branch
	if r.Tag != "" {
		from = "tag: " + r.Tag
	}
	return from + ", dockerfile: " + r.Dockerfile + ", imageTag: " + r.ImageTag
}
