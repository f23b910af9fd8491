package report_test

import (
	"os"
	"testing"

	"golang.org/x/text/language"

	"reconciler/internal/message"
	"reconciler/internal/report"
)

// languageOf says by its words which language it is.
func languageOf(l *report.Language) string {
	if l == nil {
		return ""
	}
	return l.Text(message.New("label.rule"))
}

const (
	inEnglish = "rule"
	inChinese = "规则"
)

func TestALanguageIsChosenByName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"en": inEnglish, "en-GB": inEnglish, "zh": inChinese, "zh-CN": inChinese, "zh_CN": inChinese, "zh-Hans": inChinese, "ZH": inChinese, "zh-SG": inChinese,
		"fr": "", "": "", "chinese": "", "zh_CN.UTF-8": "", "🀄": "",
	} {
		l, err := report.LanguageNamed(name)
		if got := languageOf(l); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
}

func TestALocaleHasALanguage(t *testing.T) {
	t.Parallel()
	for locale, want := range map[string]string{
		"": inEnglish, "C": inEnglish, "POSIX": inEnglish, "C.UTF-8": inEnglish, "en_US.UTF-8": inEnglish, "de_DE.UTF-8": inEnglish, "nonsense!": inEnglish,
		"zh_CN.UTF-8": inChinese, "zh_CN.utf8": inChinese, "zh_CN": inChinese, "zh": inChinese, "zh_SG.UTF-8@pinyin": inChinese,
		// We write UTF-8, which such a terminal cannot show.
		"zh_CN.GB18030": inEnglish, "zh_CN.GBK": inEnglish,
	} {
		if got := languageOf(report.LanguageOfLocale(locale)); got != want {
			t.Errorf("%q: got %q, want %q", locale, got, want)
		}
	}
}

// TestTheWholeCatalogueCanBeRead reads what a program reads section by section.
func TestTheWholeCatalogueCanBeRead(t *testing.T) {
	t.Parallel()
	for _, name := range report.Languages() {
		data, err := os.ReadFile("messages/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := report.NewLanguage(language.MustParse(name), data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
