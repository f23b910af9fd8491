package vault_test

import (
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
	"reconciler/internal/secrets/vault"
)

// Kind 1: a "no" is taken for a verdict on what was sent. That a secret is not
// there is known from Vault alone, and that Vault does not let us read it is
// our own fault and says nothing about the secret.
func TestKind1ANoOfTheSecretStoreIsSomebodysFault(t *testing.T) {
	page := func(status int) sandbox.Fault {
		return sandbox.Fault{Status: status, ContentType: "text/html", Body: "<html>not here</html>"}
	}
	says := func(status int, body string) sandbox.Fault {
		return sandbox.Fault{Status: status, ContentType: "application/json", Body: body}
	}
	for name, c := range map[string]struct {
		fault sandbox.Fault
		code  string
		want  binding.Fault
	}{
		"permission denied":              {says(403, `{"errors":["1 error occurred: permission denied"]}`), vault.CodeForbidden, binding.FaultCredentials},
		"token ended":                    {says(403, `{"errors":["permission denied","invalid token"]}`), vault.CodeForbidden, binding.FaultCredentials},
		"nothing stored":                 {says(404, `{"errors":[]}`), vault.CodeNotFound, binding.FaultRequest},
		"nothing mounted":                {says(404, `{"errors":["no handler for route \"x\""]}`), vault.CodeNotFound, binding.FaultRequest},
		"sealed":                         {says(503, `{"errors":["Vault is sealed"]}`), vault.CodeSealed, binding.FaultService},
		"rate limit":                     {says(429, `{"errors":["rate limit quota exceeded"]}`), vault.CodeThrottled, binding.FaultService},
		"a word that nobody knows":       {says(400, `{"errors":["the moon is full"]}`), vault.CodeRefused, binding.FaultUnknown},
		"a status that nobody knows":     {says(418, `{"errors":["teapot"]}`), vault.CodeRefused, binding.FaultUnknown},
		"a redirect":                     {sandbox.Fault{Status: 302}, vault.CodeUnreachable, binding.FaultService},
		"404 of a proxy":                 {page(404), vault.CodeUnreadable, binding.FaultUnknown},
		"404 of a gateway that has JSON": {says(404, `{"message":"no Route matched with those values"}`), vault.CodeUnreadable, binding.FaultUnknown},
		"404 without a body":             {sandbox.Fault{Status: 404}, vault.CodeUnreadable, binding.FaultUnknown},
		"403 of a proxy":                 {page(403), vault.CodeUnreadable, binding.FaultUnknown},
		"403 of a gateway that has JSON": {says(403, `{"message":"Forbidden"}`), vault.CodeUnreadable, binding.FaultUnknown},
		"401 of a proxy":                 {page(401), vault.CodeUnreadable, binding.FaultUnknown},
		"502 of a proxy":                 {page(502), vault.CodeUnreachable, binding.FaultService},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFakeVault(t, nil)
			w.Put("secret", "a", map[string]string{"token": canary})
			o := w.options(t, rootToken)
			o.KVVersions = map[string]int{"secret": 2}
			client := newClient(t, o)
			if err := client.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.Faults.Add(c.fault)
			ref := secrets.Ref{Mount: "secret", Path: "a", Key: "token"}
			_, ofMetadata := client.Metadata(t.Context(), ref)
			_, _, ofRead := client.Read(t.Context(), ref)
			for _, err := range []error{ofMetadata, ofRead} {
				if f := wantFailure(t, err, c.code, binding.KindOf(err)); f.WhoseFault() != c.want {
					t.Errorf("got %s, want %s: %v", f.WhoseFault(), c.want, f)
				}
			}
		})
	}
}
