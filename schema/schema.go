// Package schema holds the format of declarations, of the configuration and of
// wire profiles as CUE: one file per platform, what they share, and one for each
// of the others.
// The files are embedded; the comments on their fields are the reference.
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
	// Configuration is the configuration file's.
	Configuration = "#Configuration"
	// WireProfile is the wire profile's.
	WireProfile = "#WireProfile"
	// Instances is that of the file which names the instances' editions.
	Instances = "#Instances"
)

// Narrows says whether a definition is a platform's, which narrows what the
// declarations of all platforms share.
func Narrows(definition string) bool {
	return definition != SourceBinding && definition != Configuration && definition != WireProfile && definition != Instances
}

// Platform is the name of the definition of a platform's declarations for an
// instance of an edition ("personal" or "enterprise"), such as "#GitLab" for
// "gitlab". It is false for a platform that the edition does not have.
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

// Definition is a definition of the schema as plain data, which any goroutine
// may read.
type Definition struct {
	// Field is what the schema says of each field.
	Field *Field
	// Quick accepts the common document without CUE.
	Quick *Quick
}

// definitions are those that were asked for, by name: func() (Definition, error).
var definitions sync.Map

// Lookup reads a definition, for example "#GitLab". It is made once in a process.
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
		// Its values have any shape: CUE checks it.
		return Definition{field, &Quick{root: quickNode{unknown: true}}}, nil
	}
	quick, err := CompileQuick(definition)
	return Definition{field, quick}, err
}

// compiled is the schema that the definitions are read from, by one goroutine
// at a time.
var (
	compiled   = sync.OnceValues(func() (cue.Value, error) { return Compile(cuecontext.New()) })
	describing sync.Mutex
)

// Compile builds the schema in ctx. The value belongs to ctx: it must not be
// used by two goroutines at once, nor outlive a run, because a CUE context
// keeps what was ever built in it.
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
