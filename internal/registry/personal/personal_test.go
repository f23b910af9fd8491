package personal

import (
	"context"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/registry/line"
	"reconciler/internal/registry/registrytest"
	"reconciler/internal/registry/wire"
	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
)

const (
	accessKeyID     = "AKcanaryID"
	accessKeySecret = "canary-secret-of-the-access-key"
	stsToken        = "canary-security-token"
	goodToken       = "glpat-canary-token-value"
	image           = "team/app"
	address         = "https://gitlab.example.com"
)

// clock is time that passes only where someone waits.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	waits []time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d > 0 {
		c.now = c.now.Add(d)
		c.waits = append(c.waits, d)
	}
	return ctx.Err()
}

// world is a registry, a driver on it and the time of both.
type world struct {
	registry *sandbox.Registry
	person   *sandbox.RegistryInstance
	url      string
	clock    *clock
}

func newWorld(t *testing.T, principal sandbox.Principal) *world {
	t.Helper()
	principal.AccessKey, principal.Secret = accessKeyID, accessKeySecret
	r := sandbox.NewRegistry(sandbox.RegistryOptions{
		Principals:  []sandbox.Principal{principal},
		VerifyToken: func(_, _, _, token string) bool { return token == goodToken },
	})
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	person := r.Instance(accessKeyID)
	person.AddRepository(image)
	return &world{r, person, server.URL, &clock{now: time.Now()}}
}

// driver makes a driver; change may alter its options.
func (w *world) driver(t *testing.T, change func(*line.Options)) *Driver {
	t.Helper()
	o := line.Options{
		Instance: "lab", Region: "cn-hangzhou", Endpoint: w.url,
		Credentials: line.Credentials{Kind: line.Static, Static: keys(accessKeyID, accessKeySecret, "")},
		Now:         w.clock.Now, Wait: w.clock.Wait, Timeout: time.Minute,
	}
	if change != nil {
		change(&o)
	}
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func keys(id, secret, token string) func(context.Context) (line.Keys, error) {
	return func(context.Context) (line.Keys, error) {
		k := line.Keys{AccessKeyID: id, AccessKeySecret: secrets.New([]byte(secret))}
		if token != "" {
			k.SecurityToken = secrets.New([]byte(token))
		}
		return k, nil
	}
}

// TestConformanceWithAnotherWireFormat runs the whole suite against a registry
// whose undocumented calls have other names, nesting and paths, by a profile alone.
func TestConformanceWithAnotherWireFormat(t *testing.T) {
	profile, findings := wire.Parse("foreign.yaml", sandbox.ForeignProfile())
	if profile == nil {
		t.Fatal(findings)
	}
	registrytest.Run(t, func(t *testing.T) registrytest.Subject {
		w := newWorld(t, sandbox.Principal{})
		w.registry.ServeForeignAPI()
		return registrytest.Subject{
			Driver: w.driver(t, func(o *line.Options) { o.WireProfile = profile }),
			Image:  image, Token: goodToken, Username: "ci-bot", Address: address,
			BindByOAuth: func(p binding.Platform, username string) { w.person.ConsoleBind(string(p), "", username) },
		}
	})
}

func TestATokenIsCondemnedByTheProfilesCodeAlone(t *testing.T) {
	profile, _ := wire.Parse("foreign.yaml", sandbox.ForeignProfile())
	w := newWorld(t, sandbox.Principal{})
	w.registry.ServeForeignAPI()
	wanted := binding.Account{Platform: binding.GitLab, Username: "ci-bot", Address: address}
	_, err := w.driver(t, func(o *line.Options) { o.WireProfile = profile }).Bind(t.Context(), wanted, secrets.New([]byte("stale")))
	if binding.FaultOf(err) != binding.FaultToken {
		t.Errorf("got %v, want the token's fault", err)
	}
}

// TestWithoutItsProfileAForeignRegistryIsReadAsDocumentedOnly holds that the wrong
// profile leads to steps for people and never to a wrong call.
func TestWithoutItsProfileAForeignRegistryIsReadAsDocumentedOnly(t *testing.T) {
	w := newWorld(t, sandbox.Principal{})
	w.registry.ServeForeignAPI()
	got, err := w.driver(t, nil).Capabilities(t.Context())
	if err != nil || got.ListAccounts || got.Bind || got.Unbind || got.ReadSources || got.LinkRepositories || !got.ReadRules || !got.WriteRules {
		t.Errorf("got %+v, %v; want the documented calls only", got, err)
	}
}

func TestConformance(t *testing.T) {
	for _, signature := range []line.Signature{line.ACS3, line.V2} {
		for _, token := range []string{"", stsToken} {
			name := string(signature)
			if token != "" {
				name += " with a temporary key"
			}
			t.Run(name, func(t *testing.T) {
				registrytest.Run(t, func(t *testing.T) registrytest.Subject {
					w := newWorld(t, sandbox.Principal{SecurityToken: token})
					return registrytest.Subject{
						Driver: w.driver(t, func(o *line.Options) {
							o.Signature = signature
							o.Credentials.Static = keys(accessKeyID, accessKeySecret, token)
						}),
						Image: image, Token: goodToken, Username: "ci-bot", Address: address,
						BindByOAuth: func(p binding.Platform, username string) { w.person.ConsoleBind(string(p), "", username) },
					}
				})
			})
		}
	}
}
