// Package wire describes the registry's undocumented calls as data: a wire
// profile says how to send each call and where each field is in its answer.
// Both drivers with an API use it. Documented calls are Go code in the drivers.
package wire

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"

	"reconciler/internal/binding"
	"reconciler/internal/boundedio"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
)

// Operation is what a call does.
type Operation string

// Operations that a profile describes.
const (
	ListAccounts Operation = "listAccounts"
	Bind         Operation = "bind"
	Unbind       Operation = "unbind"
	ListProjects Operation = "listProjects"
	ReadSource   Operation = "readSource"
	WriteSource  Operation = "writeSource"
	RemoveSource Operation = "removeSource"
	// CreateSource is the part that sets the source in the documented call that
	// creates an image repository.
	CreateSource Operation = "createSource"
)

// Operations returns all operations, in the order of the schema.
func Operations() []Operation {
	return []Operation{ListAccounts, Bind, Unbind, ListProjects, ReadSource, WriteSource, RemoveSource, CreateSource}
}

// Reads reports whether an operation changes nothing.
func (o Operation) Reads() bool { return o == ListAccounts || o == ListProjects || o == ReadSource }

// IsAccountOperation reports whether an operation is about the account of a platform.
func (o Operation) IsAccountOperation() bool { return o == ListAccounts || o == Bind || o == Unbind }

// Style is how calls are addressed.
type Style string

// Styles: by method and path, or by action and parameters.
const (
	ROA Style = "roa"
	RPC Style = "rpc"
)

// Profile is a checked wire profile. It is immutable and safe for concurrent
// use.
type Profile struct {
	Name string
	// Version and Style are the defaults of calls.
	Version    string
	Style      Style
	Platforms  map[binding.Platform]string
	TokenCodes []string
	Calls      map[Operation]Call
	digest     string
}

// Call says how to send one operation and how to read its answer. Its fields
// are as in the schema.
type Call struct {
	Basis   string            `yaml:"basis" json:"-"`
	Reason  string            `yaml:"reason" json:"-"`
	Action  string            `yaml:"action"`
	Version string            `yaml:"version"`
	Style   Style             `yaml:"style"`
	Method  string            `yaml:"method"`
	Path    string            `yaml:"path"`
	Query   map[string]string `yaml:"-"`
	Form    map[string]string `yaml:"-"`
	Body    map[string]any    `yaml:"-"`
	Answer  Answer            `yaml:"answer"`
	// used has the placeholders of the call.
	used map[string]bool
}

// Answer says where each field is in an answer.
type Answer struct {
	At        string            `yaml:"at"`
	None      []string          `yaml:"none"`
	NoneCodes []string          `yaml:"noneCodes"`
	Fields    map[string]string `yaml:"fields"`
}

// document is a profile as YAML. The schema does not define query, form and
// body completely, so they are checked before they are converted.
type document struct {
	Metadata struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	Spec struct {
		Version    string                      `yaml:"version"`
		Style      Style                       `yaml:"style"`
		Platforms  map[binding.Platform]string `yaml:"platforms"`
		TokenCodes []string                    `yaml:"tokenCodes"`
		Calls      map[Operation]openCall      `yaml:"calls"`
	} `yaml:"spec"`
}

// openCall is a call whose parameters may have any type.
type openCall struct {
	Call  `yaml:",inline"`
	Query any `yaml:"query"`
	Form  any `yaml:"form"`
	Body  any `yaml:"body"`
}

// maxProfileBytes is the maximum size of a profile.
const maxProfileBytes = 64 << 10

// Read reads the profile at path. Problems of its content are returned as
// findings. The error means that the file cannot be read.
func Read(path string) (*Profile, []finding.Finding, error) {
	data, err := boundedio.ReadFile(path, maxProfileBytes)
	if err != nil {
		return nil, nil, message.NewError("wire.profile-error", "why", err)
	}
	profile, findings := Parse(path, data)
	return profile, findings, nil
}

// Parse checks a profile; file is its name in findings. The profile is nil if a
// finding is an error.
func Parse(file string, data []byte) (*Profile, []finding.Finding) {
	var d document
	places, findings := manifest.CheckDocument(binding.File{Path: file, Data: data}, manifest.KindWireProfile, &d)
	if finding.HasErrors(findings) {
		return nil, findings
	}
	c := &checker{file: file, places: places, found: findings}
	p := &Profile{
		Name: d.Metadata.Name, Version: d.Spec.Version, Style: d.Spec.Style,
		Platforms: d.Spec.Platforms, TokenCodes: d.Spec.TokenCodes, Calls: map[Operation]Call{},
	}
	for operation, open := range d.Spec.Calls {
		p.Calls[operation] = c.call(p, operation, open)
	}
	c.platforms(p)
	if finding.HasErrors(c.found) {
		return nil, finding.Sort(c.found)
	}
	// Maps are written in the order of their keys, and name, comments and
	// reasons are left out, so that profiles with the same meaning have the
	// same digest.
	text, err := json.Marshal(struct {
		Version    string
		Style      Style
		Platforms  map[binding.Platform]string
		TokenCodes []string
		Calls      map[Operation]Call
	}{p.Version, p.Style, p.Platforms, p.TokenCodes, p.Calls})
	if err != nil {
		return nil, finding.Sort(append(c.found, finding.New("internal-error", message.New("check.fault-because", "err", err)).At(file, 0, 0)))
	}
	sum := sha256.Sum256(text)
	p.digest = "sha256:" + hex.EncodeToString(sum[:])
	return p, finding.Sort(c.found)
}

// Digest identifies the meaning of the profile, without comments, names and
// reasons.
func (p *Profile) Digest() string { return p.digest }

// Has reports whether the profile describes an operation.
func (p *Profile) Has(o Operation) bool { _, ok := p.Calls[o]; return ok }

// Uses reports whether any call of the profile has a placeholder.
func (p *Profile) Uses(placeholder string) bool {
	for _, call := range p.Calls {
		if call.used[placeholder] {
			return true
		}
	}
	return false
}

// PlatformName is the registry's name of a platform.
func (p *Profile) PlatformName(platform binding.Platform) (string, error) {
	if word, ok := p.Platforms[platform]; ok {
		return word, nil
	}
	return "", message.NewError("wire.platform", "profile", p.Name, "platform", platform)
}

// platform returns the platform that a name of the registry means.
func (p *Profile) platform(word string) (binding.Platform, error) {
	for platform, known := range p.Platforms {
		if known == word {
			return platform, nil
		}
	}
	return "", message.NewError("wire.source-type", "type", message.Cut(word, 40))
}

//go:embed personal.yaml
var personalYAML []byte

var personal = sync.OnceValue(func() *Profile {
	p, findings := Parse("personal.yaml", personalYAML)
	if p == nil {
		panic(fmt.Sprintf("wire: the embedded profile has findings: %v", findings))
	}
	return p
})

// Personal is the assumed profile of the Personal Edition.
func Personal() *Profile { return personal() }

// ErrNoCall means that the profile does not describe an operation.
var ErrNoCall = message.NewError("wire.no-call")
