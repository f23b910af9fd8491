package report

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	texttemplate "text/template"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"

	"reconciler/internal/message"
)

// catalogue has one file per language, in go-i18n's format: the text of every
// message by its identifier.
//
//go:embed messages/*.yaml
var catalogue embed.FS

// Language turns messages into text. A nil Language is English.
type Language struct {
	catalogue *wordings
	// location is the time zone; nil is UTC.
	location *time.Location
}

// In returns the language with times in a time zone.
func (l *Language) In(location *time.Location) *Language {
	l = cmp.Or(l, English())
	return &Language{l.catalogue, location}
}

// time converts a time to the language's time zone.
func (l *Language) time(t time.Time) time.Time {
	if l == nil || l.location == nil {
		return t.UTC()
	}
	return t.In(l.location)
}

// English is the language of output that programs read or people search: JSON,
// logs, errors.
var English = sync.OnceValue(func() *Language { return embedded(language.English) })

// chinese is simplified Chinese.
var chinese = sync.OnceValue(func() *Language { return embedded(language.Chinese) })

func embedded(tag language.Tag) *Language {
	data, err := catalogue.ReadFile("messages/" + tag.String() + ".yaml")
	if err != nil {
		panic(err) // It is embedded.
	}
	return &Language{catalogue: newWordings(tag, data)}
}

// languages are the languages of the catalogue, in the order of matcher.
var languages = []func() *Language{English, chinese}

var matcher = language.NewMatcher([]language.Tag{language.English, language.Chinese})

// Languages returns the names of the catalogue's languages.
func Languages() []string { return []string{language.English.String(), language.Chinese.String()} }

// LanguageNamed returns the language that a person chose, such as zh, zh-CN or
// zh_CN. The error lists the available ones.
func LanguageNamed(name string) (*Language, error) {
	if l := matched(name); l != nil {
		return l, nil
	}
	return nil, message.NewError("report.no-language", "name", name, "known", Languages())
}

// LanguageOfLocale returns the language of a locale, such as zh_CN.UTF-8, or
// English if there is no match. The output is UTF-8, so a terminal with a
// different encoding gets English.
func LanguageOfLocale(locale string) *Language {
	locale, _, _ = strings.Cut(locale, "@")
	name, encoding, _ := strings.Cut(locale, ".")
	if l := matched(name); l != nil && slices.Contains([]string{"", "utf8"}, strings.ToLower(strings.ReplaceAll(encoding, "-", ""))) {
		return l
	}
	return English()
}

// matched returns the language that matches name; nil if there is none.
func matched(name string) *Language {
	tag, err := language.Parse(name)
	if err != nil {
		return nil
	}
	_, index, confidence := matcher.Match(tag)
	if confidence == language.No {
		return nil
	}
	return languages[index]()
}

func init() { message.ErrorText(func(m message.Message) string { return English().Text(m) }) }

// NewLanguage reads a file of the catalogue.
func NewLanguage(tag language.Tag, data []byte) (*Language, error) {
	w := newWordings(tag, data)
	return &Language{catalogue: w}, w.readAll()
}

// Text returns a message as text; empty for the zero Message. A message that
// the language lacks is shown in English, and one that English lacks too, such
// as one of a newer version, as data.
func (l *Language) Text(m message.Message) string {
	if m.IsZero() {
		return ""
	}
	for _, l := range []*Language{l, English()} {
		if text, err := l.text(m); err == nil {
			return text
		}
	}
	return m.Key()
}

func (l *Language) text(m message.Message) (string, error) {
	l = cmp.Or(l, English())
	data := make(map[string]any, len(m.Args))
	for _, arg := range m.Args {
		data[arg.Name] = l.value(arg.Value)
	}
	return l.catalogue.localize(&i18n.LocalizeConfig{
		MessageID: m.ID, TemplateData: data, PluralCount: m.Args.Get("count"), TemplateParser: words,
	})
}

// Text is a message that JSON shows in English. Control characters in foreign
// text are escaped, as in text.
type Text struct{ message.Message }

// MarshalJSON implements json.Marshaler.
func (t Text) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(clean(English().Text(t.Message)))
	return out.Bytes(), err
}

// Texts converts messages to Text.
func Texts(messages []message.Message) []Text {
	return nonNil(each(messages, func(m message.Message) Text { return Text{m} }))
}

// value converts an argument for a template: to a string, number or boolean.
func (l *Language) value(value any) any {
	var parts []string
	switch v := value.(type) {
	case message.Message:
		return l.Text(v)
	case message.Foreign:
		return string(v)
	case time.Time:
		return l.time(v).Format(time.RFC3339)
	case string:
		return l.timeIn(v)
	case message.Place, message.Date, time.Duration:
		return fmt.Sprint(v)
	case []string:
		parts = v
	case []message.Message:
		parts = l.texts(v)
	default:
		return value
	}
	return strings.Join(parts, l.Text(message.New("list-separator")))
}

// local reports whether a time zone is set.
func (l *Language) local() bool { return l != nil && l.location != nil }

// timeIn returns a text unchanged or, if it is a time in JSON's format, that time
// in the language's time zone.
func (l *Language) timeIn(text string) string {
	if l.location == nil {
		return text
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return l.time(t).Format(time.RFC3339)
}

// words is the parser of the catalogue's templates.
var words = &cached{&template.TextParser{
	Option: "missingkey=error",
	Funcs:  texttemplate.FuncMap{"quote": strconv.Quote},
}}

// cached lets the library cache parsed templates although they have functions,
// because our functions depend on nothing else.
type cached struct{ *template.TextParser }

func (*cached) Cacheable() bool { return true }
