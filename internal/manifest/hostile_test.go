package manifest_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/manifest"
	"reconciler/internal/report"
)

// work returns the processor time that this process has used. Unlike real time, it
// does not grow while other processes are busy.
func work(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// TestHostileFiles checks that input which no person wrote takes limited work and
// gives one finding with its place. No other test runs at the same time, because
// the work is that of the whole process.
func TestHostileFiles(t *testing.T) {
	if testing.Short() || manifest.RaceDetector {
		t.Skip("takes seconds, and a minute with the race detector: make e2e runs it")
	}
	good := document("a", "{instance: p, platform: bitbucket, username: me}")
	deep := func(open, end string, n int) string {
		return "a: " + strings.Repeat(open, n) + strings.Repeat(end, n) + "\n"
	}
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&laughs, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), ", "))
	}
	var keys strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&keys, "k%d: v\n", i)
	}
	for _, tt := range []struct {
		name, text, code string
		line, column     int
	}{
		{"over 10 MiB", strings.Repeat("# padding\n", 1<<20+1), "yaml-size", 0, 0},
		{"10 MiB of lines", strings.Repeat("#\n", 5<<20), "yaml-size", 1_000_001, 2},
		{"10 MiB of values", "a: [" + strings.Repeat("b,", 5<<20-4) + "]\n", "yaml-size", 1, 2_000_002},
		{"200,000 repositories", good[:len(good)-2] + ", repositories: [" + strings.Repeat("{image: aa/bb,source: a/b},", 200_000) + "]}\n", "yaml-size", 0, 0},
		{"6,000 faulty repositories", good[:len(good)-2] + ", repositories: [" + strings.Repeat("{image: A,source: b},", 6_000) + "]}\n", "field-value", 0, 0},
		{"6,000 repositories", good[:len(good)-2] + ", repositories: [" + strings.Repeat("{image: aa/bb,source: a/b},", 6_000) + "]}\n", "image-owner-unique", 0, 0},
		{"10,000 faulty documents", strings.Repeat("---\n"+good+"x: y\n", 10_000), "too-many-findings", 0, 0},
		{"10,000 documents of one name", strings.Repeat("---\n"+good, 10_000), "name-unique", 0, 0},
		{"10 MiB in one text", "a: " + strings.Repeat("x", 10<<20-4) + "\n", "document-kind", 1, 1},
		{"10 MiB of brackets", strings.Repeat("]", 10<<20), "yaml-syntax", 1, 0},
		{"100,000 documents", strings.Repeat("---\na: b\n", 100_000), "document-kind", 2, 1},
		{"100,000 empty documents", strings.Repeat("---\n", 100_000), "yaml-documents", 10_001, 1},
		{"10,000 flow lists deep", deep("[", "]", 10_001), "yaml-depth", 1, 0},
		{"9,999 flow lists deep", deep("[", "]", 9_998), "yaml-depth", 1, 67},
		{"65 flow lists deep", deep("[", "]", 65), "yaml-depth", 1, 67},
		{"9,000 flow mappings deep", deep("{a: ", "}", 9_000), "yaml-depth", 1, 256},
		{"9,000 block lists deep", strings.Repeat("- ", 9_000) + "a\n", "yaml-depth", 1, 129},
		{"never closed", "a: " + strings.Repeat("[", 1_000_000), "yaml-size", 0, 0},
		{"nested aliases", laughs.String(), "yaml-alias", 1, 5},
		{"alias to itself", "a: &a [*a]\n", "yaml-alias", 1, 4},
		{"NUL", "a: b\nc: \"x\x00y\"\n", "yaml-characters", 2, 6},
		{"escape character", "a: \x1b[31m\n", "yaml-characters", 1, 4},
		{"NUL by an escape", good + "a: \"\\0\"\n", "yaml-characters", 5, 4},
		{"direction override", "a: 支\u202e付\n", "yaml-characters", 1, 5},
		{"line separator", "a: b\u2028c: d\n", "yaml-characters", 1, 5},
		{"lone carriage return", "a: b\rc: d\n", "yaml-characters", 1, 5},
		{"second byte order mark", "\ufeff\ufeffa: b\n", "yaml-characters", 1, 1},
		{"UTF-16", "\xff\xfea\x00:\x00", "yaml-encoding", 1, 1},
		{"GBK", "# \xd6\xa7\xb8\xb6\n", "yaml-encoding", 1, 4},
		{"byte after Chinese", "a: 支付\xff\n", "yaml-encoding", 1, 6},
		{"cut character", "a: b\nc: \xe6\x94", "yaml-encoding", 2, 4},
		{"many keys", keys.String(), "yaml-size", 20_000, 9},
		{"long key", strings.Repeat("k", 1_000_000) + ": v\n", "yaml-syntax", 1, 0},
		{"long unknown field", good + strings.Repeat("k", 1000) + ": v\n", "field-unknown", 5, 1},
		{"key that is a path", good + "\"a.b[0]\\n\": v\n", "field-unknown", 5, 1},
		{"directive", "%YAML 9.9\n---\na: b\n", "yaml-syntax", 0, 0},
		{"many quotes", strings.Repeat("\"", 1_000_001), "yaml-syntax", 1, 0},
		{"huge number", good + "a: " + strings.Repeat("9", 100_000) + "\n", "field-unknown", 5, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := work(t)
			got := load(t, tt.text)
			if took := work(t) - start; took > 30*time.Second {
				t.Errorf("took %v of processor time", took)
			}
			if len(got.Broken) != 1 || len(got.Declarations) != 0 {
				t.Fatalf("broken %v with %d declarations, want the file broken", got.Broken, len(got.Declarations))
			}
			for _, f := range got.Findings {
				if f.Code == tt.code && (f.Line == tt.line && f.Column == tt.column || tt.line == 0) {
					return
				}
			}
			t.Errorf("no %s at %d:%d, but %+v", tt.code, tt.line, tt.column, got.Findings[:min(3, len(got.Findings))])
		})
	}
}

func TestHarmlessOddities(t *testing.T) {
	t.Parallel()
	good := document("a", "{instance: p, platform: bitbucket, username: me}")
	for _, tt := range []struct {
		name, text, code string
		line, column     int
	}{
		{"byte order mark", "\ufeff" + good, "yaml-bom", 1, 1},
		{"CR LF", strings.ReplaceAll(good, "\n", "\r\n"), "yaml-crlf", 1, 32},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := load(t, tt.text)
			if len(got.Declarations) != 1 || len(got.Findings) != 1 {
				t.Fatalf("%d declarations with %+v", len(got.Declarations), got.Findings)
			}
			f := got.Findings[0]
			if f.Code != tt.code || f.Line != tt.line || f.Column != tt.column {
				t.Errorf("%s at %d:%d, want %s at %d:%d", f.Code, f.Line, f.Column, tt.code, tt.line, tt.column)
			}
			if at := got.Declarations[0].At("spec.platform"); at != (binding.Position{Line: 4, Column: 31}) {
				t.Errorf("spec.platform at %+v, want 4:31", at)
			}
		})
	}
}

// TestSecretsAreNeverShown puts one secret into every place of a document and
// searches all output for it.
func TestSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	const secret = "glpat-CanaryCanaryCanary1"
	good := document("a", "{instance: p, platform: gitlab, address: https://g.example.com, username: me, token: {vault: {mount: m, path: p}}, repositories: [{image: aa/bb, source: a/b, rules: [{branch: m, dockerfile: Dockerfile, imageTag: t}]}]}")
	texts := []string{
		"# " + secret + "\n" + good, good + "a: [" + secret + "\n", "*" + secret + "\n",
		"a: &" + secret + " b\nc: *" + secret + "x\n", good + "x" + secret + ": a\n",
	}
	for _, word := range []string{
		"reconciler/v1alpha1", "SourceBinding", "metadata", "name", "spec", "instance", "gitlab", "https://g.example.com", "username",
		"token", "vault", "mount", "path", "repositories", "image", "aa/bb", "source", "rules", "branch", "dockerfile", "Dockerfile", "imageTag",
	} {
		texts = append(texts, strings.Replace(good, word, secret, 1), strings.Replace(good, word, `"\x67`+secret[1:]+`"`, 1))
	}
	for _, text := range texts {
		got := load(t, text)
		if !strings.Contains(strings.Join(codes(got.Findings), " "), "secret-in-declaration") {
			t.Errorf("the secret was not found in:\n%s\n%v", text, codes(got.Findings))
		}
		if out := fmt.Sprintf("%+v", got); strings.Contains(out, "CanaryCanary") {
			t.Errorf("the secret is shown:\n%s", out)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		document("a", "{instance: p, platform: gitlab, address: http://g.example.com:8080, username: me, token: {vault: {mount: m, path: p}}, repositories: [{image: aa/bb, source: a/b/c, rules: [{branch: m, dockerfile: Dockerfile, imageTag: t}]}]}"),
		document("a", "{instance: p, platform: github, username: me, repositories: [{image: aa/bb, source: you/b}]}"),
		"\ufeffa:\tb\r\n", "a: &a [*a]\n", "<<: {a: b}\n", "? [a]\n: b\n", "a: !!binary x\n", "---\n...\n%YAML 1.1\n---\n- ~\n",
		"a: \"\\ud800\\0\"\n", "a: 0x1F\nb: 1e400\nc: .nan\nd: 2001-01-01\n", "# glpat-abcdefghijklmnop\n", "\xff\xfe", "[[[[[[", "a: |2\n   b\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		files := []binding.File{{Path: "a.yaml", Data: data}}
		got := manifest.Load(t.Context(), files, manifest.Options{Now: now, Instances: []string{"p"}})
		for _, finding := range got.Findings {
			if finding.Code == "internal-error" {
				t.Errorf("the checker failed on %q: %s", data, report.English().Text(finding.Message))
			}
			if finding.Line > strings.Count(string(data), "\n")+2 || finding.File != "a.yaml" {
				t.Errorf("a place that is not in the file: %+v", finding)
			}
		}
		if len(got.Broken) > 0 && len(got.Declarations) > 0 {
			t.Error("a broken file has declarations")
		}
	})
}

func FuzzCheckConfiguration(f *testing.F) {
	for _, seed := range []string{
		"apiVersion: reconciler/v1alpha1\nkind: Configuration\nsource: {folder: {path: x}}\ninstances: [{name: p, region: cn-hangzhou}]\n",
		"apiVersion: reconciler/v1alpha1\nkind: Configuration\nsource: {git: {url: 1}}\ninstances: []\nsync: {jitter: .inf}\nexpiryWarnings: [a, 1]\n",
		"- a\n", "---\n---\n", "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var out map[string]any
		_, findings := manifest.CheckDocument(binding.File{Path: "c.yaml", Data: data}, manifest.KindConfiguration, &out)
		for _, found := range findings {
			if found.Code == "internal-error" {
				t.Errorf("the checker failed on %q: %s", data, report.English().Text(found.Message))
			}
		}
	})
}
