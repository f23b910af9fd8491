package binding

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unique"
)

// APIVersion is the version that every declaration, configuration and JSON
// output carries.
const APIVersion = "reconciler/v1alpha1"

// KindSourceBinding is the kind of a declaration.
const KindSourceBinding = "SourceBinding"

// Platform is a code hosting platform that an instance can be bound to.
type Platform string

// The platforms, as declarations spell them.
const (
	Codeup    Platform = "codeup"
	GitHub    Platform = "github"
	Bitbucket Platform = "bitbucket"
	GitLab    Platform = "gitlab"
	// Gitee can be bound in the Enterprise Edition only.
	Gitee Platform = "gitee"
)

// Platforms lists the platforms that every edition can bind, in the order of the
// product's console.
func Platforms() []Platform { return []Platform{Codeup, GitHub, Bitbucket, GitLab} }

// AllPlatforms lists the platforms of all editions.
func AllPlatforms() []Platform { return append(Platforms(), Gitee) }

// Title is the platform's name as its owner writes it.
func (p Platform) Title() string {
	switch p {
	case Codeup:
		return "Codeup"
	case GitHub:
		return "GitHub"
	case Bitbucket:
		return "Bitbucket"
	case GitLab:
		return "GitLab"
	case Gitee:
		return "Gitee"
	}
	return string(p)
}

// OAuth reports whether the platform is bound by a person's authorization in a
// browser instead of by a token.
func (p Platform) OAuth() bool { return p == GitHub || p == Bitbucket || p == Gitee }

// Declaration is one document of kind SourceBinding.
type Declaration struct {
	// Name is metadata.name, unique within a snapshot.
	Name string
	// File is the slash-separated path of the file inside the snapshot.
	File string
	// Revision is the revision of the snapshot that the declaration was read
	// from; empty for a folder without one.
	Revision string
	Spec     Spec
	// Edition is that of the declared instance, as far as it is known; empty
	// means Personal.
	Edition Edition
	// Positions are where the fields' values start.
	Positions Positions
}

// Positions are the places of a document's fields, sorted by path. A snapshot has
// them for all its declarations, so they are small: a map would take three times as
// much.
type Positions []FieldPosition

// FieldPosition is where a field's value starts.
type FieldPosition struct {
	// Path is that of the field ("spec.token.expires", "spec.repositories[0].image"),
	// empty for the document itself.
	Path string
	// Line and Column are those of Position.
	Line, Column int32
}

// NewPositions sorts the places of fields. Equal paths of all declarations share
// their memory.
func NewPositions(all ...FieldPosition) Positions {
	for i := range all {
		all[i].Path = unique.Make(all[i].Path).Value()
	}
	slices.SortFunc(all, func(a, b FieldPosition) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// Find is the place of the field at path, if it is written.
func (p Positions) Find(path string) (at Position, written bool) {
	i, written := slices.BinarySearchFunc(p, path, func(f FieldPosition, path string) int { return strings.Compare(f.Path, path) })
	if written {
		at = Position{Line: int(p[i].Line), Column: int(p[i].Column)}
	}
	return at, written
}

// Nearest is the place of the field at path, or of the nearest enclosing field that is
// written.
func (p Positions) Nearest(path string) Position {
	for {
		if at, written := p.Find(path); written || path == "" {
			return at
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
}

// Position is a place in a file. Line and Column count from 1, columns in
// characters; zero means unknown.
type Position struct {
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
}

// At is the position of the field at path, or of the nearest enclosing field
// that has one.
func (d Declaration) At(path string) Position { return d.Positions.Nearest(path) }

// Spec is what a declaration asks for. A nil pointer or nil slice is an absent
// field and means "not managed"; a non-nil empty slice means "none".
type Spec struct {
	Instance string   `json:"instance"`
	Platform Platform `json:"platform"`
	Address  string   `json:"address,omitempty"`
	Username string   `json:"username,omitempty"`
	// UserID is the declared HostUser.ID; empty means that the ID seen first
	// counts.
	UserID         string         `json:"userID,omitempty"`
	Token          *Token         `json:"token,omitempty"`
	DeletionPolicy DeletionPolicy `json:"deletionPolicy"`
	// ManagementPolicy is empty in data that was written before this field existed;
	// empty means Manage.
	ManagementPolicy ManagementPolicy `json:"managementPolicy,omitempty"`
	DriftPolicy      DriftPolicy      `json:"driftPolicy"`
	// Adopt allows replacing an existing binding that differs from the declaration
	// and was never ours.
	Adopt   bool     `json:"adopt,omitempty"`
	Suspend *Suspend `json:"suspend,omitempty"`
	// Owner and Deputy are the people that messages name; nil if there is none.
	Owner        *Contact     `json:"owner,omitempty"`
	Deputy       *Contact     `json:"deputy,omitempty"`
	Repositories []Repository `json:"repositories,omitzero"`
}

// Token says where the token of a Codeup or GitLab account is kept.
type Token struct {
	Vault VaultRef `json:"vault"`
	// Expires is the declared last day of the token; zero if not declared.
	Expires Date `json:"expires,omitzero"`
}

// VaultRef names one value of a Vault KV secret. It holds no secret.
type VaultRef struct {
	Mount string `json:"mount"`
	Path  string `json:"path"`
	Key   string `json:"key"`
	// Version pins a KV version 2 version; 0 means the newest.
	Version int `json:"version,omitempty"`
}

// String is the reference as people write it: mount/path#key, with @version
// when pinned.
func (r VaultRef) String() string {
	s := r.Mount + "/" + r.Path + "#" + r.Key
	if r.Version > 0 {
		s += "@" + strconv.Itoa(r.Version)
	}
	return s
}

// Unpinned is the reference without its version: where the secret is kept.
func (r VaultRef) Unpinned() VaultRef { r.Version = 0; return r }

// DeletionPolicy says what happens to the binding when its declaration is removed.
type DeletionPolicy string

// Deletion policies; Retain is the default.
const (
	Retain DeletionPolicy = "Retain"
	Unbind DeletionPolicy = "Unbind"
)

// ManagementPolicy says whether a binding is changed at all.
type ManagementPolicy string

// Management policies; Manage is the default. The names are Crossplane's.
const (
	Manage  ManagementPolicy = "Manage"
	Observe ManagementPolicy = "Observe"
)

// Observed reports whether the binding is only observed and reported, and never
// changed, bound, adopted or unbound.
func (s Spec) Observed() bool { return s.ManagementPolicy == Observe }

// Deletion is what happens to the binding when its declaration is removed. A
// binding that is only observed is kept, whatever its deletion policy.
func (s Spec) Deletion() DeletionPolicy {
	if s.Observed() || s.DeletionPolicy == "" {
		return Retain
	}
	return s.DeletionPolicy
}

// DriftPolicy says what happens when the registry no longer matches.
type DriftPolicy string

// Drift policies; Correct is the default.
const (
	Correct DriftPolicy = "Correct"
	Report  DriftPolicy = "Report"
)

// Contact is a person, and where they get messages.
type Contact struct {
	// Name is for people.
	Name string `json:"name"`
	// Receiver is a receiver of messages, and Address the person's address at it.
	Receiver string `json:"receiver,omitempty"`
	Address  string `json:"address,omitempty"`
	// Account is the person's account at the binding's code host.
	Account string `json:"account,omitempty"`
}

// Suspend suspends changes to a binding until the end of a day.
type Suspend struct {
	Until  Date   `json:"until"`
	Reason string `json:"reason"`
	Owner  string `json:"owner"`
}

// Active reports whether the suspension still holds at now: until the end of its
// last day in UTC.
func (s *Suspend) Active(now time.Time) bool {
	return s != nil && now.Before(s.Until.Time().AddDate(0, 0, 1))
}

// Repository is an image repository and the source repository it builds from.
type Repository struct {
	// Image is the image repository in the registry: namespace/name.
	Image string `json:"image"`
	// Source is the project's path at the code host.
	Source  string  `json:"source"`
	Trigger Trigger `json:"trigger"`
	// OverseasBuild and BuildCache are nil when not managed.
	OverseasBuild *bool `json:"overseasBuild,omitempty"`
	BuildCache    *bool `json:"buildCache,omitempty"`
	// Rules are the build rules; nil when not managed.
	Rules []BuildRule `json:"rules,omitzero"`
	// Create is what a missing image repository is created with; nil if it is not
	// created.
	Create *Creation `json:"create,omitempty"`
}

// Creation is what an image repository is created with. It does not apply to one
// that exists.
type Creation struct {
	Visibility Visibility `json:"visibility"`
	Summary    string     `json:"summary"`
}

// Visibility says who may pull from an image repository.
type Visibility string

// Visibilities.
const (
	Private Visibility = "private"
	Public  Visibility = "public"
)

// Account is the account that a declaration wants bound.
func (s Spec) Account() Account {
	return Account{Platform: s.Platform, Username: s.Username, Address: s.Address, UserID: s.UserID}
}

// Sources are the source projects of all image repositories, sorted.
func (s Spec) Sources() []string {
	set := map[string]bool{}
	for _, repository := range s.Repositories {
		set[repository.Source] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// Trigger says what starts a build.
type Trigger string

// Triggers; auto is the default. A project in a GitLab subgroup allows only manual
// (rule gitlab-subgroup-manual).
const (
	Auto   Trigger = "auto"
	Manual Trigger = "manual"
)

// BuildRule says which branch or tag is built with which Dockerfile into which
// image tag. Exactly one of Branch and Tag is set.
type BuildRule struct {
	Branch     string `json:"branch,omitempty"`
	Tag        string `json:"tag,omitempty"`
	Dockerfile string `json:"dockerfile"`
	ImageTag   string `json:"imageTag"`
}

// Key identifies a rule within its repository: what is pushed and the image tag
// that is built from it, because two rules may build one branch into two image
// tags.
func (r BuildRule) Key() string {
	if r.Tag != "" {
		return "tag:" + r.Tag + "=>" + r.ImageTag
	}
	return "branch:" + r.Branch + "=>" + r.ImageTag
}

// RuleOfKey is the rule of a Key, without its Dockerfile. An image tag never
// contains "=>", but a branch may.
func RuleOfKey(key string) BuildRule {
	i := strings.LastIndex(key, "=>")
	if i < 0 {
		return BuildRule{}
	}
	rule := BuildRule{ImageTag: key[i+2:]}
	if tag, is := strings.CutPrefix(key[:i], "tag:"); is {
		rule.Tag = tag
	} else {
		rule.Branch = strings.TrimPrefix(key[:i], "branch:")
	}
	return rule
}
