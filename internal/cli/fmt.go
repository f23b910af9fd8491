package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"reconciler/internal/binding"
	"reconciler/internal/boundedio"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/report"
	"reconciler/internal/source"
)

// stdinName names the standard input among paths and in messages.
const stdinName = "-"

type fmtOptions struct {
	streams Streams
	paths   []string
	check   bool
	diff    bool
	limit   limitFlags
}

func newFmt(streams Streams) *cobra.Command {
	opts := &fmtOptions{streams: streams}
	cmd := &cobra.Command{
		Use:   "fmt [PATH...]",
		Short: "Format declarations and keep their comments",
		Long: `fmt rewrites declarations in canonical form: the fields in the order of the
schema, two spaces for each level, build rules and Vault references on one line,
quotes only where they are needed, LF. Comments stay next to what they describe.
What a file declares does not change.

It reads files and folders of any depth; without a PATH, the current folder.
In folders it respects .reconcilerignore, and does not change YAML that names no
apiVersion of reconciler. "-" reads standard input and writes to standard output.
It prints the names of the files that it changed. A malformed file is reported
and not changed, and links are not followed.

A file is not changed either, and fmt exits with 3, if a comment would move away
from the values that it stands between (format-comment): for example a comment
that could close a list or describe the next field, if sorting separates the two,
or a comment after brackets or a text of several lines.

With --check or --diff it writes nothing: --check lists the files that would
change and exits with 2 if there are any, --diff shows the changes.

` + exitHelp,
		Example: `  reconciler fmt bindings/
  reconciler fmt --check --diff bindings/
  reconciler fmt - < bindings/payments.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.paths = args
			return runFmt(cmd.Context(), opts)
		},
	}
	cmd.Flags().BoolVar(&opts.check, "check", false, "write nothing, list the files that would change, exit with 2 if there are any")
	opts.limit.add(cmd)
	cmd.Flags().BoolVar(&opts.diff, "diff", false, "write nothing, show the differences")
	return cmd
}

// fmtFile is a file to format.
type fmtFile struct {
	binding.File
	// shown is the path as the user named it.
	shown string
	// folder is where the file is written, as File.Path; empty for standard
	// input.
	folder string
	// foreign is true if the file was found in a folder and has no apiVersion of
	// ours.
	foreign bool
}

func runFmt(ctx context.Context, opts *fmtOptions) error {
	files, findings, err := fmtFiles(ctx, opts)
	if err != nil {
		return err
	}
	changed := false
	formatter := manifest.NewFormatter()
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		text, found := formatter.Format(binding.File{Path: file.shown, Data: file.Data})
		findings = append(findings, found...)
		if len(found) > 0 || file.foreign {
			continue
		}
		differs := !bytes.Equal(text, file.Data)
		changed = changed || differs
		if err := opts.done(file, text, differs); err != nil {
			return err
		}
	}
	if err := report.Findings(opts.streams.Err, finding.Sort(findings), opts.streams.style(opts.streams.Err)); err != nil {
		return err
	}
	switch {
	case finding.HasErrors(findings):
		return exitCode(exitFindings)
	case opts.check && changed:
		return exitCode(exitChanges)
	}
	return nil
}

// done writes a formatted file, or shows the result.
func (o *fmtOptions) done(file fmtFile, text []byte, differs bool) error {
	if file.folder == "" && !o.check && !o.diff {
		_, err := o.streams.Out.Write(text)
		return err
	}
	if !differs {
		return nil
	}
	if !o.check && !o.diff {
		root, err := os.OpenRoot(file.folder)
		if err != nil {
			return err
		}
		err = replaceFile(root, filepath.FromSlash(file.Path), file.Data, text)
		if err = errors.Join(err, root.Close()); err != nil {
			return message.NewError("cli.at", "what", file.shown, "why", err)
		}
	}
	if o.check || !o.diff {
		if _, err := fmt.Fprintln(o.streams.Out, plain(file.shown)); err != nil {
			return err
		}
	}
	if o.diff {
		_, err := o.streams.Out.Write(diff.Diff(plain(file.shown), file.Data, plain(file.shown)+" ("+o.streams.words(o.streams.Out, message.New("cli.canonical"))+")", text))
		return err
	}
	return nil
}

// fmtFiles reads what the paths name, each file once.
func fmtFiles(ctx context.Context, opts *fmtOptions) ([]fmtFile, []finding.Finding, error) {
	paths := opts.paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	if slices.Contains(paths, stdinName) {
		if len(paths) > 1 {
			return nil, nil, message.NewError("cli.input-alone")
		}
		file, err := fmtStdin(opts.streams.In)
		return []fmtFile{file}, nil, err
	}
	var files []fmtFile
	var findings []finding.Finding
	seen := map[string]bool{}
	for _, path := range paths {
		read, found, err := fmtPath(ctx, path, opts.limit.limits(0))
		if err != nil {
			return nil, nil, err
		}
		findings = append(findings, found...)
		for _, file := range read {
			if !seen[file.shown] {
				seen[file.shown] = true
				files = append(files, file)
			}
		}
	}
	return files, findings, nil
}

func fmtStdin(in io.Reader) (fmtFile, error) {
	data, err := boundedio.Read(in, source.DefaultLimits().FileBytes)
	if err != nil {
		return fmtFile{}, message.NewError("cli.at", "what", message.New("cli.input"), "why", err)
	}
	return fmtFile{File: binding.File{Path: stdinName, Data: data}, shown: stdinName}, nil
}

// fmtPath reads a file, or the declarations in a folder. It follows no link,
// because a link may lead out of the repository.
func fmtPath(ctx context.Context, path string, limits source.Limits) ([]fmtFile, []finding.Finding, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, nil, err
	}
	shown := filepath.ToSlash(filepath.Clean(path))
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		found := finding.New("source-symlink", message.New("source.symlink", "file", shown)).At(shown, 0, 0)
		return nil, []finding.Finding{found}, nil
	case !info.IsDir():
		file, err := fmtOne(path, info)
		file.shown = shown
		return []fmtFile{file}, nil, err
	}
	snapshot, err := readFolder(ctx, path, limits)
	if err != nil {
		return nil, nil, err
	}
	prefix := strings.TrimPrefix(shown+"/", "./")
	var files []fmtFile
	for _, file := range snapshot.Files {
		// A link inside the folder points to a file that is read under its own
		// name.
		at, err := os.Lstat(filepath.Join(path, filepath.FromSlash(file.Path)))
		if err == nil && at.Mode().IsRegular() {
			files = append(files, fmtFile{file, prefix + file.Path, path, !ours.Match(file.Data)})
		}
	}
	for i := range snapshot.Findings {
		snapshot.Findings[i].File = prefix + snapshot.Findings[i].File
	}
	return files, snapshot.Findings, nil
}

// ours finds the apiVersion of a declaration or a configuration, in any style. A
// folder may also hold foreign YAML, such as a CI file, which is left alone.
var ours = regexp.MustCompile(`apiVersion["']?\s*:\s*["']?reconciler/`)

// fmtOne reads a file that was named on the command line.
func fmtOne(path string, info fs.FileInfo) (fmtFile, error) {
	if !info.Mode().IsRegular() {
		return fmtFile{}, message.NewError("cli.no-file", "path", path)
	}
	data, err := boundedio.ReadFile(path, source.DefaultLimits().FileBytes)
	return fmtFile{File: binding.File{Path: filepath.Base(path), Data: data}, folder: filepath.Dir(path)}, err
}
