package docs

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
)

// idiom is a turn of phrase that readers stumbled over.
type idiom struct {
	pattern string // a regular expression, without regard to case
	better  string // the usual words
	sample  string // a text that has it
}

// idioms are the archaic and translated turns that no text of ours may have.
// To add one, write a sample that was found in a text.
var idioms = []idiom{
	{`\bmend(s|ed|ing)?\b`, "fix", "the way to mend it"},
	{`\bheed(s|ed|ing)?\b`, "respect, apply", "Heed windows in a plan from a snapshot too"},
	{`\btold\b`, "reported, shown", "what differs is told"},
	{`\btell(s|ing)?\b`, "report, show, distinguish", "the code host does not tell when it ends"},
	{`\blet(s|ting)? (\S+ )?go\b`, "release, resume, unbind", "hold a binding still, and let it go"},
	{`\b(hold|holds|held|holding) (\S+ ){0,3}still\b`, "suspend", "hold a binding still until a time"},
	{`\b(hold|holds|held|holding) (\S+ ){0,2}back\b`, "delay", "held a request back"},
	{`\b(repairs?|they|it) (do|does|did) not hold\b`, "does not last, comes back", "because repairs do not hold"},
	{`\bof which\b|[,;:] in which\b|\bin which are\b`, "a sentence of its own", "its digest, in which are no times"},
	{`\bby which (the|a|an|it|they|each|one|somebody|nobody)\b`, "that, which, so that", "webhooks by which a push is looked at, by which the next run finds it"},
	{`\b(of|to|for|from) whom\b`, "who", "a person of whom nothing is known"},
	{`\b(wherein|whereby|whereupon|therein|thereof|hereby|upon|shall|ought to)\b`, "in, on, must", "the file wherein it stands"},
	{`(^|[^-])\banew\b`, "again", "the source is looked at anew"},
	{`\bany ?more\b`, "no longer", "GitLab was bound and is not any more"},
	{`\b(declared|configured|bound|asked|named) no more\b`, "no longer", "a binding that is declared no more"},
	{`\bbut for\b`, "except for", "But for the two named in the table"},
	{`\bfor ever\b`, "forever", "gone for ever"},
	{`(^|[^-])\bbeside\b`, "next to, in addition to", "it does not run beside a daemon"},
	{`\blately\b`, "recently", "what happened lately"},
	{`\b(go|goes|going|went) on\b`, "continue", "everything else goes on"},
	{`\bstands? (in|at|on|there|beside|above|under)\b`, "is in, is written in", "the port stands at the end"},
	{`\bin (the )?place of\b`, "instead of", "one object in place of text"},
	{`\brefut(e|es|ed|ation)\b`, "failed, failure", "82 not refuted"},
	{`\bput(s)? (\S+ )?right\b`, "repair", "drift is told, and put right"},
	{`\b(a|no|the) right (on|to)\b|\bwithout a right\b`, "permission, credentials", "the job needs no right on the registry"},
	{`\blengthens?\b`, "raise, extend", "who lengthens sync.interval lengthens them too"},
	{`\bnear(s)? (its|their) end\b`, "expires soon", "a token nears its end"},
	{`\blooks? by\b`, "checks at", "the daemon looks by sync.interval"},
	{`\ball the (same|while)\b`, "anyway, meanwhile", "--break-glass applies it all the same"},
	{`\botherwise than\b`, "differs from", "the registry has it otherwise than declared"},
	{`\b(say|says|said|saying) of\b`, "say about", "what the code hosts said of them"},
	{`\b(speak|speaks|speaking) of\b`, "cover, be about", "of what policies do not speak of"},
	{
		`, for (it|they|there|nobody|anybody|we|this|that|what) (is|are|was|has|have|may|can|cannot|does|do|would|might|could)\b`,
		"because", "for anybody, for they can write a marker; only ours, for anybody can write one",
	},
	{`\b(is|was|were|are) to be had\b|\bto be had\b`, "is available", "where neither is to be had"},
	{`\b(has|have|had) (it|to be) said\b`, "is required, is reported", "it has to be said why"},
	{`\b(have|has|having) the (running )?daemon\b`, "make the daemon", "Have the running daemon sync at once"},
	{`\bgives? word\b|\bwith a word\b|\bno word about\b`, "report, with a message", "skip with a word where there are none"},
	{`\b(piece|pieces) of information\b`, "note", "1 piece of information"},
	{`\bit is used so\b`, "usage:", "it is used so: reconciler plan"},
	{`\bthe one before\b`, "the previous one", "the one before stays"},
	{`\b(came|comes|come) (to hold|of it|of that)\b`, "has, the outcome", "every secret that the command came to hold"},
	{`\byoung again\b`, "reset", "does not make it young again"},
	{`\bas ever\b`, "as usual, continue", "planning and telling go on as ever"},
	{`\bwith(out)? (a|any) rights?\b`, "permission, credentials", "plans from it, without a right"},
	{`\bis none (that|of)\b`, "unknown, is not", `push type "x" is none that is known`},
	{`\bso to speak\b`, "nothing", "closes the terminal, so to speak"},
	{`\b(brings?|brought) (\S+ ){0,2}along\b`, "include", "which the program brings along"},
	{`\brivals?\b`, "what undoes the repairs", "names the likely rival"},
	{`\b(testimony|testimonies|sightings?)\b`, "observation", "a sighting of the registry"},
	{`\btakes? another content\b`, "picks up a change", "takes another content within a second"},
	{`\bsays? (since when|what it is at)\b`, "is the time of, returns what it is doing", "says what it is at"},
	{`\bmakes? it so\b`, "apply", "and makes it so"},
	{`\b(that|it|one|what|which|this|answer|text|file|and) is no (date|JSON|error|repository|folder|commit|regular|network record|value|host|drift|missing answer)\b`, "is not a", "the answer is no JSON; a text that is no date"},
	{`\banother (\w+ ){1,3}than\b`, "a different one", "another account than the one bound, in another way than assumed"},
	{`\b(counts?|needs?|needs? it|declared|bound) no more\b`, "no longer", "what was attested of it counts no more"},
	{`\ballows? to [a-z]+\b`, "allows doing it, lets somebody do it", "the declaration allows to replace it"},
	{`\b(says?|gives?|takes?) (none|nobody|it) of\b|\bin vain\b|\bnothing behind\b`, "nothing, without success, after it", "one JSON object and nothing behind it"},
	{`\blooks? (at its interval|before (doing|adding))\b`, "checks at its interval, check first", "look before doing it again"},
	{`\b(its|the demo's) outside\b`, "the world around it", "commands that change its outside"},
	{`\btakes? pushes\b|\bso long (the|it)\b`, "accepts pushes, for that long", "its repository takes pushes, and so long the daemon waits"},
	{`\bas good as\b|\bof no use\b|\bto no avail\b`, "almost, useless", "a token that leaks is of no use"},
}

// texts are the files that users and contributors read, from the repository's
// root: pages, the catalogue of messages, and in commands.md the help.
var texts = []string{
	"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "changelog", "docs", "examples", "ci", "deploy", "schema",
	"internal/report/messages",
}

// compiledIdiom is an idiom's pattern. A text that has none of the words is not
// searched for it: that is most texts, and words are found ten times faster.
type compiledIdiom struct {
	*regexp.Regexp
	words []string
}

// compiledIdioms are the patterns of idioms, in their order.
func compiledIdioms() []compiledIdiom {
	patterns := make([]compiledIdiom, len(idioms))
	for i, one := range idioms {
		parsed, err := syntax.Parse(one.pattern, syntax.Perl)
		if err != nil {
			panic(err)
		}
		patterns[i] = compiledIdiom{regexp.MustCompile("(?i)" + one.pattern), wordsOf(parsed)}
	}
	return patterns
}

// wordsOf lists literal texts. Whatever a pattern matches has at least one of
// them. An empty list says that nothing is known.
func wordsOf(pattern *syntax.Regexp) (best []string) {
	switch pattern.Op { //nolint:exhaustive // Of the other operators nothing is known.
	case syntax.OpLiteral:
		return []string{strings.ToLower(string(pattern.Rune))}
	case syntax.OpCapture, syntax.OpPlus:
		return wordsOf(pattern.Sub[0])
	case syntax.OpAlternate:
		for _, sub := range pattern.Sub {
			words := wordsOf(sub)
			if len(words) == 0 {
				return nil
			}
			best = append(best, words...)
		}
	case syntax.OpConcat:
		for _, sub := range pattern.Sub {
			if words := wordsOf(sub); shortest(words) > shortest(best) {
				best = words
			}
		}
	}
	return best
}

// shortest is the length of the shortest of some words.
func shortest(words []string) int {
	if len(words) == 0 {
		return 0
	}
	return len(slices.MinFunc(words, func(a, b string) int { return len(a) - len(b) }))
}

// in says that a text in lower case may have the idiom.
func (c compiledIdiom) in(lower string) bool {
	return len(c.words) == 0 || slices.ContainsFunc(c.words, func(word string) bool { return strings.Contains(lower, word) })
}

var breaks = regexp.MustCompile(`\n[ \t]*(//|#|>|\*)?[ \t]*`)

// idiomsIn lists the idioms in a text, one line each. A line break counts as a
// space, with the marks of comments at the beginning of a line.
func idiomsIn(patterns []compiledIdiom, name, text string) []string {
	var flat strings.Builder
	var lines []int // the offset in flat at which each line begins
	at := 0
	for _, b := range breaks.FindAllStringIndex(text, -1) {
		flat.WriteString(text[at:b[0]] + " ")
		lines = append(lines, flat.Len())
		at = b[1]
	}
	flat.WriteString(text[at:])
	var found []string
	lower := strings.ToLower(flat.String())
	for i, pattern := range patterns {
		if !pattern.in(lower) {
			continue
		}
		for _, hit := range pattern.FindAllStringIndex(flat.String(), -1) {
			line, _ := slices.BinarySearch(lines, hit[0]+1)
			found = append(found, fmt.Sprintf("%s:%d: %q: write %s", name, line+1, flat.String()[hit[0]:hit[1]], idioms[i].better))
		}
	}
	return found
}

func TestTextsHaveNoOddIdioms(t *testing.T) {
	patterns := compiledIdioms()
	code := regexp.MustCompile("`[^`\n]+`") // names, not prose
	read := 0
	for _, root := range texts {
		err := filepath.WalkDir(filepath.Join("..", root), func(path string, entry fs.DirEntry, err error) error {
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil {
				return err
			}
			if entry.IsDir() && entry.Name() == "testdata" {
				return filepath.SkipDir
			}
			if !slices.Contains([]string{".md", ".yaml", ".cue", ".json"}, filepath.Ext(path)) {
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			read++
			if filepath.Ext(path) == ".md" {
				text = code.ReplaceAll(text, []byte("``"))
			}
			for _, found := range idiomsIn(patterns, strings.TrimPrefix(path, "../"), string(text)) {
				t.Error(found)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if read < 60 {
		t.Errorf("only %d texts were read", read)
	}
}

// reworded are the folders below internal whose comments are checked too. A room
// joins the list when its comments are reworded.
var reworded = []string{
	"apply", "binding", "boundedio", "chaos", "cli", "client", "compat", "config", "confine", "daemon", "doctor", "engine",
	"finding", "manifest", "message", "metrics", "observe", "plan", "providers", "reconcile", "registry", "release", "report", "notify", "page",
	"sandbox", "secrets", "server", "source", "state", "status", "worldtest",
}

func TestCommentsHaveNoOddIdioms(t *testing.T) {
	patterns := compiledIdioms()
	read := 0
	for _, room := range reworded {
		err := filepath.WalkDir(filepath.Join("../internal", room), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			positions := token.NewFileSet()
			file, err := parser.ParseFile(positions, path, nil, parser.ParseComments)
			if err != nil {
				return err
			}
			read++
			for _, comment := range file.Comments {
				for _, found := range idiomsIn(patterns, positions.Position(comment.Pos()).String(), comment.Text()) {
					t.Error(found)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if read < 100 {
		t.Errorf("only %d files were read", read)
	}
}

// TestEachIdiomIsFound sees every pattern fail at its sample, and the better
// words pass.
func TestEachIdiomIsFound(t *testing.T) {
	patterns := compiledIdioms()
	for i, one := range idioms {
		if !patterns[i].MatchString(one.sample) {
			t.Errorf("%s does not match its sample %q", one.pattern, one.sample)
		}
		if !patterns[i].in(strings.ToLower(one.sample)) {
			t.Errorf("%s is not searched for in its sample: %q", one.pattern, patterns[i].words)
		}
		if found := idiomsIn(patterns, "better", one.better); len(found) > 0 {
			t.Errorf("the better words of %s are odd themselves: %v", one.pattern, found)
		}
	}
	if found := idiomsIn(patterns, "page.md", "It is\n// not any\n// more there."); len(found) != 1 || !strings.HasPrefix(found[0], "page.md:2: ") {
		t.Errorf("an idiom across lines: %v", found)
	}
}
