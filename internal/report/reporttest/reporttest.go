// Package reporttest finds English text that does not come from the catalogue.
package reporttest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"golang.org/x/text/language"
	"gopkg.in/yaml.v3"

	"reconciler/internal/message"
	"reconciler/internal/report"
)

// Pseudo makes a language in which every text of the catalogue is between
// markers and contains no English: its words are spelled backwards.
func Pseudo(t *testing.T) *report.Language {
	t.Helper()
	folder := "."
	for filepath.Base(folder) != "internal" {
		up, err := filepath.Abs(filepath.Join(folder, ".."))
		if err != nil || up == folder {
			t.Fatalf("not in a folder of internal: %s, %v", folder, err)
		}
		folder = up
	}
	data, err := os.ReadFile(filepath.Join(folder, "report", "messages", "en.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]any
	if err := yaml.Unmarshal(data, &texts); err != nil {
		t.Fatal(err)
	}
	translate(texts)
	if data, err = yaml.Marshal(texts); err != nil {
		t.Fatal(err)
	}
	l, err := report.NewLanguage(language.MustParse("art-x-madeup"), data)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func translate(texts map[string]any) {
	action := regexp.MustCompile(`\{\{[^}]*\}\}`)
	for key, value := range texts {
		switch value := value.(type) {
		case map[string]any:
			translate(value)
		case string:
			texts[key] = "⟦" + action.ReplaceAllString(value, "⟧${0}⟦") + "⟧"
		}
	}
}

// Unquoted returns a message without its foreign texts.
func Unquoted(m message.Message) message.Message {
	args := slices.Clone(m.Args)
	for n, arg := range args {
		switch v := arg.Value.(type) {
		case message.Foreign:
			args[n].Value = message.Foreign("…")
		case message.Message:
			args[n].Value = Unquoted(v)
		case []message.Message:
			list := make([]message.Message, len(v))
			for i := range v {
				list[i] = Unquoted(v[i])
			}
			args[n].Value = list
		}
	}
	return message.Message{ID: m.ID, Args: args}
}

// English finds English in a message: consecutive words that are neither from
// the catalogue nor quoted.
func English(l *report.Language, m message.Message) string { return Besides(l.Text(Unquoted(m))) }

// Besides finds consecutive words in a text that are not from the catalogue.
func Besides(text string) string {
	rest := regexp.MustCompile(`⟦[^⟦⟧]*⟧`).ReplaceAllString(text, "\x00")
	return regexp.MustCompile(`\pL{2,}['’,;:]* \pL{2,}`).FindString(rest)
}
