package manifest

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/report"
)

func policyNow() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// payments is a declaration. Its address is on line 7, its token's expiry on line
// 11.
const payments = `apiVersion: reconciler/v1alpha1
kind: SourceBinding
metadata: {name: payments}
spec:
  instance: prod
  platform: gitlab
  address: https://gitlab.example.com
  username: bot
  token:
    vault: {mount: secret, path: acr/payments/gitlab}
    expires: 2027-01-31
  repositories:
    - {image: payments/api, source: payments/api}
    - {image: shared/base, source: payments/base, rules: []}
`

const github = `apiVersion: reconciler/v1alpha1
kind: SourceBinding
metadata: {name: web}
spec: {instance: prod, platform: github, username: octo}
`

func loadWith(t *testing.T, path, text string, opts Options) Result {
	t.Helper()
	opts.Now = policyNow()
	return Load(t.Context(), []binding.File{{Path: path, Digest: "1", Data: []byte(text)}}, opts)
}

func places(findings []finding.Finding) []string {
	var all []string
	for _, f := range findings {
		if f.Severity != finding.Info {
			all = append(all, fmt.Sprintf("%s:%d:%d %s %s", f.File, f.Line, f.Column, f.Code, f.Path))
		}
	}
	return all
}

func TestAccessByPath(t *testing.T) {
	t.Parallel()
	rule := func(edit func(r *AccessRule)) Access {
		r := AccessRule{Name: "team", Where: "reconciler.yaml:9", Files: []string{"payments/**"}}
		edit(&r)
		return Access{Rules: []AccessRule{r}, Where: "reconciler.yaml:7"}
	}
	tests := []struct {
		name   string
		access Access
		path   string
		text   string
		want   []string
	}{
		{"no policy", Access{}, "payments/a.yaml", payments, nil},
		{"a rule that restricts nothing", rule(func(*AccessRule) {}), "payments/a.yaml", payments, nil},
		{"an allowed instance", rule(func(r *AccessRule) { r.Instances = []string{"dev", "pro?"} }), "payments/a.yaml", payments, nil},
		{"another instance", rule(func(r *AccessRule) { r.Instances = []string{"dev"} }), "payments/a.yaml", payments, []string{"payments/a.yaml:5:13 policy-instance spec.instance"}},
		{"no instance at all", rule(func(r *AccessRule) { r.Instances = []string{} }), "payments/a.yaml", payments, []string{"payments/a.yaml:5:13 policy-instance spec.instance"}},
		{"another folder", rule(func(r *AccessRule) { r.Instances = []string{"dev"} }), "web/a.yaml", payments, nil},
		{"a folder whose name begins alike", rule(func(r *AccessRule) { r.Instances = []string{"dev"} }), "payments2/a.yaml", payments, nil},
		{"an exception", rule(func(r *AccessRule) { r.Instances, r.Except = []string{"dev"}, []string{"**/a.yaml"} }), "payments/x/a.yaml", payments, nil},
		{"an allowed secret", rule(func(r *AccessRule) { r.Vault = []VaultPattern{{"secret", "acr/payments/**"}} }), "payments/a.yaml", payments, nil},
		{"a secret beside", rule(func(r *AccessRule) { r.Vault = []VaultPattern{{"secret", "acr/pay*"}} }), "payments/a.yaml", payments, []string{"payments/a.yaml:10:34 policy-vault-path spec.token.vault.path"}},
		{"another mount", rule(func(r *AccessRule) { r.Vault = []VaultPattern{{"kv", "**"}} }), "payments/a.yaml", payments, []string{"payments/a.yaml:10:34 policy-vault-path spec.token.vault.path"}},
		{"no token, no secret", rule(func(r *AccessRule) { r.Files, r.Vault = []string{"**"}, []VaultPattern{} }), "web/a.yaml", github, nil},
		{"an allowed host", rule(func(r *AccessRule) { r.Addresses = []string{"*.example.com"} }), "payments/a.yaml", payments, nil},
		{"another host", rule(func(r *AccessRule) { r.Addresses = []string{"gitlab.example.org"} }), "payments/a.yaml", payments, []string{"payments/a.yaml:7:12 policy-address spec.address"}},
		{"another namespace", rule(func(r *AccessRule) { r.Namespaces = []string{"payments*"} }), "payments/a.yaml", payments, []string{"payments/a.yaml:14:15 policy-image spec.repositories[1].image"}},
		{"a field that is written", rule(func(r *AccessRule) { r.Require = []string{"spec.token.expires"} }), "payments/a.yaml", payments, nil},
		{"a field that is not", rule(func(r *AccessRule) { r.Require = []string{"spec.suspend.owner"} }), "payments/a.yaml", payments, []string{"payments/a.yaml:5:3 policy-required-field spec.suspend.owner"}},
		{"a field of each item", rule(func(r *AccessRule) { r.Require = []string{"spec.repositories[].rules"} }), "payments/a.yaml", payments, []string{"payments/a.yaml:13:7 policy-required-field spec.repositories[0].rules"}},
		{"a field that the platform does not take", rule(func(r *AccessRule) { r.Files, r.Require = []string{"**"}, []string{"spec.token.expires"} }), "web/a.yaml", github, nil},
		{"a default in force", rule(func(r *AccessRule) { r.Require = []string{"spec.deletionPolicy"} }), "payments/a.yaml", payments, []string{"payments/a.yaml:5:3 policy-required-field spec.deletionPolicy"}},
		{"denied by default", Access{Deny: true, Where: "reconciler.yaml:7"}, "web/a.yaml", github, []string{"web/a.yaml:1:1 policy-no-rule "}},
		{"not denied where a rule is", Access{Deny: true, Rules: []AccessRule{{Name: "all", Files: []string{"**"}}}}, "web/a.yaml", github, nil},
		{"every rule holds", Access{Rules: []AccessRule{
			{Name: "wide", Files: []string{"**"}, Instances: []string{"*"}}, {Name: "narrow", Files: []string{"payments/*"}, Instances: []string{"dev"}},
		}}, "payments/a.yaml", payments, []string{"payments/a.yaml:5:13 policy-instance spec.instance"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := loadWith(t, tt.path, tt.text, Options{Access: tt.access})
			if diff := cmp.Diff(tt.want, places(got.Findings)); diff != "" {
				t.Error(diff)
			}
			if len(got.Broken) != min(len(tt.want), 1) {
				t.Errorf("broken %q", got.Broken)
			}
		})
	}
}

func TestAccessNamesTheRuleAndWhereItStands(t *testing.T) {
	t.Parallel()
	got := loadWith(t, "bindings/payments/a.yaml", payments, Options{
		Roots:  []string{"./elsewhere", "bindings/"},
		Access: Access{Rules: []AccessRule{{Name: "team", Where: "reconciler.yaml:9", Files: []string{"payments/*"}, Addresses: []string{"a.b", "c.d:8443"}}}},
	})
	if len(got.Findings) != 1 || report.English().Text(got.Findings[0].Message) != "the address is not allowed here; allowed hosts: a.b, c.d:8443 (rule team of the policy, reconciler.yaml:9)" {
		t.Errorf("%+v", got.Findings)
	}
}

func TestTokensOverHTTP(t *testing.T) {
	t.Parallel()
	const token = "username: bot, token: {vault: {mount: secret, path: acr/a}}"
	at := func(address string) string { return "platform: gitlab, address: '" + address + "', " + token }
	enterprise := map[string]binding.Edition{"prod": binding.Enterprise}
	for name, c := range map[string]struct {
		spec     string
		editions map[string]binding.Edition
		open     bool
	}{
		"http":                            {spec: at("http://gitlab.example.com"), open: true},
		"http on a port":                  {spec: at("http://gitlab.example.com:8929"), open: true},
		"capitals":                        {spec: at("HTTP://GitLab.example.com:80"), open: true},
		"http on https's port":            {spec: at("http://gitlab.example.com:443"), open: true},
		"a path":                          {spec: at("http://gitlab.example.com/git"), open: true},
		"an address of IPv6":              {spec: at("http://[2001:db8::1]:8080"), open: true},
		"a private address":               {spec: at("http://10.0.0.1"), editions: enterprise, open: true},
		"a name that begins as loopback":  {spec: at("http://127.0.0.1.example.com"), open: true},
		"a name that ends like localhost": {spec: at("http://notlocalhost"), open: true},
		"https":                           {spec: at("https://gitlab.example.com")},
		"loopback":                        {spec: at("http://127.0.0.1:8080")},
		"loopback of IPv6":                {spec: at("http://[::1]:8080")},
		"loopback of IPv4 in IPv6":        {spec: at("http://[::ffff:127.0.0.1]:8080")},
		"this machine by name":            {spec: at("http://LocalHost.:8080")},
		"a platform without addresses":    {spec: "platform: codeup, " + token},
		"a platform without tokens":       {spec: "platform: github, username: octo"},
	} {
		for required, want := range map[bool]finding.Severity{false: finding.Warning, true: finding.Error} {
			t.Run(fmt.Sprint(name, required), func(t *testing.T) {
				t.Parallel()
				text := "apiVersion: reconciler/v1alpha1\nkind: SourceBinding\nmetadata: {name: a}\nspec: {instance: prod, " + c.spec + "}\n"
				got := loadWith(t, "a.yaml", text, Options{
					AllowPrivateAddresses: true, Editions: c.editions, Access: Access{RequireHTTPS: required, RequireHTTPSWhere: "reconciler.yaml:7"},
				})
				var open []finding.Severity
				for _, f := range got.Findings {
					if f.Code == "token-over-http" {
						open = append(open, f.Severity)
						if f.File != "a.yaml" || f.Line != 4 || f.Column == 1 || f.Path != "spec.address" {
							t.Errorf("it stands at %s:%d:%d %s", f.File, f.Line, f.Column, f.Path)
						}
					}
				}
				if c.open != cmp.Equal(open, []finding.Severity{want}) {
					t.Errorf("findings %+v", got.Findings)
				}
				if passes := len(got.Declarations) == 1; passes == (c.open && required) {
					t.Errorf("passes: %v", passes)
				}
			})
		}
	}
}

func TestMatchPath(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, path string
		want          bool
	}{
		{"a", "a", true},
		{"a", "a/b", false},
		{"a/*", "a/b", true},
		{"a/*", "a/b/c", false},
		{"a/*", "a", false},
		{"*", "a", true},
		{"*", "a/b", false},
		{"a*", "ab/c", false},
		{"?", "é", true},
		{"[ab]c", "bc", true},
		{"**", "a", true},
		{"**", "a/b/c", true},
		{"a/**", "a", true},
		{"a/**", "a/b/c", true},
		{"a/**", "ab", false},
		{"**/c", "c", true},
		{"**/c", "a/b/c", true},
		{"**/c", "a/b/c/d", false},
		{"a/**/c", "a/c", true},
		{"a/**/c", "a/b/b/c", true},
		{"a/**/b/**/c", "a/x/b/y/b/c", true},
		{"a/**/b/**/c", "a/x/y/c", false},
		{"**/**", "a", true},
		{"**", "a/../b", false},
		{"**", "a//b", false},
		{"**", "./a", false},
		{"**", "/a", false},
		{"**", "", false},
		{"[", "[", false},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{"A", "a", false},
	}
	for _, tt := range tests {
		if got := MatchPath(tt.pattern, tt.path); got != tt.want {
			t.Errorf("MatchPath(%q, %q) = %v", tt.pattern, tt.path, got)
		}
	}
}

func TestMatchPathTakesNoLongerForHostilePatterns(t *testing.T) {
	t.Parallel()
	if MatchPath(strings.Repeat("**/a/", 500)+"b", strings.TrimSuffix(strings.Repeat("a/", 2000), "/")) {
		t.Error("it matches")
	}
}

func TestMatchHost(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, address string
		want             bool
	}{
		{"gitlab.example.com", "https://GitLab.example.com", true},
		{"GitLab.example.com", "https://gitlab.example.com.", true},
		{"gitlab.example.com", "http://gitlab.example.com:8080", true},
		{"gitlab.example.com:8080", "http://gitlab.example.com:8080", true},
		{"gitlab.example.com:8080", "http://gitlab.example.com", false},
		{"gitlab.example.com:443", "https://gitlab.example.com", true},
		{"gitlab.example.com:80", "http://gitlab.example.com:80", true},
		{"*.example.com", "https://a.b.example.com", true},
		{"*.example.com", "https://example.com", false},
		{"*.example.com", "https://evil.example.com.evil.example", false},
		{"gitlab.example.com", "https://gitlab.example.com@evil.example", false},
		{"*", "https://x", true},
		{"*", "https://", false},
	}
	for _, tt := range tests {
		u, err := url.Parse(tt.address)
		if err != nil {
			t.Fatal(err)
		}
		if got := matchHost(tt.pattern, u); got != tt.want {
			t.Errorf("matchHost(%q, %q) = %v", tt.pattern, tt.address, got)
		}
	}
}

func TestPatternsThatCannotBeReadAreTold(t *testing.T) {
	t.Parallel()
	for name, check := range map[string]struct {
		good, bad []string
		check     func(string) error
	}{
		"path":    {[]string{"**", "a/**/b", "*.yaml", "a-[bc]"}, []string{"", "/a", "a/", "a//b", "a/../b", "./a", "a**", "[", `a\`, "a b"}, CheckPathPattern},
		"segment": {[]string{"*", "prod-?"}, []string{"", "a/b", "**", "[a"}, CheckPattern},
		"host":    {[]string{"*.example.com", "h:8443"}, []string{"https://h", "h/path", ""}, CheckHostPattern},
		"field":   {[]string{"spec.token.expires", "spec.repositories[].rules", "spec.repositories[].rules[].branch"}, []string{"", "token", "spec.tokn", "spec.repositories.rules", "spec.token[]"}, CheckRequire},
	} {
		for _, p := range check.good {
			if err := check.check(p); err != nil {
				t.Errorf("%s %q: %v", name, p, err)
			}
		}
		for _, p := range check.bad {
			if check.check(p) == nil {
				t.Errorf("%s %q is taken", name, p)
			}
		}
	}
}

func FuzzMatchPath(f *testing.F) {
	for _, seed := range [][2]string{{"a/**", "a/b"}, {"[", "["}, {"**/*", ""}, {"a/*/c", "a//c"}, {`\`, `\`}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		matches := MatchPath(pattern, name)
		if matches && (strings.Contains("/"+name+"/", "/../") || strings.Contains("/"+name+"/", "//")) {
			t.Errorf("%q matches %q", pattern, name)
		}
		if CheckPathPattern(pattern) == nil && MatchPath("**", name) && !MatchPath("**/"+pattern, "x/"+name) && matches {
			t.Errorf("%q matches %q and **/%q does not match below x", pattern, name, pattern)
		}
	})
}

func TestFilesAreHeldToPoliciesOnlyWhileTheyAreWhole(t *testing.T) {
	t.Parallel()
	good := binding.File{Path: "policy/a.cue", Data: []byte(`policies: "policy-a": {message: "m", require: spec: instance: "prod"}`)}
	bad := binding.File{Path: "policy/b.cue", Data: []byte(`policies: {`)}
	p := ParsePolicies([]binding.File{bad, good})
	found := Load(t.Context(), nil, Options{Policies: p}).Findings
	if len(found) != 1 || found[0].Code != "policy-invalid" || found[0].File != "policy/b.cue" || found[0].Line != 1 {
		t.Fatalf("%+v", found)
	}
	got := loadWith(t, "a.yaml", payments, Options{Policies: p})
	if diff := cmp.Diff([]string{"policy/b.cue"}, got.Broken); diff != "" || len(got.Declarations) > 0 {
		t.Error(diff, got.Declarations)
	}
}

// disjunctions is a policy that would take endless processor time: CUE tries every
// combination.
func disjunctions() string {
	var terms []string
	for i := range 24 {
		terms = append(terms, fmt.Sprintf("({f%d: 1} | {f%d: 2} | {f%d: 3})", i, i, i))
	}
	return "_all: " + strings.Join(terms, " & ") + "\npolicies: \"policy-all\": {message: \"m\", require: {spec: _all.f0 | string, spec: _}}\n"
}

// TestAPolicyThatPassedALimitIsNotBegunAgainAtOnce: it is not evaluated for some
// time, but not forever.
func TestAPolicyThatPassedALimitIsNotBegunAgainAtOnce(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes seconds of processor time")
	}
	p := ParsePolicies([]binding.File{{Path: "policy/a.cue", Data: []byte(disjunctions())}})
	p.limits.Processor = time.Second
	cache := NewCache()
	load := func(later time.Duration) (Result, time.Duration) {
		began := time.Now()
		opts := Options{Policies: p, Cache: cache, Now: policyNow().Add(later)}
		got := Load(t.Context(), []binding.File{{Path: "a.yaml", Digest: "1", Data: []byte(payments)}}, opts)
		if diff := cmp.Diff([]string{"policy/a.cue"}, got.Broken); diff != "" || len(got.Declarations) > 0 {
			t.Fatal(diff, got.Declarations)
		}
		return got, time.Since(began)
	}
	first, _ := load(0)
	again, took := load(time.Minute)
	if diff := cmp.Diff(first.Findings, again.Findings); diff != "" || took > time.Second {
		t.Errorf("the second evaluation took %v\n%s", took, diff)
	}
	if _, took := load(overLimitPause); took < time.Second {
		t.Errorf("it is not tried again: %v", took)
	}
}

func TestAnInterruptedRunLetsNothingThrough(t *testing.T) {
	t.Parallel()
	p := ParsePolicies([]binding.File{{Path: "policy/a.cue", Data: []byte(`policies: "policy-a": {message: "m", require: {}}`)}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	findings, whole := p.check(ctx, []binding.Declaration{{Name: "a", File: "a.yaml"}}, nil, Options{})
	if whole || len(findings) != 1 || findings[0].Code != "internal-error" {
		t.Errorf("%v %+v", whole, findings)
	}
}
