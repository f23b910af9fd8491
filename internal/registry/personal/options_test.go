package personal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/registry/line"
	"reconciler/internal/registry/wire"
	"reconciler/internal/sandbox"
)

// named is the profile of the Personal Edition with a change.
func named(t *testing.T, was, is string) *wire.Profile {
	t.Helper()
	data, err := os.ReadFile("../wire/personal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(strings.Replace(string(data), was, is, 1), "name: personal-assumed", "name: p", 1)
	profile, findings := wire.Parse("p.yaml", []byte(text))
	if profile == nil || !profile.Uses("instanceId") || profile.Name != "p" {
		t.Fatalf("%v in %s", findings, text)
	}
	return profile
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	good := func() line.Options { return line.Options{Instance: "lab", Region: "cn-hangzhou"} }
	tests := map[string]func(*line.Options){
		"want a region or an endpoint":        func(o *line.Options) { o.Region = "" },
		"region \"Hangzhou\"":                 func(o *line.Options) { o.Region = "Hangzhou" },
		"region \"cn-hangzhou/x\"":            func(o *line.Options) { o.Region = "cn-hangzhou/x" },
		"signature \"v3\"":                    func(o *line.Options) { o.Signature = "v3" },
		"are positive":                        func(o *line.Options) { o.Burst = -1 },
		"requires both Now and Wait":          func(o *line.Options) { o.Now = time.Now },
		"http is for this machine only":       func(o *line.Options) { o.Endpoint = "http://10.0.0.1:1" },
		"want https":                          func(o *line.Options) { o.Endpoint = "ftp://example.com" },
		"and nothing else":                    func(o *line.Options) { o.Endpoint = "https://user:canary@example.com" },
		"want a scheme, a host and a port":    func(o *line.Options) { o.Endpoint = "https://example.com/path" },
		"endpoint: want a host":               func(o *line.Options) { o.Endpoint = "https://" },
		"credentials: kind \"x\"":             func(o *line.Options) { o.Credentials.Kind = "x" },
		"requires a function that gives keys": func(o *line.Options) { o.Credentials.Kind = line.Static },
		"credentials: oidc: the ":             func(o *line.Options) { o.Credentials.Kind = line.OIDCRole },
		"it has no instanceId": func(o *line.Options) {
			o.WireProfile = named(t, "SourceOriginType: $platform", "SourceOriginType: $platform, Id: $instanceId")
		},
		"p name the instance": func(o *line.Options) {
			o.WireProfile = named(t, "path: /users/sourceAccount/$account", "path: /users/$instanceId/$account")
		},
	}
	for want, change := range tests {
		t.Run(want, func(t *testing.T) {
			o := good()
			change(&o)
			_, err := New(o)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("got %v, want %q", err, want)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("%q shows a password", err)
			}
		})
	}
	for _, endpoint := range []string{"", "https://10.0.0.1", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"} {
		o := good()
		o.Endpoint = endpoint
		if _, err := New(o); err != nil {
			t.Errorf("good options with endpoint %q: %v", endpoint, err)
		}
	}
}

func TestKeysComeFromWhereTheConfigurationSays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials")
	profile := "[team]\ntype = access_key\naccess_key_id = " + accessKeyID + "\naccess_key_secret = " + accessKeySecret + "\n"
	if err := os.WriteFile(file, []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name        string
		environment map[string]string
		credentials line.Credentials
		works       bool
	}{
		{"environment", map[string]string{"ALIBABA_CLOUD_ACCESS_KEY_ID": accessKeyID, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": accessKeySecret}, line.Credentials{Kind: line.Environment}, true},
		{"environment that is empty", map[string]string{"ALIBABA_CLOUD_ACCESS_KEY_ID": "", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": ""}, line.Credentials{Kind: line.Environment}, false},
		{"profile", map[string]string{"ALIBABA_CLOUD_CREDENTIALS_FILE": file}, line.Credentials{Kind: line.Profile, Profile: "team"}, true},
		{"profile that is not there", map[string]string{"ALIBABA_CLOUD_CREDENTIALS_FILE": file}, line.Credentials{Kind: line.Profile, Profile: "other"}, false},
		{"default chain", map[string]string{"ALIBABA_CLOUD_ACCESS_KEY_ID": accessKeyID, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": accessKeySecret}, line.Credentials{}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for k, v := range test.environment {
				t.Setenv(k, v)
			}
			w := newWorld(t, sandbox.Principal{})
			_, err := w.driver(t, func(o *line.Options) { o.Credentials = test.credentials }).Account(t.Context(), binding.GitLab)
			if (err == nil) != test.works {
				t.Errorf("got %v; want it to work: %v", err, test.works)
			}
			if !test.works && binding.KindOf(err) != binding.Forbidden {
				t.Errorf("got %v, want Forbidden", err)
			}
		})
	}
}

// The vendor's library keeps what it read first, and its default chain what it
// tried last: a key that is rotated in the file, and a file that comes late, are
// used at the next call.
func TestARotatedCredentialsFileIsReadAgain(t *testing.T) {
	for _, kind := range []line.CredentialKind{line.Profile, line.DefaultChain} {
		for name, first := range map[string]string{
			"another key":          "[default]\ntype = access_key\naccess_key_id = " + accessKeyID + "\naccess_key_secret = old\n",
			"no file at first":     "",
			"half a file at first": "[default]\ntype = access_key\naccess_key_id = ",
		} {
			t.Run(string(kind)+": "+name, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "credentials")
				t.Setenv("ALIBABA_CLOUD_CREDENTIALS_FILE", file)
				t.Setenv("ALIBABA_CLOUD_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
				t.Setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
				write := func(text string) {
					if text == "" {
						return
					}
					if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				write(first)
				w := newWorld(t, sandbox.Principal{})
				d := w.driver(t, func(o *line.Options) { o.Credentials = line.Credentials{Kind: kind} })
				if _, err := d.Account(t.Context(), binding.GitLab); err == nil {
					t.Fatal("the first key works")
				}
				write("[default]\ntype = access_key\naccess_key_id = " + accessKeyID + "\naccess_key_secret = " + accessKeySecret + "\n")
				if _, err := d.Account(t.Context(), binding.GitLab); err != nil {
					t.Errorf("after the file changed: %v", err)
				}
			})
		}
	}
}

func TestNothingGoesRoundTheRateLimiter(t *testing.T) {
	w := newWorld(t, sandbox.Principal{})
	d := w.driver(t, func(o *line.Options) { o.RequestsPerSecond, o.Burst = 2, 3 })
	start := w.clock.Now()
	for _, op := range operations() {
		_ = op.run(t.Context(), d)
	}
	calls := len(w.registry.Calls())
	want := time.Duration(calls-3) * 500 * time.Millisecond
	if got := w.clock.Now().Sub(start); got < want {
		t.Errorf("%d calls took %v, want at least %v", calls, got, want)
	}
	if calls < len(operations()) {
		t.Errorf("%d calls, want at least one for each of %d operations", calls, len(operations()))
	}
}

func TestAProbeThatFailsIsAnErrorAndNotRemembered(t *testing.T) {
	w := newWorld(t, sandbox.Principal{})
	d := w.driver(t, nil)
	w.registry.Faults.Add(html(404))
	if _, err := d.Capabilities(t.Context()); err == nil || binding.KindOf(err) != binding.Unreadable {
		t.Fatalf("got %v, want Unreadable", err)
	}
	w.registry.Faults.Clear()
	if c, err := d.Capabilities(t.Context()); err != nil || !c.Bind {
		t.Errorf("got %+v, %v; want all on", c, err)
	}
}
