package manifest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/report"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func document(name, spec string) string {
	return "apiVersion: reconciler/v1alpha1\nkind: SourceBinding\nmetadata: {name: " + name + "}\nspec: " + spec + "\n"
}

func load(t *testing.T, text string) manifest.Result {
	t.Helper()
	return manifest.Load(t.Context(), []binding.File{{Path: "a.yaml", Data: []byte(text)}}, manifest.Options{Now: now})
}

func TestLoadGivesTheWholeDeclaration(t *testing.T) {
	t.Parallel()
	got := manifest.Load(t.Context(), []binding.File{{Path: "team/a.yaml", Data: []byte(`# 中文
apiVersion: reconciler/v1alpha1
kind: SourceBinding
metadata: {name: pay}
spec:
  instance: prod
  platform: gitlab
  address: https://gitlab.example.com
  username: "12"
  token: {vault: {mount: secret, path: a/b, version: 3}, expires: 2028-01-31}
  adopt: true
  suspend: {until: 2026-12-24, reason: freeze, owner: payments}
  repositories:
    - {image: pay/api, source: pay/api, overseasBuild: false, rules: [{tag: "release-v$version", dockerfile: Dockerfile, imageTag: "$version"}]}
`)}}, manifest.Options{Now: now, Revision: "abc", Instances: []string{"prod"}})
	date := func(s string) binding.Date {
		d, err := binding.ParseDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	no := false
	want := []binding.Declaration{{Name: "pay", File: "team/a.yaml", Revision: "abc", Spec: binding.Spec{
		Instance: "prod", Platform: binding.GitLab, Address: "https://gitlab.example.com", Username: "12",
		Token:          &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "a/b", Key: "token", Version: 3}, Expires: date("2028-01-31")},
		DeletionPolicy: binding.Retain, ManagementPolicy: binding.Manage, DriftPolicy: binding.Correct, Adopt: true,
		Suspend: &binding.Suspend{Until: date("2026-12-24"), Reason: "freeze", Owner: "payments"},
		Repositories: []binding.Repository{{
			Image: "pay/api", Source: "pay/api", Trigger: binding.Auto, OverseasBuild: &no,
			Rules: []binding.BuildRule{{Tag: "release-v$version", Dockerfile: "Dockerfile", ImageTag: "$version"}},
		}},
	}}}
	dates := cmp.Comparer(func(a, b binding.Date) bool { return a.String() == b.String() })
	positions := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Positions" }, cmp.Ignore())
	if diff := cmp.Diff(want, got.Declarations, dates, positions); diff != "" {
		t.Fatalf("declarations (-want +got):\n%s\n%v", diff, got.Findings)
	}
	for path, at := range map[string]binding.Position{
		"":                                      {Line: 2, Column: 1},
		"spec":                                  {Line: 6, Column: 3},
		"spec.token.expires":                    {Line: 10, Column: 67},
		"spec.repositories[0].image":            {Line: 14, Column: 15},
		"spec.repositories[0].rules[0].tag":     {Line: 14, Column: 77},
		"spec.repositories[0].rules[0].nowhere": {Line: 14, Column: 71},
	} {
		if diff := cmp.Diff(at, got.Declarations[0].At(path)); diff != "" {
			t.Errorf("position of %q (-want +got):\n%s", path, diff)
		}
	}
}

func TestLoadTellsAbsentFromEmpty(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, spec        string
		repositories, nil bool
	}{
		{"repositories absent", `{instance: p, platform: bitbucket, username: me}`, true, true},
		{"repositories empty", `{instance: p, platform: bitbucket, username: me, repositories: []}`, true, false},
		{"rules absent", `{instance: p, platform: bitbucket, username: me, repositories: [{image: aa/bb, source: me/b}]}`, false, true},
		{"rules empty", `{instance: p, platform: bitbucket, username: me, repositories: [{image: aa/bb, source: me/b, rules: []}]}`, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := load(t, document("a", tt.spec))
			if len(got.Declarations) != 1 {
				t.Fatalf("no declaration: %v", got.Findings)
			}
			spec := got.Declarations[0].Spec
			isNil, length := spec.Repositories == nil, len(spec.Repositories)
			if !tt.repositories {
				isNil, length = spec.Repositories[0].Rules == nil, len(spec.Repositories[0].Rules)
			}
			if isNil != tt.nil || length != 0 {
				t.Errorf("nil %v with %d elements, want nil %v with none", isNil, length, tt.nil)
			}
		})
	}
}

func small(i int) binding.File {
	text := document(fmt.Sprintf("n%d", i), fmt.Sprintf(`
  instance: p%d
  platform: gitlab
  address: https://gitlab.example.com
  username: ci
  token: {vault: {mount: secret, path: a/b}}
  repositories:
    - {image: team/app, source: team/app, rules: [{branch: main, dockerfile: /Dockerfile, imageTag: latest}]}`, i))
	return binding.File{Path: fmt.Sprintf("d/%06d.yaml", i), Digest: fmt.Sprint(i), Data: []byte(text)}
}

func smallFiles(n int) []binding.File {
	files := make([]binding.File, n)
	for i := range files {
		files[i] = small(i)
	}
	return files
}

func TestLoadDoesNotDependOnTheOrderOfFiles(t *testing.T) {
	t.Parallel()
	files := smallFiles(20)
	files = append(files, binding.File{Path: "twice.yaml", Data: files[3].Data}, binding.File{Path: "bad.yaml", Data: []byte("a: [")})
	want := manifest.Load(t.Context(), files, manifest.Options{Now: now, Instances: []string{"p1"}})
	if len(want.Broken) != 22-1 {
		t.Fatalf("%d broken files, want 21: %v", len(want.Broken), want.Broken)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		random.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		got := manifest.Load(t.Context(), files, manifest.Options{Now: now, Instances: []string{"p1"}})
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(binding.Date{})); diff != "" {
			t.Fatalf("another order (-want +got):\n%s", diff)
		}
	}
}

func TestCacheChangesNothing(t *testing.T) {
	t.Parallel()
	files := smallFiles(30)
	files[7].Data = []byte("kind: Nothing\n")
	cache := manifest.NewCache()
	plain := manifest.Load(t.Context(), files, manifest.Options{Now: now})
	first := manifest.Load(t.Context(), files, manifest.Options{Now: now, Cache: cache})
	files[7] = small(7)
	files[7].Digest = "mended"
	second := manifest.Load(t.Context(), files, manifest.Options{Now: now, Cache: cache, Revision: "2"})
	if diff := cmp.Diff(plain, first, cmp.AllowUnexported(binding.Date{})); diff != "" {
		t.Errorf("with a cache (-without +with):\n%s", diff)
	}
	if len(second.Declarations) != 30 || len(second.Findings) != 0 || second.Declarations[0].Revision != "2" {
		t.Errorf("after the change: %d declarations, findings %v", len(second.Declarations), second.Findings)
	}
	// The data is gone and the digest is the same: only a cache can answer.
	for i := range files {
		files[i].Data = nil
	}
	third := manifest.Load(t.Context(), files, manifest.Options{Now: now, Cache: cache, Revision: "2"})
	if diff := cmp.Diff(second, third, cmp.AllowUnexported(binding.Date{})); diff != "" {
		t.Errorf("unchanged files were read again (-second +third):\n%s", diff)
	}
}

func TestInterruptedLoadBreaksEveryFile(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := manifest.Load(ctx, smallFiles(3), manifest.Options{Now: now, Cache: manifest.NewCache()})
	if len(got.Broken) != 3 || len(got.Declarations) != 0 {
		t.Errorf("broken %v, %d declarations; want all three broken", got.Broken, len(got.Declarations))
	}
}

func TestLoadsRunAtOnce(t *testing.T) {
	t.Parallel()
	cache := manifest.NewCache()
	files := smallFiles(60)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			got := manifest.Load(t.Context(), files[i:], manifest.Options{Now: now, Cache: cache})
			if len(got.Declarations) != 60-i {
				t.Errorf("%d declarations, want %d", len(got.Declarations), 60-i)
			}
		})
	}
	all.Wait()
}

// TestLoadsHoldNoContexts checks that memory does not grow with the number of
// loads: a CUE context that is never dropped would keep every document.
func TestLoadsHoldNoContexts(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	loads := func(n int) {
		for i := range n {
			if got := manifest.Load(t.Context(), []binding.File{small(i)}, manifest.Options{Now: now}); len(got.Broken) != 0 {
				t.Fatal(got.Findings)
			}
		}
	}
	loads(100)
	before := heap()
	loads(1000)
	after := heap()
	t.Logf("heap before %d KiB, after %d KiB", before>>10, after>>10)
	if after > before+8<<20 {
		t.Errorf("1,000 loads hold %d KiB more than before", (after-before)>>10)
	}
}

// TestFindingsAreWhole checks that findings like those of the golden files have
// everything that a finding needs.
func TestFindingsAreWhole(t *testing.T) {
	t.Parallel()
	got := load(t, document("A", `{instnace: x, platform: gitlab, username: [], address: "http://10.0.0.1:22/a/b?c"}`))
	if len(got.Findings) < 8 {
		t.Errorf("%d findings, want all faults: %v", len(got.Findings), codes(got.Findings))
	}
	for _, f := range got.Findings {
		if f.Line == 0 || f.Column == 0 || f.File == "" || f.Path == "" || report.English().Text(f.Rule) == "" || report.English().Text(f.Hint) == "" || report.English().Text(f.Message) == "" {
			t.Errorf("not whole: %+v", f)
		}
	}
	if !slices.IsSortedFunc(got.Findings, func(a, b finding.Finding) int { return a.Column - b.Column + 1000*(a.Line-b.Line) }) {
		t.Error("findings are not sorted")
	}
}

func BenchmarkLoad10000(b *testing.B) {
	files := smallFiles(10_000)
	for b.Loop() {
		got := manifest.Load(b.Context(), files, manifest.Options{Now: now})
		if len(got.Declarations) != 10_000 {
			b.Fatal(strings.Join(codes(got.Findings), " "))
		}
	}
}
