package daemon

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// TestTheLastSyncsAreThoseThatShowSomething adds syncs of an instance, and looks which
// are kept: those that show something new, and the last one.
func TestTheLastSyncsAreThoseThatShowSomething(t *testing.T) {
	t.Parallel()
	did := []report.RecordedAction{{Action: plan.Bind, State: plan.Done}}
	waits := []report.RecordedAction{{Action: plan.Authorize, State: plan.Pending}}
	failed := message.FromError(errors.New("down"))
	for name, c := range map[string]struct {
		syncs []report.SyncRecord
		kept  []int
	}{
		"nothing to do":         {[]report.SyncRecord{{Revision: "a"}, {Revision: "a"}, {Revision: "a"}, {Revision: "a"}}, []int{0, 3}},
		"a change":              {[]report.SyncRecord{{Revision: "a"}, {Revision: "a", Actions: did, Digest: "1"}, {Revision: "a"}, {Revision: "a"}}, []int{0, 1, 3}},
		"the same step waits":   {[]report.SyncRecord{{Revision: "a", Actions: waits, Digest: "1"}, {Revision: "a", Actions: waits, Digest: "1"}, {Revision: "a", Actions: waits, Digest: "1"}}, []int{0, 2}},
		"another commit":        {[]report.SyncRecord{{Revision: "a"}, {Revision: "b"}, {Revision: "b"}, {Revision: "c"}}, []int{0, 1, 2, 3}},
		"a failure and its end": {[]report.SyncRecord{{Revision: "a"}, {Revision: "a", Err: failed}, {Revision: "a", Err: failed}, {Revision: "a", Err: failed}, {Revision: "a"}}, []int{0, 1, 3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newSyncLog()
			for i, s := range c.syncs {
				s.Instance, s.Took = prod, time.Duration(i)
				l.add(s)
			}
			var kept []int
			for _, s := range l.last[prod] {
				kept = append(kept, int(s.Took))
			}
			if fmt.Sprint(kept) != fmt.Sprint(c.kept) {
				t.Errorf("kept %v, want %v", kept, c.kept)
			}
		})
	}
	l := newSyncLog()
	for i := range 3 * authorsKept {
		l.setAuthor(fmt.Sprint(i), "Ada")
		l.add(report.SyncRecord{Instance: prod, Revision: fmt.Sprint(i)})
	}
	if len(l.last[prod]) != syncsKept || len(l.authors) != authorsKept || l.last[prod][0].Author != "Ada" {
		t.Errorf("%d syncs and %d authors are kept", len(l.last[prod]), len(l.authors))
	}
}
