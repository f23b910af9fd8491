package config

import (
	"reconciler/internal/binding"
)

// Instance is one registry instance.
type Instance struct {
	Name   string `yaml:"name"`
	Region string `yaml:"region"`
	// Driver is "personal", "enterprise" or "console".
	Driver string `yaml:"driver"`
	// InstanceID is the registry's identifier of the instance.
	InstanceID string `yaml:"instanceId"`
	// Edition is empty where the configuration does not say it (see Editions).
	Edition  binding.Edition `yaml:"edition"`
	Endpoint string          `yaml:"endpoint"`
	// WireProfileFile describes the undocumented calls; empty for the profile that
	// is built in. WireProfileDigest identifies its content.
	WireProfileFile   string `yaml:"wireProfile"`
	WireProfileDigest string `yaml:"-"`
	// WireNamesInstance says that its calls name the instance by InstanceID.
	WireNamesInstance bool `yaml:"-"`
	// Signature is "acs3" or "v2".
	Signature string `yaml:"signature"`
	// Credentials is nil for the vendor's default chain.
	Credentials *Credentials `yaml:"credentials"`
	// RequestsPerSecond and Burst are the instance's rate limit.
	RequestsPerSecond float64 `yaml:"requestsPerSecond"`
	Burst             int     `yaml:"burst"`
	// Windows, if not nil, are used instead of those of the whole configuration.
	Windows *Windows `yaml:"windows"`
	// Quotas are what may be there; see PlanQuotas.
	Quotas Quotas `yaml:"quotas"`
}

// Quotas bound how many namespaces and image repositories an instance has. 0 is no
// limit, nil the edition's own.
type Quotas struct {
	Namespaces   *int `yaml:"namespaces"`
	Repositories *int `yaml:"repositories"`
}

// Credentials says where an access key comes from; exactly one field is
// set.
type Credentials struct {
	Environment *Environment `yaml:"environment"`
	Profile     *Profile     `yaml:"profile"`
	Static      *Static      `yaml:"static"`
	RAMRole     *RAMRole     `yaml:"ramRole"`
	OIDC        *OIDC        `yaml:"oidc"`
}

// Environment takes the access key from the vendor's environment
// variables. It has no fields.
type Environment struct{}

// Profile takes the access key from the vendor's credentials file.
type Profile struct {
	Name string `yaml:"name"`
}

// Static takes the access key from files. An empty SecurityTokenFile
// means a lasting access key.
type Static struct {
	AccessKeyIDFile     string `yaml:"accessKeyIdFile"`
	AccessKeySecretFile string `yaml:"accessKeySecretFile"`
	SecurityTokenFile   string `yaml:"securityTokenFile"`
}

// RAMRole takes temporary keys from the ECS metadata service. An empty
// Name means the role that the service names.
type RAMRole struct {
	Name string `yaml:"name"`
}

// OIDC takes temporary keys for a workload's OIDC token.
type OIDC struct {
	RoleARN     string `yaml:"roleArn"`
	ProviderARN string `yaml:"providerArn"`
	TokenFile   string `yaml:"tokenFile"`
	SessionName string `yaml:"sessionName"`
}

// InstanceNames lists the names that declarations may use.
func (c *Config) InstanceNames() []string {
	var names []string
	for _, instance := range c.Instances {
		names = append(names, instance.Name)
	}
	return names
}

// Editions are those of the instances whose edition the configuration says.
func (c *Config) Editions() map[string]binding.Edition {
	editions := map[string]binding.Edition{}
	for _, i := range c.Instances {
		if edition := i.KnownEdition(); edition != "" {
			editions[i.Name] = edition
		}
	}
	return editions
}

// KnownEdition is the instance's edition as the configuration says it: by the
// driver, or for one that is for every edition by itself. Empty means that the
// configuration does not say it.
func (i Instance) KnownEdition() binding.Edition {
	if i.Driver == "console" {
		return i.Edition
	}
	return binding.Edition(i.Driver)
}
