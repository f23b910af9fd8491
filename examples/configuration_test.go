package examples

import (
	"os"
	"path/filepath"
	"testing"

	"reconciler/internal/config"
	"reconciler/internal/finding"
)

func TestConfigurationIsValidAndKnowsTheBindingsInstances(t *testing.T) {
	config, found, err := config.Load("reconciler.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		// The files that it names are those of a machine that this is not.
		if f.Code != "file-missing" {
			t.Errorf("%s:%d:%d %s: %s", f.File, f.Line, f.Column, f.Code, f.Message)
		}
	}
	for _, f := range loadBindings(t, config.InstanceNames()).Findings {
		if f.Code == "unknown-instance" {
			t.Errorf("%s: %s", f.File, f.Message)
		}
	}
}

// TestCommentedAlternativesAreValid puts the alternatives that reconciler.yaml
// shows in comments into configurations of their own.
func TestCommentedAlternativesAreValid(t *testing.T) {
	const head = "apiVersion: reconciler/v1alpha1\nkind: Configuration\n"
	const instances = "instances: [{name: a, region: cn-hangzhou}]\n"
	folder := "source: {folder: {path: .}}\n"
	for name, text := range map[string]string{
		"git over ssh": "source: {git: {url: ssh://git@git.example.com/platform/registry-bindings.git, auth: {ssh: {user: git, keyFile: /k, passphraseFile: /p, knownHostsFile: /h}}}}\n" + instances,
		"ssh agent":    "source: {git: {url: ssh://git@git.example.com/r.git, auth: {ssh: {agent: true}}}}\n" + instances,
		"git token":    "source: {git: {url: https://git.example.com/r.git, auth: {tokenFile: /t}, caFile: /c}}\n" + instances,
		"profile":      folder + "instances: [{name: a, region: cn-hangzhou, credentials: {profile: {name: default}}}]\n",
		"RAM role":     folder + "instances: [{name: a, region: cn-hangzhou, credentials: {ramRole: {name: reconciler}}}]\n",
		"OIDC":         folder + "instances: [{name: a, region: cn-hangzhou, credentials: {oidc: {roleArn: \"acs:ram::1234567890123456:role/reconciler\", providerArn: \"acs:ram::1234567890123456:oidc-provider/ack-rrsa\", tokenFile: /t, sessionName: reconciler}}}]\n",
		"vault token":  folder + instances + "vault: {address: \"https://vault.example.com:8200\", auth: {token: {environment: VAULT_TOKEN}}}\n",
		"kubernetes":   folder + instances + "vault: {address: \"https://vault.example.com:8200\", auth: {kubernetes: {mount: kubernetes, role: reconciler}}}\n",
		"JWT":          folder + instances + "vault: {address: \"https://vault.example.com:8200\", auth: {jwt: {mount: jwt, role: reconciler, tokenFile: /t}}}\n",
		"certificate":  folder + instances + "vault: {address: \"https://vault.example.com:8200\", clientCertFile: /c, clientKeyFile: /k, serverName: v, auth: {cert: {mount: cert, role: reconciler}}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "reconciler.yaml")
			if err := os.WriteFile(path, []byte(head+text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, found, err := config.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				if f.Severity == finding.Error {
					t.Errorf("%d:%d %s %s: %s", f.Line, f.Column, f.Code, f.Path, f.Message)
				}
			}
		})
	}
}
