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
