package git_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"

	_ "reconciler/internal/report" // The texts of errors.
	"reconciler/internal/sandbox"
	"reconciler/internal/source/git"
	"reconciler/internal/source/git/gittest"
)

// commitsEnv makes the test of the cache's size as long as a daemon's life:
// 10000 commits take about ten seconds, and a minute with the race detector.
const commitsEnv = "RECONCILER_TEST_COMMITS"

func TestTheCacheStaysLevelOverManyCommits(t *testing.T) {
	commits := 1000
	if testing.Short() {
		commits = 200
	}
	if v := os.Getenv(commitsEnv); v != "" {
		var err error
		if commits, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	server := sandbox.NewGitServer()
	web := httptest.NewServer(server.Handler())
	defer web.Close()
	commit := func(i int) string {
		t.Helper()
		id, err := server.Commit("c", map[string][]byte{
			"a.yaml":               fmt.Appendf(nil, "value: %06d", i),
			"folder/deep/b.yaml":   fmt.Appendf(nil, "other: %06d", i),
			"folder/unchanged.yml": []byte("same"),
			"image.bin":            bytes.Repeat([]byte{byte(i)}, 1000),
		})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	last := commit(0)
	s := open(t, git.Options{URL: web.URL + "/demo.git", Branch: "main"})
	read(t, s, "")
	objects, size := s.Cached()
	// A commit, three trees, three declarations.
	if objects != 7 {
		t.Errorf("%d objects after the first commit, want 7", objects)
	}
	for i := 1; i <= commits; i++ {
		next := commit(i)
		got := read(t, s, last)
		if got.Revision != next || got.Rewritten {
			t.Fatalf("commit %d: revision %s rewritten %v, want %s", i, got.Revision, got.Rewritten, next)
		}
		last = next
		// From the second commit on, a commit names its parent.
		if n, b := s.Cached(); n != objects || b > size+64 {
			t.Fatalf("commit %d: %d objects of %d bytes, at first %d of %d", i, n, b, objects, size)
		}
	}
}

func TestTheCacheStaysLevelOnARealServer(t *testing.T) {
	repo := gittest.New(t)
	last := repo.Commit("0", text("a.yaml", "0", "f/b.yaml", "same", "big.txt", "x"))
	s := open(t, git.Options{URL: repo.Serve(), Branch: "main"})
	read(t, s, "")
	objects, _ := s.Cached()
	pushes := 25
	if testing.Short() {
		pushes = 8
	}
	for i := range pushes {
		repo.Record("n", text("a.yaml", fmt.Sprint(i)))
		next := repo.Commit("n", text("big.txt", fmt.Sprint(i)))
		if got := read(t, s, last); got.Revision != next || got.Rewritten {
			t.Fatalf("commit %d: %+v", i, got)
		}
		last = next
		if n, _ := s.Cached(); n != objects {
			t.Fatalf("commit %d: %d objects, at first %d", i, n, objects)
		}
	}
}

func TestTheSandboxServerAnswersAsARealOne(t *testing.T) {
	server := sandbox.NewGitServer()
	server.RequireBasicAuth("demo", canary)
	web := httptest.NewServer(server.Handler())
	defer web.Close()
	auth := git.Auth{Basic: &git.Basic{Username: "demo", Password: func() ([]byte, error) { return []byte(canary), nil }}}
	s := open(t, git.Options{URL: web.URL + "/demo.git", Auth: auth, Path: "bindings"})
	if _, _, err := s.Snapshot(t.Context(), ""); failure(t, err).Code != "empty-repository" {
		t.Error(err)
	}
	var first, last string
	for i := range 30 {
		id, err := server.Commit("c", text("bindings/a.yaml", fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		if last = id; i == 0 {
			first = id
			read(t, s, "")
		}
	}
	for _, source := range []*git.Source{s, open(t, git.Options{URL: web.URL + "/demo.git", Auth: auth, Path: "bindings"})} {
		if got := read(t, source, first); got.Revision != last || got.Rewritten || contents(got)["a.yaml"] != "29" {
			t.Errorf("%+v", got)
		}
	}
	if _, _, err := open(t, git.Options{URL: web.URL + "/demo.git"}).Snapshot(t.Context(), ""); failure(t, err).Code != "401" {
		t.Error(err)
	}
}

// countingTransport counts the bytes of all answers.
type countingTransport struct {
	http.ResponseWriter
	n *int
}

func (c countingTransport) Write(p []byte) (int, error) {
	*c.n += len(p)
	return c.ResponseWriter.Write(p)
}

func TestAFetchCostsWhatChanged(t *testing.T) {
	repo := gittest.New(t)
	files := map[string][]byte{}
	for i := range 200 {
		noise := sha256.Sum256([]byte{byte(i)})
		files[fmt.Sprintf("d%d/f%d.yaml", i%10, i)] = fmt.Appendf(nil, "%x", noise)
	}
	last := repo.Commit("one", files)
	served := 0
	backend := repo.Handler()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		backend.ServeHTTP(countingTransport{w, &served}, r)
	}))
	defer web.Close()
	s := open(t, git.Options{URL: web.URL + "/repo.git"})
	read(t, s, "")
	whole := served

	repo.Commit("two", text("d1/f1.yaml", "changed"))
	next := repo.Commit("three", text("d2/f2.yaml", "changed"))
	served = 0
	if got := read(t, s, last); got.Rewritten || len(got.Files) != 200 {
		t.Errorf("rewritten %v, %d files", got.Rewritten, len(got.Files))
	}
	t.Logf("two small commits cost %d bytes of %d", served, whole)
	if served*3 > whole {
		t.Errorf("two small commits cost %d bytes, the whole %d", served, whole)
	}
	served = 0
	if _, unchanged, err := s.Snapshot(t.Context(), next); !unchanged || err != nil || served > 2000 {
		t.Errorf("unchanged %v, error %v, %d bytes", unchanged, err, served)
	}
}

func TestChangesBesideTheDeclarationsAreFetchedOnce(t *testing.T) {
	// What lies beside the declarations is not kept, yet a server may send it
	// as a difference to what it takes us to have.
	repo := gittest.New(t)
	page := strings.Repeat("a line of the page\n", 500)
	last := repo.Commit("one", text("README.md", page, "other/x.txt", page+"x", "bindings/a.yaml", "1", "bindings/notes.txt", page+"n"))
	posts := 0
	backend := repo.Handler()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			posts++
		}
		backend.ServeHTTP(w, r)
	}))
	defer web.Close()
	s := open(t, git.Options{URL: web.URL + "/repo.git", Path: "bindings"})
	read(t, s, "")
	for i := range 3 {
		n := fmt.Sprint(i)
		next := repo.Commit("more", text("README.md", page+n, "other/x.txt", page+"y"+n, "bindings/a.yaml", n+"!", "bindings/notes.txt", page+"m"+n))
		posts = 0
		if got := read(t, s, last); got.Revision != next || got.Rewritten || contents(got)["a.yaml"] != n+"!" {
			t.Errorf("%+v", got)
		}
		if posts != 1 {
			t.Errorf("%d fetches for one commit", posts)
		}
		last = next
	}
}
