package git_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/source"
	"reconciler/internal/source/git"
	"reconciler/internal/source/git/gittest"
)

func open(t *testing.T, options git.Options) *git.Source {
	t.Helper()
	if options.Timeout == 0 {
		options.Timeout = 5 * time.Minute
	}
	s, err := git.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func read(t *testing.T, s *git.Source, previous string) source.Snapshot {
	t.Helper()
	snapshot, unchanged, err := s.Snapshot(t.Context(), previous)
	if err != nil {
		t.Fatal(err)
	}
	if unchanged {
		t.Fatalf("unchanged since %s, want a snapshot", previous)
	}
	return snapshot
}

func failure(t *testing.T, err error) *binding.Failure {
	t.Helper()
	f, ok := errors.AsType[*binding.Failure](err)
	if !ok {
		t.Fatalf("error is %v, want a *binding.Failure", err)
	}
	return f
}

// contents maps paths to contents.
func contents(s source.Snapshot) map[string]string {
	m := map[string]string{}
	for _, f := range s.Files {
		m[f.Path] = string(f.Data)
	}
	return m
}

func codes(s source.Snapshot) []string {
	var all []string
	for _, f := range s.Findings {
		all = append(all, f.Code+" "+f.File)
	}
	return all
}

func text(pairs ...string) map[string][]byte {
	m := map[string][]byte{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = []byte(pairs[i+1])
	}
	return m
}

func TestSnapshotReadsTheDeclarationsOfACommit(t *testing.T) {
	repo := gittest.New(t)
	first := repo.Commit("one", text(
		"a.yaml", "a", "deep/er/b.yml", "b", "README.md", "no", "drafts/c.yaml", "c", "deep/skip.yaml", "s",
		".reconcilerignore", "drafts/\n", "deep/.reconcilerignore", "/skip.yaml\n"))
	s := open(t, git.Options{URL: repo.Serve(), Branch: "main"})

	got := read(t, s, "")
	if diff := cmp.Diff(map[string]string{"a.yaml": "a", "deep/er/b.yml": "b"}, contents(got)); diff != "" {
		t.Error(diff)
	}
	if got.Revision != first || got.Rewritten || got.Findings != nil {
		t.Errorf("snapshot is %+v", got)
	}
	if want := repo.Git("rev-parse", "HEAD:a.yaml"); got.Files[0].Digest != want {
		t.Errorf("digest is %s, want the blob's id %s", got.Files[0].Digest, want)
	}
	if _, unchanged, err := s.Snapshot(t.Context(), first); err != nil || !unchanged {
		t.Errorf("second look: unchanged %v, error %v", unchanged, err)
	}

	second := repo.Commit("two", map[string][]byte{"a.yaml": []byte("A"), "deep/er/b.yml": nil, "c.yaml": []byte("c")})
	got = read(t, s, first)
	if diff := cmp.Diff(map[string]string{"a.yaml": "A", "c.yaml": "c"}, contents(got)); diff != "" {
		t.Error(diff)
	}
	if got.Revision != second || got.Rewritten {
		t.Errorf("revision %s rewritten %v, want %s not rewritten", got.Revision, got.Rewritten, second)
	}
}

func TestSnapshotOfARefAndAPath(t *testing.T) {
	repo := gittest.New(t)
	first := repo.Commit("one", text("x/a.yaml", "1", "b.yaml", "1"))
	repo.Git("tag", "light")
	repo.Git("tag", "--annotate", "--message", "m", "heavy")
	repo.Push()
	second := repo.Commit("two", text("x/a.yaml", "2"))
	url := repo.Serve()

	tests := []struct {
		name     string
		options  git.Options
		reach    bool
		revision string
		files    map[string]string
	}{
		{"the default branch", git.Options{}, false, second, map[string]string{"x/a.yaml": "2", "b.yaml": "1"}},
		{"a sub-path", git.Options{Branch: "main", Path: "/x/"}, false, second, map[string]string{"a.yaml": "2"}},
		{"a light tag", git.Options{Tag: "light", Path: "x"}, false, first, map[string]string{"a.yaml": "1"}},
		{"an annotated tag", git.Options{Tag: "heavy", Path: "x"}, false, first, map[string]string{"a.yaml": "1"}},
		{"a commit that a ref names", git.Options{Commit: second, Path: "x"}, false, second, map[string]string{"a.yaml": "2"}},
		{"a commit of a server that gives any", git.Options{Commit: first, Path: "x"}, true, first, map[string]string{"a.yaml": "1"}},
		{"a commit in the default branch", git.Options{Commit: first, Path: "x"}, false, first, map[string]string{"a.yaml": "1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			repo.Config("uploadpack.allowReachableSHA1InWant", fmt.Sprint(tt.reach))
			tt.options.URL = url
			got := read(t, open(t, tt.options), "")
			if got.Revision != tt.revision {
				t.Errorf("revision %s, want %s", got.Revision, tt.revision)
			}
			if diff := cmp.Diff(tt.files, contents(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSnapshotOfACommitIsNotAskedForTwice(t *testing.T) {
	repo := gittest.New(t)
	id := repo.Commit("one", text("a.yaml", "1"))
	var asked int
	backend := repo.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		backend.ServeHTTP(w, r)
	}))
	defer server.Close()
	s := open(t, git.Options{URL: server.URL + "/repo.git", Commit: id})
	read(t, s, "")
	before := asked
	if _, unchanged, err := s.Snapshot(t.Context(), id); err != nil || !unchanged || asked != before {
		t.Errorf("unchanged %v, error %v, %d more requests", unchanged, err, asked-before)
	}
}

func TestMissingAndEmptyPaths(t *testing.T) {
	repo := gittest.New(t)
	repo.Commit("one", text("a.yaml", "1", "empty/README", ""))
	if err := os.Symlink("empty", filepath.Join(repo.Work, "link")); err != nil {
		t.Fatal(err)
	}
	repo.Commit("two", nil)
	url := repo.Serve()

	if got := read(t, open(t, git.Options{URL: url, Path: "empty"}), ""); len(got.Files) != 0 || len(got.Findings) != 0 {
		t.Errorf("an existing path without declarations gives %+v", got)
	}
	tests := []struct {
		path string
		kind binding.FailureKind
		code string
	}{
		{"none", binding.NotFound, "source-path"},
		{"empty/none", binding.NotFound, "source-path"},
		{"a.yaml", binding.Refused, "source-path"},
		{"link", binding.Refused, "source-symlink"},
	}
	for _, tt := range tests {
		_, _, err := open(t, git.Options{URL: url, Path: tt.path}).Snapshot(t.Context(), "")
		if f := failure(t, err); f.Kind != tt.kind || f.Code != tt.code {
			t.Errorf("path %s: %v", tt.path, err)
		}
	}
}

func TestLinksAndSubmodulesAreFindings(t *testing.T) {
	repo := gittest.New(t)
	repo.Commit("one", text("a.yaml", "1", ".reconcilerignore", "ignored\n"))
	for _, name := range []string{"link.yaml", "ignored"} {
		if err := os.Symlink("/etc/passwd", filepath.Join(repo.Work, name)); err != nil {
			t.Fatal(err)
		}
	}
	repo.Git("update-index", "--add", "--cacheinfo", "160000,"+repo.Head()+",sub")
	repo.Git("add", "link.yaml", "ignored")
	repo.Git("commit", "--quiet", "--message", "two")
	repo.Push()

	got := read(t, open(t, git.Options{URL: repo.Serve()}), "")
	if diff := cmp.Diff([]string{"source-symlink link.yaml", "source-submodule sub"}, codes(got)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"a.yaml": "1"}, contents(got)); diff != "" {
		t.Error(diff)
	}
}

func TestAnEmptyRepositoryIsAnError(t *testing.T) {
	repo := gittest.New(t)
	_, _, err := open(t, git.Options{URL: repo.Serve()}).Snapshot(t.Context(), "")
	if f := failure(t, err); f.Kind != binding.NotFound || f.Code != "empty-repository" {
		t.Error(err)
	}
}

func TestAFileThatBecomesADeclarationByRenamingIsRead(t *testing.T) {
	// The server does not send again what it believes us to have, and we keep
	// declarations only: the second fetch finds the blob missing and starts
	// from scratch.
	repo := gittest.New(t)
	first := repo.Commit("one", text("a.yaml", "1", "b.txt", "b", "out/c.yaml", "c"))
	s := open(t, git.Options{URL: repo.Serve()})
	read(t, s, "")
	repo.Git("mv", "b.txt", "b.yaml")
	repo.Commit("two", nil)
	want := map[string]string{"a.yaml": "1", "b.yaml": "b", "out/c.yaml": "c"}
	got := read(t, s, first)
	if diff := cmp.Diff(want, contents(got)); diff != "" || got.Rewritten {
		t.Error(diff, got.Rewritten)
	}
}

func TestARepositoryOverTheLimitIsRefused(t *testing.T) {
	repo := gittest.New(t)
	// Zeros are small in a pack and large in memory.
	repo.Commit("one", map[string][]byte{"a.yaml": make([]byte, 4<<20)})
	s := open(t, git.Options{URL: repo.Serve(), MaxRepositoryBytes: 1 << 20})
	_, _, err := s.Snapshot(t.Context(), "")
	if f := failure(t, err); f.Kind != binding.Refused || f.Code != "source-repository-too-large" {
		t.Error(err)
	}
	if objects, _ := s.Cached(); objects != 0 {
		t.Errorf("%d objects are kept", objects)
	}
}

func TestABrokenCacheIsThrownAwayOnce(t *testing.T) {
	repo := gittest.New(t)
	first := repo.Commit("one", text("a.yaml", "1"))
	backend := repo.Handler()
	var broken int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && broken > 0 {
			broken--
			w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
			_, _ = w.Write([]byte("0008NAK\nPACK garbage"))
			return
		}
		backend.ServeHTTP(w, r)
	}))
	defer server.Close()
	s := open(t, git.Options{URL: server.URL + "/repo.git"})
	read(t, s, "")
	second := repo.Commit("two", text("a.yaml", "2"))

	broken = 1
	if got := read(t, s, first); got.Revision != second || contents(got)["a.yaml"] != "2" {
		t.Errorf("one broken fetch: %+v", got)
	}
	repo.Commit("three", text("a.yaml", "3"))
	broken = 10
	if _, _, err := s.Snapshot(t.Context(), second); err == nil {
		t.Error("a server that only breaks gives no error")
	}
	if broken != 8 {
		t.Errorf("tried %d times, want twice", 10-broken)
	}
}

func TestAHungServerMeetsTheDeadline(t *testing.T) {
	repo := gittest.New(t)
	repo.Commit("one", text("a.yaml", "1"))
	backend := repo.Handler()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		t.Run(method, func(t *testing.T) {
			var hung atomic.Bool
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == method {
					hung.Store(true)
					w.Header().Set("Content-Type", "application/x-git-upload-pack-"+map[string]string{"GET": "advertisement", "POST": "result"}[method])
					_ = http.NewResponseController(w).Flush()
					<-r.Context().Done()
					return
				}
				backend.ServeHTTP(w, r)
			}))
			defer server.Close()
			// The limit grows until it is long enough to get to the request that hangs.
			for limit := 300 * time.Millisecond; !hung.Load() && limit < time.Minute; limit *= 2 {
				_, _, err := open(t, git.Options{URL: server.URL + "/repo.git", Timeout: limit}).Snapshot(t.Context(), "")
				if f := failure(t, err); f.Kind != binding.Transient || f.Code != "timeout" {
					t.Error(err)
				}
			}
			if !hung.Load() {
				t.Error("the request that hangs was not made")
			}
		})
	}
}

func TestCancellationIsTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := open(t, git.Options{URL: "http://127.0.0.1:1/repo.git"}).Snapshot(ctx, "")
	if !errors.Is(err, context.Canceled) || failure(t, err).Code != "cancelled" {
		t.Error(err)
	}
}

func TestErrorsNameTheRepositoryOnce(t *testing.T) {
	_, _, err := open(t, git.Options{URL: "http://127.0.0.1:1/repo.git"}).Snapshot(t.Context(), "")
	if failure(t, err).Kind != binding.Transient || strings.Count(err.Error(), "http://127.0.0.1:1/repo.git") != 1 {
		t.Error(err)
	}
}

func TestSnapshotHasThePoliciesOfTheFollowedPath(t *testing.T) {
	repo := gittest.New(t)
	repo.Commit("one", text("bindings/a.yaml", "a", "bindings/policy/p.cue", "p", "policy/other.cue", "o"))
	repo.Push()
	s := open(t, git.Options{URL: repo.Serve(), Branch: "main", Path: "bindings"})
	for range 2 { // The second time from the cache.
		got := read(t, s, "")
		if len(got.Policies) != 1 || got.Policies[0].Path != "policy/p.cue" || string(got.Policies[0].Data) != "p" || got.Policies[0].Digest == "" {
			t.Errorf("policies %+v", got.Policies)
		}
	}
}
