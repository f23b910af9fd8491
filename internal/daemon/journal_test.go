package daemon

import (
	"os"
	"testing"

	"reconciler/internal/client"
	"reconciler/internal/state"
)

// TestTheJournalsMetricsFollowDamageAndAcceptance: nobody has to ask for the
// problems first.
func TestTheJournalsMetricsFollowDamageAndAcceptance(t *testing.T) {
	w := newWorld(t)
	w.populate(twoBindings())
	w.commit(twoBindings())
	p := w.start()
	p.ready("pay", "plat")
	p.end()
	if err := os.RemoveAll(state.JournalFolder(w.config.State.Path)); err != nil {
		t.Fatal(err)
	}
	p = w.start()
	check := func(up, damaged float64) {
		t.Helper()
		if got := p.sample(`reconciler_part_up{name="",part="journal"}`); got != up {
			t.Errorf("reconciler_part_up is %v, want %v", got, up)
		}
		if got := p.sample("reconciler_journal_damaged"); got != damaged {
			t.Errorf("reconciler_journal_damaged is %v, want %v", got, damaged)
		}
	}
	check(0, 1)
	if _, err := p.client().AcceptJournal(t.Context(), client.AcceptRequest{By: "Ada"}); err != nil {
		t.Fatal(err)
	}
	check(1, 0)
}
