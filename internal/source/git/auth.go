package git

import (
	"cmp"

	"reconciler/internal/boundedio"
	"reconciler/internal/message"
)

// SecretFunc returns a password, token or passphrase. It is called at each use,
// so that a replaced file takes effect, and its result is not kept.
type SecretFunc func() ([]byte, error)

// maxSecretBytes limits the size of a secret or key file.
const maxSecretBytes = 64 << 10

// SecretFile reads a secret from a file at each use, without the trailing line
// end. Its errors name the file, never its content.
func SecretFile(path string) SecretFunc {
	return func() ([]byte, error) {
		data, err := boundedio.ReadText(path, maxSecretBytes)
		if err != nil {
			return nil, err
		}
		if len(data) == 0 {
			return nil, message.NewError("git.secret-empty", "path", path)
		}
		return data, nil
	}
}

// Auth says how to sign in. At most one of Basic, Token and SSH is set, and it
// must match the URL's scheme. SSH is required for ssh.
type Auth struct {
	Basic *Basic
	Token *Token
	SSH   *SSH
}

// Basic signs in over HTTPS with a user and a password.
type Basic struct {
	Username string
	Password SecretFunc
}

// Token signs in over HTTPS with a token. It is sent as the password of basic
// authentication, as the code hosts require.
type Token struct {
	// Username is sent with the token; empty means "git", which GitHub and
	// GitLab accept. Bitbucket requires x-token-auth, GitLab's OAuth tokens
	// require oauth2, Codeup requires the HTTPS clone username.
	Username string
	Token    SecretFunc
}

// SSH signs in over SSH, with a key from a file, an agent, or either.
type SSH struct {
	// User is the user if the URL names none; empty means "git".
	User string
	// KeyFile is a private key in OpenSSH or PEM form. PassphraseFile is needed
	// if it is encrypted.
	KeyFile, PassphraseFile string
	// KnownHostsFile is required: an unknown host is never trusted.
	KnownHostsFile string
	// Agent uses the keys of the agent at SSH_AUTH_SOCK.
	Agent bool
}

// check returns an error if settings do not fit together.
func (a Auth) check(scheme string) error {
	set := 0
	for _, is := range []bool{a.Basic != nil, a.Token != nil, a.SSH != nil} {
		if is {
			set++
		}
	}
	switch {
	case set > 1:
		return message.NewError("git.logins")
	case scheme == "ssh" && a.SSH == nil:
		return message.NewError("git.ssh-needs")
	case scheme != "ssh" && a.SSH != nil:
		return message.NewError("git.ssh-only")
	case a.Basic != nil && (a.Basic.Username == "" || a.Basic.Password == nil):
		return message.NewError("git.basic")
	case a.Token != nil && a.Token.Token == nil:
		return message.NewError("git.token")
	case a.SSH != nil && a.SSH.KnownHostsFile == "":
		return message.NewError("git.known-hosts")
	case a.SSH != nil && a.SSH.KeyFile == "" && !a.SSH.Agent:
		return message.NewError("git.ssh-key")
	}
	return nil
}

// basic returns the user and password for HTTP; ok is false for anonymous
// access.
func (a Auth) basic() (user string, password []byte, ok bool, err error) {
	switch {
	case a.Basic != nil:
		password, err = a.Basic.Password()
		return a.Basic.Username, password, true, err
	case a.Token != nil:
		password, err = a.Token.Token()
		return cmp.Or(a.Token.Username, "git"), password, true, err
	}
	return "", nil, false, nil
}
