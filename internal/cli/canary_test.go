package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"reconciler/internal/sandbox"
)

// TestCanaryWhenAllIsWell runs every command that reaches outside, with secrets
// that are really used, and searches all that came out.
func TestCanaryWhenAllIsWell(t *testing.T) {
	c := newCanaryRun(t)
	c.configured()
	c.run([]int{0}, "validate", "--config", "reconciler.yaml", "bindings")
	c.run([]int{0}, "plan", "--preflight", "--full")
	c.run([]int{0}, "apply", "--auto-approve")
	for _, d := range c.declarations {
		if tokens := c.tokens[d.Name]; len(tokens) > 0 && !c.instance(d.Spec.Instance).TokenIs(string(d.Spec.Platform), tokens[0]) {
			t.Errorf("%s is not bound with the marked token, so that nothing is proven", d.Name)
		}
	}
	c.newToken(*c.declaration("platform-codeup"))
	c.instance("prod-hangzhou").ConsoleUnbind("gitlab")
	c.run([]int{0}, "plan", "--output", "json")
	c.daemon(func(log string) bool {
		return strings.Contains(log, "rebind") && strings.Count(log, `"action done"`) >= 2
	}, syscall.SIGTERM)
	// A daemon that is told to die prints its stacks.
	c.others = true
	c.daemon(func(log string) bool { return strings.Contains(log, `"sync done"`) }, syscall.SIGQUIT)
	c.run([]int{0, 3, 4}, "doctor")
	c.run([]int{0, 3, 4}, "doctor", "--output", "json")
	c.run([]int{0, 3}, "import", "prod-hangzhou")
	c.run([]int{1}, "attest", "platform-codeup")
	c.run([]int{0, 2}, "fmt", "--check", "bindings")
	c.run([]int{0}, "explain")
	c.run([]int{0}, "schema")
	c.run([]int{0}, "version")
	c.run([]int{0}, "completion", "bash")
	c.run([]int{1}, "comment", "--number", "1")
	c.search()
}

// TestCanaryWhenTheVendorsRuntimeIsToldToDebug: it would print what it signs
// and sends, so nothing is begun.
func TestCanaryWhenTheVendorsRuntimeIsToldToDebug(t *testing.T) {
	t.Parallel()
	c := newCanaryRun(t)
	c.configured()
	for _, c.debug = range []string{"sdk", "tea", "credential", "sdk,tea,credential", "*"} {
		c.run([]int{0, 1, 3, 4}, "plan", "--preflight")
		c.run([]int{0, 1, 3, 4}, "apply", "--auto-approve")
	}
	c.search()
}

// configured writes the configuration, with the source from git.
func (c *canaryRun) configured() {
	c.t.Helper()
	err := c.configure(true)
	if err == nil {
		err = c.serveAPI(c.mark("API token"))
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(filepath.Join(c.folder, "secrets", "wrong-token"), c.mark("wrong API token"))
}

// everything runs the commands that ask and those that change; how they end
// depends on what fails.
func (c *canaryRun) everything() {
	c.t.Helper()
	notDone := []int{1, 3, 4}
	ends := []int{0, 1, 3, 4}
	c.run(ends, "plan")
	c.run(ends, "plan", "--preflight", "--output", "json")
	if c.recovers {
		notDone = ends
	}
	c.run(notDone, "apply", "--auto-approve")
	c.run(ends, "doctor")
	c.run(ends, "doctor", "--output", "json")
	c.run(ends, "import", "prod-hangzhou")
	c.run(ends, "attest", "platform-codeup")
	c.daemon(func(log string) bool {
		return strings.Contains(log, `"started"`) && (strings.Contains(log, `"ERROR"`) || strings.Count(log, `"sync done"`) >= 2)
	}, syscall.SIGTERM)
	c.search()
}

// TestCanaryOnFailurePaths lets each part of the outside fail in its own way.
func TestCanaryOnFailurePaths(t *testing.T) {
	for name, fail := range map[string]func(*canaryRun){
		"the code hosts refuse the tokens": func(c *canaryRun) {
			for name, tokens := range c.tokens {
				c.Hosts.RevokeToken(string(c.declaration(name).Spec.Platform), tokens[0])
			}
		},
		"the registry refuses": func(c *canaryRun) {
			c.Registry.Faults.Add(anyFault(http.StatusForbidden, "application/json", `{"code":"Forbidden.RAM","message":"no"}`))
		},
		"the registry loses answers to writes": func(c *canaryRun) {
			c.recovers = true
			c.Registry.Faults.Add(sandbox.Fault{DropResponse: true, Match: func(r *http.Request) bool { return r.Method != http.MethodGet }})
		},
		"the access key secret is wrong": func(c *canaryRun) {
			for _, name := range worldInstances() {
				c.write(filepath.Join(c.folder, "secrets", name+"-secret"), c.mark(name+" wrong secret"))
			}
		},
		"the security token is wrong": func(c *canaryRun) {
			for _, name := range worldInstances() {
				c.write(filepath.Join(c.folder, "secrets", name+"-sts"), c.mark(name+" wrong security token"))
			}
		},
		"Vault is sealed":             func(c *canaryRun) { c.Vault.Seal(true) },
		"Vault's secret is deleted":   func(c *canaryRun) { c.Vault.Delete("secret", "acr/payments/gitlab") },
		"Vault's secret is destroyed": func(c *canaryRun) { c.Vault.Destroy("secret", "acr/payments/gitlab") },
		"Vault's secret has no key": func(c *canaryRun) {
			c.Vault.Put("secret", "acr/payments/gitlab", map[string]string{"other": c.mark("other key")})
		},
		"the Vault token is wrong": func(c *canaryRun) {
			c.write(filepath.Join(c.folder, "secrets", "vault-token"), c.mark("wrong Vault token"))
		},
		"the git password is wrong": func(c *canaryRun) {
			c.write(filepath.Join(c.folder, "secrets", "git-password"), c.mark("wrong git password"))
		},
		"the token ends with newlines": func(c *canaryRun) {
			c.Vault.Put("secret", "acr/payments/gitlab", map[string]string{"token": c.mark("broken token") + "\r\n\r\nX: y"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCanaryRun(t)
			c.configured()
			fail(c)
			c.everything()
		})
	}
}

// TestCanaryWhenAnswersEchoTheRequest puts a server in the place of each part
// that answers with all that it was sent, in every way that a client might take
// into an error.
func TestCanaryWhenAnswersEchoTheRequest(t *testing.T) {
	for part, place := range map[string]func(*canaryRun, string){
		"registry":        func(c *canaryRun, url string) { c.RegistryURL = url },
		"registry writes": func(c *canaryRun, url string) { c.RegistryURL = url },
		"vault":           func(c *canaryRun, url string) { c.VaultURL = url },
		"codeup":          func(c *canaryRun, url string) { c.CodeupURL = url + "/oapi/v1" },
		"git":             func(c *canaryRun, url string) { c.GitURL = url + "/bindings.git" },
		"gitlab": func(c *canaryRun, url string) {
			for name, text := range canaryDeclarations() {
				c.write(filepath.Join(c.folder, "bindings", name), strings.ReplaceAll(text, "http://$GITLAB", url))
			}
			if err := c.commit("Another GitLab"); err != nil {
				c.t.Fatal(err)
			}
		},
	} {
		for way, answer := range echoes() {
			t.Run(part+" "+way, func(t *testing.T) {
				t.Parallel()
				c := newCanaryRun(t)
				c.recovers = part == "codeup" || part == "gitlab"
				var sent syncBuffer
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if part == "registry writes" && r.Method == http.MethodGet {
						c.Registry.ServeHTTP(w, r)
						return
					}
					dump, err := httputil.DumpRequest(r, true)
					if err != nil {
						panic(http.ErrAbortHandler)
					}
					_, password, _ := r.BasicAuth()
					_, _ = sent.Write(append(dump, password...))
					answer(w, string(dump)+password)
				}))
				t.Cleanup(server.Close)
				place(c, server.URL)
				c.configured()
				c.everything()
				if !slices.ContainsFunc(c.markers, func(m marker) bool { return m.in([]byte(sent.String())) }) {
					t.Error("no secret was sent to the server, so that nothing is proven")
				}
			})
		}
	}
}

// echoes are the ways to answer with what was sent.
func echoes() map[string]func(w http.ResponseWriter, sent string) {
	object := func(status int) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, sent string) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(map[string]any{
				"code": sent, "message": sent, "error": sent, "error_description": sent, "errorMessage": sent,
				"errors": []string{sent}, "data": sent, "requestId": sent, "warnings": []string{sent}, sent: sent,
			})
		}
	}
	return map[string]func(http.ResponseWriter, string){
		"refuses":  object(http.StatusForbidden),
		"faults":   object(http.StatusBadRequest),
		"unsigned": object(http.StatusUnauthorized),
		"succeeds": object(http.StatusOK),
		"text":     func(w http.ResponseWriter, sent string) { http.Error(w, sent, http.StatusNotFound) },
		"half JSON": func(w http.ResponseWriter, sent string) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"data": {"x": %q`, sent)
		},
		"redirects": func(w http.ResponseWriter, sent string) {
			w.Header().Set("Location", "http://127.0.0.1:1/"+strings.NewReplacer("\r", "", "\n", "").Replace(sent))
			w.WriteHeader(http.StatusFound)
		},
		"headers": func(w http.ResponseWriter, sent string) {
			line := strings.NewReplacer("\r", "", "\n", "").Replace(sent)
			for _, h := range []string{"Content-Type", "Www-Authenticate", "X-Request-Id", "X-Acs-Request-Id", "Retry-After"} {
				w.Header().Set(h, line)
			}
			w.WriteHeader(http.StatusUnauthorized)
		},
	}
}

// TestCanaryInWhatIsWritten has secrets where none may stand: in a declaration,
// in the configuration, and as the address of a repository.
func TestCanaryInWhatIsWritten(t *testing.T) {
	t.Parallel()
	c := newCanaryRun(t)
	c.configured()
	shaped := newMarker("token in a declaration")
	c.markers = append(c.markers, shaped)
	outside := filepath.Join(c.folder, "secrets")
	c.write(filepath.Join(outside, "bad", "token.yaml"), strings.Replace(canaryDeclarations()["codeup.yaml"],
		"  token: {", "  token: glpat-"+shaped.core+"\n  tokn: {", 1))
	c.write(filepath.Join(outside, "bad", "broken.yaml"), "token: glpat-"+shaped.core+"\n\tx: [")
	c.run([]int{3}, "validate", "secrets/bad")
	c.run([]int{3}, "validate", "--output", "json", "secrets/bad")
	c.run([]int{0, 3}, "fmt", "--diff", "secrets/bad")
	c.run([]int{1, 3, 4}, "plan", "secrets/bad")

	config, err := os.ReadFile(filepath.Join(c.folder, "reconciler.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	password := newMarker("password in an address")
	c.markers = append(c.markers, password)
	for _, address := range []string{c.GitURL, c.VaultURL, c.CodeupURL, c.RegistryURL} {
		with := strings.Replace(address, "http://", "http://git:"+password.core+"@", 1)
		c.write(filepath.Join(outside, "config", "reconciler.yaml"), strings.ReplaceAll(string(config), address, with))
		c.run([]int{1, 3}, "plan", "--config", "secrets/config/reconciler.yaml")
		c.run([]int{1, 3}, "validate", "--config", "secrets/config/reconciler.yaml", "bindings")
		c.run([]int{1, 3}, "run", "--config", "secrets/config/reconciler.yaml")
	}
	c.search()
}
