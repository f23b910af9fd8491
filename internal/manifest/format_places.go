package manifest

import (
	"fmt"

	"reconciler/internal/message"
)

// commentError says in which line a comment stands that cannot be kept in place,
// and why.
type commentError struct {
	line int
	why  message.Message
}

func (e *commentError) Error() string { return message.English(e.Says()) }

func (e *commentError) Says() message.Message {
	return message.New("manifest-error.comment", "line", e.line, "why", e.why)
}

// keepPlaces compares the comments of a page, arranged, with those of the page
// made of it.
func (p *page) keepPlaces(now *page) error {
	at := map[string]int{}
	for _, r := range now.comments {
		at[r.key()]++
	}
	for _, r := range p.comments {
		if at[r.key()]--; at[r.key()] < 0 || r.tied != nil && r.tied != r.owner.before() {
			return &commentError{r.line, message.New("format.comment-moves")}
		}
	}
	return nil
}

// key is the text of a comment and its place.
func (r *remark) key() string { return fmt.Sprintf("%d %s %s", r.where, r.owner.path, r.text) }
