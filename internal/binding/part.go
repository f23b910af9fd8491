package binding

import (
	"cmp"
	"slices"
	"time"

	"reconciler/internal/message"
)

// PartKind says what a Part is.
type PartKind string

// Kinds of parts.
const (
	// PartSource is where declarations come from.
	PartSource PartKind = "source"
	// PartVault is the secret store.
	PartVault PartKind = "vault"
	// PartRegistry is the registry of one instance.
	PartRegistry PartKind = "registry"
	// PartCodeHost is one site of a code host.
	PartCodeHost PartKind = "code-host"
	// PartJournal is our own record of what was done.
	PartJournal PartKind = "journal"
	// PartReceiver is a receiver of messages.
	PartReceiver PartKind = "receiver"
)

// PartKinds lists every kind of part, in the order in which people read them.
func PartKinds() []PartKind {
	return []PartKind{PartJournal, PartSource, PartVault, PartRegistry, PartCodeHost, PartReceiver}
}

// Part is one thing that has to answer before anything can be known or done.
type Part struct {
	Kind PartKind
	// Name is the instance of a registry, the site of a code host, or the
	// receiver; empty for the others.
	Name string
	// Platform is that of a code host.
	Platform Platform
}

// Compare orders parts as people read them.
func (p Part) Compare(o Part) int {
	rank := func(p Part) int { return slices.Index(PartKinds(), p.Kind) }
	return cmp.Or(cmp.Compare(rank(p), rank(o)), cmp.Compare(p.Name, o.Name))
}

// PartAnswer is whether a part gave an answer that can be used.
type PartAnswer struct {
	Part
	// Asked is false if the part was not asked this time.
	Asked bool
	// Reason, a CamelCase word, and Message say why there is no answer; they are
	// empty if there is one.
	Reason  string
	Message message.Message
}

// Failed reports whether the part was asked and gave no answer that can be used.
func (a PartAnswer) Failed() bool { return a.Asked && a.Reason != "" }

// Outage is a part that gives no answer that can be used.
type Outage struct {
	PartAnswer
	// Since is when it was first asked without a usable answer.
	Since time.Time
}
