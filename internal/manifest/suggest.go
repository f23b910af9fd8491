package manifest

import (
	"strings"

	"reconciler/internal/message"
)

// Suggestion is the end of a message that suggests the known word nearest to a
// wrong one; zero if none is near enough.
func Suggestion(wrong string, known []string) message.Message {
	if word := nearest(wrong, known); word != "" {
		return message.New("suggestion", "word", word)
	}
	return message.Message{}
}

// NoInstance is the error that no instance has a name.
func NoInstance(name string, known []string) error {
	return message.NewError("name.no-instance", "name", name, "meant", Suggestion(name, known), "known", known)
}

// NoBinding is the error that no binding has a name; the command lists all.
func NoBinding(name string, known []string, command string) error {
	return message.NewError("name.no-binding", "name", name, "meant", Suggestion(name, known), "command", command)
}

// nearest is the known word nearest to a wrong one; empty if none is near.
func nearest(wrong string, known []string) string {
	const longest = 64
	if len(wrong) > longest {
		return ""
	}
	best, least := "", max(len(wrong)/3, 1)+1
	for _, word := range known {
		if d := distance(strings.ToLower(wrong), strings.ToLower(word)); d < least {
			best, least = word, d
		}
	}
	return best
}

// distance is how many letters must be inserted, removed, replaced or swapped with
// their neighbour to turn a into b (optimal string alignment).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
