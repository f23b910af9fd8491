package vault

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"reconciler/internal/binding"
	"reconciler/internal/boundedio"
	"reconciler/internal/message"
	"reconciler/internal/secrets"
)

const (
	// maxCredential limits a file with a token, role ID, secret ID or JWT, in bytes.
	maxCredential = 64 << 10
	// maxCertificates limits a file of CA certificates.
	maxCertificates = 1 << 20
)

// serviceAccountFile is where Kubernetes stores a pod's token.
const serviceAccountFile = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// grant is a token with what is known about its lifetime.
type grant struct {
	token secrets.Secret
	// ttl is its remaining lifetime; 0 means unlimited or unknown.
	ttl       time.Duration
	renewable bool
}

// signIn is a way to get a token.
type signIn interface {
	// obtain gets a token. base has no token, and obtain may change it.
	obtain(ctx context.Context, base *api.Client) (grant, *binding.Failure)
	// stale reports whether the token held must be replaced.
	stale(held secrets.Secret) bool
	// issues reports whether obtain creates a new token each time, instead of
	// reading an existing one.
	issues() bool
	// digest identifies the credential that obtain would send.
	digest() [sha256.Size]byte
	// afterRefusals is the minimum pause after Vault has refused the same
	// credential times times in a row.
	afterRefusals(times int) time.Duration
}

func (tokenValue) afterRefusals(int) time.Duration { return refusedPause }

func (tokenFile) afterRefusals(int) time.Duration { return refusedPause }

func (jwtLogin) afterRefusals(int) time.Duration { return refusedPause }

func (certLogin) afterRefusals(int) time.Duration { return refusedPause }

func (*appRole) afterRefusals(times int) time.Duration {
	return binding.Pause(lockPause, lastLockPause, times)
}

func (tokenValue) digest() [sha256.Size]byte { return [sha256.Size]byte{} }

func (f tokenFile) digest() [sha256.Size]byte { return boundedio.Digest(maxCredential, f.file) }

func (a *appRole) digest() [sha256.Size]byte {
	return boundedio.Digest(maxCredential, a.RoleIDFile, a.SecretIDFile)
}

func (j jwtLogin) digest() [sha256.Size]byte { return boundedio.Digest(maxCredential, j.file) }

func (certLogin) digest() [sha256.Size]byte { return [sha256.Size]byte{} }

// newSignIn makes the way to sign in that the options select.
func newSignIn(a Auth, r *secrets.Redactor) (signIn, error) {
	switch {
	case a.TokenFile != "":
		return tokenFile{a.TokenFile, r}, nil
	case a.TokenEnvironment != "":
		value := strings.TrimSpace(os.Getenv(a.TokenEnvironment))
		if value == "" {
			return nil, message.NewError("vault.variable-empty", "name", a.TokenEnvironment)
		}
		return tokenValue{secrets.New([]byte(value)), a.TokenEnvironment}, nil
	case a.AppRole != nil:
		return &appRole{AppRole: *a.AppRole, redactor: r}, nil
	case a.Kubernetes != nil:
		return jwtLogin{cmp.Or(a.Kubernetes.Mount, "kubernetes"), a.Kubernetes.Role, cmp.Or(a.Kubernetes.TokenFile, serviceAccountFile), r}, nil
	case a.JWT != nil:
		return jwtLogin{cmp.Or(a.JWT.Mount, "jwt"), a.JWT.Role, a.JWT.TokenFile, r}, nil
	}
	return certLogin{cmp.Or(a.Cert.Mount, "cert"), a.Cert.Role}, nil
}

// tokenValue is a token that never changes.
type tokenValue struct {
	token secrets.Secret
	from  string
}

func (t tokenValue) obtain(ctx context.Context, base *api.Client) (grant, *binding.Failure) {
	// The copy may be wiped with its session.
	return lookUp(ctx, base, secrets.New([]byte(t.token.Expose())), t.from)
}

func (tokenValue) stale(secrets.Secret) bool { return false }

func (tokenValue) issues() bool { return false }

// tokenFile is a file with a token, for example an agent's sink.
type tokenFile struct {
	file     string
	redactor *secrets.Redactor
}

func (f tokenFile) obtain(ctx context.Context, base *api.Client) (grant, *binding.Failure) {
	token, failure := credential(f.file, message.New("vault.token"), f.redactor)
	if failure != nil {
		return grant{}, failure
	}
	return lookUp(ctx, base, token, f.file)
}

// stale reports whether the file now has a different token. If the file is
// empty or cannot be read, it is probably being written, and the held token
// stays in use.
func (f tokenFile) stale(held secrets.Secret) bool {
	now, failure := credential(f.file, message.New("vault.token"), f.redactor)
	if failure != nil {
		return false
	}
	defer now.Wipe()
	return now.Expose() != held.Expose()
}

func (tokenFile) issues() bool { return false }

// lookUp asks for the lifetime of a given token. If the token's policies do not
// allow that, its lifetime counts as unlimited, and a read will show whether it
// is valid.
func lookUp(ctx context.Context, base *api.Client, token secrets.Secret, of string) (grant, *binding.Failure) {
	c := call{op: message.New("op.vault.look-up-of"), object: of, path: "auth/token/lookup-self"}
	base.SetToken(token.Expose())
	found, err := base.Auth().Token().LookupSelfWithContext(ctx)
	if answer, ok := errors.AsType[*api.ResponseError](err); ok && answer.StatusCode == 403 && !replyOf(answer).proxied() {
		return grant{token: token}, nil
	}
	if err != nil {
		return grant{}, c.failed(err)
	}
	if found == nil {
		return grant{}, c.unreadable(message.NewError("vault.no-data"))
	}
	ttl, err := found.TokenTTL()
	if err != nil {
		return grant{}, c.unreadable(message.NewError("vault.no-lifetime"))
	}
	renewable, err := found.TokenIsRenewable()
	return grant{token: token, ttl: ttl, renewable: err == nil && renewable}, nil
}

// appRole signs in with a role ID and, if the role requires one, a secret ID.
type appRole struct {
	AppRole
	// wrapping is the token that secretID was unwrapped with. Only one login
	// runs at a time, so no lock is needed.
	wrapping, secretID secrets.Secret
	redactor           *secrets.Redactor
}

func (a *appRole) obtain(ctx context.Context, base *api.Client) (grant, *binding.Failure) {
	mount := cmp.Or(a.Mount, "approle")
	roleID, failure := credential(a.RoleIDFile, message.New("vault.role-id"), nil)
	if failure != nil {
		return grant{}, failure
	}
	defer roleID.Wipe()
	if a.SecretIDFile == "" {
		return login(ctx, base, mount, map[string]any{"role_id": roleID.Expose()})
	}
	secretID, failure := credential(a.SecretIDFile, message.New("vault.secret-id"), a.redactor)
	if failure != nil {
		return grant{}, failure
	}
	defer secretID.Wipe()
	if a.Wrapped {
		if secretID, failure = a.unwrapped(ctx, base, mount, secretID.Expose()); failure != nil {
			return grant{}, failure
		}
	}
	return login(ctx, base, mount, map[string]any{"role_id": roleID.Expose(), "secret_id": secretID.Expose()})
}

// unwrapped returns the secret ID of a wrapping token, from memory if the token
// was unwrapped before. If a new token cannot be unwrapped, the old secret ID
// stays in use, because it may still work.
func (a *appRole) unwrapped(ctx context.Context, base *api.Client, mount, wrapping string) (secrets.Secret, *binding.Failure) {
	if !a.secretID.IsZero() && a.wrapping.Expose() == wrapping {
		return a.secretID, nil
	}
	secretID, failure := unwrap(ctx, base, mount, wrapping)
	if failure == nil {
		a.redactor.Register(secretID)
		a.secretID.Wipe()
		a.wrapping, a.secretID = secrets.New([]byte(wrapping)), secretID
	}
	if !a.secretID.IsZero() {
		failure = nil
	}
	return a.secretID, failure
}

// unwrap unwraps a secret ID, after checking that the wrapping token was
// created by the AppRole method. The creation path reveals a token that an
// attacker has put there.
func unwrap(ctx context.Context, base *api.Client, mount, wrapping string) (secrets.Secret, *binding.Failure) {
	c := call{op: message.New("op.vault.unwrap"), object: "auth/" + mount}
	hint := message.New("vault.wrapping-used")
	about, err := base.Logical().WriteWithContext(ctx, "sys/wrapping/lookup", map[string]any{"token": wrapping})
	if err != nil {
		return secrets.Secret{}, c.wrappingFailed(err, hint)
	}
	from := ""
	if about != nil {
		from, _ = about.Data["creation_path"].(string)
	}
	if !strings.HasPrefix(from, "auth/"+mount+"/role/") || !strings.HasSuffix(from, "secret-id") {
		return secrets.Secret{}, c.failure(binding.Forbidden, CodeForbidden, message.New("vault.wrapping-foreign"))
	}
	opened, err := base.Logical().UnwrapWithContext(ctx, wrapping)
	base.ClearToken()
	if err != nil {
		return secrets.Secret{}, c.wrappingFailed(err, hint)
	}
	id := ""
	if opened != nil {
		id, _ = opened.Data["secret_id"].(string)
	}
	if id == "" {
		return secrets.Secret{}, c.unreadable(message.NewError("vault.no-secret-id"))
	}
	return secrets.New([]byte(id)), nil
}

// wrappingFailed is the failure of unwrapping. It distinguishes an invalid wrapping
// token from other failures.
func (c call) wrappingFailed(err error, hint message.Message) *binding.Failure {
	f := c.failed(err)
	if answer, ok := errors.AsType[*api.ResponseError](err); ok && answer.StatusCode == http.StatusBadRequest || f.Kind == binding.Forbidden {
		f.Kind, f.Code, f.Hint = binding.Forbidden, CodeForbidden, hint
	}
	return f
}

func (*appRole) stale(secrets.Secret) bool { return false }

func (*appRole) issues() bool { return true }

// jwtLogin signs in with a JWT from a file: the methods jwt and kubernetes.
type jwtLogin struct {
	mount, role, file string
	redactor          *secrets.Redactor
}

func (j jwtLogin) obtain(ctx context.Context, base *api.Client) (grant, *binding.Failure) {
	token, failure := credential(j.file, message.New("vault.jwt-token"), j.redactor)
	if failure != nil {
		return grant{}, failure
	}
	defer token.Wipe()
	return login(ctx, base, j.mount, map[string]any{"role": j.role, "jwt": token.Expose()})
}

func (jwtLogin) stale(secrets.Secret) bool { return false }

func (jwtLogin) issues() bool { return true }

// certLogin signs in with the TLS client certificate.
type certLogin struct{ mount, role string }

func (l certLogin) obtain(ctx context.Context, base *api.Client) (grant, *binding.Failure) {
	body := map[string]any{}
	if l.role != "" {
		body["name"] = l.role
	}
	return login(ctx, base, l.mount, body)
}

func (certLogin) stale(secrets.Secret) bool { return false }

func (certLogin) issues() bool { return true }

// login sends credentials to an auth method.
func login(ctx context.Context, base *api.Client, mount string, body map[string]any) (grant, *binding.Failure) {
	c := call{op: message.New("op.vault.sign-in-at"), object: "auth/" + mount}
	answer, err := base.Logical().WriteWithContext(ctx, "auth/"+mount+"/login", body)
	if err != nil {
		f := c.failed(err)
		answer, ok := errors.AsType[*api.ResponseError](err)
		switch {
		case ok && (answer.RawError || len(answer.Errors) == 0) && (f.Kind == binding.Refused || f.Kind == binding.Forbidden):
			// Vault explains a refusal in JSON, so this is not Vault.
			return grant{}, c.unreadable(message.NewError("vault.without-words", "status", answer.StatusCode))
		case ok && answer.StatusCode == http.StatusNotFound:
			f.Hint = message.New("vault.no-method")
		case f.Kind == binding.Refused || f.Kind == binding.Forbidden:
			f.Kind, f.Code = binding.Forbidden, CodeForbidden
			f.Hint = message.New("vault.login-refused")
		}
		return grant{}, f
	}
	if answer == nil || answer.Auth == nil || answer.Auth.ClientToken == "" {
		return grant{}, c.unreadable(message.NewError("vault.no-login-token"))
	}
	return grant{
		token:     secrets.New([]byte(answer.Auth.ClientToken)),
		ttl:       time.Duration(answer.Auth.LeaseDuration) * time.Second,
		renewable: answer.Auth.Renewable,
	}, nil
}

// credential reads a credential's file and registers it with the redactor.
func credential(file string, what message.Message, r *secrets.Redactor) (secrets.Secret, *binding.Failure) {
	c := call{op: message.New("op.vault.read-credential", "what", what), object: file}
	refuse := func(err error) (secrets.Secret, *binding.Failure) {
		f := c.failure(binding.Forbidden, CodeForbidden, message.New("vault.needed"))
		f.Err = err
		return secrets.Secret{}, f
	}
	b, err := boundedio.ReadText(file, maxCredential)
	if err != nil {
		return refuse(err)
	}
	defer clear(b)
	value := bytes.TrimSpace(b)
	if len(value) == 0 {
		return refuse(message.NewError("vault.file-empty"))
	}
	read := secrets.New(bytes.Clone(value))
	r.Register(read)
	return read, nil
}
