package cli

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/binding"
	"reconciler/internal/engine"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

type importOptions struct {
	streams  Streams
	config   string
	instance string
	out      string
	force    bool
	observe  bool
	now      func() time.Time
}

func newImport(streams Streams) *cobra.Command {
	opts := &importOptions{streams: streams, now: time.Now}
	cmd := &cobra.Command{
		Use:   "import INSTANCE",
		Short: "Write declarations for what is bound to an instance today",
		Long: `import asks the registry for the bindings of an instance, the image repositories
that are linked to them and their build rules, and writes a declaration for each
binding. It changes nothing, reads no secret and asks no code host. A person has
to add where each token is stored; "validate" reports the missing ones. After
that, the first plan adopts what is there and changes nothing.

What could not be asked is left out, which means "not managed". The comments in
the files and the error stream list it, and the exit code is 4.

` + exitHelp,
		Example: `  reconciler import prod-hangzhou
  reconciler import prod-hangzhou --out bindings/`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.instance = args[0]
			return runImport(cmd.Context(), opts)
		},
	}
	configFlag(cmd, &opts.config)
	completeInstance(cmd, &opts.config)
	cmd.Flags().StringVar(&opts.out, "out", "", "write a file for each binding into the folder `DIR` instead of standard output")
	cmd.Flags().BoolVar(&opts.force, "force", false, "overwrite existing files")
	cmd.Flags().BoolVar(&opts.observe, "observe", false, "declare managementPolicy: Observe, so that the bindings are observed and not adopted")
	_ = cmd.MarkFlagDirname("out")
	return cmd
}

func runImport(ctx context.Context, opts *importOptions) error {
	cfg, err := loadConfig(opts.streams, opts.config)
	if err != nil {
		return err
	}
	cfg.Log.Level = "warn"
	e, err := engine.New(ctx, engine.Options{Config: cfg, LogTo: opts.streams.Err, Redactor: opts.streams.redactor, ReadOnly: true, Now: opts.now})
	if err != nil {
		return err
	}
	defer e.Close()
	bar := newProgress(opts.streams, opts.streams.Err)
	found, err := e.Import(ctx, opts.instance, bar.count)
	bar.end()
	if err != nil {
		return err
	}
	export := manifest.NewExport(found.Observation, manifest.ExportOptions{
		Unlisted: found.Unlisted, Text: opts.streams.style(opts.streams.Out).Language.Text, Observe: opts.observe, Edition: cfg.Editions()[opts.instance],
	})
	files := opts.files(export)
	if err := opts.write(files); err != nil {
		return err
	}
	findings := manifest.Load(ctx, files, manifest.Options{
		Now: opts.now(), Instances: cfg.InstanceNames(), Editions: cfg.Editions(), AllowPrivateAddresses: cfg.CodeHosts.UnsafeAllowPrivateAddresses,
	}).Findings
	if err := opts.summarize(export, findings); err != nil {
		return err
	}
	switch {
	case len(export.Unknown) > 0 && len(export.Declarations) == 0:
		return message.NewError("import.unread", "instance", opts.instance)
	case len(export.Unknown) > 0:
		return exitCode(exitPartial)
	case slices.ContainsFunc(findings, func(f finding.Finding) bool { return f.Severity == finding.Error && !manifest.LeftForPerson(f.Path) }):
		return exitCode(exitFindings)
	}
	return nil
}

// files returns the files to write: one for each binding, or a single one for
// standard output.
func (o *importOptions) files(export manifest.Export) []binding.File {
	var files []binding.File
	var all [][]byte
	for _, d := range export.Declarations {
		files = append(files, binding.File{Path: filepath.ToSlash(filepath.Join(o.out, d.Name+".yaml")), Data: d.Text})
		all = append(all, d.Text)
	}
	if o.out == "" && len(all) > 0 {
		return []binding.File{{Path: stdinName, Data: bytes.Join(all, []byte("---\n"))}}
	}
	return files
}

// write writes the declarations, to standard output or as files.
func (o *importOptions) write(files []binding.File) error {
	if o.out == "" {
		for _, file := range files {
			if _, err := o.streams.Out.Write(file.Data); err != nil {
				return err
			}
		}
		return nil
	}
	if err := os.MkdirAll(o.out, 0o777); err != nil { //nolint:gosec // Declarations are not secret; the umask decides.
		return err
	}
	root, err := os.OpenRoot(o.out)
	if err != nil {
		return err
	}
	return errors.Join(o.writeFiles(root, files), root.Close())
}

// writeFiles writes all files, or none if one exists already and may not be
// overwritten.
func (o *importOptions) writeFiles(root *os.Root, files []binding.File) error {
	var there []string
	for _, file := range files {
		if _, err := root.Lstat(path.Base(file.Path)); !errors.Is(err, fs.ErrNotExist) {
			there = append(there, file.Path)
		}
	}
	if len(there) > 0 && !o.force {
		return message.NewError("import.exist", "files", there)
	}
	for _, file := range files {
		if err := writeFile(root, path.Base(file.Path), file.Data, 0); err != nil {
			return message.NewError("cli.at", "what", file.Path, "why", err)
		}
	}
	return nil
}

// summarize reports on standard error what was written, what a person has to fill in,
// and what was left out.
func (o *importOptions) summarize(export manifest.Export, findings []finding.Finding) error {
	var lines []message.Message
	add := func(m message.Message) { lines = append(lines, m) }
	for _, d := range export.Declarations {
		add(message.New("import.bound", "platform", d.Platform.Title(), "name", d.Name))
	}
	if len(export.Declarations) == 0 && len(export.Unknown) == 0 {
		add(message.New("import.nothing", "instance", o.instance))
	}
	var rest []finding.Finding
	for _, f := range findings {
		switch {
		case manifest.LeftForPerson(f.Path):
			add(message.New("import.fill-in", "at", message.Place{File: plain(f.File), Line: f.Line, Column: f.Column}, "field", f.Path))
		case f.Severity == finding.Error:
			rest = append(rest, f)
		}
	}
	for _, left := range export.Left {
		add(message.New("import.left", "what", plain(left)))
	}
	for _, unknown := range export.Unknown {
		add(message.New("import.unknown", "what", plain(unknown)))
	}
	for _, m := range lines {
		if err := o.streams.printMessage(o.streams.Err, m); err != nil {
			return err
		}
	}
	return report.Findings(o.streams.Err, rest, o.streams.style(o.streams.Err))
}
