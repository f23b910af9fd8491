package page

import (
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"reconciler/internal/message"
	"reconciler/internal/report"
)

// siteLanguage is a language of the pages, with the templates in it.
type siteLanguage struct {
	// Tag is for <html lang>, and Name is the language's name in that language.
	Tag, Name string
	words     *report.Language
	pages     map[string]*template.Template
	now       func() time.Time
}

// screens are the names of the templates.
var screens = []string{"overview", "waiting", "tokens", "binding", "syncs", "problems", "login", "again", "not-found", "unknown", "foreign"}

// siteLanguages returns the languages of the catalogue. The first one is the default.
func siteLanguages(now func() time.Time) []*siteLanguage {
	var all []*siteLanguage
	for _, tag := range report.Languages() {
		words, err := report.LanguageNamed(tag)
		if err != nil {
			panic(err) // The catalogue has it.
		}
		t := &siteLanguage{Tag: tag, words: words, pages: map[string]*template.Template{}, now: now}
		t.Name = t.words.Text(message.New("page.language-name"))
		layout := template.Must(template.New("layout.html").Funcs(t.funcs()).ParseFS(assets, "assets/layout.html", "assets/parts.html"))
		for _, name := range screens {
			t.pages[name] = template.Must(template.Must(layout.Clone()).ParseFS(assets, "assets/"+name+".html"))
		}
		all = append(all, t)
	}
	return all
}

// languageCookie is the cookie with the language that a person chose.
const languageCookie = "reconciler-language"

// languageOf is the language that a person chose, or else the first of the
// browser's languages that the catalogue has, or else the default.
func (p *pages) languageOf(r *http.Request) *siteLanguage {
	var tags []string
	if c, err := r.Cookie(languageCookie); err == nil {
		tags = append(tags, c.Value)
	}
	accepted, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err == nil {
		for _, tag := range accepted {
			base, _ := tag.Base()
			tags = append(tags, base.String())
		}
	}
	for _, tag := range tags {
		if i := slices.IndexFunc(p.languages, func(t *siteLanguage) bool { return t.Tag == tag }); i >= 0 {
			return p.languages[i]
		}
	}
	return p.languages[0]
}

func (p *pages) chooseLanguage(w http.ResponseWriter, r *http.Request) {
	chosen := r.PostFormValue("language")
	if slices.ContainsFunc(p.languages, func(t *siteLanguage) bool { return t.Tag == chosen }) {
		http.SetCookie(w, &http.Cookie{
			Name: languageCookie, Value: chosen, Path: "/", MaxAge: int(365 * 24 * time.Hour / time.Second),
			Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
	}
	redirect(w, r, nextOf(r.PostFormValue("next")))
}

func (t *siteLanguage) funcs() template.FuncMap {
	return template.FuncMap{
		"t":      t.text,
		"say":    func(m message.Message) string { return report.Clean(t.words.Text(m)) },
		"change": report.ChangeWords,
		"line":   func(text any) string { return report.Clean(fmt.Sprint(text)) },
		"cut":    cut,
		"ago":    func(at time.Time) string { return t.words.Text(distance(at, t.now())) },
		"in":     func(at time.Time) string { return t.words.Text(distance(at, t.now())) },
		"when":   func(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") },
		"iso":    func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
		"took":   formatDuration,
		"hash":   hash,
		"tab":    func(v view, page, to, id string) tab { return tab{v.Root, to, t.text(id), v.Page == page} },
		"add":    func(a, b int) int { return a + b },
	}
}

// tab is one entry of the navigation.
type tab struct {
	Root, To, Text string
	Here           bool
}

// text returns an entry of the catalogue, with arguments as pairs of a name and
// a value. A test checks that the catalogue has what the templates use.
func (t *siteLanguage) text(id string, pairs ...any) string {
	m := message.Message{ID: id}
	for i := 0; i+1 < len(pairs); i += 2 {
		m.Args = m.Args.With(fmt.Sprint(pairs[i]), pairs[i+1])
	}
	return report.Clean(t.words.Text(m))
}

// longestCell is how much of a name a table shows, in characters.
const longestCell = 80

// cut shortens a name for a table.
func cut(text any) string { return message.Cut(report.Clean(fmt.Sprint(text)), longestCell) }

// hash is the beginning of a commit or a digest.
func hash(text string) string { return cut(report.Short(strings.TrimPrefix(text, "sha256:"))) }

// distance says how long ago something was, or when it will be.
func distance(at, now time.Time) message.Message {
	apart, soon := now.Sub(at), at.After(now)
	if soon {
		apart = -apart
	}
	n, unit := 0, "moment"
	switch {
	case apart >= 48*time.Hour:
		n, unit = int(apart/(24*time.Hour)), "days"
	case apart >= 2*time.Hour:
		n, unit = int(apart/time.Hour), "hours"
	case apart >= time.Minute:
		n, unit = int(apart/time.Minute), "minutes"
	case soon:
		n, unit = 1, "minutes"
	}
	if soon {
		return message.New("page.soon."+unit, "count", n)
	}
	return message.New("page.ago."+unit, "count", n)
}

// number formats a number; empty for 0.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// yesNo is how a declaration writes a boolean.
func yesNo(b bool) string { return strconv.FormatBool(b) }

// formatDuration formats a duration for people: 420ms, 3.2s, 1m5s.
func formatDuration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
