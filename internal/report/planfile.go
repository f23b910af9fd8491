package report

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/boundedio"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// KindPlanFile is the kind of a plan that is saved to be applied later.
const KindPlanFile = "PlanFile"

// maxPlanFile limits a plan file, in bytes.
const maxPlanFile = 64 << 20

// PlanFile is a saved plan with what it was made from, so that exactly this
// plan is applied. It contains no secret.
type PlanFile struct {
	Plan  plan.Plan
	Basis Basis
	// Revision is the source's revision that the plan was made from.
	Revision string
	// Observation is the digest of what was observed.
	Observation string
}

// planFileObject is a plan file in JSON.
type planFileObject struct {
	APIVersion  string     `json:"apiVersion"`
	Kind        string     `json:"kind"`
	Digest      string     `json:"digest"`
	Revision    string     `json:"revision"`
	Base        string     `json:"base,omitempty"`
	Head        string     `json:"head,omitempty"`
	Observation string     `json:"observation"`
	Plan        planObject `json:"plan"`
}

// WritePlanFile writes a plan file as one object of kind PlanFile.
func WritePlanFile(w io.Writer, f PlanFile) error {
	return JSON(w, planFileObject{
		APIVersion: binding.APIVersion, Kind: KindPlanFile, Digest: f.Plan.Digest(), Revision: f.Revision,
		Base: f.Basis.Base, Head: f.Basis.Head, Observation: f.Observation, Plan: newPlanObject(f.Plan, f.Basis),
	})
}

// ErrNotPlanFile means that the input is not a plan file of this version.
var ErrNotPlanFile = message.NewError("plan-file.foreign")

// ReadPlanFile reads what WritePlanFile wrote. Its actions have no Target, so
// they can be compared but not applied. It fails if the file is something else,
// or if its digest does not match its actions.
func ReadPlanFile(r io.Reader) (PlanFile, error) {
	data, err := boundedio.Read(r, maxPlanFile)
	if err != nil {
		return PlanFile{}, err
	}
	if err := checkHead(data, KindPlanFile, ErrNotPlanFile); err != nil {
		return PlanFile{}, err
	}
	var o planFileObject
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&o); err != nil {
		return PlanFile{}, message.NewError("cli.at", "what", ErrNotPlanFile, "why", err)
	}
	if slices.ContainsFunc(o.Plan.Actions, func(a ActionObject) bool { return a.Cause == "" }) {
		return PlanFile{}, message.NewError("plan-file.earlier")
	}
	f := PlanFile{
		Plan: o.Plan.plan(), Revision: o.Revision, Observation: o.Observation,
		Basis: Basis{Depth: o.Plan.Depth, Observed: o.Plan.Observed, Base: o.Base, Head: o.Head},
	}
	if o.Revision == "" || o.Observation == "" {
		return PlanFile{}, message.NewError("cli.at", "what", ErrNotPlanFile, "why", message.New("plan-file.incomplete"))
	}
	if digest := f.Plan.Digest(); digest != o.Digest || digest != o.Plan.Digest {
		return PlanFile{}, message.NewError("plan-file.changed")
	}
	return f, nil
}

// plan converts the object back to a plan.
func (o planObject) plan() plan.Plan {
	return plan.Plan{Actions: actionsOf(o.Actions), Findings: findingsOf(o.Findings), Instances: o.Instances}
}
