package vault_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/secrets"
	"reconciler/internal/secrets/vault"
)

// TestKind12VaultSaysWhatIsDeleted, and no clock of ours does: a version with a
// deletion time is there for as long as Vault says so.
func TestKind12VaultSaysWhatIsDeleted(t *testing.T) {
	there := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	const served, gone = http.StatusOK, http.StatusNotFound
	for name, tt := range map[string]struct {
		// ours is what our clock is off, deletion when the version is deleted by
		// Vault's clock.
		ours, deletion time.Duration
		status         int
		code           string
	}{
		"deleted next week, and our clock is a month ahead":  {30 * 24 * time.Hour, 7 * 24 * time.Hour, served, ""},
		"deleted in an hour, and our clock is a day ahead":   {24 * time.Hour, time.Hour, served, ""},
		"deleted an hour ago, and our clock is a day behind": {-24 * time.Hour, -time.Hour, gone, vault.CodeDeleted},
		"deleted a moment ago":                               {0, 300 * time.Millisecond, gone, vault.CodeDeleted},
	} {
		t.Run(name, func(t *testing.T) {
			version := `"created_time":"2026-11-01T00:00:00Z","destroyed":false,"deletion_time":"` + there.Add(tt.deletion).Format(time.RFC3339Nano) + `"`
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", there.Format(http.TimeFormat))
				switch {
				case strings.Contains(r.URL.Path, "/data/") && tt.status == gone:
					w.WriteHeader(gone)
					_, _ = io.WriteString(w, `{"data":{"data":null,"metadata":{"version":1,`+version+`}}}`)
				case strings.Contains(r.URL.Path, "/data/"):
					_, _ = io.WriteString(w, `{"data":{"data":{"token":"`+canary+`"},"metadata":{"version":1,`+version+`}}}`)
				case strings.Contains(r.URL.Path, "/metadata/"):
					_, _ = io.WriteString(w, `{"data":{"current_version":1,"versions":{"1":{`+version+`}}}}`)
				default:
					_, _ = io.WriteString(w, `{"data":{"type":"kv","options":{"version":"2"}}}`)
				}
			}))
			defer server.Close()
			client, err := vault.New(vault.Options{
				Address: server.URL, Auth: vault.Auth{TokenFile: writeFile(t, rootToken)}, Now: func() time.Time { return there.Add(tt.ours) },
			})
			if err != nil {
				t.Fatal(err)
			}
			ref := secrets.Ref{Mount: "secret", Path: "acr/gitlab", Key: "token"}
			_, metadata := client.Metadata(t.Context(), ref)
			token, _, read := client.Read(t.Context(), ref)
			token.Wipe()
			for asked, err := range map[string]error{"metadata": metadata, "read": read} {
				if code := codeOf(err); code != tt.code {
					t.Errorf("%s: %v, want code %q", asked, err, tt.code)
				}
			}
		})
	}
}

// codeOf is the code of a failure; empty where there is none.
func codeOf(err error) string {
	if f, ok := errors.AsType[*binding.Failure](err); ok {
		return f.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
