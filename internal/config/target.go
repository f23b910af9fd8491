package config

import (
	"path/filepath"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// Target is the instance as plans name it.
func (i Instance) Target() plan.Instance {
	target := plan.Instance{
		Name: i.Name, Region: i.Region, Endpoint: i.Endpoint, Driver: i.Driver, Account: i.Credentials.account(),
		WireProfile: i.WireProfileDigest,
	}
	if i.KnownEdition() == binding.Enterprise {
		target.ID, target.Edition = i.InstanceID, binding.Enterprise
	}
	if i.Driver == "personal" && i.WireNamesInstance {
		target.ID = i.InstanceID
	}
	return target
}

// PlanQuotas returns the quotas of the instance. Those of the Personal Edition
// are published; the Enterprise Edition's depend on the subscription.
func (i Instance) PlanQuotas() plan.Quotas {
	own := plan.Quotas{Namespaces: 3, Repositories: 300}
	if i.KnownEdition() == binding.Enterprise {
		own = plan.Quotas{}
	}
	if q := i.Quotas.Namespaces; q != nil {
		own.Namespaces = *q
	}
	if q := i.Quotas.Repositories; q != nil {
		own.Repositories = *q
	}
	return own
}

// account names the vendor's account that the credentials belong to, as far as
// the configuration shows; empty if the vendor's default chain determines it.
// No part of it is secret. For a role it is the account's number, so that a
// plan made with one role can be applied with another role of the same account.
func (c *Credentials) account() string {
	switch {
	case c == nil:
		return ""
	case c.Environment != nil:
		return "environment"
	case c.Profile != nil:
		return "profile " + c.Profile.Name
	case c.Static != nil:
		return "static " + filepath.Base(c.Static.AccessKeyIDFile)
	case c.RAMRole != nil:
		return "ramRole " + c.RAMRole.Name
	case c.OIDC != nil:
		return accountOf(c.OIDC.RoleARN)
	}
	return ""
}

// accountOf is the account's number in the ARN of a role
// (acs:ram::NUMBER:role/NAME), or the whole ARN if it has none.
func accountOf(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) == 5 && parts[3] != "" {
		return parts[3]
	}
	return arn
}
