package config

import (
	"time"
)

// Source says where declarations come from; exactly one of Git and Folder is
// set.
type Source struct {
	Git    *Git    `yaml:"git"`
	Folder *Folder `yaml:"folder"`
	// MaxFiles is the maximum number of declaration files.
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
	// Verify says which commits are accepted; nil accepts all.
	Verify *GitVerify `yaml:"verify"`
}

// GitVerify says whose signed commits are accepted. It applies to all commits
// after Since.
type GitVerify struct {
	Since string    `yaml:"since"`
	Keys  []GitKeys `yaml:"keys"`
}

// GitKeys are signing keys, and patterns of the files for which they are
// trusted.
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

// GitSSH is an ssh key or agent; exactly one of KeyFile and Agent is set.
// Without KnownHostsFile, ~/.ssh/known_hosts is used.
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

// SourceKey identifies the source in the state file, so that the revisions of
// different sources are not confused.
func (c *Config) SourceKey() string {
	if f := c.Source.Folder; f != nil {
		return "folder " + f.Path
	}
	g := c.Source.Git
	return "git " + g.URL + " " + g.Branch + " " + g.Path
}

// SourceKind is the part of SourceKey that says what kind of revisions the
// source has.
func (c *Config) SourceKind() string {
	if c.Source.Folder != nil {
		return "folder"
	}
	return "git"
}
