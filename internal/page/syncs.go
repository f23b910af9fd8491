package page

import (
	"net/http"

	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// syncRow is a sync with what it did.
type syncRow struct {
	report.SyncRecord
	Counts []stateCount
}

// stateCount is how many actions ended in a state.
type stateCount struct {
	State plan.OutcomeState
	Count int
}

// Outcome is the worst outcome of the sync, as the status of a condition.
func (s syncRow) Outcome() string {
	if !s.Err.IsZero() {
		return "False"
	}
	for _, c := range s.Counts {
		if c.State == plan.Failed {
			return "False"
		}
	}
	if s.Incomplete {
		return "Unknown"
	}
	return "True"
}

// lastSyncs is the page with the last syncs that did something.
func (p *pages) lastSyncs(r *http.Request) (screen, error) {
	instance := r.URL.Query().Get("instance")
	var rows []syncRow
	for _, s := range p.Past.Syncs() {
		if instance == "" || s.Instance == instance {
			rows = append(rows, syncRow{s, countStates(s.Actions)})
		}
	}
	return screen{name: "syncs", of: instance, data: rows}, nil
}

func countStates(actions []report.RecordedAction) []stateCount {
	var counts []stateCount
	for _, state := range []plan.OutcomeState{plan.Done, plan.Failed, plan.Skipped, plan.Pending, plan.Held, plan.Stopped, plan.Deferred, plan.Kept} {
		n := 0
		for _, a := range actions {
			if a.State == state {
				n++
			}
		}
		if n > 0 {
			counts = append(counts, stateCount{state, n})
		}
	}
	return counts
}
