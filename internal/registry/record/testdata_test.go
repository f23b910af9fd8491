package record

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// call is an entry of a network record that a test makes.
type call struct {
	method, url, mime, body string
	status                  int
	answer                  string
}

// harOf writes a network record, with numbers as some recorders write them.
func harOf(t *testing.T, calls ...call) string {
	t.Helper()
	var entries []map[string]any
	for _, c := range calls {
		request := map[string]any{
			"method": c.method, "url": c.url,
			"headers": []any{map[string]any{"name": "Cookie", "value": "login_aliyunid_ticket=SECRETcookie"}},
			"cookies": []any{map[string]any{"name": "SECRETcookie", "value": "SECRETcookie"}},
		}
		if c.body != "" {
			request["postData"] = map[string]any{"mimeType": c.mime, "text": c.body}
		}
		entries = append(entries, map[string]any{
			"request": request,
			"response": map[string]any{
				"status": json.RawMessage(fmt.Sprintf("%d.0", c.status)), "headers": []any{map[string]any{"name": "Set-Cookie", "value": "SECRETcookie"}},
				"content": map[string]any{"mimeType": "application/json", "text": c.answer},
			},
		})
	}
	data, err := json.Marshal(map[string]any{"log": map[string]any{"version": "1.2", "entries": entries}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "console.har")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
