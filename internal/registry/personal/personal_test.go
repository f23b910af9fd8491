package personal

import (
	"context"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/registry/registrytest"
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
func (w *world) driver(t *testing.T, change func(*Options)) *Driver {
	t.Helper()
	o := Options{
		Instance: "lab", Region: "cn-hangzhou", Endpoint: w.url,
		Credentials: Credentials{Kind: Static, Static: keys(accessKeyID, accessKeySecret, "")},
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

func keys(id, secret, token string) func(context.Context) (Keys, error) {
	return func(context.Context) (Keys, error) {
		k := Keys{AccessKeyID: id, AccessKeySecret: secrets.New([]byte(secret))}
		if token != "" {
			k.SecurityToken = secrets.New([]byte(token))
		}
		return k, nil
	}
}

func TestConformance(t *testing.T) {
	for _, signature := range []Signature{ACS3, V2} {
		for _, token := range []string{"", stsToken} {
			name := string(signature)
			if token != "" {
				name += " with a temporary key"
			}
			t.Run(name, func(t *testing.T) {
				registrytest.Run(t, func(t *testing.T) registrytest.Subject {
					w := newWorld(t, sandbox.Principal{SecurityToken: token})
					return registrytest.Subject{
						Driver: w.driver(t, func(o *Options) {
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
