package report

import (
	"io"
	"slices"
	"time"

	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// Format is a way to write a report, as --output names it.
type Format string

// Formats. Text and Markdown are for people, GitHub is GitHub's workflow
// commands, which become annotations on a pull request; the others are read
// by programs.
const (
	FormatText        Format = "text"
	FormatJSON        Format = "json"
	FormatSARIF       Format = "sarif"
	FormatCodeQuality Format = "codequality"
	FormatJUnit       Format = "junit"
	FormatGitHub      Format = "github"
	FormatMarkdown    Format = "markdown"
)

// Document is what a command reports: findings, or a plan with its findings.
// Nothing in it is secret.
type Document struct {
	// Plan is nil where only findings are reported.
	Plan *plan.Plan
	// Change is nil where the plan is not of a change from base to head.
	Change *Change
	// Findings are what is reported where there is no plan; a plan has its own.
	Findings []finding.Finding
	// Files are the files that were looked at, for formats that also list what
	// passed (JUnit). It may be empty.
	Files []string
	// FromRoot names a file from the root of its repository, as code hosts name
	// it; nil where Findings and Files do so already.
	FromRoot func(file string) string
	// Basis says what was looked at.
	Basis Basis
	// Summary is a last sentence for a person, in text and Markdown, where
	// there is no finding of severity error; it may be zero.
	Summary message.Message
}

// Basis says what a report was made of; what is empty is not shown. It is no
// part of a plan's digest.
type Basis struct {
	Depth Depth `json:"depth,omitempty"`
	// Observed is when the oldest of what a snapshot has was observed, and
	// Age how long that was ago; zero for a plan that asked itself.
	Observed time.Time     `json:"observed,omitzero"`
	Age      time.Duration `json:"-"`
	// Base and Head are the revisions that a change lies between.
	Base string `json:"base,omitempty"`
	Head string `json:"head,omitempty"`
	// Revision and Made are what a daemon's last plan was made of, and
	// when.
	Revision string    `json:"revision,omitempty"`
	Made     time.Time `json:"made,omitzero"`
}

// Options say how to write. The zero value will do for every format.
type Options struct {
	// Style is that of text.
	Style Style
	// Version is this program's, for formats that name the tool.
	Version string
	// Comment is the name in the marker of Markdown; "plan" or "findings"
	// where it is empty.
	Comment string
	// Limit is the greatest length of Markdown, in UTF-16 code units (a host
	// that counts otherwise counts fewer); 0 means 65,536.
	Limit int
}

func (d Document) findings() []finding.Finding {
	if d.Plan != nil {
		return d.Plan.Findings
	}
	return d.Findings
}

type formatWriter struct {
	format Format
	write  func(io.Writer, Document, Options) error
	// forHosts says that a code host reads the names of files in it.
	forHosts bool
}

// fromRoot is the document with all files named from the repository's root.
// Fingerprints depend on these names, so they are the same wherever the
// repository is checked out and the program is run.
func (d Document) fromRoot() Document {
	name := func(file string) string {
		if file == "" {
			return ""
		}
		return d.FromRoot(file)
	}
	findings := slices.Clone(d.findings())
	for i, f := range findings {
		findings[i].File, findings[i].Message, findings[i].Hint = name(f.File), f.Message.MapFiles(name), f.Hint.MapFiles(name)
	}
	files := make([]string, len(d.Files))
	for i, file := range d.Files {
		files[i] = name(file)
	}
	d.Files, d.Findings = files, findings
	if d.Plan != nil {
		p := *d.Plan
		p.Findings, d.Plan = findings, &p
	}
	return d
}

// writers is the register of formats: whoever adds one adds it here.
func writers() []formatWriter {
	return []formatWriter{
		{FormatText, writeText, false},
		{FormatJSON, writeDocument, false},
		{FormatSARIF, writeSARIF, true},
		{FormatCodeQuality, writeCodeQuality, true},
		{FormatJUnit, writeJUnit, true},
		{FormatGitHub, writeAnnotations, true},
		{FormatMarkdown, writeMarkdown, false},
	}
}

// Formats lists the names of all formats, in the order that help shows.
func Formats() []string {
	var names []string
	for _, f := range writers() {
		names = append(names, string(f.format))
	}
	return names
}

// Write writes a document in a format. It fails on a format that it does not
// know, and where w does.
func Write(w io.Writer, format Format, d Document, o Options) error {
	for _, f := range writers() {
		if f.format == format {
			if f.forHosts && d.FromRoot != nil {
				d = d.fromRoot()
			}
			return f.write(w, d, o)
		}
	}
	return unknownFormat(format)
}

func unknownFormat(format Format) error {
	return message.NewError("report.no-format", "format", format, "known", Formats())
}

func writeText(w io.Writer, d Document, o Options) error {
	style := o.Style
	if of := d.Basis.revisions(); of != nil {
		p := &page{style: style}
		p.line(style.paint(dim, clean(p.words(message.New("list", "items", of)))))
		if err := p.writeTo(w); err != nil {
			return err
		}
	}
	var err error
	switch {
	case d.Change != nil:
		err = d.writeChange(w, style)
	case d.Plan != nil:
		style.Basis = d.Basis
		err = Plan(w, *d.Plan, style)
	default:
		err = Findings(w, d.Findings, style)
	}
	if err != nil || d.Summary.IsZero() || finding.HasErrors(d.findings()) {
		return err
	}
	p := &page{style: style}
	p.line(clean(p.words(d.Summary)))
	return p.writeTo(w)
}

// revisions names base and head, or when a daemon made the plan and of what;
// nothing for other plans.
func (b Basis) revisions() []message.Message {
	var parts []message.Message
	if !b.Made.IsZero() {
		parts = append(parts, message.New("basis.made", "at", b.Made))
	}
	if b.Revision != "" {
		parts = append(parts, message.New("basis.revision", "revision", Short(b.Revision)))
	}
	if b.Base != "" {
		parts = append(parts, message.New("basis.base", "revision", Short(b.Base)))
	}
	if b.Head != "" {
		parts = append(parts, message.New("basis.head", "revision", Short(b.Head)))
	}
	return parts
}
