package line

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"

	vendor "github.com/aliyun/credentials-go/credentials"
	"github.com/aliyun/credentials-go/credentials/providers"

	"reconciler/internal/binding"
	"reconciler/internal/boundedio"
	"reconciler/internal/message"
	"reconciler/internal/secrets"
)

// CredentialKind says where the instance's access key comes from.
type CredentialKind string

// Kinds of credentials.
const (
	// Static uses the result of the function Static. It is called for each
	// request, and its result is wiped.
	Static CredentialKind = "static"
	// Environment uses ALIBABA_CLOUD_ACCESS_KEY_ID, _ACCESS_KEY_SECRET and
	// _SECURITY_TOKEN.
	Environment CredentialKind = "environment"
	// Profile uses a profile of the vendor's credentials file.
	Profile CredentialKind = "profile"
	// RAMRole uses the role of the machine that this process runs on.
	RAMRole CredentialKind = "ramRole"
	// OIDCRole exchanges an OIDC token, such as a Kubernetes service account's,
	// for the role's keys.
	OIDCRole CredentialKind = "oidc"
	// DefaultChain tries all of these in the vendor's order.
	DefaultChain CredentialKind = "default"
)

// Credentials say where the instance's access key comes from. Each other field
// belongs to the Kind with its name.
type Credentials struct {
	Kind   CredentialKind
	Static func(context.Context) (Keys, error)
	// Profile is the profile's name; empty means "default".
	Profile string
	// RAMRole is the role's name; if empty, the machine names it.
	RAMRole string
	OIDC    OIDC
}

// Keys are an access key. SecurityToken is set for a temporary one.
type Keys struct {
	AccessKeyID                    string
	AccessKeySecret, SecurityToken secrets.Secret
}

// OIDC says which role to assume with which token. Empty fields are read from
// the vendor's environment variables.
type OIDC struct {
	RoleARN, ProviderARN, TokenFile, SessionName string
}

// credentialSource provides the keys for a call.
type credentialSource struct {
	kind   CredentialKind
	static func(context.Context) (Keys, error)
	// build makes the vendor's provider, which keeps what it has read once.
	build    func() (providers.CredentialsProvider, error)
	provider providers.CredentialsProvider
	// files is the digest of the vendor's files when provider was made.
	files [sha256.Size]byte
	// asking is held while the provider is in use: providers keep sessions and
	// are not safe for concurrent use.
	asking chan struct{}
}

func newCredentialSource(c Credentials) (*credentialSource, error) {
	s := &credentialSource{kind: c.Kind, static: c.Static, asking: make(chan struct{}, 1)}
	if (c.Static != nil) != (c.Kind == Static) {
		return nil, message.NewError("registry.credentials-function")
	}
	switch c.Kind {
	case Static:
		return s, nil
	case Environment:
		s.build = func() (providers.CredentialsProvider, error) {
			return providers.NewEnvironmentVariableCredentialsProviderBuilder().Build()
		}
	case Profile:
		s.build = func() (providers.CredentialsProvider, error) {
			return providers.NewProfileCredentialsProviderBuilder().WithProfileName(c.Profile).Build()
		}
	case RAMRole:
		s.build = func() (providers.CredentialsProvider, error) {
			return providers.NewECSRAMRoleCredentialsProviderBuilder().WithRoleName(c.RAMRole).Build()
		}
	case OIDCRole:
		s.build = func() (providers.CredentialsProvider, error) {
			return providers.NewOIDCCredentialsProviderBuilder().
				WithRoleArn(c.OIDC.RoleARN).WithOIDCProviderARN(c.OIDC.ProviderARN).
				WithOIDCTokenFilePath(c.OIDC.TokenFile).WithRoleSessionName(c.OIDC.SessionName).Build()
		}
	case DefaultChain:
		s.build = func() (providers.CredentialsProvider, error) { return providers.NewDefaultCredentialsProvider(), nil }
	default:
		return nil, message.NewError("registry.credentials.kind", "kind", c.Kind)
	}
	s.files = s.vendorFiles()
	var err error
	if s.provider, err = s.build(); err != nil {
		return nil, message.NewError("registry.credentials.of", "kind", c.Kind, "why", err)
	}
	return s, nil
}

// maxVendorFile limits a credentials file of the vendor, in bytes.
const maxVendorFile = 1 << 20

// vendorFiles is the digest of the files that the vendor's providers read: the
// profiles of its SDKs and of its command line. The other kinds read no such
// files.
func (s *credentialSource) vendorFiles() [sha256.Size]byte {
	if s.kind != Profile && s.kind != DefaultChain {
		return [sha256.Size]byte{}
	}
	home, _ := os.UserHomeDir()
	return boundedio.Digest(maxVendorFile,
		cmp.Or(os.Getenv("ALIBABA_CLOUD_CREDENTIALS_FILE"), filepath.Join(home, ".alibabacloud", "credentials")),
		cmp.Or(os.Getenv("ALIBABA_CLOUD_CONFIG_FILE"), filepath.Join(home, ".aliyun", "config.json")))
}

// ask gets keys from the vendor's provider. It makes a new provider if its
// files changed and after an error, because a provider keeps the keys that it
// read first, and the default chain keeps the last member that it tried, even
// one that failed.
func (s *credentialSource) ask() (*providers.Credentials, error) {
	if files := s.vendorFiles(); s.provider == nil || files != s.files {
		provider, err := s.build()
		if err != nil {
			return nil, err
		}
		s.provider, s.files = provider, files
	}
	keys, err := s.provider.GetCredentials()
	if err != nil {
		s.provider = nil
	}
	return keys, err
}

// accessKey is a key for one call, in the runtime's form.
type accessKey struct{ id, secret, token, provider string }

// take gets the keys. The vendor's providers do not support contexts, so they
// run in a goroutine that is abandoned when ctx ends.
func (s *credentialSource) take(ctx context.Context) (accessKey, error) {
	if s.kind == Static {
		k, err := s.static(ctx)
		if err != nil {
			return accessKey{}, message.Within("credentials", err)
		}
		defer k.AccessKeySecret.Wipe()
		defer k.SecurityToken.Wipe()
		if k.AccessKeyID == "" || k.AccessKeySecret.IsZero() {
			return accessKey{}, s.failure(message.NewError("registry.credentials.empty"))
		}
		return accessKey{k.AccessKeyID, k.AccessKeySecret.Expose(), k.SecurityToken.Expose(), "static"}, nil
	}
	select {
	case s.asking <- struct{}{}:
	case <-ctx.Done():
		return accessKey{}, ctx.Err()
	}
	type given struct {
		keys *providers.Credentials
		err  error
	}
	done := make(chan given, 1)
	go func() {
		defer func() { <-s.asking }()
		keys, err := s.ask()
		done <- given{keys, err}
	}()
	select {
	case g := <-done:
		if g.err != nil {
			return accessKey{}, s.failure(errors.New(trimProviderError(g.err.Error())))
		}
		return accessKey{g.keys.AccessKeyId, g.keys.AccessKeySecret, g.keys.SecurityToken, g.keys.ProviderName}, nil
	case <-ctx.Done():
		return accessKey{}, ctx.Err()
	}
}

// failure is the failure to get a key. If keys come over the network, another
// attempt may succeed.
func (s *credentialSource) failure(err error) error {
	kind := binding.Forbidden
	if s.kind == RAMRole || s.kind == OIDCRole || s.kind == DefaultChain {
		kind = binding.Transient
	}
	return &binding.Failure{
		Kind: kind, Op: message.New("op.registry.credentials", "kind", string(s.kind)), Err: err,
		Hint: message.New("registry.credentials.check"),
	}
}

// trimProviderError cuts a provider's error before the body of an answer and before
// the query of an address, which may contain keys.
func trimProviderError(message string) string {
	message, _, _ = strings.Cut(message, "{")
	message, _, _ = strings.Cut(message, "?")
	message, _, _ = strings.Cut(message, "\n")
	if r := []rune(message); len(r) > 200 {
		message = string(r[:200])
	}
	return strings.TrimRight(message, " :")
}

// credential converts the key for the runtime.
func (k accessKey) credential() vendor.Credential {
	return vendor.FromCredentialsProvider(string(Static), fixedProvider{k})
}

type fixedProvider struct{ key accessKey }

func (p fixedProvider) GetCredentials() (*providers.Credentials, error) {
	return &providers.Credentials{
		AccessKeyId: p.key.id, AccessKeySecret: p.key.secret, SecurityToken: p.key.token, ProviderName: p.key.provider,
	}, nil
}

func (p fixedProvider) GetProviderName() string { return p.key.provider }
