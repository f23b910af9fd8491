package cli

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/binding"
	"reconciler/internal/boundedio"
	"reconciler/internal/config"
	"reconciler/internal/confine"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
	"reconciler/internal/source"
	"reconciler/internal/source/folder"
)

type validateOptions struct {
	streams Streams
	paths   []string
	config  string
	policy  string
	beside  string
	// offline has no effect, because validate is always offline. The flag
	// exists so that a job can pass it to both validate and plan.
	offline bool
	limit   limitFlags
	output  reportFlag
	now     func() time.Time
}

func newValidate(streams Streams) *cobra.Command {
	opts := &validateOptions{streams: streams, now: time.Now}
	cmd := &cobra.Command{
		Use:   "validate PATH...",
		Short: "Check declarations in files and folders, without secrets or network",
		Long: `validate checks declarations against the schema and the product's rules. It
reads files and folders of any depth, respects .reconcilerignore, and needs no
secrets and no network.

With --config it also checks the configuration, that every declared instance is
configured, and the configuration's policy. With --policy it checks the
declarations against the policy files of a folder: use the folder from the
target branch, not the change's own. Names, images and bindings must be unique
across files: --beside checks one file against the rest of its folder, and takes
only the time to read the folder.

` + exitHelp,
		Example: `  reconciler validate bindings/
  reconciler validate --config reconciler.yaml --output json bindings/payments.yaml
  reconciler validate --offline --beside bindings/ bindings/payments.yaml
  reconciler validate --output github --output sarif=findings.sarif bindings/`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.paths = args
			defer confine.DelayGC()()
			return runValidate(cmd.Context(), opts)
		},
	}
	cmd.Flags().StringVarP(&opts.config, "config", "c", "", "configuration `FILE` whose instances declarations may name")
	cmd.Flags().StringVar(&opts.policy, "policy", "", "folder `DIR` with policy files *.cue to check the declarations against")
	cmd.Flags().StringVar(&opts.beside, "beside", "", "folder `DIR` that the files belong to: also check them against the rest of it,\n"+
		"which is much faster than checking the whole folder")
	cmd.Flags().BoolVar(&opts.offline, "offline", true, "use only the files, as validate always does")
	opts.limit.add(cmd)
	opts.output.add(cmd)
	return cmd
}

func runValidate(ctx context.Context, opts *validateOptions) error {
	targets, err := opts.output.targets()
	if err != nil {
		return err
	}
	if !opts.offline {
		return message.NewError("cli.offline-only")
	}
	check := manifest.Options{Now: opts.now()}
	policies, err := readPolicies(opts.policy)
	if err != nil {
		return err
	}
	var cfg config.Config
	var findings []finding.Finding
	if opts.config != "" {
		if cfg, findings, err = config.Load(opts.config); err != nil {
			return err
		}
		check.Access = cfg.Access()
		check.Instances = cfg.InstanceNames()
		check.Editions = cfg.Editions()
		check.AllowPrivateAddresses = cfg.CodeHosts.UnsafeAllowPrivateAddresses
	}
	limits := opts.limit.limits(cfg.Source.MaxFiles)
	here := newWorkingFolder()
	files, found, err := readPaths(ctx, opts.paths, limits)
	if err != nil {
		return err
	}
	var others []binding.File
	var ignored int
	if opts.beside != "" {
		if files, others, ignored, err = readBeside(ctx, here, files, opts.beside, limits); err != nil {
			return err
		}
	}
	checked, instances, err := withInstances(here, files, opts.beside)
	if err != nil {
		return err
	}
	check.InstancesFiles = instances
	roots := opts.paths
	if opts.beside != "" {
		roots = append(slices.Clone(roots), opts.beside)
	}
	check.Policies, check.Roots = policies, policyRoots(roots, cfg.Source)
	conflicts := secretConflicts(plan.SecretConflicts)
	if cfg.Policy.AllowAddressChangeWithSecret {
		conflicts = nil
	}
	result := checkBeside(ctx, here, checked, others, check, conflicts)
	if err := ctx.Err(); err != nil {
		return err
	}
	findings = finding.Sort(append(append(findings, found...), result.Findings...))
	document := report.Document{
		Findings: findings,
		FromRoot: fromRoot("."),
		Summary:  validated(len(result.Declarations), len(files), ignored),
	}
	for _, f := range files {
		document.Files = append(document.Files, f.Path)
	}
	if err := writeReports(opts.streams, targets, document, false); err != nil {
		return err
	}
	if finding.HasErrors(findings) {
		return exitCode(exitFindings)
	}
	return nil
}

// errNoDeclaration means that the folder is probably the wrong one.
var errNoDeclaration = message.NewError("cli.no-declaration")

// readPaths reads the declaration files at paths. Paths stay as the user wrote
// them, so that an editor can jump to a finding.
func readPaths(ctx context.Context, paths []string, limits source.Limits) ([]binding.File, []finding.Finding, error) {
	var files []binding.File
	var findings []finding.Finding
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, nil, err
		}
		if !info.IsDir() {
			file, err := readFile(path)
			if err != nil {
				return nil, nil, err
			}
			files = append(files, file)
			continue
		}
		snapshot, err := readFolder(ctx, path, limits)
		if err != nil {
			return nil, nil, err
		}
		if len(snapshot.Files)+len(snapshot.Findings) == 0 {
			return nil, nil, message.NewError("cli.of-folder", "folder", path, "why", errNoDeclaration)
		}
		prefix := filepath.ToSlash(filepath.Clean(path)) + "/"
		if prefix == "./" {
			prefix = ""
		}
		for _, f := range snapshot.Files {
			f.Path = prefix + f.Path
			files = append(files, f)
		}
		for _, f := range snapshot.Findings {
			f.File = prefix + f.File
			findings = append(findings, f)
		}
	}
	return files, findings, nil
}

func readFile(path string) (binding.File, error) {
	data, err := boundedio.ReadFile(path, source.DefaultLimits().FileBytes)
	if err != nil {
		return binding.File{}, err
	}
	return binding.File{Path: filepath.ToSlash(filepath.Clean(path)), Data: data}, nil
}

func readFolder(ctx context.Context, path string, limits source.Limits) (source.Snapshot, error) {
	src, err := folder.New(folder.Options{Path: path, Limits: limits})
	if err != nil {
		return source.Snapshot{}, err
	}
	defer func() { _ = src.Close() }()
	snapshot, _, err := src.Snapshot(ctx, "")
	return snapshot, err
}

// validated is the message about what was checked.
func validated(declarations, files, ignored int) message.Message {
	var left message.Message
	if ignored > 0 {
		left = message.New("counted.files", "count", ignored)
	}
	return message.New("validate.summary", "ignored", left,
		"declarations", message.New("counted.declarations", "count", declarations), "files", message.New("counted.files", "count", files))
}
