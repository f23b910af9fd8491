package line

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	_ "reconciler/internal/report" // The texts of errors.
)

const (
	accessKeySecret = "canary-secret-of-the-access-key"
	goodToken       = "glpat-canary-token-value"
)

// TestAKeyIsNotShownByHalf lets a message be cut where the key stands in it.
func TestAKeyIsNotShownByHalf(t *testing.T) {
	d, err := New(Options{Instance: "lab", Region: "cn-hangzhou"})
	if err != nil {
		t.Fatal(err)
	}
	for before := 150; before < 201; before++ {
		body := fmt.Sprintf(`{"code":"X","message":"%s%s"}`, strings.Repeat("x", before), accessKeySecret)
		f := d.classify(Call{Op: message.New("op.registry.bind"), Method: http.MethodGet}, &exchange{
			status: 400, header: http.Header{"Content-Type": {"application/json"}}, body: []byte(body), hide: []string{accessKeySecret},
		})
		if shown := f.Error(); strings.Contains(shown, accessKeySecret[:6]) {
			t.Fatalf("after %d characters: %s", before, shown)
		}
	}
}

// FuzzClassify lets the other side answer anything: nothing panics, no failure
// is without a kind, none shows what was sent, none asks for more than an hour
// of waiting, and only what the registry itself says is read as not there.
func FuzzClassify(f *testing.F) {
	for _, seed := range []struct {
		status             int
		kind, header, body string
	}{
		{200, "application/json", "", `{"data":{},"requestId":"r"}`},
		{200, "application/json;charset=utf-8", "", `{"code":"X","message":"you sent $","requestId":"$"}`},
		{400, "application/json", "", `{"code":"Throttling.User","message":"slow down"}`},
		{404, "application/json", "", `{"code":"USER_NOT_EXIST","message":"m","requestId":"R-1"}`},
		{404, "application/json", "", `{"code":"$_NOT_EXIST"}`},
		{404, "text/html", "", `<html>`},
		{429, "text/plain", "9999999999999999999", `slow`},
		{503, "application/json", "Wed, 21 Oct 2065 07:28:00 GMT", `[]`},
		{200, "application/json", "", `{"code":{"a":1}}`},
		{302, "", "-1", ``},
	} {
		f.Add(seed.status, seed.kind, seed.header, []byte(seed.body), false)
		f.Add(seed.status, seed.kind, seed.header, []byte(seed.body), true)
	}
	d, err := New(Options{Instance: "lab", Region: "cn-hangzhou"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, kind, header string, body []byte, write bool) {
		if status < 100 || status > 599 {
			return
		}
		c := Call{Op: message.Verbatim("registry: fuzz"), Method: http.MethodGet}
		if write {
			c.Method, c.Secret = http.MethodPut, goodToken
		}
		h := http.Header{"Content-Type": {kind}, "Retry-After": {header}, "X-Ratelimit-User": {header}}
		body = bytes.ReplaceAll(body, []byte("$"), []byte(accessKeySecret))
		x := &exchange{touched: true, status: status, header: h, body: body, hide: []string{c.Secret, accessKeySecret}}
		fromRegistry := strings.Contains(string(body), "_NOT_EXIST")
		got := d.classify(c, x)
		if got == nil {
			if status < 200 || status > 299 {
				t.Errorf("status %d is read as good", status)
			}
			return
		}
		if got.Kind == "" || got.RetryAfter < 0 || got.RetryAfter > time.Hour {
			t.Errorf("failure without a kind, or with a pause of %v: %v", got.RetryAfter, got)
		}
		if got.Kind == binding.NotFound && !fromRegistry && !strings.Contains(string(body), `\u`) {
			t.Errorf("%d with %q is read as not there", status, body)
		}
		for _, canary := range []string{accessKeySecret, goodToken} {
			if shown := fmt.Sprintf("%+v", got); strings.Contains(shown, canary) {
				t.Errorf("the failure shows %s: %s", canary, shown)
			}
		}
	})
}
