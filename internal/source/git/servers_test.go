package git_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"reconciler/internal/binding"
	"reconciler/internal/source/git"
	"reconciler/internal/source/git/gittest"
)

// withType answers as the handler does, with parameters to its types.
func withType(next http.Handler, parameters string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		w.Header().Set("Content-Type", rec.Header().Get("Content-Type")+parameters)
		w.WriteHeader(rec.Code)
		_, _ = io.Copy(w, rec.Body)
	})
}

func TestAContentTypeMayHaveParameters(t *testing.T) {
	repo := gittest.New(t)
	id := repo.Commit("one", text("a.yaml", "1"))
	for parameters, good := range map[string]bool{
		"": true, "; charset=utf-8": true, ";charset=UTF-8": true, "; charset=\"utf-8\"; x=y": true, "; charset": true, " ;": true, "-other": false,
	} {
		server := httptest.NewServer(withType(repo.Handler(), parameters))
		got, _, err := open(t, git.Options{URL: server.URL + "/repo.git"}).Snapshot(t.Context(), "")
		if (err == nil) != good || good && got.Revision != id {
			t.Errorf("%q: %v", parameters, err)
		}
		server.Close()
	}
}

func TestAPathIsSentAsItIsWritten(t *testing.T) {
	repo := gittest.New(t)
	id := repo.Commit("one", text("a.yaml", "1"))
	for _, path := range []string{"/a%2Fb/repo.git", "/a%20b/repo.git", "/%C3%A9/repo.git", "/a+b/repo.git", "/a%2Fb/", "/~me/x%252F"} {
		var asked []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.RequestURI)
			wanted := strings.TrimRight(path, "/")
			rest, ok := strings.CutPrefix(r.URL.EscapedPath(), wanted)
			if moved, old := strings.CutPrefix(r.URL.EscapedPath(), "/moved"+wanted); old {
				http.Redirect(w, r, wanted+moved+"?"+r.URL.RawQuery, http.StatusFound)
				return
			}
			if !ok {
				http.NotFound(w, r)
				return
			}
			r.URL.Path, r.URL.RawPath = "/repo.git"+rest, ""
			repo.Handler().ServeHTTP(w, r)
		}))
		for _, before := range []string{"", "/moved"} {
			got, _, err := open(t, git.Options{URL: server.URL + before + path}).Snapshot(t.Context(), "")
			if err != nil || got.Revision != id {
				t.Errorf("%s%s: %v, asked for %q", before, path, err, asked)
			}
		}
		server.Close()
	}
}

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	for _, tt := range []struct {
		header   string
		status   int
		min, max time.Duration
	}{
		{"7", 429, 7 * time.Second, 7 * time.Second},
		{" 7 ", 503, 7 * time.Second, 7 * time.Second},
		{"86400", 503, time.Hour, time.Hour},
		{time.Now().Add(5 * time.Minute).UTC().Format(http.TimeFormat), 503, 4 * time.Minute, 5 * time.Minute},
		{time.Now().Add(5 * time.Minute).UTC().Format(time.RFC850), 429, 4 * time.Minute, 5 * time.Minute},
		{time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat), 429, time.Second, time.Second},
		{"soon", 429, 0, 0},
		{"-3", 429, 0, 0},
		{"1.5", 503, 0, 0},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", tt.header)
			w.WriteHeader(tt.status)
		}))
		_, _, err := open(t, git.Options{URL: server.URL + "/repo.git"}).Snapshot(t.Context(), "")
		if f := failure(t, err); f.RetryAfter < tt.min || f.RetryAfter > tt.max {
			t.Errorf("%d with %q: %s", tt.status, tt.header, f.RetryAfter)
		}
		server.Close()
	}
}

func TestARefusedRedirectSaysWhy(t *testing.T) {
	for name, test := range map[string]struct{ to, words string }{
		"in a circle":       {"/repo.git/info/refs", "more than 5 redirects"},
		"another scheme":    {"https://HOST/repo.git/info/refs", "another scheme"},
		"another host":      {"http://other.example/repo.git/info/refs", "another host or port"},
		"another port":      {"http://127.0.0.1:1/repo.git/info/refs", "another host or port"},
		"with credentials":  {"http://me:s3cr3t-canary@HOST/repo.git/info/refs", "it contains credentials"},
		"both of them":      {"https://other.example/repo.git/info/refs", "another host or port"},
		"another file type": {"/login", "not git's smart HTTP protocol"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/login" {
				http.Redirect(w, r, strings.Replace(test.to, "HOST", r.Host, 1), http.StatusFound)
			}
		}))
		_, _, err := open(t, git.Options{URL: server.URL + "/repo.git"}).Snapshot(t.Context(), "")
		if err == nil || !strings.Contains(err.Error(), test.words) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", name, err)
		}
		server.Close()
	}
}

// A server may demand that the client knows multi_ack, as Azure DevOps and
// CodeCommit do.
func TestAServerThatDemandsMultiAckIsRead(t *testing.T) {
	repo := gittest.New(t)
	first := repo.Commit("one", text("a.yaml", "1"))
	refused := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method == http.MethodPost && !bytes.Contains(body, []byte(" multi_ack")) {
			refused++
			http.Error(w, "TF401041: The client must support multi_ack or multi_ack_detailed capability.", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		repo.Handler().ServeHTTP(w, r)
	}))
	defer server.Close()
	s := open(t, git.Options{URL: server.URL + "/repo.git"})
	if got := read(t, s, ""); got.Revision != first {
		t.Errorf("revision %s", got.Revision)
	}
	for _, content := range []string{"2", "3"} {
		id := repo.Commit(content, text("a.yaml", content))
		got := read(t, s, first)
		if got.Revision != id || got.Rewritten || refused > 0 {
			t.Errorf("revision %s, rewritten %t, %d requests refused", got.Revision, got.Rewritten, refused)
		}
		first = id
	}
}

func TestARepositoryOfTheOtherObjectFormatIsNamed(t *testing.T) {
	answer := "001e# service=git-upload-pack\n0000" + pkt(strings.Repeat("a", 64)+" HEAD\x00multi_ack object-format=sha256 agent=git/2\n") + "0000"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	_, _, err := open(t, git.Options{URL: server.URL + "/repo.git"}).Snapshot(t.Context(), "")
	if f := failure(t, err); f.Kind != binding.Refused || f.Code != "object-format" || !strings.Contains(err.Error(), "SHA-256") {
		t.Error(err)
	}
	if _, err := git.New(git.Options{URL: server.URL + "/repo.git", Commit: strings.Repeat("a", 64)}); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Error(err)
	}
}

func pkt(line string) string {
	const hex = "0123456789abcdef"
	n := len(line) + 4
	return string([]byte{hex[n>>12&15], hex[n>>8&15], hex[n>>4&15], hex[n&15]}) + line
}

// known_hosts means what it means to OpenSSH.
func TestKnownHostsAsOpenSSHReadsThem(t *testing.T) {
	repo := gittest.New(t)
	id := repo.Commit("one", text("a.yaml", "1"))
	user, userFile := gittest.NewKey(t)
	host, _ := gittest.NewKey(t)
	ec, foreign := ecdsaKey(t), ecdsaKey(t)
	server := repo.ServeSSH(user.PublicKey(), ec, host)
	line := func(at string, key ssh.PublicKey) string { return knownhosts.Line([]string{at}, key) + "\n" }
	bare, _, _ := strings.Cut(server.Address, ":")
	right := line(server.Address, host.PublicKey())
	unknown := "ssh-mldsa-44@openssh.com"
	blob := binary.BigEndian.AppendUint32(nil, uint32(len(unknown)))
	odd := " " + unknown + " " + base64.StdEncoding.EncodeToString(append(blob, unknown...)) + "\n"
	for name, test := range map[string]struct{ known, code string }{
		"an unknown type for another host": {"other.example.com" + odd + right, ""},
		"an unknown type for this host":    {knownhosts.Normalize(server.Address) + odd + right, ""},
		"a line that is none":              {"what is this\n@what x ssh-ed25519 AAAA\n|2|x ssh-ed25519 AAAA\n\n# comment\n" + right, ""},
		"an old key of another type first": {line(server.Address, foreign.PublicKey()) + right, ""},
		"an old key of another type last":  {right + line(server.Address, foreign.PublicKey()), ""},
		"an old key of the same type too":  {line(server.Address, foreign.PublicKey()) + line(server.Address, ec.PublicKey()), ""},
		"a line without the port":          {line(bare, host.PublicKey()), ""},
		"a hashed line":                    {knownhosts.HashHostname(knownhosts.Normalize(server.Address)) + " " + string(ssh.MarshalAuthorizedKey(host.PublicKey())), ""},
		"another key only":                 {line(server.Address, foreign.PublicKey()), "host-key-changed"},
		"another key without the port":     {line(bare, foreign.PublicKey()), "host-key-changed"},
		"a revoked key":                    {right + "@revoked * " + string(ssh.MarshalAuthorizedKey(host.PublicKey())), "*"},
		"nothing that can be read":         {"other.example.com" + odd, "*"},
		"another host only":                {line("other.example.com:1", host.PublicKey()), "host-key-unknown"},
	} {
		auth := git.Auth{SSH: &git.SSH{KeyFile: userFile, KnownHostsFile: write(t, "known", test.known)}}
		got, _, err := open(t, git.Options{URL: server.URL, Auth: auth}).Snapshot(t.Context(), "")
		switch {
		case test.code == "" && (err != nil || got.Revision != id):
			t.Errorf("%s: %v", name, err)
		case test.code != "" && (err == nil || test.code != "*" && failure(t, err).Code != test.code):
			t.Errorf("%s: %v", name, err)
		}
	}
}
