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
	// InstanceID is the registry's ID of the instance.
	InstanceID string `yaml:"instanceId"`
	// Edition is empty if the configuration does not name it (see Editions).
	Edition  binding.Edition `yaml:"edition"`
	Endpoint string          `yaml:"endpoint"`
	// WireProfileFile describes the undocumented calls; empty for the built-in
	// profile. WireProfileDigest identifies its content.
	WireProfileFile   string `yaml:"wireProfile"`
	WireProfileDigest string `yaml:"-"`
	// WireNamesInstance is true if the profile's calls name the instance by
	// InstanceID.
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
	// Quotas limit what the instance may have; see PlanQuotas.
	Quotas Quotas `yaml:"quotas"`
}

// Quotas limit how many namespaces and image repositories an instance has. 0 means
// no limit, nil the edition's own limit.
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

// Static takes the access key from files. Without SecurityTokenFile, the access
// key is permanent.
type Static struct {
	AccessKeyIDFile     string `yaml:"accessKeyIdFile"`
	AccessKeySecretFile string `yaml:"accessKeySecretFile"`
	SecurityTokenFile   string `yaml:"securityTokenFile"`
}

// RAMRole takes temporary keys from the ECS metadata service. Without Name, it
// takes the role that the service names.
type RAMRole struct {
	Name string `yaml:"name"`
}

// OIDC exchanges a workload's OIDC token for temporary keys.
type OIDC struct {
	RoleARN     string `yaml:"roleArn"`
	ProviderARN string `yaml:"providerArn"`
	TokenFile   string `yaml:"tokenFile"`
	SessionName string `yaml:"sessionName"`
}

// InstanceNames returns the names that declarations may use.
func (c *Config) InstanceNames() []string {
	var names []string
	for _, instance := range c.Instances {
		names = append(names, instance.Name)
	}
	return names
}

// Editions returns the editions of the instances whose edition the configuration
// names.
func (c *Config) Editions() map[string]binding.Edition {
	editions := map[string]binding.Edition{}
	for _, i := range c.Instances {
		if edition := i.KnownEdition(); edition != "" {
			editions[i.Name] = edition
		}
	}
	return editions
}

// KnownEdition is the instance's edition according to the configuration: it
// follows from the driver or, for a driver for every edition, from Edition. It
// is empty if the configuration does not name it.
func (i Instance) KnownEdition() binding.Edition {
	if i.Driver == "console" {
		return i.Edition
	}
	return binding.Edition(i.Driver)
}
