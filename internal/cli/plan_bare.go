package cli

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
	"reconciler/internal/source/git"
)

// declarationsFolder is the folder of declarations in a repository without a
// configuration, if it exists.
const declarationsFolder = "bindings"

// withoutConfig reports whether no configuration was named and the default file
// does not exist.
func withoutConfig(cmd *cobra.Command, path string) bool {
	if cmd.Flags().Changed("config") || os.Getenv("RECONCILER_CONFIG") != "" {
		return false
	}
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// bareConfig replaces the configuration of an offline plan: it has the instances that
// the declarations name, and knows nothing else about them.
type bareConfig struct {
	config    config.Config
	published *report.Published
}

// readBare makes a bare from the declarations, for a change from those at both
// ends.
func readBare(ctx context.Context, opts *planOptions) (*bareConfig, error) {
	b := &bareConfig{config: config.Default(), published: &report.Published{}}
	b.config.Source.Folder, b.config.Source.MaxFiles = &config.Folder{Path: opts.declarations()}, opts.limit.limits(0).Files
	var files []binding.File
	if opts.change.base == "" {
		snapshot, err := readFolder(ctx, b.config.Source.Folder.Path, opts.limit.limits(0))
		if err != nil {
			return nil, err
		}
		files = snapshot.Files
	} else {
		c, err := readChange(ctx, opts.change, b.config.Source)
		if err != nil {
			return nil, err
		}
		files = slices.Concat(c.base.Files, c.head.Files)
	}
	now := time.Now()
	unknown := &binding.Unknown{Reason: binding.Offline, Message: message.New("unknown.offline")}
	for _, name := range namedInstances(ctx, files, now) {
		b.config.Instances = append(b.config.Instances, config.Instance{Name: name, Driver: "console"})
		b.published.Instances = append(b.published.Instances,
			report.NewPublishedInstance(name, &plan.Round{Observed: now, Input: plan.Input{Observation: binding.Observation{Instance: name, Unknown: unknown}}}))
	}
	return b, nil
}

// namedInstances returns the instances that declarations name. Each file is
// parsed separately, because two revisions declare the same bindings.
func namedInstances(ctx context.Context, files []binding.File, now time.Time) []string {
	var names []string
	for _, f := range files {
		for _, d := range manifest.Load(ctx, []binding.File{f}, manifest.Options{Now: now}).Declarations {
			names = append(names, d.Spec.Instance)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// declarations is the folder to plan without a configuration: the one that was
// named, else bindings at the root of the clone, else the current folder.
func (o *planOptions) declarations() string {
	if o.path != "" {
		return o.path
	}
	here := cmp.Or(o.change.repo, ".")
	if absolute, err := filepath.Abs(here); err == nil {
		here = cmp.Or(git.WorkTree(absolute), here)
	}
	folder := filepath.Join(here, declarationsFolder)
	if info, err := os.Stat(folder); err == nil && info.IsDir() {
		return folder
	}
	return here
}
