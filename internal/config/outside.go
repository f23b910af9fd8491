package config

// Vault is the secret store.
type Vault struct {
	Address        string    `yaml:"address"`
	Namespace      string    `yaml:"namespace"`
	CAFile         string    `yaml:"caFile"`
	ClientCertFile string    `yaml:"clientCertFile"`
	ClientKeyFile  string    `yaml:"clientKeyFile"`
	ServerName     string    `yaml:"serverName"`
	Auth           VaultAuth `yaml:"auth"`
}

// VaultAuth says how to sign in to Vault; exactly one field is set.
type VaultAuth struct {
	TokenFile  string        `yaml:"tokenFile"`
	Token      *VaultToken   `yaml:"token"`
	AppRole    *VaultAppRole `yaml:"appRole"`
	Kubernetes *VaultJWT     `yaml:"kubernetes"`
	JWT        *VaultJWT     `yaml:"jwt"`
	Cert       *VaultCert    `yaml:"cert"`
}

// VaultToken takes a Vault token from an environment variable.
type VaultToken struct {
	Environment string `yaml:"environment"`
}

// VaultAppRole signs in by AppRole. Wrapped is true if the secret ID is
// response-wrapped.
type VaultAppRole struct {
	Mount        string `yaml:"mount"`
	RoleIDFile   string `yaml:"roleIdFile"`
	SecretIDFile string `yaml:"secretIdFile"`
	Wrapped      bool   `yaml:"wrapped"`
}

// VaultJWT signs in by a workload's JWT, such as that of a Kubernetes service
// account.
type VaultJWT struct {
	Mount     string `yaml:"mount"`
	Role      string `yaml:"role"`
	TokenFile string `yaml:"tokenFile"`
}

// VaultCert signs in by the TLS client certificate of Vault.
type VaultCert struct {
	Mount string `yaml:"mount"`
	Role  string `yaml:"role"`
}

// CodeHosts says how to reach the code hosts.
type CodeHosts struct {
	Codeup    Codeup   `yaml:"codeup"`
	GitHub    CodeHost `yaml:"github"`
	Bitbucket CodeHost `yaml:"bitbucket"`
	// UnsafeAllowPrivateAddresses lets the guarded clients reach loopback and
	// private networks, and use http.
	UnsafeAllowPrivateAddresses bool `yaml:"unsafeAllowPrivateAddresses"`
}

// Codeup is Codeup's API. Region is true if Endpoint belongs to a region
// edition, whose paths name no organization. ProbeWebhooks allows the only
// check that writes.
type Codeup struct {
	Endpoint      string `yaml:"endpoint"`
	Organization  string `yaml:"organization"`
	Region        bool   `yaml:"region"`
	ProbeWebhooks bool   `yaml:"probeWebhooks"`
}

// CodeHost is one code host's API. Observer is nil if it is observed without a
// token.
type CodeHost struct {
	Endpoint string    `yaml:"endpoint"`
	Observer *Observer `yaml:"observer"`
}
