package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

type initOptions struct {
	streams Streams
	folder  string
	answers initAnswers
	// given reports whether a flag was set. Its question is not asked.
	given func(name string) bool
	now   func() time.Time
}

func newInit(streams Streams) *cobra.Command {
	opts := &initOptions{streams: streams, now: time.Now}
	cmd := &cobra.Command{
		Use:   "init [FOLDER]",
		Short: "Write a first configuration, declaration, policy and CI file",
		Long: `init writes the first files of a repository of declarations: reconciler.yaml (the
configuration, with a policy by path), bindings/TEAM/PLATFORM.yaml (the first
declaration), bindings/policy/own-vault-path.cue (a policy in CUE), a CI file for
GitHub Actions or GitLab CI, and .reconcilerignore, which lists those of the
YAML files that are not declarations.

On a terminal it asks for every value that no flag gives. Otherwise it uses the defaults.
It writes all files or none: none if one of them exists or would be invalid.
It uses no network and reads no secret.`,
		Example: `  reconciler init registry-bindings
  reconciler init . --platform codeup --username ci-bot --team payments --ci gitlab`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.folder = "."
			optional(args, &opts.folder)
			opts.given = cmd.Flags().Changed
			return runInit(cmd.Context(), opts)
		},
	}
	for _, q := range initQuestions() {
		cmd.Flags().StringVar(q.answer(&opts.answers), q.flag, q.fallback(initAnswers{}), report.English().Text(q.message()))
		if q.choices != nil {
			_ = cmd.RegisterFlagCompletionFunc(q.flag, cobra.FixedCompletions(q.choices, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	return cmd
}

func runInit(ctx context.Context, opts *initOptions) error {
	if err := opts.ask(); err != nil {
		return err
	}
	files, err := opts.answers.files(opts.now())
	if err != nil {
		return err
	}
	if there := existing(opts.folder, files); len(there) > 0 {
		return message.NewError("init.exist", "files", there)
	}
	findings, err := checkInit(ctx, files, opts.now())
	if err != nil {
		return err
	}
	if finding.HasErrors(findings) {
		if err := report.Findings(opts.streams.Err, findings, opts.streams.style(opts.streams.Err)); err != nil {
			return err
		}
		return errors.Join(opts.streams.printMessage(opts.streams.Err, message.New("init.nothing")), exitCode(exitFindings))
	}
	if err := writeNew(opts.folder, files); err != nil {
		return err
	}
	return opts.summarize(files)
}

// ask asks for every answer that no flag gives, if the input is a terminal.
func (o *initOptions) ask() error {
	in := newLines(o.streams.In)
	for _, q := range initQuestions() {
		answer := q.answer(&o.answers)
		if !o.given(q.flag) {
			*answer = q.fallback(o.answers)
			if q.applies != nil && !q.applies(o.answers) {
				*answer = ""
				continue
			}
			if in != nil {
				if _, err := fmt.Fprintf(o.streams.Err, "%s [%s]: ", o.streams.words(o.streams.Err, q.message()), *answer); err != nil {
					return err
				}
				line, err := in()
				if err != nil {
					return err
				}
				if line != "" {
					*answer = line
				}
			}
		}
		if q.choices != nil && !slices.Contains(q.choices, *answer) {
			return checkChoice("--"+q.flag, *answer, q.choices...)
		}
	}
	return nil
}

// newLines reads a person's answers line by line; nil if in is not a terminal.
func newLines(in io.Reader) func() (string, error) {
	file, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	lines := bufio.NewReader(io.LimitReader(file, 1<<16))
	return func() (string, error) {
		line, err := lines.ReadString('\n')
		if err != nil {
			return "", message.NewError("init.ended")
		}
		return strings.TrimSpace(line), nil
	}
}

// existing returns the paths of the files that exist already.
func existing(folder string, files []binding.File) (there []string) {
	for _, file := range files {
		name := filepath.Join(folder, filepath.FromSlash(file.Path))
		if _, err := os.Lstat(name); err == nil {
			there = append(there, name)
		}
	}
	return there
}

// checkInit checks the files as `validate` does.
func checkInit(ctx context.Context, files []binding.File, now time.Time) ([]finding.Finding, error) {
	var declarations, policies []binding.File
	var cfg config.Config
	var findings []finding.Finding
	for _, file := range files {
		below, is := strings.CutPrefix(file.Path, initBindings+"/")
		switch {
		case file.Path == initConfiguration:
			var err error
			if cfg, findings, err = config.Parse(file.Path, file.Data); err != nil {
				return nil, err
			}
		case is && path.Ext(below) == ".cue":
			policies = append(policies, binding.File{Path: below, Data: file.Data})
		case is:
			declarations = append(declarations, binding.File{Path: below, Data: file.Data})
		}
	}
	found := manifest.Load(ctx, declarations, manifest.Options{
		Now: now, Instances: cfg.InstanceNames(), Editions: cfg.Editions(), Access: cfg.Access(), Policies: manifest.ParsePolicies(policies),
	})
	findings = slices.DeleteFunc(findings, func(f finding.Finding) bool { return f.Code == "file-missing" }) // Nothing is written yet.
	return finding.Sort(append(findings, found.Findings...)), nil
}

// writeNew writes files that do not exist. It does not touch a file that was
// created meanwhile.
func writeNew(folder string, files []binding.File) error {
	for _, file := range files {
		name := filepath.Join(folder, filepath.FromSlash(file.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil { //nolint:gosec // None of the files is secret; the umask decides.
			return err
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) //nolint:gosec // As above.
		if err != nil {
			return err
		}
		_, err = io.Copy(f, bytes.NewReader(file.Data))
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// summarize reports what was written, and what to do next.
func (o *initOptions) summarize(files []binding.File) error {
	for _, file := range files {
		name := filepath.Join(o.folder, filepath.FromSlash(file.Path))
		if err := o.streams.printMessage(o.streams.Out, message.New("init.wrote", "file", name)); err != nil {
			return err
		}
	}
	folder := ""
	if filepath.Clean(o.folder) != "." {
		folder = shellescape.Quote(o.folder)
	}
	return o.streams.printMessage(o.streams.Out, message.New("init.next", "folder", folder, "program", program(), "configuration", initConfiguration, "bindings", initBindings))
}
