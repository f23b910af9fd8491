package engine

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"reconciler/internal/config"
	"reconciler/internal/manifest"
	"reconciler/internal/source"
	"reconciler/internal/source/folder"
	"reconciler/internal/source/git"
)

// NewSource makes the source of declarations. memory is nil if nothing is
// remembered.
func NewSource(o Options, memory *Memory) (source.Source, error) {
	c := o.Config
	if c.Source.Folder != nil {
		return folder.New(folder.Options{Path: c.Source.Folder.Path, Limits: source.Limits{Files: c.Source.MaxFiles}})
	}
	g := c.Source.Git
	opts := git.Options{
		URL: g.URL, Branch: g.Branch, Tag: g.Tag, Commit: g.Commit, Path: g.Path,
		CAFile: g.CAFile, Timeout: g.Timeout, Limits: source.Limits{Files: c.Source.MaxFiles},
		Now: o.Now, Observe: gitCalls(o.Called),
	}
	if g.Verify != nil {
		opts.Verify = gitVerify(*g.Verify)
		if memory != nil {
			opts.Verify.SinceUsed = func(ctx context.Context) (string, error) { return memory.sinceUsed(ctx, c.SourceKey()) }
		}
	}
	if g.Auth != nil {
		opts.Auth = gitAuth(*g.Auth)
	}
	return git.New(opts)
}

func gitVerify(c config.GitVerify) *git.Verify {
	v := &git.Verify{Since: c.Since}
	for _, k := range c.Keys {
		v.Keys = append(v.Keys, git.Keys{
			Name: k.Name, OpenPGPFile: k.OpenPGPFile, AllowedSignersFile: k.AllowedSignersFile,
			Covers: func(path string) bool {
				return slices.ContainsFunc(k.Files, func(pattern string) bool { return manifest.MatchPath(pattern, path) })
			},
		})
	}
	return v
}

func gitAuth(a config.GitAuth) git.Auth {
	switch {
	case a.Basic != nil:
		return git.Auth{Basic: &git.Basic{Username: a.Basic.Username, Password: git.SecretFile(a.Basic.PasswordFile)}}
	case a.TokenFile != "":
		return git.Auth{Token: &git.Token{Token: git.SecretFile(a.TokenFile)}}
	case a.SSH != nil:
		ssh := git.SSH(*a.SSH)
		if home, err := os.UserHomeDir(); err == nil && ssh.KnownHostsFile == "" {
			ssh.KnownHostsFile = filepath.Join(home, ".ssh", "known_hosts")
		}
		return git.Auth{SSH: &ssh}
	}
	return git.Auth{}
}
