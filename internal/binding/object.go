package binding

import (
	"cmp"
	"strings"

	"reconciler/internal/message"
)

// ObjectKind says what an object is.
type ObjectKind string

// Kinds of objects. The zero Object has none.
const (
	// ObjectAccount is the bound account itself.
	ObjectAccount ObjectKind = "account"
	// ObjectRepository is an image repository, with the source that it builds
	// from.
	ObjectRepository ObjectKind = "repository"
	// ObjectRule is a build rule of an image repository.
	ObjectRule ObjectKind = "rule"
)

// ObjectKinds lists every kind of object.
func ObjectKinds() []ObjectKind { return []ObjectKind{ObjectAccount, ObjectRepository, ObjectRule} }

// Object is what an action, an intent or an event is about: one part of a
// binding. Two equal objects of a binding are the same part. In text and in
// JSON it is written as "account", "namespace/name",
// "namespace/name#branch:main=>latest" or "namespace/name#copy:7:branch:main=>latest".
type Object struct {
	Kind ObjectKind
	// Image is the image repository in its normal form; empty for the account.
	Image string
	// Rule is the key of the build rule (BuildRule.Key); empty for the others.
	Rule string
	// Copy is the registry's number of the rule if several rules have the same key;
	// empty for the rule that the key alone identifies.
	Copy string
}

// AccountObject is the account of a binding.
func AccountObject() Object { return Object{Kind: ObjectAccount} }

// RepositoryObject is an image repository.
func RepositoryObject(image string) Object {
	return Object{Kind: ObjectRepository, Image: NormalImage(image)}
}

// RuleObject is a build rule of an image repository.
func RuleObject(image string, rule BuildRule) Object {
	return Object{Kind: ObjectRule, Image: NormalImage(image), Rule: rule.Key()}
}

// CopyObject is one of several build rules with the same key.
func CopyObject(image string, rule ObservedRule) Object {
	o := RuleObject(image, rule.BuildRule)
	o.Copy = rule.ID
	return o
}

// IsAccount reports whether the object is the account itself.
func (o Object) IsAccount() bool { return o.Kind == ObjectAccount }

// IsZero reports whether there is no object.
func (o Object) IsZero() bool { return o == Object{} }

// Compare orders objects: the account first, then each image repository,
// followed by its rules.
func (o Object) Compare(other Object) int {
	return cmp.Or(strings.Compare(o.Image, other.Image), strings.Compare(o.Rule, other.Rule), strings.Compare(o.Copy, other.Copy))
}

// objectSeparator separates an image repository from the key of a rule. The name of
// an image repository never contains it.
const objectSeparator = "#"

// copyMark begins the text of a copy's key. The key of a rule begins with
// "branch:" or "tag:".
const copyMark = "copy:"

// maxObjectText bounds the text of an object, in bytes.
const maxObjectText = 64 << 10

// String is the object as text; empty for the zero Object.
func (o Object) String() string {
	switch o.Kind {
	case ObjectAccount:
		return string(ObjectAccount)
	case ObjectRule:
		rule := o.Rule
		if o.Copy != "" {
			rule = copyMark + o.Copy + ":" + rule
		}
		return o.Image + objectSeparator + rule
	case ObjectRepository:
	}
	return o.Image
}

// MarshalText implements encoding.TextMarshaler.
func (o Object) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. It reads what MarshalText
// writes; an empty text is the zero Object.
func (o *Object) UnmarshalText(text []byte) error {
	if len(text) > maxObjectText {
		return message.NewError("format.object-long", "size", len(text), "most", maxObjectText)
	}
	image, rule, isRule := strings.Cut(string(text), objectSeparator)
	number := ""
	if copied, is := strings.CutPrefix(rule, copyMark); is {
		number, rule, _ = strings.Cut(copied, ":")
	}
	switch {
	case isRule && (image == "" || rule == ""):
		return message.NewError("format.object", "object", string(text))
	case isRule:
		*o = Object{Kind: ObjectRule, Image: image, Rule: rule, Copy: number}
	case image == "":
		*o = Object{}
	case image == string(ObjectAccount):
		*o = AccountObject()
	default:
		*o = Object{Kind: ObjectRepository, Image: image}
	}
	return nil
}
