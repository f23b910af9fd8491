package report

import (
	"io"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// Format is the format of a report, as in --output.
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
	// Plan is nil if only findings are reported.
	Plan *plan.Plan
	// Change is nil if the plan is not for a change from base to head.
	Change *Change
	// Findings are reported if there is no plan. A plan has its own findings.
	Findings []finding.Finding
	// Files are the checked files, for formats that also list what passed
	// (JUnit). It may be empty.
	Files []string
	// FromRoot makes a path relative to the root of its repository, as code
	// hosts require; nil if the paths are relative to it already.
	FromRoot func(file string) string
	// Basis says what the report is based on.
	Basis Basis
	// Summary is a last sentence for a person, in text and Markdown, if there
	// is no finding of severity error. It may be zero.
	Summary message.Message
}

// Basis says what a report is based on. Empty fields are not shown. It is not
// part of a plan's digest.
type Basis struct {
	Depth Depth `json:"depth,omitempty"`
	// Observed is the time of the oldest observation in a published
	// observation, and Age how long ago that was; zero for a plan that observed
	// everything itself.
	Observed time.Time     `json:"observed,omitzero"`
	Age      time.Duration `json:"-"`
	// Base and Head are the revisions at both ends of a change.
	Base string `json:"base,omitempty"`
	Head string `json:"head,omitempty"`
	// Revision and Made are what a daemon's last plan was made from, and when.
	Revision string    `json:"revision,omitempty"`
	Made     time.Time `json:"made,omitzero"`
	// Unanswered are the parts that were asked and gave no answer that can be used.
	Unanswered []binding.PartAnswer `json:"-"`
}

// Options are the options of Write. The zero value works for every format.
type Options struct {
	// Style is the style of text.
	Style Style
	// Version is this program's version, for formats that name the tool.
	Version string
	// Comment is the name in the marker of Markdown; empty means "plan" or
	// "findings".
	Comment string
	// Limit is the maximum length of Markdown, in UTF-16 code units (other ways
	// of counting give fewer); 0 means 65,536.
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
	// forHosts is true if a code host reads the file names in the format.
	forHosts bool
}

// fromRoot makes all paths of the document relative to the repository's root.
// Fingerprints depend on the paths, so they are the same wherever the
// repository is checked out and the program runs.
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
	d.Files, d.Findings = each(d.Files, name), findings
	if d.Plan != nil {
		p := *d.Plan
		p.Findings, d.Plan = findings, &p
	}
	return d
}

// writers lists all formats. A new format is added here.
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

// Formats returns the names of all formats, in the order of the help.
func Formats() []string {
	return each(writers(), func(f formatWriter) string { return string(f.format) })
}

// Write writes a document in a format. It fails on an unknown format, and if w
// fails.
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

// revisions names base and head, or when and from what a daemon made the plan;
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
