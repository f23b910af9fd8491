package report

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"reconciler/internal/message"
)

// Target is one report to write: a format, and the file to write to; without a
// file, standard output.
type Target struct {
	Format Format
	File   string
}

// ParseTarget parses FORMAT or FORMAT=FILE, the value of --output.
func ParseTarget(s string) (Target, error) {
	name, file, named := strings.Cut(s, "=")
	t := Target{Format: Format(name), File: file}
	if !slices.Contains(Formats(), name) {
		return Target{}, unknownFormat(t.Format)
	}
	if named && file == "" {
		return Target{}, message.NewError("report.no-file", "target", s, "format", name)
	}
	return t, nil
}

// ParseTargets parses all values of a repeated --output. Without one, the
// target is text on standard output. It rejects a file that is named twice, and
// two reports on standard output, except for annotations after text.
func ParseTargets(values []string) ([]Target, error) {
	if len(values) == 0 {
		return []Target{{Format: FormatText}}, nil
	}
	var targets []Target
	var onStdout []Format
	files := map[string]bool{}
	for _, value := range values {
		t, err := ParseTarget(value)
		if err != nil {
			return nil, err
		}
		targets = append(targets, t)
		if t.File == "" {
			onStdout = append(onStdout, t.Format)
			continue
		}
		if file := filepath.Clean(t.File); files[file] {
			return nil, message.NewError("report.same-file", "file", t.File, "format", t.Format)
		}
		files[filepath.Clean(t.File)] = true
	}
	if len(onStdout) > 1 && !canShare(onStdout) {
		return nil, message.NewError("report.both-out", "first", onStdout[0], "second", onStdout[1])
	}
	return targets, nil
}

// canShare reports whether formats can share standard output: text and
// annotations can, because both are lines of a log.
func canShare(formats []Format) bool {
	return slices.Equal(slices.Sorted(slices.Values(formats)), []Format{FormatGitHub, FormatText})
}

// Output is where reports are written: to Stdout, or with Save to the file of
// the target.
type Output struct {
	Stdout io.Writer
	Save   func(file string, data []byte) error
}

// WriteTargets writes a document to every target. It makes all reports before it writes the first.
// If a file cannot be written, the others still are. Options.Style is for standard output; text in
// a file has neither colour nor a width.
func WriteTargets(out Output, targets []Target, d Document, o Options) error {
	return writeTargets(out, targets, o.Style, func(w io.Writer, t Target, style Style) error {
		options := o
		options.Style = style
		return Write(w, t.Format, d, options)
	})
}

// writeTargets calls write for every target and writes the result.
func writeTargets(out Output, targets []Target, style Style, write func(io.Writer, Target, Style) error) error {
	reports := make([]bytes.Buffer, len(targets))
	for i, t := range targets {
		own := style
		if t.File != "" {
			own = Style{Full: style.Full, Language: style.Language}
		}
		if err := write(&reports[i], t, own); err != nil {
			return err
		}
	}
	var failures []error
	for i, t := range targets {
		if err := out.put(t.File, reports[i].Bytes()); err != nil {
			failures = append(failures, message.NewError("report.unwritten", "format", t.Format, "why", err))
		}
	}
	return errors.Join(failures...)
}

func (o Output) put(file string, data []byte) error {
	if file != "" {
		return o.Save(file, data)
	}
	_, err := o.Stdout.Write(data)
	return err
}
