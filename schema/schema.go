// Package schema has the format of declarations, of the configuration and of wire
// profiles as CUE: one file per platform, one for what the platforms share, and one
// for each other document. The files are embedded, and the comments on their fields
// are the reference.
package schema

import (
	"embed"
	"fmt"
	"io/fs"
	"sync"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
)

//go:embed *.cue
var files embed.FS

// Names of the definitions that a document is checked against.
const (
	// SourceBinding is what the declarations of all platforms share.
	SourceBinding = "#SourceBinding"
	// Configuration is the definition of the configuration file.
	Configuration = "#Configuration"
	// WireProfile is the definition of a wire profile.
	WireProfile = "#WireProfile"
	// Instances is the definition of the file with the instances' editions.
	Instances = "#Instances"
)

// Narrows reports whether a definition is a platform's, which adds constraints to
// what the declarations of all platforms share.
func Narrows(definition string) bool {
	return definition != SourceBinding && definition != Configuration && definition != WireProfile && definition != Instances
}

// Platform returns the name of the definition of a platform's declarations for an
// instance of an edition ("personal" or "enterprise"), such as "#GitLab" for
// "gitlab". ok is false for a platform that the edition does not have.
func Platform(platform, edition string) (definition string, ok bool) {
	enterprise := edition == "enterprise"
	switch platform {
	case "codeup":
		return "#Codeup", true
	case "github":
		if enterprise {
			return "#EnterpriseGitHub", true
		}
		return "#GitHub", true
	case "bitbucket":
		return "#Bitbucket", true
	case "gitlab":
		if enterprise {
			return "#EnterpriseGitLab", true
		}
		return "#GitLab", true
	case "gitee":
		return "#Gitee", enterprise
	}
	return "", false
}

// Definition is a definition of the schema as plain data. It is safe for concurrent
// use.
type Definition struct {
	// Field is what the schema defines for each field.
	Field *Field
	// Quick accepts a common document without CUE.
	Quick *Quick
}

// definitions are the definitions that were looked up, by name: func() (Definition,
// error).
var definitions sync.Map

// Lookup returns a definition, for example "#GitLab". A process reads each
// definition only once.
func Lookup(definition string) (Definition, error) {
	made, ok := definitions.Load(definition)
	if !ok {
		made, _ = definitions.LoadOrStore(definition, sync.OnceValues(func() (Definition, error) { return read(definition) }))
	}
	return made.(func() (Definition, error))() //nolint:forcetypeassert // nothing else is stored
}

// read reads a definition from the CUE.
func read(definition string) (Definition, error) {
	root, err := compiled()
	if err != nil {
		return Definition{}, err
	}
	describing.Lock()
	defer describing.Unlock()
	field, err := Describe(root, definition)
	if err != nil {
		return Definition{}, err
	}
	if definition == WireProfile {
		// Its values can have any form, so CUE checks it.
		return Definition{field, &Quick{root: quickNode{unknown: true}}}, nil
	}
	quick, err := CompileQuick(definition)
	return Definition{field, quick}, err
}

// compiled is the schema that the definitions are read from. Only one goroutine at
// a time may read it.
var (
	compiled   = sync.OnceValues(func() (cue.Value, error) { return Compile(cuecontext.New()) })
	describing sync.Mutex
)

// Compile builds the schema in ctx. The value belongs to ctx: only one goroutine at
// a time may use it, and it must be dropped after a run, because a CUE context
// keeps everything that was ever built in it.
func Compile(ctx *cue.Context) (cue.Value, error) {
	files, err := parse()
	if err != nil {
		return cue.Value{}, err
	}
	instance := build.NewContext().NewInstance("", nil)
	for _, file := range files {
		if err := instance.AddSyntax(file); err != nil {
			return cue.Value{}, fmt.Errorf("schema: add %s: %w", file.Filename, err)
		}
	}
	if err := instance.Complete(); err != nil {
		return cue.Value{}, fmt.Errorf("schema: complete the package: %w", err)
	}
	value := ctx.BuildInstance(instance)
	if err := value.Err(); err != nil {
		return cue.Value{}, fmt.Errorf("schema: build: %w", err)
	}
	return value, nil
}

// parse reads the embedded files.
func parse() ([]*ast.File, error) {
	names, err := fs.Glob(files, "*.cue")
	if err != nil {
		return nil, fmt.Errorf("schema: list the embedded files: %w", err)
	}
	parsed := make([]*ast.File, 0, len(names))
	for _, name := range names {
		source, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("schema: read %s: %w", name, err)
		}
		file, err := parser.ParseFile(name, source, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("schema: parse %s: %w", name, err)
		}
		parsed = append(parsed, file)
	}
	return parsed, nil
}
