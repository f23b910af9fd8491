package report

import (
	"cmp"
	"io"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// KindSuspensionList is the kind of a SuspensionList.
const KindSuspensionList = "SuspensionList"

// SuspensionList is what `suspend` and `resume` print: what was suspended or
// resumed.
type SuspensionList struct {
	APIVersion string               `json:"apiVersion"`
	Kind       string               `json:"kind"`
	Items      []binding.Suspension `json:"items"`
	// Unsettled are the instances whose running sync had not ended yet. It may
	// still finish what it began before.
	Unsettled []string `json:"unsettled,omitempty"`
}

// NewSuspensionList makes a list, sorted by instance and binding.
func NewSuspensionList(items []binding.Suspension, unsettled []string) SuspensionList {
	items = slices.SortedFunc(slices.Values(items), func(a, b binding.Suspension) int {
		return cmp.Or(cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Binding, b.Binding))
	})
	return SuspensionList{
		APIVersion: binding.APIVersion, Kind: KindSuspensionList, Items: nonNil(items),
		Unsettled: slices.Sorted(slices.Values(unsettled)),
	}
}

// Suspended writes for a person what is suspended now.
func Suspended(w io.Writer, l SuspensionList, style Style) error {
	p := &page{style: style}
	for _, s := range l.Items {
		p.printMessage(message.New("suspend.suspended", "what", s.What(), "until", s.Until, "by", s.By, "reason", s.Why()))
	}
	p.unsettled(l)
	return p.writeTo(w)
}

// Resumed writes for a person what was resumed.
func Resumed(w io.Writer, l SuspensionList, style Style) error {
	p := &page{style: style}
	for _, s := range l.Items {
		p.printMessage(message.New("suspend.resumed", "what", s.What(), "until", s.Until, "by", s.By, "reason", s.Why()))
	}
	return p.writeTo(w)
}

func (p *page) unsettled(l SuspensionList) {
	for _, name := range l.Unsettled {
		p.fold("! ", p.words(message.New("suspend.unsettled", "instance", name)))
	}
}
