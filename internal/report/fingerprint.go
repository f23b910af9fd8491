package report

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// Fingerprints identifies each finding, in the given order, by its code, file, field and arguments,
// without lines, columns, indexes of lists and foreign texts. So a fingerprint stays the same when
// lines move. Findings that are equal in all of these are numbered. A fingerprint is 64 hexadecimal
// digits.
func Fingerprints(findings []finding.Finding) []string {
	seen := map[string]int{}
	prints := make([]string, 0, len(findings))
	for _, f := range findings {
		key := strings.Join([]string{f.Code, f.File, message.WithoutIndexes(f.Path), f.Message.Identity()}, "\x00")
		if n := seen[key]; n > 0 {
			prints = append(prints, hash(key+"\x00"+strconv.Itoa(n)))
		} else {
			prints = append(prints, hash(key))
		}
		seen[key]++
	}
	return prints
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
