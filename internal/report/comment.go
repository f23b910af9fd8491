package report

import (
	"slices"
	"strings"
)

// sealed is the document with the hash of all of it at its end, within a limit.
// It shows that nothing was changed or cut on the way; it is no proof of who
// wrote it.
func (d document) sealed(limit int) string {
	if limit <= 0 {
		limit = commentLimit
	}
	return seal(d.within(max(limit, shortestLimit)))
}

func seal(markdown string) string {
	return markdown + "\n<!-- reconciler-sum:" + hash(markdown) + " -->\n"
}

// Unsealed is Markdown of this package without its seal, in which no line is a
// command to the host; false for text that this package did not write, or that
// was changed.
func Unsealed(text string) (markdown string, ok bool) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	i := strings.LastIndex(text, "\n<!-- reconciler-sum:")
	if i < 0 || seal(text[:i]) != strings.TrimRight(text, "\n")+"\n" {
		return "", false
	}
	lines := strings.Split(text[:i], "\n")
	for n, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "/") {
			lines[n] = strings.Replace(line, "/", "&#47;", 1)
		}
	}
	return strings.Join(lines, "\n"), true
}

// CommentMarker is the marker that Markdown of this package starts with; false
// for any other text.
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

// CommentHeading is the heading of Markdown of this package, without its
// marks; empty where there is none.
func CommentHeading(markdown string) string {
	for line := range strings.Lines(markdown) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			return strings.TrimSpace(heading)
		}
	}
	return ""
}

// SaysNothing says that Markdown of this package tells of no change and of no
// finding.
func SaysNothing(markdown string) bool {
	for line := range strings.Lines(markdown) {
		title := strings.TrimSuffix(strings.TrimSpace(line), "</summary>")
		if strings.HasSuffix(title, "other finding") || strings.HasSuffix(title, "other findings") {
			return false
		}
	}
	quiet := []string{"reconciler: nothing changes", "reconciler: nothing was compared", "reconciler: no findings"}
	return slices.Contains(quiet, CommentHeading(markdown))
}

// WithoutHTML takes the HTML of this package's own Markdown out of it, for
// hosts that show it as it stands (Bitbucket). What is foreign in it has no
// HTML. The marker becomes a link's definition that nothing uses, which hosts
// do not show.
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
