package manifest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
)

// hidden is how many findings are reported as not shown.
func hidden(findings []finding.Finding) int {
	count := 0
	for _, f := range findings {
		if n, ok := f.Message.Args.Get("count").(int); ok && f.Code == "too-many-findings" {
			count += n
		}
	}
	return count
}

// TestFloodsOfFindings: a fault that a file has thousands of times is counted, and
// shown up to a limit.
func TestFloodsOfFindings(t *testing.T) {
	if testing.Short() || manifest.RaceDetector {
		t.Skip("takes seconds, and a minute with the race detector: make e2e runs it")
	}
	good := document("a", "{instance: p, platform: bitbucket, username: me}")
	for _, tt := range []struct {
		name, text string
		// least is how many findings there are at least, shown or not.
		least int
	}{
		{"1.4 MB of merge keys", strings.Repeat("<<:\n", 350_000), 20_000},
		{"merge keys in a flow", "a: {" + strings.Repeat("<<: b,", 200_000) + "}\n", 20_000},
		{"merge keys of many documents", strings.Repeat("---\n<<: {a: b}\n", 9_000), 1_000},
		{"aliases for keys", "a: &a b\nc: {" + strings.Repeat("*a : b,", 150_000) + "}\n", 20_000},
		{"anchors", "c: [" + strings.Repeat("&a b,", 150_000) + "]\n", 19_000},
		{"tags", "c: {" + strings.Repeat("!a b: c,", 150_000) + "}\n", 20_000},
		{"keys that are missing", "c: {" + strings.Repeat("? : c,", 150_000) + "}\n", 20_000},
		{"equal keys", "c: {" + strings.Repeat("a: b,", 150_000) + "}\n", 19_000},
		{"secrets in one line", "# " + strings.Repeat("glpat-abcdefghij ", 60_000) + "\n", 60_000},
		{"secrets in many lines", strings.Repeat("# glpat-abcdefghij\n", 60_000), 60_000},
		{"secrets by escapes", "a: [" + strings.Repeat(`"glpat-abcd\x65fghij",`, 60_000) + "]\n", 19_000},
		{"unknown fields", good + strings.Repeat("x", 100) + ": {}\n" + func() string {
			var text strings.Builder
			for i := range 15_000 {
				fmt.Fprintf(&text, "k%d: v\n", i)
			}
			return text.String()
		}(), 15_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := work(t)
			got := load(t, tt.text)
			took := work(t) - start
			t.Logf("%d bytes, %v, %d findings, %d more", len(tt.text), took, len(got.Findings), hidden(got.Findings))
			if took > 10*time.Second {
				t.Errorf("took %v of processor time", took)
			}
			if len(got.Broken) != 1 || len(got.Findings) > 210 || len(got.Findings)+hidden(got.Findings) < tt.least {
				t.Errorf("broken %v with %d findings, %d more", got.Broken, len(got.Findings), hidden(got.Findings))
			}
		})
	}
}

// TestOneObjectInManyFiles: a few git objects can make a tree of any size. Each
// content is read once, and the total number of findings is limited.
func TestOneObjectInManyFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds, beside nothing else")
	}
	good := document("a", "{instance: p, platform: bitbucket, username: me}")
	for name, text := range map[string]string{
		"faulty documents":    strings.Repeat("---\n"+good+"x: y\n", 100),
		"one declaration":     good,
		"unknown fields":      good + "a: b\nc: d\ne: f\n",
		"old form of a value": strings.ReplaceAll(good, "me}", "yes}"),
	} {
		t.Run(name, func(t *testing.T) {
			files := make([]binding.File, 20_000)
			for i := range files {
				files[i] = binding.File{Path: fmt.Sprintf("f%d/a.yaml", i), Digest: "1", Data: []byte(text)}
			}
			start := work(t)
			got := manifest.Load(t.Context(), files, manifest.Options{Now: now})
			took := work(t) - start
			t.Logf("%v, %d findings, %d more", took, len(got.Findings), hidden(got.Findings))
			if took > 20*time.Second || len(got.Broken) != len(files) || len(got.Findings) > 2_010 || hidden(got.Findings) < len(files)-2_010 {
				t.Errorf("took %v; %d broken, %d findings, %d more", took, len(got.Broken), len(got.Findings), hidden(got.Findings))
			}
			for _, f := range got.Findings[1:] {
				if f.File == "" {
					t.Fatalf("no file: %+v", f)
				}
			}
		})
	}
}

// TestOfOneFileTheGravestFindingsAreShown: many warnings hide no error.
func TestOfOneFileTheGravestFindingsAreShown(t *testing.T) {
	t.Parallel()
	warning := document("a", "{instance: p, platform: gitlab, address: 'http://g.example.com:8080', username: me, token: {vault: {mount: m, path: p}}}")
	text := strings.Repeat(warning+"---\n", 250) + document("b", "{instance: p, platform: bitbucket, usrname: me}")
	got := load(t, text)
	if !strings.Contains(strings.Join(codes(got.Findings), " "), "field-unknown") || hidden(got.Findings) == 0 {
		t.Errorf("findings %v", codes(got.Findings))
	}
}

// TestLongTextsReachNoExpression: a field of megabytes costs only what reading it
// costs.
func TestLongTextsReachNoExpression(t *testing.T) {
	if testing.Short() || manifest.RaceDetector {
		t.Skip("takes seconds, and a minute with the race detector: make e2e runs it")
	}
	whole := document("NAME", "{instance: INST, platform: gitlab, address: 'https://ADDR.example.com', username: USER, token: {vault: {mount: MOUNT, path: VPATH}}, "+
		"repositories: [{image: app/IMG, source: a/SRC, rules: [{branch: BRANCH, dockerfile: DOCK, imageTag: TAG}]}]}")
	for word := range strings.FieldsSeq("NAME INST ADDR USER MOUNT VPATH IMG SRC BRANCH DOCK TAG") {
		for _, long := range []string{strings.Repeat("a", 1<<20), strings.Repeat("a/b-", 1<<18)} {
			text := strings.Replace(whole, word, long, 1)
			start := work(t)
			got := load(t, text)
			if took := work(t) - start; took > 5*time.Second || len(got.Broken) != 1 {
				t.Errorf("%s: took %v, %v", word, took, codes(got.Findings))
			}
			if !slices.Contains(codes(got.Findings), "yaml-size") {
				t.Errorf("%s: %v", word, codes(got.Findings))
			}
		}
	}
}
