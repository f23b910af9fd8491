package report

import (
	"time"

	"reconciler/internal/plan"
)

// DaemonPlan is a daemon's last plan in the API.
type DaemonPlan struct {
	// Made is when the observation of the instance began that was observed
	// longest ago. Revision is what the plan was made from.
	Made     time.Time `json:"made"`
	Revision string    `json:"revision,omitempty"`
	Depth    Depth     `json:"depth"`
	// Files are the files that declare something.
	Files []string `json:"files"`
	// Instances are the instances of the plan. An earlier version has none.
	Instances []plan.Instance `json:"instances,omitempty"`
	Actions   []ActionObject  `json:"actions"`
	// Settled says for each action whether everything is as declared. Earlier
	// versions read it instead of the cause.
	Settled  []bool          `json:"settled"`
	Findings []FindingObject `json:"findings"`
}

// NewDaemonPlan converts a plan for the API.
func NewDaemonPlan(p plan.Plan, d DaemonPlan) DaemonPlan {
	d.Actions, d.Findings, d.Files, d.Instances = actionObjects(p.Actions), findingObjects(p.Findings), nonNil(d.Files), p.Instances
	d.Settled = nonNil(each(p.Actions, plan.Action.Settled))
	return d
}

// Document is the report of the plan. Its actions have no Target, so they can
// be shown but not applied.
func (d DaemonPlan) Document() Document {
	p := plan.Plan{Actions: actionsOf(d.Actions), Findings: findingsOf(d.Findings), Instances: d.Instances}
	for i := range p.Actions {
		if a := &p.Actions[i]; a.Cause == "" && i < len(d.Settled) && d.Settled[i] {
			a.Cause = plan.CauseSettled // A daemon of an earlier version names no causes.
		}
	}
	return Document{Plan: &p, Files: d.Files, Basis: Basis{Depth: d.Depth, Revision: d.Revision, Made: d.Made}}
}
