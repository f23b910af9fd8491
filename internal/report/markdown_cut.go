package report

import (
	"strings"

	"reconciler/internal/message"
)

// commentLimit is the maximum length of a comment on GitHub, the strictest host
// with a known limit. shortestLimit is what the parts that are never cut need.
const (
	commentLimit  = 65536
	shortestLimit = 8192
)

// block is a part of Markdown that can be cut between its rows: a table or a
// list, folded or not. A cut block still ends with foot, so that its markup is
// closed.
type block struct {
	head string
	rows []string
	foot string
}

func (b block) String() string { return b.head + strings.Join(b.rows, "") + b.foot }

// document is Markdown that can be cut between blocks and rows, except for head
// and foot.
type document struct {
	head   string
	blocks []block
	foot   string
	// quiet is true if the document reports nothing.
	quiet    bool
	language *Language
}

// within returns the document with at most limit UTF-16 code units, including
// the seal. If it is longer, it keeps the first rows that fit, and says how many
// are left out.
func (d document) within(limit int) string {
	var all strings.Builder
	all.WriteString(d.head)
	rows := 0
	for _, b := range d.blocks {
		all.WriteString(b.String())
		rows += len(b.rows)
	}
	all.WriteString(d.foot)
	room := limit - units(seal("", true))
	if units(all.String()) <= room {
		return all.String()
	}
	room -= units(d.head) + units(d.cutNote(rows, rows, limit)) + units(d.foot)
	var kept strings.Builder
	shown := 0
	for _, b := range d.blocks {
		part, n := b.within(room)
		kept.WriteString(part)
		room -= units(part)
		shown += n
		if n < len(b.rows) {
			break
		}
	}
	return d.head + kept.String() + d.cutNote(rows-shown, rows, limit) + d.foot
}

// within returns the block with as many rows as fit, and their number. If no
// row fits, it is empty.
func (b block) within(room int) (string, int) {
	room -= units(b.head) + units(b.foot)
	n := 0
	for n < len(b.rows) && units(b.rows[n]) <= room {
		room -= units(b.rows[n])
		n++
	}
	if n == 0 {
		return "", 0
	}
	return block{b.head, b.rows[:n], b.foot}.String(), n
}

func (d document) cutNote(left, all, limit int) string {
	return d.language.Text(message.New("comment.cut", "left", left, "all", all, "limit", limit)) + "\n\n"
}
