package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// Kinds of the JSON objects.
const (
	KindFindings    = "Findings"
	KindPlan        = "Plan"
	KindBindingList = "BindingList"
)

type findingList struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Basis
	Findings []FindingObject `json:"findings"`
}

type planObject struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Digest     string `json:"digest"`
	Basis
	Touched   []Touched       `json:"touched,omitzero"`
	Instances []plan.Instance `json:"instances,omitempty"`
	Actions   []ActionObject  `json:"actions"`
	Pending   []ActionObject  `json:"pending,omitzero"`
	Findings  []FindingObject `json:"findings"`
}

// BindingList is what `get` prints and the daemon serves.
type BindingList struct {
	APIVersion string        `json:"apiVersion"`
	Kind       string        `json:"kind"`
	Items      []BindingItem `json:"items"`
	Problems
}

// BindingItem is one binding of a BindingList.
type BindingItem struct {
	Metadata BindingMetadata `json:"metadata"`
	Spec     binding.Spec    `json:"spec"`
	Status   BindingStatus   `json:"status"`
}

// BindingMetadata names a binding and says where it is declared.
type BindingMetadata struct {
	Name     string `json:"name"`
	File     string `json:"file,omitempty"`
	Revision string `json:"revision,omitempty"`
}

// BindingStatus is the current status of a binding.
type BindingStatus struct {
	Conditions []ConditionObject `json:"conditions"`
	Steps      []string          `json:"steps"`
	// StepMessages are the steps as data.
	StepMessages []message.Message `json:"stepMessages,omitempty"`
	Pending      []PendingObject   `json:"waiting,omitempty"`
	Retry        *binding.Retry    `json:"retry,omitempty"`
	TokenVersion int               `json:"tokenVersion,omitempty"`
	TokenExpires time.Time         `json:"tokenExpires,omitzero"`
	LastSync     time.Time         `json:"lastSync,omitzero"`
}

// NewBindingList makes a list of statuses, sorted by instance and name.
func NewBindingList(statuses []binding.Status) BindingList {
	return BindingListOf(sortStatuses(statuses))
}

// BindingListOf makes a list of statuses in the given order.
func BindingListOf(statuses []binding.Status) BindingList {
	items := each(statuses, func(s binding.Status) BindingItem {
		return BindingItem{
			Metadata: BindingMetadata{Name: s.Name, File: s.File, Revision: s.Revision},
			Spec:     s.Spec,
			Status: BindingStatus{
				Conditions: ConditionObjects(s.Conditions), Steps: nonNil(English().texts(s.Steps)), StepMessages: s.Steps, Pending: pendingObjects(s.Pending), Retry: s.Retry,
				TokenVersion: s.TokenVersion, TokenExpires: s.TokenExpires, LastSync: s.LastSync,
			},
		}
	})
	return BindingList{APIVersion: binding.APIVersion, Kind: KindBindingList, Items: nonNil(items)}
}

// BindingLines writes each binding as a JSON object on its own line.
func BindingLines(w io.Writer, statuses []binding.Status) error {
	return lines(w, BindingListOf(statuses).Items)
}

// Statuses converts the list back to statuses, for example to write a received
// one as text.
func (l BindingList) Statuses() []binding.Status {
	return each(l.Items, func(i BindingItem) binding.Status {
		return binding.Status{
			Name: i.Metadata.Name, File: i.Metadata.File, Revision: i.Metadata.Revision, Spec: i.Spec,
			Conditions: ConditionsOf(i.Status.Conditions), Steps: knownSteps(i.Status.StepMessages, i.Status.Steps), Pending: pendingSteps(i.Status.Pending), Retry: i.Status.Retry,
			TokenVersion: i.Status.TokenVersion, TokenExpires: i.Status.TokenExpires, LastSync: i.Status.LastSync,
		}
	})
}

// PlanJSON writes a plan, made from an observation of a depth, as one object of
// kind Plan.
func PlanJSON(w io.Writer, p plan.Plan, depth Depth) error {
	return writeDocument(w, Document{Plan: &p, Basis: Basis{Depth: depth}}, Options{})
}

// writeDocument writes a document as one object of kind Plan or Findings.
func writeDocument(w io.Writer, d Document, _ Options) error {
	if d.Plan == nil {
		return JSON(w, findingList{binding.APIVersion, KindFindings, d.Basis, findingObjects(d.Findings)})
	}
	o := newPlanObject(*d.Plan, d.Basis)
	if d.Change != nil {
		o.Digest = d.Change.Whole.Digest()
		o.Pending = actionObjects(d.Change.Pending)
		o.Touched = nonNil(each(d.Change.Touched, func(t Touched) Touched {
			t.Changes = nonNil(t.Changes)
			return t
		}))
	}
	return JSON(w, o)
}

func newPlanObject(p plan.Plan, basis Basis) planObject {
	return planObject{
		APIVersion: binding.APIVersion, Kind: KindPlan, Basis: basis, Digest: p.Digest(),
		Instances: p.Instances, Actions: actionObjects(p.Actions), Findings: findingObjects(p.Findings),
	}
}

// nonNil returns list, or an empty list instead of nil, which is [] in JSON.
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// JSON writes v indented. Characters that could do harm on a terminal are
// escaped; outside of strings, JSON has none.
func JSON(w io.Writer, v any) error {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, SanitizeJSON(out.String()))
	return err
}

// SanitizeJSON escapes characters in JSON that could do harm on a terminal.
func SanitizeJSON(text string) string {
	if !strings.ContainsFunc(text, harmfulInJSON) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if harmfulInJSON(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// harmfulInJSON reports whether to escape r. It excludes what JSON's encoder
// writes itself: line ends, and U+FFFD for invalid UTF-8.
func harmfulInJSON(r rune) bool {
	return r != '\n' && r != utf8.RuneError && unsafeRune(r)
}
