package report_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/report"
	"reconciler/internal/report/reporttest"
)

// TestTheHistoryIsInTheReadersLanguage, in both tables that show it. A text of an
// earlier version is quoted.
func TestTheHistoryIsInTheReadersLanguage(t *testing.T) {
	t.Parallel()
	const earlier = "applied by an earlier version"
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	style := report.Style{Wide: true, Language: reporttest.Pseudo(t)}
	linked := message.New("confirmed.linked", "object", "pay/api", "source", "pay/api", "platform", "GitLab")
	for name, entry := range map[string]binding.HistoryEntry{
		"confirmed":    binding.HistoryEntry{}.WithMessage(message.New("history.confirmed", "by", message.Foreign("Ada"), "what", message.New("confirmed.and", "first", linked, "next", linked))),
		"resumed":      binding.HistoryEntry{}.WithMessage(message.New("history.repairs-resumed")),
		"a suspension": binding.HistoryEntry{}.WithMessage(message.New("history.suspension-over", "until", at, "by", message.Foreign("Ada"), "reason", message.Foreign("freeze"))),
		"a failure":    binding.HistoryEntry{Message: "as an earlier version wrote it too"}.WithMessage(message.New("explain.nothing-planned")),
		"a text":       {Message: earlier},
	} {
		entry.Time, entry.Action = at, "attest"
		var history, journal strings.Builder
		if err := report.HistoryText(&history, report.NewHistory([]binding.HistoryEntry{entry}), style); err != nil {
			t.Fatal(err)
		}
		value, err := json.Marshal(entry)
		if err != nil {
			t.Fatal(err)
		}
		kept := binding.JournalEntry{Number: 1, Time: at, Changes: []binding.JournalChange{{Do: "append", What: "event", Value: value}}}
		if err := report.NewJournalEntries(&journal, false, style).Write(kept); err != nil {
			t.Fatal(err)
		}
		var forPrograms strings.Builder
		inJSON := report.NewJournalEntries(&forPrograms, true, style)
		if err := errors.Join(inJSON.Write(kept), inJSON.End()); err != nil {
			t.Fatal(err)
		}
		shown := report.NewHistory([]binding.HistoryEntry{entry}).Items[0].Message
		if words, _ := json.Marshal(shown); shown == "" || !strings.Contains(forPrograms.String(), `"message": `+string(words)) {
			t.Errorf("%s: the journal in JSON does not say %q: %s", name, shown, forPrograms.String())
		}
		for where, text := range map[string]string{"history": history.String(), "journal": journal.String()} {
			if entry.ID == "" {
				if !strings.Contains(text, earlier) {
					t.Errorf("%s, %s: lost %q: %s", name, where, earlier, text)
				}
				continue
			}
			if found := reporttest.Besides(text); found != "" || !strings.Contains(text, "⟦") {
				t.Errorf("%s, %s shows %q: %s", name, where, found, text)
			}
		}
	}
}
