package personal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	vendor "github.com/aliyun/credentials-go/credentials"
	"github.com/aliyun/credentials-go/credentials/providers"

	"reconciler/internal/binding"
	"reconciler/internal/secrets"
)

// CredentialKind says where the instance's access key comes from.
type CredentialKind string

// Kinds of credentials.
const (
	// Static uses what the function Static returns. It is called for each
	// request, and its result is wiped.
	Static CredentialKind = "static"
	// Environment takes ALIBABA_CLOUD_ACCESS_KEY_ID, _ACCESS_KEY_SECRET and
	// _SECURITY_TOKEN.
	Environment CredentialKind = "environment"
	// Profile takes a profile of the vendor's credentials file.
	Profile CredentialKind = "profile"
	// RAMRole takes the role of the machine that we run on.
	RAMRole CredentialKind = "ramRole"
	// OIDCRole trades an OIDC token (a Kubernetes service account's) for the
	// role's keys.
	OIDCRole CredentialKind = "oidc"
	// DefaultChain is the vendor's order of all these.
	DefaultChain CredentialKind = "default"
)

// Credentials say where the instance's access key comes from. Each other field
// belongs to the Kind of its name.
type Credentials struct {
	Kind   CredentialKind
	Static func(context.Context) (Keys, error)
	// Profile is the profile's name; empty means "default".
	Profile string
	// RAMRole is the role's name; empty asks the machine.
	RAMRole string
	OIDC    OIDC
}

// Keys are an access key; SecurityToken is set for temporary ones.
type Keys struct {
	AccessKeyID                    string
	AccessKeySecret, SecurityToken secrets.Secret
}

// OIDC says which role to take with which token. Empty fields are read from
// the vendor's environment variables.
type OIDC struct {
	RoleARN, ProviderARN, TokenFile, SessionName string
}

// credentialSource gives the keys for one call.
type credentialSource struct {
	kind     CredentialKind
	static   func(context.Context) (Keys, error)
	provider providers.CredentialsProvider
	// asking is held while the provider is asked: providers keep sessions and
	// are not safe for concurrent use.
	asking chan struct{}
}

func newCredentialSource(c Credentials) (*credentialSource, error) {
	s := &credentialSource{kind: c.Kind, static: c.Static, asking: make(chan struct{}, 1)}
	if (c.Static != nil) != (c.Kind == Static) {
		return nil, errors.New("credentials: the kind static, and no other, takes a function that gives keys")
	}
	var err error
	switch c.Kind {
	case Static:
	case Environment:
		s.provider, err = providers.NewEnvironmentVariableCredentialsProviderBuilder().Build()
	case Profile:
		s.provider, err = providers.NewProfileCredentialsProviderBuilder().WithProfileName(c.Profile).Build()
	case RAMRole:
		s.provider, err = providers.NewECSRAMRoleCredentialsProviderBuilder().WithRoleName(c.RAMRole).Build()
	case OIDCRole:
		s.provider, err = providers.NewOIDCCredentialsProviderBuilder().
			WithRoleArn(c.OIDC.RoleARN).WithOIDCProviderARN(c.OIDC.ProviderARN).
			WithOIDCTokenFilePath(c.OIDC.TokenFile).WithRoleSessionName(c.OIDC.SessionName).Build()
	case DefaultChain:
		s.provider = providers.NewDefaultCredentialsProvider()
	default:
		return nil, fmt.Errorf("credentials: kind %q: want static, environment, profile, ramRole, oidc or default", c.Kind)
	}
	if err != nil {
		return nil, fmt.Errorf("credentials: %s: %w", c.Kind, err)
	}
	return s, nil
}

// accessKey is a key for the length of one call, as the runtime takes it.
type accessKey struct{ id, secret, token, provider string }

// take asks for the keys. The vendor's providers take no context, so they are
// asked aside and left behind when ctx ends.
func (s *credentialSource) take(ctx context.Context) (accessKey, error) {
	if s.kind == Static {
		k, err := s.static(ctx)
		if err != nil {
			return accessKey{}, fmt.Errorf("credentials: %w", err)
		}
		defer k.AccessKeySecret.Wipe()
		defer k.SecurityToken.Wipe()
		if k.AccessKeyID == "" || k.AccessKeySecret.IsZero() {
			return accessKey{}, s.failure(errors.New("the access key is empty"))
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
		keys, err := s.provider.GetCredentials()
		done <- given{keys, err}
	}()
	select {
	case g := <-done:
		if g.err != nil {
			return accessKey{}, s.failure(errors.New(firstWords(g.err.Error())))
		}
		return accessKey{g.keys.AccessKeyId, g.keys.AccessKeySecret, g.keys.SecurityToken, g.keys.ProviderName}, nil
	case <-ctx.Done():
		return accessKey{}, ctx.Err()
	}
}

// failure says that there is no key. Where keys come over the network the next
// try may do better.
func (s *credentialSource) failure(err error) error {
	kind := binding.Forbidden
	if s.kind == RAMRole || s.kind == OIDCRole || s.kind == DefaultChain {
		kind = binding.Transient
	}
	return &binding.Failure{
		Kind: kind, Op: "credentials: " + string(s.kind), Err: err,
		Hint: "check the instance's credentials in the configuration",
	}
}

// firstWords cuts a provider's error before the body of an answer and before
// the query of an address, which may hold keys.
func firstWords(message string) string {
	message, _, _ = strings.Cut(message, "{")
	message, _, _ = strings.Cut(message, "?")
	message, _, _ = strings.Cut(message, "\n")
	if r := []rune(message); len(r) > 200 {
		message = string(r[:200])
	}
	return strings.TrimRight(message, " :")
}

// credential shows the key to the runtime.
func (k accessKey) credential() vendor.Credential {
	return vendor.FromCredentialsProvider(string(Static), fixedProvider{k})
}

// fixedProvider gives one key.
type fixedProvider struct{ key accessKey }

// GetCredentials implements providers.CredentialsProvider.
func (p fixedProvider) GetCredentials() (*providers.Credentials, error) {
	return &providers.Credentials{
		AccessKeyId: p.key.id, AccessKeySecret: p.key.secret, SecurityToken: p.key.token, ProviderName: p.key.provider,
	}, nil
}

// GetProviderName implements providers.CredentialsProvider.
func (p fixedProvider) GetProviderName() string { return p.key.provider }
