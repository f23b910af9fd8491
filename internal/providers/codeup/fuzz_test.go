package codeup

import (
	"strings"
	"testing"
)

func FuzzErrorBody(f *testing.F) {
	for _, seed := range []string{
		`{"errorCode":"SYSTEM_UNKNOWN_ERROR","errorMessage":"m","requestId":"r"}`,
		`{"traceId":"","code":400,"errorCode":"Forbidden.AccessDenied"}`, `plain text`, `{"errorCode":7}`, `{"errorCode":"a\nb"}`, `[]`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		code := readRefusal(body)
		if len(code) > 64 || strings.ContainsAny(code, " \n\r\t<>\"\x00") {
			t.Errorf("code %q of %q is not a word", code, body)
		}
	})
}
