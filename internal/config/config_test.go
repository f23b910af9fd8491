package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"reconciler/internal/finding"
	"reconciler/schema"
)

// head begins every configuration of these tests.
const head = "apiVersion: reconciler/v1alpha1\nkind: Configuration\n"

const smallest = head + `source:
  folder: {path: bindings}
instances:
  - {name: prod, region: cn-hangzhou}
`

// load writes text to a configuration file beside a folder "bindings" and
// loads it.
func load(t *testing.T, text string) (Config, []finding.Finding) {
	t.Helper()
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "bindings"), 0o750); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "reconciler.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	config, found, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return config, found
}

func TestLoadFillsInDefaults(t *testing.T) {
	got, found := load(t, smallest)
	if len(found) > 0 {
		t.Fatalf("findings: %v", found)
	}
	if !filepath.IsAbs(got.Source.Folder.Path) || filepath.Base(got.Source.Folder.Path) != "bindings" {
		t.Errorf("folder = %s, want it absolute", got.Source.Folder.Path)
	}
	got.Source.Folder = nil
	want := Default()
	want.APIVersion, want.Kind = "reconciler/v1alpha1", "Configuration"
	want.Instances = []Instance{{
		Name: "prod", Region: "cn-hangzhou", Driver: "personal", Endpoint: "https://cr.cn-hangzhou.aliyuncs.com",
		Signature: "acs3", RequestsPerSecond: 2, Burst: 4,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLoadReadsEverySection(t *testing.T) {
	got, found := load(t, head+`source:
  git:
    url: ssh://git@git.example.com/a/b.git
    tag: v1
    path: bindings
    auth: {ssh: {keyFile: bindings/../key, knownHostsFile: /etc/hosts}}
    timeout: 1m30s
instances:
  - name: prod
    region: cn-hangzhou
    driver: personal
    endpoint: https://cr.example.com
    signature: v2
    credentials: {static: {accessKeyIdFile: /id, accessKeySecretFile: secret, securityTokenFile: /token}}
    requestsPerSecond: 0.5
    burst: 1
  - {name: edge, region: cn-shanghai, credentials: {environment: {}}}
  - {name: west, region: us-west-1, credentials: {oidc: {roleArn: r, providerArn: p, tokenFile: /t}}}
vault:
  address: https://vault.example.com:8200
  namespace: team
  auth: {kubernetes: {role: reconciler}}
codeHosts:
  github: {observer: {vault: {mount: secret, path: acr/github}}}
sync: {interval: 30s, jitter: 0, driftInterval: 1h}
drift: {within: 2h}
safety: {maxDeletionPercent: 0, allowDeletions: true}
expiryWarnings: []
state: {path: state.db}
server: {listen: "127.0.0.1:0", socket: r.sock}
log: {level: debug, format: json}
`)
	if finding.HasErrors(found) {
		t.Fatalf("findings: %v", found)
	}
	folder := filepath.Dir(got.State.Path)
	git := got.Source.Git
	oidc := got.Instances[2].Credentials.OIDC
	for _, check := range []struct {
		name      string
		got, want any
	}{
		{"tag keeps the branch empty", [2]string{git.Branch, git.Tag}, [2]string{"", "v1"}},
		{"timeout", git.Timeout, 90 * time.Second},
		{"key file is relative to the configuration", git.Auth.SSH.KeyFile, filepath.Join(folder, "key")},
		{"absolute file stays", git.Auth.SSH.KnownHostsFile, "/etc/hosts"},
		{"ssh user", git.Auth.SSH.User, "git"},
		{"secret file", got.Instances[0].Credentials.Static.AccessKeySecretFile, filepath.Join(folder, "secret")},
		{"requests per second", got.Instances[0].RequestsPerSecond, 0.5},
		{"environment credentials", got.Instances[1].Credentials.Environment != nil, true},
		{"oidc", *oidc, OIDC{RoleARN: "r", ProviderARN: "p", TokenFile: "/t", SessionName: "reconciler"}},
		{"kubernetes", *got.Vault.Auth.Kubernetes, VaultJWT{
			Mount: "kubernetes", Role: "reconciler", TokenFile: "/var/run/secrets/kubernetes.io/serviceaccount/token",
		}},
		{"observer key", got.CodeHosts.GitHub.Observer.Vault.String(), "secret/acr/github#token"},
		{"endpoint beside an observer", got.CodeHosts.GitHub.Endpoint, "https://api.github.com"},
		{"sync", got.Sync, Sync{Interval: 30 * time.Second, Jitter: 0, DriftInterval: time.Hour, Settle: 2 * time.Minute}},
		{"people", got.People, People{Deadline: 7 * 24 * time.Hour}},
		{"drift", got.Drift, Drift{MaxRepairs: 5, Within: 2 * time.Hour}},
		{"repairs count though drift is looked for seldom", got.PlanPolicy().RepairsWithin, 10 * time.Hour},
		{"safety", got.Safety, Safety{MaxDeletionPercent: 0, MinDeletions: 3, AllowDeletions: true}},
		{"no warnings", len(got.ExpiryWarnings), 0},
		{"socket", got.Server.Socket, filepath.Join(folder, "r.sock")},
		{"log", got.Log, Log{Level: "debug", Format: "json"}},
		{"names", got.InstanceNames(), []string{"prod", "edge", "west"}},
	} {
		if diff := cmp.Diff(check.want, check.got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", check.name, diff)
		}
	}
}

func TestLoadTellsEveryFault(t *testing.T) {
	const source = "source: {folder: {path: bindings}}\n"
	const instances = "instances: [{name: prod, region: cn-hangzhou}]\n"
	type place struct {
		Code, Path   string
		Line, Column int
	}
	tests := []struct {
		name, text string
		want       []place
	}{
		{"two sources", "source:\n  folder: {path: bindings}\n  git: {url: https://h/r}\n" + instances, []place{{"config-one-of", "source.folder", 4, 11}}},
		{"no source", "source: {}\n" + instances, []place{{"config-one-of", "source", 3, 9}}},
		{"branch and tag", "source: {git: {url: https://h/r, branch: a, tag: b}}\n" + instances, []place{{"config-one-of", "source.git.tag", 3, 50}}},
		{"password in the URL", "source: {git: {url: \"https://u:" + "hunter2@h/r\"}}\n" + instances, []place{{"source-url-credentials", "source.git.url", 3, 21}}},
		{"token in the URL", "source: {git: {url: https://sometoken@h/r}}\n" + instances, []place{{"source-url-credentials", "source.git.url", 3, 21}}},
		{"ssh without sign-in", "source: {git: {url: ssh://git@h/r}}\n" + instances, []place{{"config-conflict", "source.git.url", 3, 21}}},
		{"password in an ssh URL", "source: {git: {url: \"ssh://u:" + "hunter2@h/r\"}}\n" + instances, []place{{"source-url-credentials", "source.git.url", 3, 21}}},
		{"http", "source: {git: {url: http://h/r}}\n" + instances, []place{{"config-address", "source.git.url", 3, 21}}},
		{"other scheme", "source: {git: {url: file:///srv/r}}\n" + instances, []place{{"config-address", "source.git.url", 3, 21}}},
		{"not a URL", "source: {git: {url: r}}\n" + instances, []place{{"config-address", "source.git.url", 3, 21}}},
		{"ssh key for https", "source: {git: {url: https://h/r, auth: {ssh: {agent: true}}}}\n" + instances, []place{{"config-conflict", "source.git.auth", 3, 40}}},
		{"ssh without key or agent", "source: {git: {url: git@h:r, auth: {ssh: {}}}}\n" + instances, []place{{"config-one-of", "source.git.auth.ssh", 3, 42}}},
		{"two sign-ins", "source: {git: {url: https://h/r, auth: {tokenFile: bindings, basic: {username: u, passwordFile: /}}}}\n" + instances, []place{
			{"file-missing", "source.git.auth.tokenFile", 3, 52},
			{"config-one-of", "source.git.auth.tokenFile", 3, 52},
			{"file-missing", "source.git.auth.basic.passwordFile", 3, 97},
		}},
		{"fetch of no time", "source: {git: {url: https://h/r, timeout: 1ms}}\n" + instances, []place{{"config-duration", "source.git.timeout", 3, 43}}},
		{"no instance", source + "instances: []\n", []place{{"instance-required", "instances", 4, 12}}},
		{"one name twice", source + "instances: [{name: a, region: cn-hangzhou}, {name: a, region: cn-beijing}]\n", []place{{"instance-name-unique", "instances[1].name", 4, 52}}},
		{"http registry", source + "instances: [{name: a, region: cn-hangzhou, endpoint: http://cr}]\n", []place{{"config-address", "instances[0].endpoint", 4, 54}}},
		{"http Vault though the code hosts may be unsafe", source + instances + "vault: {address: \"http://vault:8200\", auth: {token: {environment: T}}}\ncodeHosts: {unsafeAllowPrivateAddresses: true}\n", []place{
			{"config-address", "vault.address", 5, 18}, {"config-unsafe", "codeHosts.unsafeAllowPrivateAddresses", 6, 42},
		}},
		{"user in an endpoint", source + "instances: [{name: a, region: cn-hangzhou, endpoint: https://u@cr}]\n", []place{{"config-address", "instances[0].endpoint", 4, 54}}},
		{"credentials of two kinds", source + "instances: [{name: a, region: cn-hangzhou, credentials: {environment: {}, ramRole: {}}}]\n", []place{{"config-one-of", "instances[0].credentials.ramRole", 4, 84}}},
		{"credentials of no kind", source + "instances: [{name: a, region: cn-hangzhou, credentials: {}}]\n", []place{{"config-one-of", "instances[0].credentials", 4, 57}}},
		{"console with credentials", source + "instances: [{name: a, region: cn-hangzhou, driver: console, credentials: {environment: {}}}]\n", []place{{"config-unused", "instances[0].credentials", 4, 74}}},
		{"an API in plain http on a public address", source + instances + "server: {api: {listen: \"0.0.0.0:9443\", tokenFile: t}}\n", []place{{"config-address", "server.api.listen", 5, 24}, {"file-missing", "server.api.tokenFile", 5, 51}}},
		{"an API with half a certificate", source + instances + "server: {api: {listen: \"127.0.0.1:9443\", tokenFile: t, certFile: c}}\n", []place{{"config-one-of", "server.api", 5, 15}, {"file-missing", "server.api.tokenFile", 5, 53}, {"file-missing", "server.api.certFile", 5, 66}}},
		{"a session that is too long", source + instances + "server: {api: {listen: \"localhost:9443\", tokenFile: t, page: {enabled: true, session: 1000h}}}\n", []place{{"file-missing", "server.api.tokenFile", 5, 53}, {"config-duration", "server.api.page.session", 5, 87}}},
		{"vault without sign-in", source + instances + "vault: {address: https://v, auth: {}}\n", []place{{"config-one-of", "vault.auth", 5, 35}}},
		{"certificate without key", source + instances + "vault: {address: https://v, clientCertFile: /, auth: {token: {}}}\n", []place{
			{"config-conflict", "vault", 5, 8}, {"file-missing", "vault.clientCertFile", 5, 45},
		}},
		{"certificate sign-in without certificate", source + instances + "vault: {address: https://v, auth: {cert: {}}}\n", []place{{"config-conflict", "vault.auth.cert", 5, 42}}},
		{"observer without vault", source + instances + "codeHosts: {github: {observer: {vault: {mount: m, path: p}}}}\n", []place{{"config-conflict", "codeHosts.github.observer", 5, 32}}},
		{"unsafe", source + instances + "codeHosts: {unsafeAllowPrivateAddresses: true}\n", []place{{"config-unsafe", "codeHosts.unsafeAllowPrivateAddresses", 5, 42}}},
		{"longer than Go can count", source + instances + "sync: {interval: 99999999999h}\n", []place{{"field-value", "sync.interval", 5, 18}}},
		{"more than a number can be", source + instances + "safety: {minDeletions: 10000000000000000000}\n", []place{{"field-value", "safety.minDeletions", 5, 24}}},
		{"too often", source + instances + "sync: {interval: 10ms}\n", []place{{"config-duration", "sync.interval", 5, 18}}},
		{"open to all", source + instances + "server: {listen: \":9440\"}\n", []place{{"server-public", "server.listen", 5, 18}}},
		{"missing folder", "source: {folder: {path: nowhere}}\n" + instances, []place{{"file-missing", "source.folder.path", 3, 25}}},
		{"unknown field", source + instances + "servr: {}\n", []place{{"field-unknown", "servr", 5, 1}}},
		{"unknown driver", source + "instances: [{name: a, region: cn-hangzhou, driver: x}]\n", []place{{"field-value", "instances[0].driver", 4, 52}}},
		{"duration without a unit", source + instances + "sync: {interval: \"5\"}\n", []place{{"field-value", "sync.interval", 5, 18}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, found := load(t, head+tt.text)
			var got []place
			for _, f := range found {
				got = append(got, place{f.Code, f.Path, f.Line, f.Column})
				if strings.Contains(f.Message.Key()+f.Hint.Key(), "hunter2") || strings.Contains(f.Message.Key()+f.Hint.Key(), "sometoken") {
					t.Errorf("the finding shows the credential: %s", f.Message.Key())
				}
			}
			less := func(a, b place) int { return strings.Compare(a.Path+a.Code, b.Path+b.Code) }
			if diff := cmp.Diff(slices.SortedFunc(slices.Values(tt.want), less), slices.SortedFunc(slices.Values(got), less)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestLoadTakesWhatIsSafe(t *testing.T) {
	const rest = "instances: [{name: prod, region: cn-hangzhou}]\n"
	for name, text := range map[string]string{
		"http on loopback":   "source: {git: {url: \"http://127.0.0.1:3000/r\"}}\n" + rest,
		"git's short form":   "source: {git: {url: \"git@h:team/r.git\", auth: {ssh: {agent: true}}}}\n" + rest,
		"user over ssh":      "source: {git: {url: ssh://git@h/r, auth: {ssh: {agent: true}}}}\n" + rest,
		"registry here":      "source: {folder: {path: bindings}}\ninstances: [{name: a, region: cn-hangzhou, endpoint: \"http://[::1]:1\"}]\n",
		"listening on IPv6":  "source: {folder: {path: bindings}}\n" + rest + "server: {listen: \"[::1]:9440\"}\n",
		"console by default": "source: {folder: {path: bindings}}\ninstances: [{name: a, region: cn-hangzhou, driver: console}]\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, found := load(t, head+text); len(found) > 0 {
				t.Errorf("findings: %v", found)
			}
		})
	}
}

func TestLoadRefusesWhatCannotBeRead(t *testing.T) {
	folder := t.TempDir()
	large := filepath.Join(folder, "large.yaml")
	if err := os.WriteFile(large, make([]byte, maxConfigBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"missing": filepath.Join(folder, "none.yaml"), "a folder": folder, "larger than 1 MiB": large,
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("error = %v, want one that names %s", err, path)
			}
		})
	}
}

// TestDefaultsAreThoseOfTheSchema holds the defaults in Go to those that the
// schema states and the reference prints.
func TestDefaultsAreThoseOfTheSchema(t *testing.T) {
	config, _ := load(t, head+`source: {git: {url: git@h:r, auth: {ssh: {keyFile: /k}}}}
instances:
  - {name: a, region: cn-hangzhou, credentials: {profile: {}, oidc: {roleArn: r, providerArn: p, tokenFile: /t}}}
vault: {address: https://v, auth: {token: {}}}
codeHosts: {github: {observer: {vault: {mount: m, path: p}}}}
`)
	root, err := schema.Compile(cuecontext.New())
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	var loaded any
	if err := yaml.Unmarshal(text, &loaded); err != nil {
		t.Fatal(err)
	}
	checked := 0
	compareDefaults(t, root.LookupPath(cue.ParsePath(schema.Configuration)), loaded, &checked)
	if checked < 20 {
		t.Errorf("only %d defaults were compared", checked)
	}
}

func compareDefaults(t *testing.T, value cue.Value, loaded any, checked *int) {
	t.Helper()
	if def, ok := schema.Default(value); ok {
		var want any
		data, err := def.MarshalJSON()
		if err != nil || yaml.Unmarshal(data, &want) != nil {
			t.Fatalf("%s: %v", value.Path(), err)
		}
		if text, ok := want.(string); ok {
			if d, err := time.ParseDuration(text); err == nil {
				want = d.String()
			}
		}
		if diff := cmp.Diff(want, loaded); diff != "" {
			t.Errorf("%s: -schema +Go:\n%s", value.Path(), diff)
		}
		*checked++
		return
	}
	switch loaded := loaded.(type) {
	case map[string]any:
		fields, err := value.Fields(cue.Optional(true))
		if err != nil {
			t.Fatal(err)
		}
		for fields.Next() {
			if below, ok := loaded[fields.Selector().Unquoted()]; ok && below != nil {
				compareDefaults(t, fields.Value(), below, checked)
			}
		}
	case []any:
		for _, item := range loaded {
			compareDefaults(t, value.LookupPath(cue.MakePath(cue.AnyIndex)), item, checked)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(smallest))
	f.Add([]byte(head))
	f.Add([]byte("\x00"))
	if full, err := os.ReadFile(filepath.Join("..", "..", "examples", "reconciler.yaml")); err == nil {
		f.Add(full)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "reconciler.yaml")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		config, found, err := Load(path)
		if err == nil && !finding.HasErrors(found) && len(config.Instances) == 0 {
			t.Error("a configuration without instances passed")
		}
	})
}
