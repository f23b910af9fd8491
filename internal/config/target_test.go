package config

import (
	"testing"

	"reconciler/internal/plan"
)

func TestWherePlansGo(t *testing.T) {
	for want, credentials := range map[string]*Credentials{
		"":                 nil,
		"environment":      {Environment: &Environment{}},
		"profile prod":     {Profile: &Profile{Name: "prod"}},
		"static id":        {Static: &Static{AccessKeyIDFile: "/keys/id", AccessKeySecretFile: "/keys/secret"}},
		"ramRole builder":  {RAMRole: &RAMRole{Name: "builder"}},
		"1234567890":       {OIDC: &OIDC{RoleARN: "acs:ram::1234567890:role/reconciler"}},
		"acs:ram:role/odd": {OIDC: &OIDC{RoleARN: "acs:ram:role/odd"}},
	} {
		i := Instance{Name: "prod", Region: "cn-hangzhou", Driver: "personal", Endpoint: "https://cr.example.com", Credentials: credentials}
		if got := i.Target(); got != (plan.Instance{Name: "prod", Region: "cn-hangzhou", Driver: "personal", Endpoint: "https://cr.example.com", Account: want}) {
			t.Errorf("got %+v, want the account %q", got, want)
		}
	}
}

func TestQuotasOfAnInstance(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   Instance
		want plan.Quotas
	}{
		{"personal", Instance{Driver: "personal"}, plan.Quotas{Namespaces: 3, Repositories: 300}},
		{"one is set", Instance{Driver: "personal", Quotas: Quotas{Namespaces: new(5)}}, plan.Quotas{Namespaces: 5, Repositories: 300}},
		{"no limit", Instance{Driver: "personal", Quotas: Quotas{Namespaces: new(0), Repositories: new(0)}}, plan.Quotas{}},
		{"enterprise", Instance{Driver: "enterprise"}, plan.Quotas{}},
		{"enterprise, set", Instance{Driver: "enterprise", Quotas: Quotas{Repositories: new(1000)}}, plan.Quotas{Repositories: 1000}},
	} {
		if got := tt.in.PlanQuotas(); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
