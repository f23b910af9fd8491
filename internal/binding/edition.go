package binding

import "reconciler/internal/message"

// Edition is the product that an instance is of. The editions have different
// rules for declarations.
type Edition string

// Editions. An instance is Personal unless something says otherwise.
const (
	Personal   Edition = "personal"
	Enterprise Edition = "enterprise"
)

// Editions lists every edition.
func Editions() []Edition { return []Edition{Personal, Enterprise} }

// Platforms lists the platforms that an instance of the edition can be bound
// to, in the order of the product's console.
func (e Edition) Platforms() []Platform {
	if e == Enterprise {
		return AllPlatforms()
	}
	return Platforms()
}

// Title is the edition's name as the product writes it.
func (e Edition) Title() message.Message {
	if e == Enterprise {
		return message.New("edition.enterprise")
	}
	return message.New("edition.personal")
}

// HeldInstance is an instance that is not changed, because it is uncertain which
// rules apply to its declarations.
type HeldInstance struct {
	Instance string
	// Files are instances.yaml and the files of the instance's declarations,
	// sorted.
	Files []string
	Why   message.Message
}
