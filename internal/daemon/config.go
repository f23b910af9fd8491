package daemon

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
)

// maxConfigBytes is the most that a configuration file may hold.
const maxConfigBytes = 1 << 20

// Config is the configuration of the daemon and of the commands that talk to
// the outside world: one document of kind Configuration. Its definition, with
// the meaning of every field, is schema/config.cue; docs/configuration.md is
// made from that. File paths are absolute once LoadConfig returned it.
type Config struct {
	APIVersion string           `yaml:"apiVersion"`
	Kind       string           `yaml:"kind"`
	Source     SourceConfig     `yaml:"source"`
	Instances  []InstanceConfig `yaml:"instances"`
	// Vault is nil when no secret store is configured.
	Vault     *VaultConfig    `yaml:"vault"`
	CodeHosts CodeHostsConfig `yaml:"codeHosts"`
	Sync      SyncConfig      `yaml:"sync"`
	Drift     DriftConfig     `yaml:"drift"`
	People    PeopleConfig    `yaml:"people"`
	Safety    SafetyConfig    `yaml:"safety"`
	Policy    PolicyConfig    `yaml:"policy"`
	// Windows are those of the instances that have none of their own.
	Windows WindowsConfig `yaml:"windows"`
	// ExpiryWarnings are days before a token's end.
	ExpiryWarnings []int        `yaml:"expiryWarnings"`
	State          StateConfig  `yaml:"state"`
	Server         ServerConfig `yaml:"server"`
	Log            LogConfig    `yaml:"log"`
	// Webhooks is nil where only the interval looks at the source.
	Webhooks *WebhooksConfig `yaml:"webhooks"`
}

// SourceConfig says where declarations come from; exactly one field is set.
type SourceConfig struct {
	Git    *GitConfig    `yaml:"git"`
	Folder *FolderConfig `yaml:"folder"`
}

// GitConfig is a git repository; exactly one of Branch, Tag and Commit is set.
type GitConfig struct {
	URL     string         `yaml:"url"`
	Branch  string         `yaml:"branch"`
	Tag     string         `yaml:"tag"`
	Commit  string         `yaml:"commit"`
	Path    string         `yaml:"path"`
	Auth    *GitAuthConfig `yaml:"auth"`
	CAFile  string         `yaml:"caFile"`
	Timeout time.Duration  `yaml:"timeout"`
}

// GitAuthConfig says how to sign in to a git server; at most one field is set.
type GitAuthConfig struct {
	Basic     *GitBasicConfig `yaml:"basic"`
	TokenFile string          `yaml:"tokenFile"`
	SSH       *GitSSHConfig   `yaml:"ssh"`
}

// GitBasicConfig is a user name and password over https.
type GitBasicConfig struct {
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"passwordFile"`
}

// GitSSHConfig is an ssh key or agent; exactly one of KeyFile and Agent is
// set. An empty KnownHostsFile means ~/.ssh/known_hosts.
type GitSSHConfig struct {
	User           string `yaml:"user"`
	KeyFile        string `yaml:"keyFile"`
	PassphraseFile string `yaml:"passphraseFile"`
	KnownHostsFile string `yaml:"knownHostsFile"`
	Agent          bool   `yaml:"agent"`
}

// FolderConfig is a folder on this machine.
type FolderConfig struct {
	Path string `yaml:"path"`
}

// InstanceConfig is one registry instance.
type InstanceConfig struct {
	Name   string `yaml:"name"`
	Region string `yaml:"region"`
	// Driver is "personal" or "console".
	Driver   string `yaml:"driver"`
	Endpoint string `yaml:"endpoint"`
	// Signature is "acs3" or "v2".
	Signature string `yaml:"signature"`
	// Credentials is nil for the vendor's default chain.
	Credentials *CredentialsConfig `yaml:"credentials"`
	// RequestsPerSecond and Burst are the instance's rate limit.
	RequestsPerSecond float64 `yaml:"requestsPerSecond"`
	Burst             int     `yaml:"burst"`
	// Windows, if not nil, stand in place of those of the whole configuration.
	Windows *WindowsConfig `yaml:"windows"`
}

// CredentialsConfig says where an access key comes from; exactly one field is
// set.
type CredentialsConfig struct {
	Environment *EnvironmentConfig `yaml:"environment"`
	Profile     *ProfileConfig     `yaml:"profile"`
	Static      *StaticConfig      `yaml:"static"`
	RAMRole     *RAMRoleConfig     `yaml:"ramRole"`
	OIDC        *OIDCConfig        `yaml:"oidc"`
}

// EnvironmentConfig takes the access key from the vendor's environment
// variables. It has no fields.
type EnvironmentConfig struct{}

// ProfileConfig takes the access key from the vendor's credentials file.
type ProfileConfig struct {
	Name string `yaml:"name"`
}

// StaticConfig takes the access key from files. An empty SecurityTokenFile
// means a lasting access key.
type StaticConfig struct {
	AccessKeyIDFile     string `yaml:"accessKeyIdFile"`
	AccessKeySecretFile string `yaml:"accessKeySecretFile"`
	SecurityTokenFile   string `yaml:"securityTokenFile"`
}

// RAMRoleConfig takes temporary keys from the ECS metadata service. An empty
// Name means the role that the service tells.
type RAMRoleConfig struct {
	Name string `yaml:"name"`
}

// OIDCConfig takes temporary keys for a workload's OIDC token.
type OIDCConfig struct {
	RoleARN     string `yaml:"roleArn"`
	ProviderARN string `yaml:"providerArn"`
	TokenFile   string `yaml:"tokenFile"`
	SessionName string `yaml:"sessionName"`
}

// VaultConfig is the secret store.
type VaultConfig struct {
	Address        string          `yaml:"address"`
	Namespace      string          `yaml:"namespace"`
	CAFile         string          `yaml:"caFile"`
	ClientCertFile string          `yaml:"clientCertFile"`
	ClientKeyFile  string          `yaml:"clientKeyFile"`
	ServerName     string          `yaml:"serverName"`
	Auth           VaultAuthConfig `yaml:"auth"`
}

// VaultAuthConfig says how to sign in to Vault; exactly one field is set.
type VaultAuthConfig struct {
	TokenFile  string                 `yaml:"tokenFile"`
	Token      *VaultTokenConfig      `yaml:"token"`
	AppRole    *VaultAppRoleConfig    `yaml:"appRole"`
	Kubernetes *VaultKubernetesConfig `yaml:"kubernetes"`
	JWT        *VaultJWTConfig        `yaml:"jwt"`
	Cert       *VaultCertConfig       `yaml:"cert"`
}

// VaultTokenConfig takes a Vault token from an environment variable.
type VaultTokenConfig struct {
	Environment string `yaml:"environment"`
}

// VaultAppRoleConfig signs in by AppRole. Wrapped says that the secret id is
// response-wrapped.
type VaultAppRoleConfig struct {
	Mount        string `yaml:"mount"`
	RoleIDFile   string `yaml:"roleIdFile"`
	SecretIDFile string `yaml:"secretIdFile"`
	Wrapped      bool   `yaml:"wrapped"`
}

// VaultKubernetesConfig signs in by a Kubernetes service account.
type VaultKubernetesConfig struct {
	Mount     string `yaml:"mount"`
	Role      string `yaml:"role"`
	TokenFile string `yaml:"tokenFile"`
}

// VaultJWTConfig signs in by a workload's JWT.
type VaultJWTConfig struct {
	Mount     string `yaml:"mount"`
	Role      string `yaml:"role"`
	TokenFile string `yaml:"tokenFile"`
}

// VaultCertConfig signs in by the TLS client certificate of VaultConfig.
type VaultCertConfig struct {
	Mount string `yaml:"mount"`
	Role  string `yaml:"role"`
}

// CodeHostsConfig says how the code hosts are asked.
type CodeHostsConfig struct {
	Codeup    CodeupConfig   `yaml:"codeup"`
	GitHub    CodeHostConfig `yaml:"github"`
	Bitbucket CodeHostConfig `yaml:"bitbucket"`
	// UnsafeAllowPrivateAddresses lets the guarded clients reach loopback and
	// private networks, and speak http.
	UnsafeAllowPrivateAddresses bool `yaml:"unsafeAllowPrivateAddresses"`
}

// CodeupConfig is Codeup's API. Region says that Endpoint is a region
// edition's, whose paths name no organization; ProbeWebhooks allows the one
// question that writes.
type CodeupConfig struct {
	Endpoint      string `yaml:"endpoint"`
	Organization  string `yaml:"organization"`
	Region        bool   `yaml:"region"`
	ProbeWebhooks bool   `yaml:"probeWebhooks"`
}

// CodeHostConfig is one code host's API. Observer is nil where questions are
// asked without a token.
type CodeHostConfig struct {
	Endpoint string          `yaml:"endpoint"`
	Observer *ObserverConfig `yaml:"observer"`
}

// ObserverConfig says where the token is kept that observes a host.
type ObserverConfig struct {
	Vault binding.VaultRef `yaml:"vault"`
}

// SyncConfig says how often the daemon looks. Jitter is a part of one.
type SyncConfig struct {
	Interval      time.Duration `yaml:"interval"`
	Jitter        float64       `yaml:"jitter"`
	DriftInterval time.Duration `yaml:"driftInterval"`
}

// DriftConfig says when repairing drift ends, because it does not hold.
type DriftConfig struct {
	MaxRepairs int           `yaml:"maxRepairs"`
	Within     time.Duration `yaml:"within"`
}

// PeopleConfig says how long people's steps may wait.
type PeopleConfig struct {
	Deadline time.Duration `yaml:"deadline"`
}

// SafetyConfig says what stops and asks before it deletes.
type SafetyConfig struct {
	MaxDeletionPercent int  `yaml:"maxDeletionPercent"`
	MinDeletions       int  `yaml:"minDeletions"`
	AllowDeletions     bool `yaml:"allowDeletions"`
}

// StateConfig says where the daemon's memory is.
type StateConfig struct {
	Path string `yaml:"path"`
}

// ServerConfig says where the daemon listens.
type ServerConfig struct {
	Listen string `yaml:"listen"`
	Socket string `yaml:"socket"`
	// GracePeriod is the longest that a stop takes.
	GracePeriod time.Duration `yaml:"gracePeriod"`
	// SocketGroup is the group that may open the socket; empty for none.
	SocketGroup string `yaml:"socketGroup"`
	// API is nil where nothing is answered over TLS.
	API *APIConfig `yaml:"api"`
}

// LogConfig says what is logged: Level is "debug", "info", "warn" or "error",
// Format "text" or "json".
type LogConfig struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// LoadConfig reads the configuration at path, applies the defaults, makes file
// paths absolute (relative ones start at the configuration's folder) and
// checks it. What is wrong with its content comes back as findings, with their
// places in path; the Config is of use only when none of them is an error. The
// error is for a file that cannot be read.
func LoadConfig(path string) (Config, []finding.Finding, error) {
	data, err := readLimited(path)
	if err != nil {
		return Config{}, nil, err
	}
	config, check, err := parseConfig(path, data)
	return config, finding.Sort(check.found), err
}

// parseConfig is LoadConfig for the content of a file that was read.
func parseConfig(path string, data []byte) (Config, *configCheck, error) {
	config := defaultConfig()
	found := manifest.CheckConfiguration(binding.File{Path: filepath.ToSlash(path), Data: data}, &config)
	check := newConfigCheck(filepath.ToSlash(path), data)
	if finding.HasErrors(found) {
		check.found = check.nameCredentials(found)
		return config, check, nil
	}
	check.found = found
	check.choices(config)
	check.policy(&config.Policy)
	config.fillDefaults()
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return Config{}, check, fmt.Errorf("configuration %s: %w", path, err)
	}
	config.resolve(folder)
	check.values(config)
	check.files(config)
	return config, check, nil
}

func readLimited(path string) ([]byte, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("configuration: %w; name it with --config or RECONCILER_CONFIG, or write one (examples/reconciler.yaml has every field)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxConfigBytes+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("configuration %s: %w", path, err)
	}
	if len(data) > maxConfigBytes {
		return nil, fmt.Errorf("configuration %s: larger than 1 MiB; is it the right file?", path)
	}
	return data, nil
}

// InstanceNames lists the names that declarations may use.
func (c *Config) InstanceNames() []string {
	names := make([]string, 0, len(c.Instances))
	for _, instance := range c.Instances {
		names = append(names, instance.Name)
	}
	return names
}

// resolve makes relative paths absolute, starting at folder.
func (c *Config) resolve(folder string) {
	paths := []*string{&c.State.Path, &c.Server.Socket}
	for _, file := range c.fileFields() {
		paths = append(paths, file.value)
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(folder, *p)
		}
	}
}
