package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// LeftForPerson reports whether an export leaves a field empty for a person to fill
// in. The check reports the field until that is done.
func LeftForPerson(field string) bool { return field == "spec.token.vault.path" }

// Exported is a declaration of an account that is bound already.
type Exported struct {
	Name     string
	Platform binding.Platform
	// Text is the file, in canonical form.
	Text []byte
}

// Export is what an instance has, written as declarations.
type Export struct {
	Declarations []Exported
	// Unknown are the things that could not be asked, and Left those that no
	// declaration can contain, each as a sentence.
	Unknown, Left []string
}

// ExportOptions say how an export is written.
type ExportOptions struct {
	// Unlisted says why the image repositories could not be listed; nil if they
	// were.
	Unlisted *binding.Unknown
	// Text returns a message as text.
	Text func(message.Message) string
	// Observe writes managementPolicy: Observe into every declaration.
	Observe bool
	// Edition is the edition of the instance; empty means Personal.
	Edition binding.Edition
}

// NewExport writes declarations of all accounts that were observed as bound. Once
// the place of the token is filled in, a plan from them adopts what is there and
// changes nothing. What could not be asked is omitted, which means "not managed"
// and never "none", and a comment reports it.
func NewExport(seen binding.Observation, opts ExportOptions) Export {
	var e Export
	x := &exporter{formatter: NewFormatter(), opts: opts, seen: seen, notes: map[binding.Platform][]string{}, images: map[binding.Platform][]binding.Repository{}}
	if seen.Unknown != nil {
		e.Unknown = append(e.Unknown, "the instance: "+oneLine(opts.Text(seen.Unknown.Message)))
		return e
	}
	if opts.Unlisted != nil {
		x.addUnknown("the list of image repositories", *opts.Unlisted)
	}
	for _, image := range slices.Sorted(maps.Keys(seen.Repositories)) {
		x.image(image, seen.Repositories[image])
	}
	for _, p := range opts.Edition.Platforms() {
		switch state, asked := seen.Accounts[p]; {
		case !asked:
			x.unknown = append(x.unknown, p.Title()+": it was not asked")
		case state.Unknown != nil:
			x.unknown = append(x.unknown, p.Title()+": "+oneLine(opts.Text(state.Unknown.Message)))
		case state.Account != nil:
			e.Declarations = append(e.Declarations, x.declaration(*state.Account))
			continue
		}
		for _, r := range x.images[p] {
			x.left = append(x.left, fmt.Sprintf("%s builds from %s of %s, of which no binding was seen", r.Image, r.Source, p.Title()))
		}
	}
	e.Unknown, e.Left = x.unknown, x.left
	return e
}

// exporter collects what belongs to each platform.
type exporter struct {
	formatter *Formatter
	opts      ExportOptions
	seen      binding.Observation
	images    map[binding.Platform][]binding.Repository
	// notAsked are reported in every declaration, and said only in those of its
	// platform.
	notAsked      []string
	notes         map[binding.Platform][]string
	unknown, left []string
}

// addUnknown notes what could not be asked.
func (x *exporter) addUnknown(what string, u binding.Unknown) {
	text := what + ": " + oneLine(x.opts.Text(u.Message))
	x.unknown, x.notAsked = append(x.unknown, text), append(x.notAsked, text)
}

// image adds an image repository to the platform that it builds from.
func (x *exporter) image(image string, state binding.RepositoryState) {
	switch {
	case state.NoSource() != nil:
		x.addUnknown(image, *state.NoSource())
	case !state.Exists || state.Link == nil:
		return
	default:
		link := *state.Link
		x.images[link.Platform] = append(x.images[link.Platform], binding.Repository{
			Image: image, Source: link.Source, Trigger: link.Trigger,
			OverseasBuild: &link.OverseasBuild, BuildCache: &link.BuildCache, Rules: x.rules(image, link.Platform, state.Rules),
		})
	}
}

// rules returns the build rules without duplicates. If there are none, the export
// omits the list, because there is nothing to manage yet.
func (x *exporter) rules(image string, p binding.Platform, observed []binding.ObservedRule) []binding.BuildRule {
	var rules []binding.BuildRule
	for _, rule := range observed {
		if slices.ContainsFunc(rules, rule.Same) {
			x.notes[p] = append(x.notes[p], fmt.Sprintf("%s has the build rule %s twice; it is written once.", image, oneLine(rule.Key())))
			continue
		}
		rules = append(rules, rule.BuildRule)
	}
	return rules
}

// declaration writes the declaration of one binding.
func (x *exporter) declaration(a binding.Account) Exported {
	name := exportName(x.seen.Instance, a.Platform)
	w := &exportWriter{}
	w.comment("", fmt.Sprintf("The %s binding of %s as it was when `reconciler import` asked.", a.Platform.Title(), x.seen.Instance))
	for _, said := range x.notes[a.Platform] {
		w.comment("", said)
	}
	for _, doubt := range x.notAsked {
		w.comment("", "Could not be asked, and so is left out, not absent: "+doubt)
	}
	w.line("apiVersion: ", binding.APIVersion)
	w.line("kind: ", binding.KindSourceBinding)
	w.line("metadata:")
	w.line("  name: ", strconv.Quote(name))
	w.line("spec:")
	w.line("  instance: ", strconv.Quote(x.seen.Instance))
	w.line("  platform: ", string(a.Platform))
	if a.Platform == binding.GitLab {
		if a.Address == "" {
			w.comment("  ", "The registry does not give the address: write the URL of the site's root.")
		}
		w.line("  address: ", strconv.Quote(a.Address))
	}
	w.line("  username: ", strconv.Quote(a.Username))
	if !a.Platform.OAuth() {
		w.token(a.Platform)
	}
	if x.opts.Observe {
		w.comment("  ", "Only looked at: nothing is changed, bound, adopted or unbound until this line goes.")
		w.line("  managementPolicy: ", string(binding.Observe))
	}
	w.repositories(x.images[a.Platform])
	// What looks like a secret is not exported. The check of the file then reports
	// what is missing instead.
	text, _ := x.formatter.c.maskSecrets([]byte(w.text.String()), name)
	if canonical, findings := x.formatter.Format(binding.File{Path: name, Data: text}); len(findings) == 0 {
		text = canonical
	}
	return Exported{Name: name, Platform: a.Platform, Text: text}
}

// exportName names a declaration after its instance and platform, within the
// maximum length of names.
func exportName(instance string, p binding.Platform) string {
	const most = 63
	return strings.TrimRight(instance[:min(len(instance), most-1-len(p))], "-") + "-" + string(p)
}

// exportWriter writes one declaration in canonical form.
type exportWriter struct{ text strings.Builder }

func (w *exportWriter) line(parts ...string) {
	w.text.WriteString(strings.Join(parts, "") + "\n")
}

// comment writes a sentence, wrapped into lines that are easy to read.
func (w *exportWriter) comment(indent, sentence string) {
	const most = 80
	line := ""
	for word := range strings.FieldsSeq(sentence) {
		if line != "" && utf8.RuneCountInString(indent+"# "+line+" "+word) > most {
			w.line(indent, "# ", line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	w.line(indent, "# ", line)
}

// token writes where the token is kept, for a person to fill in.
func (w *exportWriter) token(p binding.Platform) {
	w.line("  token:")
	w.comment("    ", "The registry does not give the token. Put it into Vault and write its path here; mount and key are what is usual, so correct them where yours differ.")
	if p == binding.Codeup {
		w.comment("    ", "Codeup does not report when a token expires: with its last day as `expires`, the end is watched.")
	}
	w.line(`    vault: {mount: secret, path: "", key: token}`)
}

func (w *exportWriter) repositories(list []binding.Repository) {
	if len(list) == 0 {
		return
	}
	w.line("  repositories:")
	for _, r := range list {
		w.line("    - image: ", strconv.Quote(r.Image))
		w.line("      source: ", strconv.Quote(r.Source))
		w.line("      trigger: ", string(r.Trigger))
		w.line(fmt.Sprintf("      overseasBuild: %t", *r.OverseasBuild))
		w.line(fmt.Sprintf("      buildCache: %t", *r.BuildCache))
		if len(r.Rules) > 0 {
			w.line("      rules:")
		}
		for _, rule := range r.Rules {
			ref := "branch: " + strconv.Quote(rule.Branch)
			if rule.Tag != "" {
				ref = "tag: " + strconv.Quote(rule.Tag)
			}
			w.line("        - {", ref, ", dockerfile: ", strconv.Quote(rule.Dockerfile), ", imageTag: ", strconv.Quote(rule.ImageTag), "}")
		}
	}
}

// oneLine makes a text of others fit for a comment: one line, only printable
// characters, limited length.
func oneLine(text string) string {
	return message.Cut(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, text), 500)
}
