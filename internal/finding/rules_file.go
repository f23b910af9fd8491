package finding

import "slices"

// yamlSpec is the source of the rules about YAML itself.
const yamlSpec = "YAML 1.2.2 specification; this project's design"

func fileRules() []Rule {
	return slices.Concat(textRules(), characterRules(), yamlRules(), documentRules(), fieldRules(), valueRules())
}

func textRules() []Rule {
	return []Rule{
		{
			Code: "yaml-size", Severity: Error,
			Sentence: "A file is at most 10 MiB long and holds at most a million values, one of its documents at most 20,000.",
			Hint:     "Split the file.",
			Explanation: `A declaration is about a kilobyte. The limits are there so that no file, by accident or by intent, can take the memory
or the time of the checker; a file beyond them is not read any further.`,
			Source: ownRule,
		},
		{
			Code: "yaml-encoding", Severity: Error,
			Sentence: "A file is UTF-8.",
			Hint:     "Save the file as UTF-8.",
			Explanation: `Git and editors show UTF-8; a file in another encoding, UTF-16 and GBK among them, would be read as something else than
its author sees. The position is that of the first byte that is not UTF-8.`,
			Source: yamlSpec,
		},
		{
			Code: "yaml-characters", Severity: Error,
			Sentence: "A file holds no control characters, and its lines end with LF or CR LF.",
			Hint:     "Remove the character; in a quoted text write it as an escape.",
			Explanation: `NUL and the other control characters are not allowed in YAML. A lone carriage return and the line ends of Unicode are
refused too: YAML would begin a new line there and editors do not, so every position after it would be wrong. The same holds for
characters that turn the direction of writing, which can make a line look like another one in a review.`,
			Source: yamlSpec,
		},
	}
}

func characterRules() []Rule {
	return []Rule{
		{
			Code: "yaml-bom", Severity: Warning,
			Sentence: "A file does not begin with a byte order mark.",
			Hint:     "Save the file as UTF-8 without a byte order mark.",
			Explanation: `UTF-8 needs no byte order mark, and some tools take it for a part of the first key. It is read as if it were not
there.`,
			Source: yamlSpec,
		},
		{
			Code: "yaml-crlf", Severity: Info,
			Sentence: "Lines end with LF.",
			Hint:     "Save the file with LF, or put `*.yaml text eol=lf` into .gitattributes.",
			Explanation: `Lines that end with CR LF are read like those that end with LF, and positions stay right. Mixed line ends make
differences in git that nobody meant.`,
			Source: ownRule,
		},
		{
			Code: "yaml-tab", Severity: Error,
			Sentence: "Lines are indented with spaces.",
			Hint:     "Replace the tab by spaces.",
			Explanation: `YAML allows no tab in the indentation, because nobody can say how wide it is. The finding stands at the tab; the parser
itself would speak of a place further on.`,
			Source: yamlSpec,
		},
		{
			Code: "secret-in-declaration", Severity: Error,
			Sentence: "No file holds a secret.",
			Hint:     "Revoke that secret now, for it stands in the history of the repository; keep the new one in Vault and write its place here.",
			Explanation: `A text that has the shape of a token (GitLab, GitHub, Atlassian, Codeup, Alibaba Cloud access keys, Vault), or a URL
with a password in it, is refused wherever it stands, in comments too. Everybody who can read the repository has it, and taking it
out of the file does not take it out of the history: revoke it.

The value is never shown, in this finding or in any other; the file is read with the secret blotted out.`,
			Source: "Token formats as published by GitLab, GitHub, Atlassian, Alibaba Cloud and HashiCorp",
		},
	}
}

func yamlRules() []Rule {
	return []Rule{
		{
			Code: "yaml-syntax", Severity: Error,
			Sentence: "A file is well-formed YAML.",
			Hint:     "Look at the line and the one before it: an indentation, a quote or a colon is wrong there.",
			Explanation: `The parser gave up here, so nothing after this place in the file was checked. The line is the parser's; it knows no
column, and none is made up. Documents before the fault were checked.`,
			Source: yamlSpec,
		},
		{
			Code: "yaml-alias", Severity: Error,
			Sentence: "Anchors and aliases are not used.",
			Hint:     "Write the value out at each place.",
			Explanation: `An alias stands for a value that is written elsewhere in the file. In a review the difference then shows one place and
changes another, and nested aliases can grow to any size. Declarations are short enough to say everything where it holds.`,
			Source: ownRule,
		},
		{
			Code: "yaml-merge", Severity: Error,
			Sentence: "Merge keys (<<) are not used.",
			Hint:     "Write the merged fields out.",
			Explanation: `The merge key comes from YAML 1.1 and parsers disagree about it. As with aliases, what holds at a place would be written
at another one.`,
			Source: ownRule,
		},
		{
			Code: "yaml-tag", Severity: Error,
			Sentence: "Explicit tags (such as !!str or !name) are not used.",
			Hint:     "Remove the tag; put a text in quotes.",
			Explanation: `A tag tells the parser to read a value as another kind than it looks. The format has no use for that: a text is quoted,
everything else is plain.`,
			Source: ownRule,
		},
		{
			Code: "yaml-key", Severity: Error,
			Sentence: "A key is a text.",
			Hint:     "Write the name of a field before the colon.",
			Explanation: `YAML allows a list or a mapping as a key, and keys that are empty. No field has such a name. A brace or a template
expression that was not quoted is the usual cause.`,
			Source: yamlSpec,
		},
		{
			Code: "yaml-duplicate-key", Severity: Error,
			Sentence: "A key stands once in a mapping.",
			Hint:     "Keep one of the two.",
			Explanation: `Parsers disagree about which of two equal keys holds: some take the first, some the last. So neither is taken. The
finding stands at the later one and names the line of the first.`,
			Source: yamlSpec,
		},
	}
}

func documentRules() []Rule {
	return []Rule{
		{
			Code: "yaml-depth", Severity: Error,
			Sentence: "Values are nested at most 64 deep.",
			Hint:     "Look for brackets that are not closed.",
			Explanation: `A declaration is about seven deep. The limit keeps hostile files from taking the checker's memory; what lies deeper is
not read.`,
			Source: ownRule,
		},
		{
			Code: "yaml-documents", Severity: Error,
			Sentence: "A file holds at most 10,000 documents.",
			Hint:     "Split the file.",
			Explanation: `The limit keeps one file from taking the checker's time. Reading stops at the first document beyond it; since the file is
then known in part only, none of it is applied.`,
			Source: ownRule,
		},
		{
			Code: "too-many-findings", Severity: Error,
			Sentence: "The check of a file stops after a thousand findings.",
			Hint:     "Mend the findings before this one and check again.",
			Explanation: `A file with a thousand findings is not a declaration, or one fault repeats itself throughout it. The documents after
this place were not checked, so none of the file is applied.`,
			Source: ownRule,
		},
		{
			Code: "document-kind", Severity: Error,
			Sentence: "Every document says which format it is of: apiVersion reconciler/v1alpha1 and its kind.",
			Hint:     "Write apiVersion: reconciler/v1alpha1 and kind: SourceBinding; list files that are something else in .reconcilerignore.",
			Explanation: `A document of another kind is not skipped in silence: with a slip of the pen in kind, a binding would vanish from the
snapshot and look like one that was deleted. Files that are not declarations are left out by name in .reconcilerignore.`,
			Source: ownRule,
		},
		{
			Code: "format-comment", Severity: Error,
			Sentence: "Formatting a file keeps its comments in place.",
			Hint:     "Put an empty line above the comment if it is about what comes next; put the fields around it in the order of the schema otherwise.",
			Explanation: `Only reconciler fmt reports this. It sorts the fields, and this comment stands between two of them that would part: it
closes a list, or is about the next field, and nothing shows which. The file is not changed. A # within a quoted text of several
lines has the same effect, because it looks like a comment: write that text on one line.`,
			Source: ownRule,
		},
		{
			Code: "internal-error", Severity: Error,
			Sentence: "Every file can be checked to its end.",
			Hint:     "If it happens again, report it with the file.",
			Explanation: `Checking the file ended before its end, by a fault of this program or because it was interrupted. The file counts as one
that could not be read: its bindings stay as they were.`,
			Source: ownRule,
		},
	}
}

func fieldRules() []Rule {
	return []Rule{
		{
			Code: "field-unknown", Severity: Error,
			Sentence: "Only fields of the format are written.",
			Hint:     "Correct the name or remove the field; `reconciler schema` prints the format.",
			Explanation: `An unknown field is nearly always a misspelt one, and ignoring it would silently mean "not managed" or the default. Where
a known field is spelt nearly alike, the message names it.`,
			Source: ownRule,
		},
		{
			Code: "field-missing", Severity: Error,
			Sentence: "Required fields are written.",
			Hint:     "Add the field; `reconciler schema` prints the format.",
			Explanation: `The finding stands at the mapping that lacks the field. A field that is not required and left out is not managed: the
registry keeps what it has.`,
			Source: ownRule,
		},
		{
			Code: "field-type", Severity: Error,
			Sentence: "A field holds the kind of value that it takes.",
			Hint:     "Write the kind of value that the message names; leave the field out if it is not meant.",
			Explanation: `A list where a text is meant, a text where a mapping is meant, or nothing at all after the colon. Nothing (null) is
neither the absent field, which is not managed, nor the empty list ` + "`[]`" + `, which means none; so it is refused rather than guessed.`,
			Source: ownRule,
		},
		{
			Code: "field-value", Severity: Error,
			Sentence: "A field's value is one that the field takes.",
			Hint:     "Write a value as the message describes it; `reconciler schema` prints the format.",
			Explanation: `The value has the right kind, but not the form or the range that the field takes: a name with upper-case letters, a day
that is not in the calendar, a word that is not among the choices. Most limits are the registry's own.`,
			Source: ownRule + "; Alibaba Cloud: Container Registry API reference (2016-06-07)",
		},
	}
}

func valueRules() []Rule {
	return []Rule{
		{
			Code: "text-quoted", Severity: Error,
			Sentence: "A text that YAML takes for a number, a date or a boolean stands in quotes.",
			Hint:     "Put the value in double quotes.",
			Explanation: "Without quotes `1.10` is the number 1.1, `0755` is 493, `2024-01-01` is a date, and `yes`, `no`, `on` and `off` are\n" +
				"booleans to every parser of YAML 1.1. Where a text is meant, quotes say so. Where a boolean is meant, `true` and `false`\nare the words that all parsers agree on.",
			Source: yamlSpec,
		},
		{
			Code: "number-plain", Severity: Error,
			Sentence: "A whole number is written in decimal digits, without leading zeros, signs or underscores.",
			Hint:     "Write the number in decimal digits.",
			Explanation: "`010` is 8 to one parser and 10 to another; `0x10`, `1_000` and `1e3` are read by some and not by others. Plain decimal\n" +
				"digits mean the same everywhere.",
			Source: yamlSpec,
		},
		{
			Code: "build-rule-ref", Severity: Error,
			Sentence: "A build rule has exactly one of branch and tag.",
			Hint:     "Write branch or tag; write two rules for both.",
			Explanation: `The registry's build rule has one push type, branch or tag, and one name. A rule with both would have to become two, and
which image tag belongs to which is for the author to say.`,
			Source: "Alibaba Cloud: CreateRepoBuildRule (Container Registry API 2016-06-07)",
		},
		{
			Code: "build-rule-unique", Severity: Error,
			Sentence: "A build rule stands once in a repository.",
			Hint:     "Remove one of the two.",
			Explanation: `Two rules that build the same branch or tag into the same image tag overwrite each other's image. The message names the
other one.`,
			Source: ownRule,
		},
		{
			Code: "suspend-ended", Severity: Warning,
			Sentence: "A suspension that is over is removed, or prolonged.",
			Hint:     "Remove suspend from the declaration, or move until to a later day; what a person suspended ends with `reconciler resume`.",
			Explanation: `After the day named in until, the binding is reconciled again. A suspension left behind misleads the next reader, who
may believe that it still holds. One that a person asked the daemon for by ` + "`reconciler suspend`" + ` is told of for a day after its
end, so that whoever asked for it sees that it holds no more; then the daemon forgets it.`,
			Source: ownRule,
		},
	}
}
