package manifest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"reconciler/internal/binding"
)

// TestOrdinaryFilesAreFormatted checks that files as people write them are
// formatted, with every comment once. A file may be left unchanged, with the line
// of a comment, only if its fields are not in the order of the schema. Less than a
// fifth of all files are.
func TestOrdinaryFilesAreFormatted(t *testing.T) {
	const files = 500
	formatter := NewFormatter()
	left := 0
	for seed := range files {
		drawn := rapid.Custom(drawOrdinary).Example(seed)
		once, findings := formatter.Format(binding.File{Path: "a.yaml", Data: []byte(drawn.text)})
		if len(findings) > 0 {
			line := strings.Split(drawn.text, "\n")[max(findings[0].Line, 1)-1]
			if !drawn.isMixed || findings[0].Code != "format-comment" || !strings.HasPrefix(strings.TrimSpace(line), "#") {
				t.Fatalf("not formatted: %v\n%s", findings, drawn.text)
			}
			left++
			continue
		}
		if diff := cmp.Diff(commentsIn(t, drawn.text), commentsIn(t, string(once))); diff != "" {
			t.Fatalf("comments (-before +after):\n%s\nof:\n%s", diff, drawn.text)
		}
		twice, findings := formatter.Format(binding.File{Path: "a.yaml", Data: once})
		if diff := cmp.Diff(string(once), string(twice)); diff != "" || len(findings) > 0 {
			t.Fatalf("formatted again: %v (-once +twice):\n%s\nof:\n%s", findings, diff, drawn.text)
		}
	}
	if left >= files/5 {
		t.Errorf("%d of %d files are left alone", left, files)
	}
}

// file is a text, and whether its fields may not be in the order of the schema.
type file struct {
	text    string
	isMixed bool
}

// ordinary draws a file line by line.
type ordinary struct {
	*rapid.T
	lines []string
	// step is the indent of a level, dash the indent of the items of a list.
	step, dash int
	// isMixed is true if fields may not be in the order of the schema.
	isMixed  bool
	comments int
}

// drawOrdinary draws one or two declarations with comments and empty lines where
// people put them, in their style of indents, lists, quotes and brackets.
func drawOrdinary(t *rapid.T) file {
	o := &ordinary{T: t, step: rapid.SampledFrom([]int{2, 2, 2, 4}).Draw(t, "step")}
	o.dash = rapid.SampledFrom([]int{0, o.step}).Draw(t, "dash")
	o.isMixed = o.oneIn(3)
	for i := range rapid.IntRange(1, 2).Draw(t, "documents") {
		if i > 0 || o.oneIn(3) {
			o.comment(0, 4)
			o.line(0, "---")
		}
		o.comment(0, 2)
		o.declaration()
	}
	text := strings.Join(o.lines, "\n") + "\n"
	if o.oneIn(5) {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	return file{text, o.isMixed}
}

func (o *ordinary) oneIn(n int) bool { return rapid.IntRange(1, n).Draw(o.T, "one in") == 1 }

func (o *ordinary) line(indent int, text string) {
	o.lines = append(o.lines, strings.Repeat(" ", indent)+text)
}

// comment draws, once in n times, a comment of one or two lines above or below
// something.
func (o *ordinary) comment(indent, n int) {
	if !o.oneIn(n) {
		return
	}
	for range rapid.IntRange(1, 2).Draw(o.T, "lines") {
		o.comments++
		o.line(indent, fmt.Sprintf("# comment %d", o.comments))
	}
	if o.oneIn(8) {
		o.line(0, "")
	}
}

// field draws an entry, perhaps with a comment above it or after it.
func (o *ordinary) field(indent int, text string) {
	o.comment(indent, 6)
	if o.oneIn(6) {
		o.comments++
		text += fmt.Sprintf("%s# comment %d", strings.Repeat(" ", rapid.IntRange(1, 4).Draw(o.T, "space")), o.comments)
	}
	o.line(indent, text)
}

// quoted draws a way to write a text.
func (o *ordinary) quoted(text string) string {
	return fmt.Sprintf(rapid.SampledFrom([]string{"%s", "%s", "%q", "'%s'"}).Draw(o.T, "quotes"), text)
}

// mixed calls functions. In a mixed file, it may change their order.
func (o *ordinary) mixed(parts ...func()) {
	if o.isMixed && o.oneIn(2) {
		parts = rapid.Permutation(parts).Draw(o.T, "order")
	}
	for i, part := range parts {
		if i > 0 && o.oneIn(5) {
			o.line(0, "")
		}
		part()
	}
}

func (o *ordinary) declaration() {
	o.mixed(
		func() { o.field(0, "apiVersion: "+o.quoted("reconciler/v1alpha1")) },
		func() { o.field(0, "kind: SourceBinding") },
		func() {
			if o.oneIn(4) {
				o.field(0, "metadata: {name: web}")
				return
			}
			o.field(0, "metadata:")
			o.field(o.step, "name: "+o.quoted("web"))
		},
		func() { o.field(0, "spec:"); o.spec(o.step) },
	)
	o.comment(0, 8)
}

func (o *ordinary) spec(indent int) {
	parts := []func(){
		func() { o.field(indent, "instance: "+o.quoted("prod")) },
		func() { o.field(indent, "platform: gitlab") },
		func() { o.field(indent, "address: "+o.quoted("https://git.example.com")) },
		func() { o.field(indent, "username: "+o.quoted("ci-bot")) },
		func() { o.token(indent) },
	}
	if o.oneIn(4) {
		parts = append(parts, func() { o.suspend(indent) })
	}
	o.mixed(append(parts, func() { o.repositories(indent) })...)
}

func (o *ordinary) token(indent int) {
	o.field(indent, "token:")
	o.mixed(func() {
		if o.oneIn(2) {
			o.field(indent+o.step, "vault: {mount: secret, path: acr/web, key: token}")
			return
		}
		o.field(indent+o.step, "vault:")
		for _, field := range []string{"mount: secret", "path: acr/web", "key: token"} {
			o.field(indent+2*o.step, field)
		}
	}, func() { o.field(indent+o.step, "expires: "+o.quoted("2027-01-31")) })
}

func (o *ordinary) suspend(indent int) {
	o.field(indent, "suspend:")
	o.field(indent+o.step, "until: 2026-12-24")
	switch {
	case o.oneIn(3):
		o.line(indent+o.step, "reason: |")
		o.line(indent+2*o.step, "release freeze")
		o.line(0, "")
		o.line(indent+2*o.step, "until new year")
	case o.oneIn(2):
		o.line(indent+o.step, "reason: >-")
		o.line(indent+2*o.step, "release")
		o.line(indent+2*o.step, "freeze")
	default:
		o.field(indent+o.step, "reason: "+o.quoted("release freeze"))
	}
	o.field(indent+o.step, "owner: web")
}

func (o *ordinary) repositories(indent int) {
	o.field(indent, "repositories:")
	for i := range rapid.IntRange(1, 3).Draw(o.T, "repositories") {
		if i > 0 && o.oneIn(3) {
			o.line(0, "")
		}
		at := indent + o.dash
		o.comment(at, 4)
		if o.oneIn(5) {
			o.field(at, fmt.Sprintf("- {image: web/%d, source: web/%d, trigger: manual}", i, i))
			continue
		}
		from := len(o.lines)
		o.mixed(
			func() { o.field(at+2, fmt.Sprintf("image: web/%d", i)) },
			func() { o.field(at+2, fmt.Sprintf("source: %s", o.quoted(fmt.Sprintf("web/%d", i)))) },
			func() { o.rules(at + 2) },
		)
		o.itemise(from, at)
		o.comment(at+2, 10)
	}
	o.comment(indent+o.dash, 8)
}

func (o *ordinary) rules(indent int) {
	o.field(indent, "rules:")
	at := indent + o.dash
	for i := range rapid.IntRange(1, 3).Draw(o.T, "rules") {
		o.comment(at, 6)
		tag := o.quoted(fmt.Sprintf("v%d", i))
		if o.oneIn(2) {
			o.field(at, fmt.Sprintf("- {branch: b%d, imageTag: %s}", i, tag))
			continue
		}
		from := len(o.lines)
		o.mixed(
			func() { o.field(at+2, fmt.Sprintf("branch: b%d", i)) },
			func() { o.field(at+2, "dockerfile: /Dockerfile") },
			func() { o.field(at+2, "imageTag: "+tag) },
		)
		o.itemise(from, at)
	}
	o.comment(at, 8)
}

// itemise puts the dash before the first entry after a line. Comments above that
// entry move above the dash.
func (o *ordinary) itemise(from, indent int) {
	for i := from; i < len(o.lines); i++ {
		text := strings.TrimLeft(o.lines[i], " ")
		if text != "" && !strings.HasPrefix(text, "#") {
			o.lines[i] = strings.Repeat(" ", indent) + "- " + text
			return
		}
		if text != "" {
			o.lines[i] = strings.Repeat(" ", indent) + text
		}
	}
}
