package report

import "strings"

// sealed returns the document within a limit, with a hash of everything at its
// end. The hash shows that nothing was changed or cut on the way; it does not
// prove who wrote it.
func (d document) sealed(limit int) string {
	if limit <= 0 {
		limit = commentLimit
	}
	return seal(d.within(max(limit, shortestLimit)), d.quiet)
}

// sealStart is the beginning of a seal, and quietSeal the end of the seal of a
// document that reports nothing.
const (
	sealStart = "\n<!-- reconciler-sum:"
	quietSeal = " quiet -->\n"
)

func seal(markdown string, quiet bool) string {
	if quiet {
		return markdown + sealStart + hash(markdown+quietSeal) + quietSeal
	}
	return markdown + sealStart + hash(markdown) + " -->\n"
}

// Unsealed removes the seal from Markdown of this package. No line of the
// result is a command for the code host. ok is false for text that this package
// did not write, or that was changed.
func Unsealed(text string) (markdown string, ok bool) {
	markdown, _, ok = unsealed(text)
	return markdown, ok
}

// ReportsNothing reports whether text is Markdown of this package that reports no
// change and no finding.
func ReportsNothing(text string) bool {
	_, quiet, ok := unsealed(text)
	return ok && quiet
}

func unsealed(text string) (markdown string, quiet, ok bool) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	i := strings.LastIndex(text, sealStart)
	if i < 0 {
		return "", false, false
	}
	text, markdown = strings.TrimRight(text, "\n")+"\n", text[:i]
	if quiet = seal(markdown, true) == text; !quiet && seal(markdown, false) != text {
		return "", false, false
	}
	lines := strings.Split(markdown, "\n")
	for n, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "/") {
			lines[n] = strings.Replace(line, "/", "&#47;", 1)
		}
	}
	return strings.Join(lines, "\n"), quiet, true
}

// CommentMarker returns the marker at the beginning of Markdown of this
// package; false for any other text.
func CommentMarker(markdown string) (string, bool) {
	first, _, _ := strings.Cut(markdown, "\n")
	for _, form := range []struct{ before, after string }{{"<!-- reconciler:", " -->"}, {"[//]: # (reconciler:", ")"}} {
		name, ok := strings.CutPrefix(strings.TrimSpace(first), form.before)
		if name, closed := strings.CutSuffix(name, form.after); ok && closed && name != "" && markerName(name) == name {
			return strings.TrimSpace(first), true
		}
	}
	return "", false
}

// CommentHeading returns the heading in Markdown of this package, without
// markup; empty if there is none.
func CommentHeading(markdown string) string {
	for line := range strings.Lines(markdown) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			return strings.TrimSpace(heading)
		}
	}
	return ""
}

// WithoutHTML removes the HTML from Markdown of this package, for hosts that do
// not interpret it (Bitbucket). Foreign text in it has no HTML. The marker
// becomes an unused link definition, which hosts do not show.
func WithoutHTML(markdown string) string {
	if own, ok := Unsealed(markdown); ok {
		markdown = own
	}
	if name, ok := strings.CutPrefix(markdown, "<!-- reconciler:"); ok {
		name, rest, _ := strings.Cut(name, " -->")
		markdown = "[//]: # (reconciler:" + name + ")" + rest
	}
	return strings.NewReplacer(
		"<details>\n", "", "</details>\n", "", "<summary>", "**", "</summary>", "**", "<br>", "; ", "<code>", "", "</code>", "",
	).Replace(markdown)
}
