package report_test

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

// drawnStatus is a status with texts that CSV has to quote.
func drawnStatus(t *rapid.T) (s binding.Status) {
	text := rapid.StringOfN(rapid.SampledFrom([]rune("ab,\"\r\n\\ 绑\t;'=-\x00")), 0, 6, -1)
	at := rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(1, 4e9).Draw(t, "s"), rapid.Int64Range(0, 1e9-1).Draw(t, "ns")).UTC()
	})
	s.Name, s.File, s.Revision = text.Draw(t, "name"), text.Draw(t, "file"), text.Draw(t, "revision")
	s.Spec.Instance, s.Spec.Platform, s.Spec.Username = text.Draw(t, "instance"), binding.Platform(text.Draw(t, "platform")), text.Draw(t, "account")
	s.TokenVersion = rapid.IntRange(0, 3).Draw(t, "version")
	if rapid.Bool().Draw(t, "times") {
		s.LastSync, s.TokenExpires = at.Draw(t, "sync"), at.Draw(t, "expires")
	}
	for _, c := range []binding.Condition{
		{Type: binding.Ready, Status: binding.False, Reason: text.Draw(t, "reason"), LastTransitionTime: at.Draw(t, "since"), Message: message.Verbatim("why")},
		{Type: binding.Suspended, Status: binding.True, Reason: "Asked", Message: message.Verbatim("x" + text.Draw(t, "why")), LastTransitionTime: at.Draw(t, "asked")},
		{Type: binding.WindowOpen, Status: binding.False, Reason: "Closed", Message: message.Verbatim("at night"), LastTransitionTime: at.Draw(t, "closed")},
		{Type: binding.TokenValid, Status: binding.True, Reason: "Valid"},
	} {
		if rapid.Bool().Draw(t, "has "+string(c.Type)) || c.Type == binding.Ready {
			s.Conditions = append(s.Conditions, c)
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "steps") {
		s.Steps = append(s.Steps, message.Verbatim("click"))
		s.Pending = append(s.Pending, binding.PendingStep{Since: at.Draw(t, "asked for"), Due: at.Draw(t, "due"), Overdue: rapid.Bool().Draw(t, "overdue")})
	}
	return s
}

func TestBindingCSVHasWhatATableShows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		statuses := rapid.SliceOfN(rapid.Custom(drawnStatus), 0, 4).Draw(t, "statuses")
		var text bytes.Buffer
		if err := report.WriteBindingCSV(&text, slices.Values(statuses)); err != nil {
			t.Fatal(err)
		}
		got, err := report.ReadBindingCSV(&text)
		if err != nil {
			t.Fatal(err)
		}
		table := func(statuses []binding.Status) string {
			var out strings.Builder
			if err := report.Bindings(&out, report.BindingView{Statuses: statuses, All: len(statuses)}, report.Style{Wide: true, Now: time.Unix(5e9, 0)}); err != nil {
				t.Fatal(err)
			}
			return out.String()
		}
		if diff := cmp.Diff(table(statuses), table(got)); diff != "" {
			t.Errorf("table (-of the statuses +of their CSV):\n%s", diff)
		}
		rows := func(statuses []binding.Status) (rows []report.BindingRow) {
			for _, s := range statuses {
				rows = append(rows, report.NewBindingRow(s))
			}
			return rows
		}
		if diff := cmp.Diff(rows(statuses), rows(got)); diff != "" {
			t.Errorf("rows (-of the statuses +of their CSV):\n%s", diff)
		}
	})
}

func TestBindingCSVOfOtherVersions(t *testing.T) {
	tests := map[string]struct {
		text string
		want binding.Status
		err  bool
	}{
		"columns that are not known, in another order": {
			text: "color,ready,name\nblue,True,pay\n", want: binding.Status{Name: "pay", Conditions: []binding.Condition{{Type: binding.Ready, Status: binding.True}}},
		},
		"a cell with a quote": {text: "name,ready\n\"\"\"a\\r\\nb\"\"\",\n", want: binding.Status{Name: "a\r\nb", Conditions: []binding.Condition{{Type: binding.Ready}}}},
		"nothing":             {err: true},
		"no time":             {text: "name,lastSync\npay,yesterday\n", err: true},
		"no number":           {text: "name,steps\npay,two\n", err: true},
		"a short line":        {text: "name,steps\npay\n", err: true},
		"no conditions":       {text: "name,held\npay,{\n", err: true},
		"no end of a quote":   {text: "name\n\"\"\"pay\"\n", err: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := report.ReadBindingCSV(strings.NewReader(tt.text))
			if tt.err {
				if err == nil {
					t.Fatalf("got %v, want an error", got)
				}
				return
			}
			if diff := cmp.Diff([]binding.Status{tt.want}, got); err != nil || diff != "" {
				t.Errorf("err %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestBindingCSVReportsALostReader(t *testing.T) {
	if err := report.WriteBindingCSV(brokenPipe{}, slices.Values(statuses())); err == nil {
		t.Error("no error of a writer that fails")
	}
	text, end := io.Pipe()
	go func() {
		_, _ = io.WriteString(end, "name,ready\npay,True\n")
		_ = end.CloseWithError(io.ErrUnexpectedEOF)
	}()
	if got, err := report.ReadBindingCSV(text); err == nil {
		t.Errorf("got %v, want the error of the reader", got)
	}
}
