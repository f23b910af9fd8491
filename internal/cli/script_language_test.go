package cli

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/rogpeppe/go-internal/testscript"
)

// latin finds two words of Latin letters next to each other, the second one in
// lower case, as sentences have them and rows of names and codes do not.
var latin = regexp.MustCompile(`(?m)(?:^|[\s（：，；。、“”]|: )([A-Za-z']{2,}[,;:]? [a-z']{2,})(?:$|[\s.,;:）：，；。、“”])`)

// allowed is Latin that is shown in every language: commands, links, actions with
// their object, fields of a declaration, and what foreign programs say.
var allowed = []*regexp.Regexp{
	regexp.MustCompile("`[^`]*`|<!--.*-->|https?://\\S+"),
	regexp.MustCompile(`(?m)^reconciler: ([a-z]+ )?[a-z]+：`), // The command that an error is of.
	regexp.MustCompile(`reconciler( [a-z-]+)+`),
	regexp.MustCompile(`\b(sync|audit) [a-z-]+`),
	regexp.MustCompile(`\b(bind|rebind|unbind|authorize|manual|noop|link|adopt) account\b`),
	regexp.MustCompile(`(?m)^ *(warning|error|info)\[.*?\]`),
	regexp.MustCompile(`(?m)^ +[\w.\[\] ]+: \S+( → \S+)?$`), // A change's field, as in JSON.
	regexp.MustCompile(`\b[a-zA-Z]+: (true|manual|auto|yes|no|unknown)\b`),
}

// storyChinese is `chinese FILE...`: each has Chinese text, and no sentence in
// another language.
func storyChinese(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: chinese stdout|stderr|FILE...")
	}
	for _, file := range args {
		text := ts.ReadFile(file)
		if !strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			ts.Fatalf("%s has no Chinese:\n%s", file, text)
		}
		for _, a := range allowed {
			text = a.ReplaceAllString(text, "")
		}
		for _, found := range latin.FindAllStringSubmatch(text, -1) {
			ts.Logf("%s shows %q", file, found[1])
		}
		if latin.MatchString(text) {
			ts.Fatalf("%s is not Chinese:\n%s", file, ts.ReadFile(file))
		}
	}
}
