package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// Kinds of the JSON objects about the journal.
const (
	KindJournalEntries      = "JournalEntries"
	KindJournalVerification = "JournalVerification"
)

// JournalEntries writes the entries of a journal one by one, because a journal may be
// large.
type JournalEntries struct {
	out   io.Writer
	json  bool
	style Style
	begun bool
	table table
}

// NewJournalEntries makes a writer of entries, as JSON or as a table for a person.
func NewJournalEntries(w io.Writer, asJSON bool, style Style) *JournalEntries {
	return &JournalEntries{out: w, json: asJSON, style: style, table: table{least: journalWidths, columns: []column{
		{id: "entry"}, {id: "time"}, {id: "change"}, {id: "what"}, {id: "of"}, {id: "detail", free: true},
	}}}
}

// Write writes one entry.
func (j *JournalEntries) Write(e binding.JournalEntry) error {
	if !j.json {
		return j.text(e)
	}
	before := ",\n"
	if !j.begun {
		before = fmt.Sprintf("{\n  \"apiVersion\": %q,\n  \"kind\": %q,\n  \"items\": [\n", binding.APIVersion, KindJournalEntries)
	}
	j.begun = true
	e.Changes = nonNil(each(e.Changes, withWords))
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("    ", "  ")
	if err := enc.Encode(e); err != nil {
		return err
	}
	_, err := fmt.Fprintf(j.out, "%s    %s", before, SanitizeJSON(strings.TrimSuffix(out.String(), "\n")))
	return err
}

// withWords adds the English text to a history entry, for programs that show it.
// The journal has it only as data.
func withWords(c binding.JournalChange) binding.JournalChange {
	var v binding.HistoryEntry
	if len(c.Value) == 0 || c.Value[0] != '{' || json.Unmarshal(c.Value, &v) != nil || v.ID == "" || v.Message != "" {
		return c
	}
	words, _ := json.Marshal(English().Text(MessageOf(v.ID, v.Args, ""))) // A string can always be encoded.
	c.Value = slices.Concat([]byte(`{"message":`), words, []byte{','}, c.Value[1:])
	return c
}

// End writes what follows the last entry.
func (j *JournalEntries) End() error {
	var err error
	switch {
	case !j.json && !j.begun:
		_, err = fmt.Fprintln(j.out, j.style.Language.Text(message.New("journal.no-entries")))
	case j.json && j.begun:
		_, err = fmt.Fprint(j.out, "\n  ]\n}\n")
	case j.json:
		err = JSON(j.out, map[string]any{"apiVersion": binding.APIVersion, "kind": KindJournalEntries, "items": []any{}})
	}
	return err
}

// journalWidths are fixed widths of columns, because rows are written one by one.
var journalWidths = []int{len("ENTRY"), len("2006-01-02T15:04:05Z"), len("CHANGE"), len("secret-target"), len("prod-hangzhou/payments-gitlab")}

func (j *JournalEntries) text(e binding.JournalEntry) error {
	p := &page{style: j.style}
	j.begun = true
	for _, c := range e.Changes {
		of := objectOf(c.Of())
		if c.Instance == "" && len(c.Key) > 0 {
			of = strings.Join(c.Key, "/")
		}
		j.table.row(fmt.Sprint(e.Number), p.style.timestamp(e.Time), c.Do, c.What, of, detailOf(c, p.style.Language))
	}
	p.write(&j.table)
	return p.writeTo(j.out)
}

// detailOf is the most important part of a change's value, for a person.
func detailOf(c binding.JournalChange, l *Language) string {
	var v struct {
		binding.HistoryEntry
		TokenVersion int       `json:"tokenVersion"`
		Until        time.Time `json:"until"`
		Reason       string    `json:"reason"`
	}
	if len(c.Value) == 0 || json.Unmarshal(c.Value, &v) != nil {
		return strings.Trim(string(c.Value), `"`)
	}
	what := strings.Join(strings.Fields(v.Action+" "+v.Object.String()+" "+v.Outcome), " ")
	text := strings.TrimSpace(l.Text(message.New("journal.detail", "what", what, "version", v.TokenVersion, "until", timestampUTC(v.Until), "by", who(v.Person),
		"commit", Short(v.Revision), "plan", shortDigest(v.Digest), "requests", v.Requests)))
	why := cmp.Or(l.Text(MessageOf(v.ID, v.Args, v.Message)), v.Reason)
	if why == "" {
		return text
	}
	return text + ": " + why
}

// JournalVerification is what `audit verify` prints.
type JournalVerification struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Intact     bool   `json:"intact"`
	binding.JournalState
	// Message is the result as text.
	Message string `json:"message"`

	found message.Message
}

// NewJournalVerification makes the verification of a journal that was read.
func NewJournalVerification(s binding.JournalState) JournalVerification {
	m := foundIn(s)
	return JournalVerification{binding.APIVersion, KindJournalVerification, s.Damage == nil, s, English().Text(m), m}
}

// Damaged adds what else is wrong with a journal that is intact by itself.
func (v *JournalVerification) Damaged(how message.Message) {
	v.Intact, v.Message, v.found = false, English().Text(how), how
}

func foundIn(s binding.JournalState) message.Message {
	switch {
	case s.Damage != nil:
		return s.Damage.Message()
	case s.Segments == 0:
		return message.New("journal.none", "folder", s.Folder)
	}
	return message.New("journal.intact", "segments", s.Segments, "first", int(s.First), "last", int(s.Last), "hash", s.Hash, "incomplete", s.Incomplete) //nolint:gosec // They count what fits on a disk.
}

// JournalVerificationText writes a verification for a person.
func JournalVerificationText(w io.Writer, v JournalVerification, style Style) error {
	p, m := &page{style: style}, v.found
	if !v.Intact {
		m = message.New("journal.damaged", "folder", v.Folder, "damage", m)
	}
	p.line(p.words(m))
	return p.writeTo(w)
}
