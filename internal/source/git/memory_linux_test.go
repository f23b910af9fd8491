package git_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"reconciler/internal/source/git"
	"reconciler/internal/source/git/gittest"
)

// readerEnv makes this test binary a process that reads the repository at a URL
// and says how much memory it had at most.
const readerEnv = "RECONCILER_TEST_READ"

func TestMain(m *testing.M) {
	if url := os.Getenv(readerEnv); url != "" {
		os.Exit(readOnce(url))
	}
	os.Exit(m.Run())
}

func readOnce(url string) int {
	s, err := git.New(git.Options{URL: url, Branch: "main", Path: "bindings"})
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	snapshot, _, err := s.Snapshot(context.Background(), "")
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var read int64
	for _, f := range snapshot.Files {
		read += int64(len(f.Data))
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 1
	}
	var peak int64
	for line := range strings.Lines(string(status)) {
		_, _ = fmt.Sscanf(line, "VmHWM: %d kB", &peak)
	}
	_, _ = fmt.Fprintf(os.Stdout, "%d %d %d %d", peak<<10, read, len(snapshot.Files), len(snapshot.Findings))
	return 0
}

// TestARepositoryCostsWhatIsReadOfIt: the peak of a process that reads a
// repository is at most three times what is read plus 64 MiB, whatever lies
// beside it.
func TestARepositoryCostsWhatIsReadOfIt(t *testing.T) {
	if testing.Short() || git.RaceDetector {
		t.Skip("makes large repositories, and the race detector has memory of its own; make e2e runs it")
	}
	zeros := func(n int) []byte { return make([]byte, n) }
	noise := func(n int) []byte {
		data := make([]byte, n)
		_, _ = rand.Read(data)
		return data
	}
	many := map[string][]byte{"bindings/a.yaml": []byte("a: b\n")}
	for i := range 20 {
		many[fmt.Sprintf("other/%d.yaml", i)] = append(zeros(5<<20), byte(i))
	}
	half := noise(4 << 20)
	read := map[string][]byte{}
	for i := range 10 {
		read[fmt.Sprintf("bindings/%d.yaml", i)] = noise(1 << 20)
	}
	for _, tt := range []struct {
		name            string
		commits         []map[string][]byte
		files, findings int
	}{
		{"100 MB of zeros elsewhere", []map[string][]byte{{"bindings/a.yaml": []byte("a: b\n"), "big.bin": zeros(100 << 20)}}, 1, 0},
		{"80 MB of zeros for a declaration", []map[string][]byte{{"bindings/a.yaml": []byte("a: b\n"), "bindings/big.yaml": zeros(80 << 20)}}, 1, 1},
		{"20 blobs of 5 MB", []map[string][]byte{many}, 1, 0},
		{"20 MB of noise elsewhere", []map[string][]byte{{"bindings/a.yaml": []byte("a: b\n"), "big.bin": noise(20 << 20)}}, 1, 0},
		{"a delta on a large blob", []map[string][]byte{
			{"bindings/a.yaml": []byte("a: b\n"), "bindings/b.yaml": bytes.Repeat(half, 4)}, {"bindings/b.yaml": append(bytes.Repeat(half, 4), 'x')},
		}, 1, 1},
		{"10 MB that are read", []map[string][]byte{read}, 10, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			repo := gittest.New(t)
			for _, files := range tt.commits {
				repo.Commit("c", files)
			}
			web := httptest.NewServer(repo.Handler())
			defer web.Close()
			peak := peakOf(t, web.URL+"/repo.git", tt.files, tt.findings)
			t.Logf("peak %d MiB", peak>>20)
		})
	}
}

// TestManyTinyObjectsCostNoMore: the same with millions of objects that nobody
// reads, each of a few bytes. More than the limit are refused.
func TestManyTinyObjectsCostNoMore(t *testing.T) {
	if testing.Short() || git.RaceDetector {
		t.Skip("makes large packs, and the race detector has memory of its own; make e2e runs it")
	}
	for _, tt := range []struct {
		name            string
		count, distinct int
		deltas          bool
	}{
		{"half a million blobs", git.MaxObjects - 4, 1 << 30, false},
		{"one blob again and again", git.MaxObjects - 4, 1, false},
		{"half a million deltas, each on the one before", git.MaxObjects - 4, 1 << 30, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			web := httptest.NewServer(git.ManyObjects(tt.count, tt.distinct, tt.deltas))
			defer web.Close()
			began := time.Now()
			peak := peakOf(t, web.URL+"/repo.git", 1, 0)
			t.Logf("peak %d MiB after %v", peak>>20, time.Since(began))
		})
	}
}

// peakOf reads a repository in a process of its own and holds its peak to what
// was read.
func peakOf(t *testing.T, url string, files, findings int) int64 {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), readerEnv+"="+url)
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, problem.String())
	}
	var peak, read int64
	var gotFiles, gotFindings int
	if _, err := fmt.Sscan(string(out), &peak, &read, &gotFiles, &gotFindings); err != nil {
		t.Fatal(err)
	}
	if gotFiles != files || gotFindings != findings {
		t.Errorf("%d files and %d findings, want %d and %d", gotFiles, gotFindings, files, findings)
	}
	if most := 3*read + 64<<20; peak > most {
		t.Errorf("the peak is %d MiB, at most %d MiB are right for %d MiB that are read", peak>>20, most>>20, read>>20)
	}
	return peak
}

// TestAPartialCloneFetchesWhatIsRead: where the server gives blobs by their ids,
// what lies beside the declarations is not even sent, then and later.
func TestAPartialCloneFetchesWhatIsRead(t *testing.T) {
	for _, allowed := range []string{"uploadpack.allowAnySHA1InWant", "uploadpack.allowReachableSHA1InWant"} {
		t.Run(allowed, func(t *testing.T) {
			if testing.Short() && allowed != "uploadpack.allowAnySHA1InWant" {
				t.Skip("its second way is slow")
			}
			repo := gittest.New(t)
			repo.Config("uploadpack.allowFilter", "true")
			repo.Config(allowed, "true")
			noise := make([]byte, 1<<20)
			_, _ = rand.Read(noise)
			last := repo.Commit("one", map[string][]byte{
				".reconcilerignore": []byte("x.yaml\n"), "policy/a.cue": []byte("policies: {}\n"), "bindings/a.yaml": []byte("a: b\n"),
				"bindings/x.yaml": []byte("no"), "big.bin": noise, "bindings/big.txt": noise[1:],
			})
			served := 0
			backend := repo.Handler()
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				backend.ServeHTTP(countingTransport{w, &served}, r)
			}))
			defer web.Close()
			s := open(t, git.Options{URL: web.URL + "/repo.git", Branch: "main"})
			got := read(t, s, "")
			if got.Revision != last || contents(got)["bindings/a.yaml"] != "a: b\n" || len(got.Files) != 1 || len(got.Policies) != 1 {
				t.Errorf("%+v", got)
			}
			next := repo.Commit("two", map[string][]byte{"bindings/a.yaml": []byte("a: c\n"), "big.bin": noise[2:]})
			got = read(t, s, last)
			if got.Revision != next || got.Rewritten || contents(got)["bindings/a.yaml"] != "a: c\n" || len(got.Policies) != 1 {
				t.Errorf("%+v", got)
			}
			t.Logf("%d bytes served", served)
			if served > 100_000 {
				t.Errorf("%d bytes were served", served)
			}
		})
	}
}

// TestAServerThatKeepsBlobsBackIsAskedForAll: one that offers filters and then
// refuses blobs by their ids.
func TestAServerThatKeepsBlobsBackIsAskedForAll(t *testing.T) {
	repo := gittest.New(t)
	repo.Config("uploadpack.allowFilter", "true")
	repo.Config("uploadpack.allowAnySHA1InWant", "true")
	last := repo.Commit("one", text("bindings/a.yaml", "a"))
	posts := 0
	backend := repo.Handler()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			if posts++; posts == 2 {
				http.Error(w, "no", http.StatusForbidden)
				return
			}
		}
		backend.ServeHTTP(w, r)
	}))
	defer web.Close()
	s := open(t, git.Options{URL: web.URL + "/repo.git", Branch: "main"})
	if got := read(t, s, ""); got.Revision != last || contents(got)["bindings/a.yaml"] != "a" {
		t.Errorf("%+v", got)
	}
	next := repo.Commit("two", text("bindings/a.yaml", "b"))
	posts = 10
	if got := read(t, s, last); got.Revision != next || contents(got)["bindings/a.yaml"] != "b" || posts != 11 {
		t.Errorf("after %d requests: %+v", posts-10, got)
	}
}
