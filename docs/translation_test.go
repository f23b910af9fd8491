package docs

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// renew names one section whose Chinese was brought up to date, such as
// ci.md#The comment.
var renew = flag.String("renew", "", "store the hash of one English `PAGE#SECTION` in its Chinese page")

// translations are the Chinese pages that people write, with the English ones.
var translations = map[string]string{
	"zh/ci.md": "ci.md", "zh/declaration.md": "declaration.md", "zh/production.md": "production.md", "zh/registry.md": "registry.md",
	"../README.zh-CN.md": "../README.md",
}

// section is a heading with what stands below it.
type section struct{ title, text string }

// sections cuts a page at its headings. Lines of code are no headings.
func sections(page string) []section {
	var all []section
	code := false
	for line := range strings.Lines(page) {
		code = code != strings.HasPrefix(strings.TrimSpace(line), "```")
		if title, is := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); is && !code && strings.HasPrefix(line, "#") {
			all = append(all, section{title: strings.TrimSpace(title)})
		}
		if len(all) > 0 {
			all[len(all)-1].text += line
		}
	}
	return all
}

// hash identifies the English that a section was translated from.
func (s section) hash() string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.TrimSpace(s.text))))[:12]
}

// origin is what stands below the heading of a Chinese section.
var origin = regexp.MustCompile(`<!-- en: (.*) ([0-9a-f]{12}) -->\n`)

func TestTranslationsAreOfTheEnglishAsItIs(t *testing.T) {
	renewed := *renew == ""
	for chinese, english := range translations {
		text, err := os.ReadFile(chinese)
		if err != nil {
			t.Fatal(err)
		}
		original, err := os.ReadFile(english)
		if err != nil {
			t.Fatal(err)
		}
		want, got := sections(string(original)), sections(string(text))
		for i, s := range got {
			found := origin.FindStringSubmatch(s.text)
			switch {
			case found == nil:
				t.Errorf("%s: the section %q has no comment <!-- en: SECTION HASH -->", chinese, s.title)
			case i < len(want) && found[1] != want[i].title:
				t.Errorf("%s: the section %q is of %q, where the English page has %q", chinese, s.title, found[1], want[i].title)
			case i < len(want) && *renew == filepath.Base(english)+"#"+found[1]:
				fresh := strings.Replace(s.text, found[0], fmt.Sprintf("<!-- en: %s %s -->\n", found[1], want[i].hash()), 1)
				if err := os.WriteFile(chinese, []byte(strings.Replace(string(text), s.text, fresh, 1)), 0o600); err != nil {
					t.Fatal(err)
				}
				renewed = true
			case i < len(want) && found[2] != want[i].hash():
				t.Errorf("%s: %q changed since %q was translated. Bring the Chinese up to date, then run: go test ./docs -run Translations -renew '%s#%s'",
					english, want[i].title, s.title, filepath.Base(english), want[i].title)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s has %d sections, %s has %d", chinese, len(got), english, len(want))
		}
	}
	if !renewed {
		t.Errorf("no page has the section %s", *renew)
	}
}

func TestSectionsAreCutAtHeadings(t *testing.T) {
	got := sections("before\n# One\ntext\n```sh\n# no heading\n```\n## Two\n#no heading\n")
	if len(got) != 2 || got[0].title != "One" || got[1].title != "Two" || got[0].hash() == got[1].hash() {
		t.Errorf("got %q", got)
	}
}

// TestLabelsOfTheConsoleHaveASource holds the names in quotation marks that
// Chinese steps have to the list of those that a source confirms, or that are
// marked there as unconfirmed.
func TestLabelsOfTheConsoleHaveASource(t *testing.T) {
	glossary, err := os.ReadFile("zh/glossary.md")
	if err != nil {
		t.Fatal(err)
	}
	catalogue, err := os.ReadFile("../internal/report/messages/zh.yaml")
	if err != nil {
		t.Fatal(err)
	}
	quoted, seen, section := regexp.MustCompile(`“([^”]*)”`), 0, ""
	argument := regexp.MustCompile(`\{\{if[^}]*\}\}([^{]*)\{\{else\}\}([^{]*)\{\{end\}\}`)
	for line := range strings.Lines(string(catalogue)) {
		if !strings.HasPrefix(line, " ") && strings.TrimSpace(line) != "" {
			section, _, _ = strings.Cut(line, ":")
		}
		if section != "step" && section != "registry-verify" {
			continue
		}
		for _, label := range quoted.FindAllStringSubmatch(line, -1) {
			names := []string{label[1]}
			if either := argument.FindStringSubmatch(label[1]); either != nil {
				names = either[1:]
			}
			for _, name := range names {
				seen++
				if name = strings.ReplaceAll(name, "{{.platform}}", "GitHub"); !strings.Contains(string(glossary), "| "+name+" |") {
					t.Errorf("docs/zh/glossary.md does not say where %q is from", name)
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d labels were seen", seen)
	}
}
