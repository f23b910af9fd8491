// Package config is the configuration: its types, defaults and checks. It reads
// files and opens no connection.
package config

import (
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"time"

	"reconciler/internal/binding"
)

// Config is the configuration of the daemon and of the commands that talk to
// the outside world: one document of kind Configuration. Its definition, with
// the meaning of every field, is schema/config.cue; docs/configuration.md is
// made from that. File paths are absolute once Load returned it.
type Config struct {
	APIVersion string     `yaml:"apiVersion"`
	Kind       string     `yaml:"kind"`
	Source     Source     `yaml:"source"`
	Instances  []Instance `yaml:"instances"`
	// Vault is nil when no secret store is configured.
	Vault     *Vault    `yaml:"vault"`
	CodeHosts CodeHosts `yaml:"codeHosts"`
	Sync      Sync      `yaml:"sync"`
	Drift     Drift     `yaml:"drift"`
	People    People    `yaml:"people"`
	Status    Status    `yaml:"status"`
	Safety    Safety    `yaml:"safety"`
	Policy    Policy    `yaml:"policy"`
	// Windows are those of the instances that have none of their own.
	Windows Windows `yaml:"windows"`
	// ExpiryWarnings are days before a token's end.
	ExpiryWarnings []int  `yaml:"expiryWarnings"`
	State          State  `yaml:"state"`
	Server         Server `yaml:"server"`
	Log            Log    `yaml:"log"`
	// Webhooks is nil where only the interval looks at the source.
	Webhooks *Webhooks `yaml:"webhooks"`
	// Language is that of what people read; empty for the reader's own.
	Language string `yaml:"language"`
	// Notify is nil where nobody gets messages.
	Notify *Notify `yaml:"notify"`
}

// Source says where declarations come from; exactly one of Git and Folder is
// set.
type Source struct {
	Git    *Git    `yaml:"git"`
	Folder *Folder `yaml:"folder"`
	// MaxFiles is the most declaration files that are read.
	MaxFiles int `yaml:"maxFiles"`
}

// Git is a git repository; exactly one of Branch, Tag and Commit is set.
type Git struct {
	URL     string        `yaml:"url"`
	Branch  string        `yaml:"branch"`
	Tag     string        `yaml:"tag"`
	Commit  string        `yaml:"commit"`
	Path    string        `yaml:"path"`
	Auth    *GitAuth      `yaml:"auth"`
	CAFile  string        `yaml:"caFile"`
	Timeout time.Duration `yaml:"timeout"`
	// Verify says which commits are taken; nil takes all.
	Verify *GitVerify `yaml:"verify"`
}

// GitVerify says whose signed commits are taken, all from Since on.
type GitVerify struct {
	Since string    `yaml:"since"`
	Keys  []GitKeys `yaml:"keys"`
}

// GitKeys are signing keys, and patterns of the files that they are trusted
// for.
type GitKeys struct {
	Name               string   `yaml:"name"`
	Files              []string `yaml:"files"`
	OpenPGPFile        string   `yaml:"openpgpFile"`
	AllowedSignersFile string   `yaml:"allowedSignersFile"`
}

// GitAuth says how to sign in to a git server; at most one field is set.
type GitAuth struct {
	Basic     *GitBasic `yaml:"basic"`
	TokenFile string    `yaml:"tokenFile"`
	SSH       *GitSSH   `yaml:"ssh"`
}

// GitBasic is a user name and password over https.
type GitBasic struct {
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"passwordFile"`
}

// GitSSH is an ssh key or agent; exactly one of KeyFile and Agent is
// set. An empty KnownHostsFile means ~/.ssh/known_hosts.
type GitSSH struct {
	User           string `yaml:"user"`
	KeyFile        string `yaml:"keyFile"`
	PassphraseFile string `yaml:"passphraseFile"`
	KnownHostsFile string `yaml:"knownHostsFile"`
	Agent          bool   `yaml:"agent"`
}

// Folder is a folder on this machine.
type Folder struct {
	Path string `yaml:"path"`
}

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
	TokenFile  string           `yaml:"tokenFile"`
	Token      *VaultToken      `yaml:"token"`
	AppRole    *VaultAppRole    `yaml:"appRole"`
	Kubernetes *VaultKubernetes `yaml:"kubernetes"`
	JWT        *VaultJWT        `yaml:"jwt"`
	Cert       *VaultCert       `yaml:"cert"`
}

// VaultToken takes a Vault token from an environment variable.
type VaultToken struct {
	Environment string `yaml:"environment"`
}

// VaultAppRole signs in by AppRole. Wrapped says that the secret id is
// response-wrapped.
type VaultAppRole struct {
	Mount        string `yaml:"mount"`
	RoleIDFile   string `yaml:"roleIdFile"`
	SecretIDFile string `yaml:"secretIdFile"`
	Wrapped      bool   `yaml:"wrapped"`
}

// VaultKubernetes signs in by a Kubernetes service account.
type VaultKubernetes struct {
	Mount     string `yaml:"mount"`
	Role      string `yaml:"role"`
	TokenFile string `yaml:"tokenFile"`
}

// VaultJWT signs in by a workload's JWT.
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

// CodeHosts says how the code hosts are asked.
type CodeHosts struct {
	Codeup    Codeup   `yaml:"codeup"`
	GitHub    CodeHost `yaml:"github"`
	Bitbucket CodeHost `yaml:"bitbucket"`
	// UnsafeAllowPrivateAddresses lets the guarded clients reach loopback and
	// private networks, and speak http.
	UnsafeAllowPrivateAddresses bool `yaml:"unsafeAllowPrivateAddresses"`
}

// Codeup is Codeup's API. Region says that Endpoint is a region
// edition's, whose paths name no organization; ProbeWebhooks allows the one
// question that writes.
type Codeup struct {
	Endpoint      string `yaml:"endpoint"`
	Organization  string `yaml:"organization"`
	Region        bool   `yaml:"region"`
	ProbeWebhooks bool   `yaml:"probeWebhooks"`
}

// CodeHost is one code host's API. Observer is nil where questions are
// asked without a token.
type CodeHost struct {
	Endpoint string    `yaml:"endpoint"`
	Observer *Observer `yaml:"observer"`
}

// Observer says where the token is kept that observes a host.
type Observer struct {
	Vault binding.VaultRef `yaml:"vault"`
}

// Sync says how often the daemon looks. Jitter is a part of one.
type Sync struct {
	Interval      time.Duration `yaml:"interval"`
	Jitter        float64       `yaml:"jitter"`
	DriftInterval time.Duration `yaml:"driftInterval"`
	// Settle is how long the registry may take to show a write.
	Settle time.Duration `yaml:"settle"`
}

// Drift says when repairing drift ends, because the repairs do not last.
type Drift struct {
	MaxRepairs int           `yaml:"maxRepairs"`
	Within     time.Duration `yaml:"within"`
}

// People says how long people's steps may wait.
type People struct {
	Deadline time.Duration `yaml:"deadline"`
}

// Status says how long what is known last is shown while there is no answer;
// zero is three drift intervals.
type Status struct {
	MaxAge time.Duration `yaml:"maxAge"`
}

// Safety says what stops and asks before it deletes.
type Safety struct {
	MaxDeletionPercent int  `yaml:"maxDeletionPercent"`
	MinDeletions       int  `yaml:"minDeletions"`
	AllowDeletions     bool `yaml:"allowDeletions"`
}

// State says where the daemon's memory is.
type State struct {
	Path string `yaml:"path"`
}

// Server says where the daemon listens.
type Server struct {
	Listen string `yaml:"listen"`
	Socket string `yaml:"socket"`
	// GracePeriod is the longest that a stop takes.
	GracePeriod time.Duration `yaml:"gracePeriod"`
	// SocketGroup is the group that may open the socket; empty for none.
	SocketGroup string `yaml:"socketGroup"`
	// API is nil where nothing is answered over TLS.
	API *API `yaml:"api"`
}

// Log says what is logged: Level is "debug", "info", "warn" or "error",
// Format "text" or "json".
type Log struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// InstanceNames lists the names that declarations may use.
func (c *Config) InstanceNames() []string {
	names := make([]string, 0, len(c.Instances))
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

// SourceKey names the source in the state file, so that another source's
// revisions are not taken for this one's.
func (c *Config) SourceKey() string {
	if f := c.Source.Folder; f != nil {
		return "folder " + f.Path
	}
	g := c.Source.Git
	return "git " + g.URL + " " + g.Branch + " " + g.Path
}

// SourceKind is the part of SourceKey that says what a revision is one of.
func (c *Config) SourceKind() string {
	if c.Source.Folder != nil {
		return "folder"
	}
	return "git"
}

// Vary changes a pause by up to the configured part either way, so that many
// daemons do not ask one server at the same second.
func (s Sync) Vary(pause time.Duration) time.Duration {
	spread := (rand.Float64()*2 - 1) * s.Jitter //nolint:gosec // Jitter is no secret.
	return time.Duration(float64(pause) * (1 + spread))
}

// ForCalls is the part of the grace period that calls in flight have to end.
func (c Server) ForCalls() time.Duration { return c.GracePeriod * 4 / 6 }

// ForAnswers is the part of the grace period that answers to people have to
// end, and once more that of Vault's sign-out.
func (c Server) ForAnswers() time.Duration { return c.GracePeriod / 6 }

// SlogLevel is the least level that is logged.
func (c Log) SlogLevel() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return slog.LevelInfo // The schema has refused any other word.
	}
	return level
}
