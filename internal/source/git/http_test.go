package git_test

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/source/git"
	"reconciler/internal/source/git/gittest"
)

const canary = "s3cr3t-canary"

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSigningInOverHTTP(t *testing.T) {
	repo := gittest.New(t)
	id := repo.Commit("one", text("a.yaml", "1"))
	server := httptest.NewServer(gittest.BasicAuth(repo.Handler(), "git", canary))
	defer server.Close()
	good, bad := write(t, "good", canary+"\n"), write(t, "bad", "wrong-"+canary)

	tests := []struct {
		name string
		auth git.Auth
		want binding.FailureKind
	}{
		{"a password", git.Auth{Basic: &git.Basic{Username: "git", Password: git.SecretFile(good)}}, ""},
		{"a token", git.Auth{Token: &git.Token{Token: git.SecretFile(good)}}, ""},
		{"nothing", git.Auth{}, binding.Forbidden},
		{"a wrong password", git.Auth{Basic: &git.Basic{Username: "git", Password: git.SecretFile(bad)}}, binding.Forbidden},
		{"a wrong user", git.Auth{Token: &git.Token{Username: "other", Token: git.SecretFile(good)}}, binding.Forbidden},
		{"a missing file", git.Auth{Token: &git.Token{Token: git.SecretFile(good + "-none")}}, binding.Transient},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := open(t, git.Options{URL: server.URL + "/repo.git", Auth: tt.auth}).Snapshot(t.Context(), "")
			if tt.want == "" {
				if err != nil || got.Revision != id {
					t.Errorf("revision %s, error %v", got.Revision, err)
				}
				return
			}
			if f := failure(t, err); f.Kind != tt.want {
				t.Errorf("kind %s, want %s: %v", f.Kind, tt.want, err)
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

// TestAServerThatRepeatsTheCredentialsIsNotRepeated lets a server say what it
// was sent in every place where its words are shown.
func TestAServerThatRepeatsTheCredentialsIsNotRepeated(t *testing.T) {
	line := func(s string) string { return fmt.Sprintf("%04x%s", len(s)+4, s) }
	for name, answer := range map[string]func(user, password, wire string) string{
		"an error line":             func(_, p, _ string) string { return line("ERR you sent " + p) },
		"an error line of the wire": func(_, _, w string) string { return line("ERR you sent " + w) },
		"an error line after much":  func(_, p, _ string) string { return line("ERR " + strings.Repeat("x", 190) + p) },
		"not the protocol":          func(_, p, _ string) string { return line(p) },
		"a ref": func(_, p, _ string) string {
			return line("# service=git-upload-pack\n") + "0000" + line(p+" refs/heads/main\n") + "0000"
		},
		"a shallow line": func(_, p, _ string) string {
			return line("# service=git-upload-pack\n") + "0000" + line(strings.Repeat("a", 40)+" HEAD\x00shallow\n") + line("shallow "+p) + "0000"
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				user, password, _ := r.BasicAuth()
				w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
				_, _ = io.WriteString(w, answer(user, password, strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")))
			}))
			defer server.Close()
			auth := git.Auth{Token: &git.Token{Token: git.SecretFile(write(t, "t", canary))}}
			_, _, err := open(t, git.Options{URL: server.URL + "/repo.git", Auth: auth}).Snapshot(t.Context(), "")
			if err == nil {
				t.Fatal("no error")
			}
			wire := base64.StdEncoding.EncodeToString([]byte("git:" + canary))
			for _, shown := range []string{fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
				for _, secret := range []string{canary, canary[:8], wire} {
					if strings.Contains(shown, secret) {
						t.Errorf("the error shows the secret: %s", shown)
					}
				}
			}
		})
	}
}

func TestAnExchangedPasswordIsTakenUp(t *testing.T) {
	repo := gittest.New(t)
	repo.Commit("one", text("a.yaml", "1"))
	server := httptest.NewServer(gittest.BasicAuth(repo.Handler(), "git", canary))
	defer server.Close()
	file := write(t, "token", "old")
	s := open(t, git.Options{URL: server.URL + "/repo.git", Auth: git.Auth{Token: &git.Token{Token: git.SecretFile(file)}}})
	if _, _, err := s.Snapshot(t.Context(), ""); failure(t, err).Kind != binding.Forbidden {
		t.Error(err)
	}
	if err := os.WriteFile(file, []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	read(t, s, "")
}

func TestTLSNeedsAKnownAuthority(t *testing.T) {
	repo := gittest.New(t)
	id := repo.Commit("one", text("a.yaml", "1"))
	server := httptest.NewUnstartedServer(repo.Handler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	url := server.URL + "/repo.git"

	if got := read(t, open(t, git.Options{URL: url, CAFile: write(t, "ca.pem", string(ca))}), ""); got.Revision != id {
		t.Errorf("revision %s", got.Revision)
	}
	_, _, err := open(t, git.Options{URL: url}).Snapshot(t.Context(), "")
	if f := failure(t, err); f.Kind != binding.Refused || f.Code != "certificate" {
		t.Error(err)
	}
	if _, _, err = open(t, git.Options{URL: url, CAFile: write(t, "ca.pem", "none")}).Snapshot(t.Context(), ""); err == nil {
		t.Error("a CA file without a certificate is taken")
	}
}

func TestRedirects(t *testing.T) {
	repo := gittest.New(t)
	id := repo.Commit("one", text("a.yaml", "1"))
	backend := gittest.BasicAuth(repo.Handler(), "git", canary)
	var stolen []string
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stolen = append(stolen, r.URL.Path+r.Header.Get("Authorization"))
	}))
	defer thief.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/old/"):
			http.Redirect(w, r, strings.TrimPrefix(r.URL.Path, "/old")+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
		case strings.HasPrefix(r.URL.Path, "/away/"):
			http.Redirect(w, r, thief.URL+r.URL.Path+"?token="+canary, http.StatusTemporaryRedirect)
		case strings.HasPrefix(r.URL.Path, "/post/") && r.Method == http.MethodPost:
			http.Redirect(w, r, thief.URL+r.URL.Path, http.StatusTemporaryRedirect)
		default:
			http.StripPrefix(map[bool]string{true: "/post"}[strings.HasPrefix(r.URL.Path, "/post/")], backend).ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	auth := git.Auth{Token: &git.Token{Token: git.SecretFile(write(t, "t", canary))}}

	if got := read(t, open(t, git.Options{URL: server.URL + "/old/repo.git", Auth: auth}), ""); got.Revision != id {
		t.Errorf("a redirect on the same host: revision %s", got.Revision)
	}
	for _, path := range []string{"/away/repo.git", "/post/repo.git"} {
		_, _, err := open(t, git.Options{URL: server.URL + path, Auth: auth}).Snapshot(t.Context(), "")
		if f := failure(t, err); f.Kind != binding.Refused || f.Code != "redirect" {
			t.Errorf("%s: %v", path, err)
		}
		if strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error shows the secret: %v", path, err)
		}
	}
	if stolen != nil {
		t.Errorf("the other host was asked: %v", stolen)
	}
}

func TestAnswersOfHTTPServersAreToldApart(t *testing.T) {
	tests := []struct {
		name  string
		serve http.HandlerFunc
		kind  binding.FailureKind
		after time.Duration
	}{
		{"403", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, binding.Forbidden, 0},
		{"404", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, binding.NotFound, 0},
		{"400", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) }, binding.Refused, 0},
		{"429", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(429)
		}, binding.Throttled, 7 * time.Second},
		{"503", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, binding.Transient, 0},
		{"a page", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, binding.Unreadable, 0},
		{"garbage", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			_, _ = w.Write([]byte("0009what\n"))
		}, binding.Unreadable, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(tt.serve)
			defer server.Close()
			_, _, err := open(t, git.Options{URL: server.URL + "/repo.git"}).Snapshot(t.Context(), "")
			if f := failure(t, err); f.Kind != tt.kind || f.RetryAfter != tt.after {
				t.Errorf("kind %s after %s: %v", f.Kind, f.RetryAfter, err)
			}
		})
	}
}

func TestOptionsAreChecked(t *testing.T) {
	secret := git.SecretFile("/none")
	ssh := &git.SSH{KeyFile: "k", KnownHostsFile: "h"}
	id := strings.Repeat("a", 40)
	tests := []struct {
		name    string
		options git.Options
		code    string
	}{
		{"a password in the URL", git.Options{URL: "https://u:" + canary + "@h/r"}, "source-url-credentials"},
		{"a token as the URL's user", git.Options{URL: "https://" + canary + "@h/r"}, "source-url-credentials"},
		{"a password in an ssh URL", git.Options{URL: "ssh://git:" + canary + "@h/r"}, "source-url-credentials"},
		{"a password without a scheme", git.Options{URL: "u:" + canary + "@h/r"}, "source-url-credentials"},
		{"a token in a query", git.Options{URL: "https://h/r?token=" + canary}, "source-url-credentials"},
		{"a fragment", git.Options{URL: "https://h/r#" + canary}, "source-url-credentials"},
		{"an unreadable URL", git.Options{URL: "https://u:" + canary + "@h:x/r"}, "source-url"},
		{"a control character", git.Options{URL: "https://h/" + canary + "\n"}, "source-url"},
		{"the file protocol", git.Options{URL: "file:///" + canary}, "source-url"},
		{"a local path", git.Options{URL: "/" + canary}, "source-url"},
		{"the git protocol", git.Options{URL: "git://h/" + canary}, "source-url"},
		{"http to another host", git.Options{URL: "http://example.com/" + canary}, "source-url"},
		{"an option as an ssh path", git.Options{URL: "git@h:--" + canary, Auth: git.Auth{SSH: ssh}}, "source-url"},
		{"no path", git.Options{URL: "https://h/"}, "source-url"},
		{"ssh without a key", git.Options{URL: "git@h:r"}, ""},
		{"ssh without known hosts", git.Options{URL: "git@h:r", Auth: git.Auth{SSH: &git.SSH{KeyFile: "k"}}}, ""},
		{"ssh with neither key nor agent", git.Options{URL: "git@h:r", Auth: git.Auth{SSH: &git.SSH{KnownHostsFile: "h"}}}, ""},
		{"a key for https", git.Options{URL: "https://h/r", Auth: git.Auth{SSH: ssh}}, ""},
		{"two ways to sign in", git.Options{URL: "https://h/r", Auth: git.Auth{Token: &git.Token{Token: secret}, Basic: &git.Basic{Username: "u", Password: secret}}}, ""},
		{"no password", git.Options{URL: "https://h/r", Auth: git.Auth{Basic: &git.Basic{Username: "u"}}}, ""},
		{"no token", git.Options{URL: "https://h/r", Auth: git.Auth{Token: &git.Token{}}}, ""},
		{"branch and tag", git.Options{URL: "https://h/r", Branch: "b", Tag: "t"}, ""},
		{"a short commit", git.Options{URL: "https://h/r", Commit: "abc"}, ""},
		{"a path that climbs out", git.Options{URL: "https://h/r", Path: "a/../../b"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := git.New(tt.options)
			if err == nil {
				t.Fatal("no error")
			}
			if tt.code != "" && failure(t, err).Code != tt.code {
				t.Errorf("code is %s, want %s", failure(t, err).Code, tt.code)
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error shows the URL: %v", err)
			}
		})
	}
	for _, options := range []git.Options{
		{URL: "https://h/r", Commit: id},
		{URL: "http://localhost:3000/r"},
		{URL: "http://[::1]/r"},
		{URL: "ssh://git@h:2222/r", Auth: git.Auth{SSH: ssh}},
		{URL: "git@h:group/r.git", Auth: git.Auth{SSH: ssh}},
	} {
		if _, err := git.New(options); err != nil {
			t.Errorf("%s: %v", options.URL, err)
		}
	}
}
