package bitbucket

import (
	"strings"
	"testing"
)

func FuzzErrorBody(f *testing.F) {
	for _, seed := range []string{
		`{"type":"error","error":{"message":"m","detail":{"required":["repository","webhook"],"granted":["account"]}}}`,
		`{"type":"error","error":{"message":"m","detail":"a string"}}`, `{"error":{"detail":null}}`, `{"error":7}`, `text`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, scope := range readRequired(body) {
			if len(scope) > 64 || strings.ContainsAny(scope, " \n\t<>\"\x00") {
				t.Errorf("scope %q of %q is not a word", scope, body)
			}
		}
	})
}
