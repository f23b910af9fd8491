package providers_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"reconciler/internal/providers"
	_ "reconciler/internal/report" // The texts of errors.
	"reconciler/internal/secrets"
)

func TestADocumentIsAskedForOnlyWhereItIsSafe(t *testing.T) {
	for address, want := range map[string]string{
		"https://reconciler.example.com/v1alpha1/snapshot?sign=canary": "",
		"http://127.0.0.1:9440/snapshot":                               "",
		"http://localhost/snapshot":                                    "",
		"http://reconciler.example.com/snapshot?sign=canary":           "begins with http://",
		"ftp://reconciler.example.com/canary":                          "begins with ftp://",
		"https://u:canary@reconciler.example.com/":                     "holds a user",
		"https:///canary":                                              "not a URL with a host",
		"https://[canary/":                                             "not a URL with a host",
	} {
		_, err := providers.ParseDocument(address)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary")) {
			t.Errorf("%s: got %v, want %q", address, err, want)
		}
	}
}

func TestADocumentComesWholeOrNotAtAll(t *testing.T) {
	const token = "document-token-canary"
	var sentElsewhere []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sentElsewhere = append(sentElsewhere, r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	answers := map[string]http.HandlerFunc{
		"/good": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer "+token {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			_, _ = w.Write([]byte(`{"a":1}`))
		},
		"/page": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>"))
		},
		"/redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"/large": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`"` + strings.Repeat("a", 2048) + `"`))
		},
		"/broken": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"/slow":   func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answers[r.URL.Path](w, r) }))
	defer server.Close()
	client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, MaxBytes: 1024, Timeout: 10 * time.Second})
	impatient := providers.NewHTTPClient(providers.Options{AllowPrivate: true, Timeout: 50 * time.Millisecond})
	for _, tt := range []struct {
		path, token, want string
		client            *http.Client
	}{
		{"/good", token, "", client},
		{"/good", "", "refuses (401 Unauthorized): check the token", client},
		{"/good", "another", "refuses (401 Unauthorized): check the token", client},
		{"/page", token, "something other than JSON", client},
		{"/redirect", token, "redirects (302 Found), which is not followed", client},
		{"/large", token, "is too large", client},
		{"/broken", token, "answers 502 Bad Gateway", client},
		{"/slow", token, "did not answer in time", impatient},
	} {
		address, err := providers.ParseDocument(server.URL + tt.path + "?sign=query-canary")
		if err != nil {
			t.Fatal(err)
		}
		text, err := providers.Document(context.Background(), tt.client, address, secrets.New([]byte(tt.token)))
		if tt.want == "" {
			if err != nil || string(text) != `{"a":1}` {
				t.Errorf("%s: got %q, %v", tt.path, text, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v, want %q", tt.path, err, tt.want)
		}
	}
	if len(sentElsewhere) > 0 {
		t.Errorf("a redirect was followed, with %q", sentElsewhere)
	}
	server.Close()
	address, _ := providers.ParseDocument(server.URL)
	if _, err := providers.Document(context.Background(), client, address, secrets.Secret{}); err == nil || !strings.Contains(err.Error(), "could not be reached") {
		t.Errorf("nobody listens: %v", err)
	}
	secure := httptest.NewTLSServer(answers["/page"])
	defer secure.Close()
	address, _ = providers.ParseDocument(secure.URL)
	if _, err := providers.Document(context.Background(), client, address, secrets.Secret{}); err == nil || !strings.Contains(err.Error(), "is not trusted") {
		t.Errorf("a foreign certificate: %v", err)
	}
}
