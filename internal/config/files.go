package config

import (
	"fmt"
)

// fileField is a field of the configuration that names a file.
type fileField struct {
	path  string
	value *string
	// folder says that a folder is meant.
	folder bool
}

// fileFields lists every field that names something which must be there.
func (c *Config) fileFields() []fileField {
	var fields []fileField
	add := func(path string, value *string) { fields = append(fields, fileField{path: path, value: value}) }
	if c.Source.Folder != nil {
		fields = append(fields, fileField{path: "source.folder.path", value: &c.Source.Folder.Path, folder: true})
	}
	if git := c.Source.Git; git != nil {
		add("source.git.caFile", &git.CAFile)
		if git.Auth != nil {
			git.Auth.fileFields(add)
		}
	}
	for i := range c.Instances {
		if c.Instances[i].Credentials != nil {
			c.Instances[i].Credentials.fileFields(fmt.Sprintf("instances[%d].credentials", i), add)
		}
	}
	if api := c.Server.API; api != nil {
		add("server.api.certFile", &api.CertFile)
		add("server.api.keyFile", &api.KeyFile)
		add("server.api.tokenFile", &api.TokenFile)
	}
	if c.Vault != nil {
		add("vault.caFile", &c.Vault.CAFile)
		add("vault.clientCertFile", &c.Vault.ClientCertFile)
		add("vault.clientKeyFile", &c.Vault.ClientKeyFile)
		c.Vault.Auth.fileFields(add)
	}
	if c.Webhooks != nil {
		c.Webhooks.fileFields(add)
	}
	return fields
}

func (a *GitAuth) fileFields(add func(string, *string)) {
	add("source.git.auth.tokenFile", &a.TokenFile)
	if a.Basic != nil {
		add("source.git.auth.basic.passwordFile", &a.Basic.PasswordFile)
	}
	if a.SSH != nil {
		add("source.git.auth.ssh.keyFile", &a.SSH.KeyFile)
		add("source.git.auth.ssh.passphraseFile", &a.SSH.PassphraseFile)
		add("source.git.auth.ssh.knownHostsFile", &a.SSH.KnownHostsFile)
	}
}

func (c *Credentials) fileFields(at string, add func(string, *string)) {
	if c.Static != nil {
		add(at+".static.accessKeyIdFile", &c.Static.AccessKeyIDFile)
		add(at+".static.accessKeySecretFile", &c.Static.AccessKeySecretFile)
		add(at+".static.securityTokenFile", &c.Static.SecurityTokenFile)
	}
	if c.OIDC != nil {
		add(at+".oidc.tokenFile", &c.OIDC.TokenFile)
	}
}

func (a *VaultAuth) fileFields(add func(string, *string)) {
	add("vault.auth.tokenFile", &a.TokenFile)
	if a.AppRole != nil {
		add("vault.auth.appRole.roleIdFile", &a.AppRole.RoleIDFile)
		add("vault.auth.appRole.secretIdFile", &a.AppRole.SecretIDFile)
	}
	if a.Kubernetes != nil {
		add("vault.auth.kubernetes.tokenFile", &a.Kubernetes.TokenFile)
	}
	if a.JWT != nil {
		add("vault.auth.jwt.tokenFile", &a.JWT.TokenFile)
	}
}
