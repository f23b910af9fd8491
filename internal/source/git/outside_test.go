package git_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"reconciler/internal/source/git"
	"reconciler/internal/source/git/gittest"
)

// git takes a Content-Type by what stands before its first parameter.
func TestParametersThatNobodyCanReadAreIgnored(t *testing.T) {
	repo := gittest.New(t)
	id := repo.Commit("one", text("a.yaml", "1"))
	for _, parameters := range []string{"; charset=utf-8; charset=utf-16", "; =", ";;", "; charset=utf-8, x", "; a=\"b", "\t; q=1"} {
		server := httptest.NewServer(withType(repo.Handler(), parameters))
		got, _, err := open(t, git.Options{URL: server.URL + "/repo.git"}).Snapshot(t.Context(), "")
		if err != nil || got.Revision != id {
			t.Errorf("%q: %v", parameters, err)
		}
		server.Close()
	}
}

// An address that cannot be read is not repeated: it may hold a secret.
func TestARedirectThatCannotBeReadIsNamedWithoutItsAddress(t *testing.T) {
	for name, to := range map[string]string{
		"a port that is none":   "http://me:s3cr3t-canary@127.0.0.1:port/",
		"a broken escape":       "/%zz?private_token=s3cr3t-canary",
		"no address":            "",
		"a scheme that is none": "1http://me:s3cr3t-canary@x/",
		"another protocol":      "ssh://me:s3cr3t-canary@x/",
		"a host that is none":   "http://[::1/s3cr3t-canary",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if to != "" {
				w.Header().Set("Location", to)
			}
			w.WriteHeader(http.StatusFound)
		}))
		_, _, err := open(t, git.Options{URL: server.URL + "/repo.git"}).Snapshot(t.Context(), "")
		f := failure(t, err)
		if f.Code != "redirect" || !strings.Contains(err.Error(), "redirect") || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %s: %v", name, f.Code, err)
		}
		server.Close()
	}
}

// What to do about a missing object depends on what it is: history is missing
// from a shallow clone, files from a partial one.
func TestTheHintForAMissingObjectIsAboutItsKind(t *testing.T) {
	repo := gittest.New(t)
	repo.Commit("one", text("a.yaml", "1"))
	old := repo.Commit("two", text("a.yaml", "2"))
	repo.Commit("three", text("a.yaml", "3"))
	repo.Git("config", "--file", filepath.Join(repo.Bare, "config"), "uploadpack.allowFilter", "true")
	for name, test := range map[string]struct {
		args  []string
		rev   string
		words string
	}{
		"a file of a shallow and partial clone":      {[]string{"--depth", "2", "--filter=blob:none"}, "HEAD~1", "partial"},
		"a folder of a shallow and partial clone":    {[]string{"--depth", "2", "--filter=tree:0"}, "HEAD~1", "partial"},
		"an ancestor in a shallow and partial clone": {[]string{"--depth", "2", "--filter=blob:none"}, "HEAD~2", "shallow"},
		"an id in a shallow and partial clone":       {[]string{"--depth", "1", "--filter=blob:none"}, old, "shallow"},
		"an ancestor beyond the root":                {[]string{"--filter=blob:none"}, "HEAD~3", "name a commit that exists"},
	} {
		dir := filepath.Join(t.TempDir(), "clone")
		repo.Git(append(append([]string{"clone", "--quiet", "--no-checkout"}, test.args...), "file://"+repo.Bare, dir)...)
		if _, err := readAt(dir, test.rev, t); err == nil || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A new clone's branch is not missing from the clone: it has no commit.
func TestANewBranchIsNotToBeFetched(t *testing.T) {
	repo := gittest.New(t)
	dir := t.TempDir()
	repo.Git("init", "--quiet", "--initial-branch", "first", dir)
	for rev, words := range map[string]string{
		"first": "no commit yet", "refs/heads/first": "no commit yet", "heads/first": "no commit yet", "HEAD": "no commit yet", "origin/first": "fetch it first",
	} {
		if _, err := openLocal(t, dir).Resolve(rev); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", rev, err)
		}
	}
}

// An id that names no commit here was not fetched, or is that of something else;
// the clone is sound.
func TestAnIdWithoutACommitIsNoDamage(t *testing.T) {
	repo := gittest.New(t)
	repo.Commit("one", text("a.yaml", "1"))
	for rev, words := range map[string]string{
		strings.Repeat("a", 40):              "fetch it first",
		strings.Repeat("A", 40):              "fetch it first",
		strings.Repeat("a", 40) + "~1":       "fetch it first",
		strings.Repeat("a", 64):              "name a commit by its SHA-1 id",
		repo.Git("rev-parse", "HEAD^{tree}"): "this object is not a commit",
		repo.Git("rev-parse", "HEAD:a.yaml"): "this object is not a commit",
	} {
		rev = strings.TrimSpace(rev)
		if _, err := openLocal(t, repo.Work).Resolve(rev); err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "fsck") {
			t.Errorf("%s: %v", rev, err)
		}
	}
}
