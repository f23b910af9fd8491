package record

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"reconciler/internal/registry/wire"
)

// What is no network record, or is too large for one, costs little and shows
// nothing of its content.
func TestABadNetworkRecordIsAnErrorWithAPlace(t *testing.T) {
	const secret = "glpat-secret"
	for name, tt := range map[string]struct{ text, want string }{
		"empty":               {"", ":1:1: the JSON ends too early"},
		"text":                {secret, ":1:1: is not JSON"},
		"second line":         {"{\"log\":{\n  \"entries\": [" + secret + "]}}", ":2:15: is not JSON"},
		"in an entry":         {"{\"log\":{\"entries\":[{},\n{\"request\":\n" + secret + "}]}}", ":3:1: is not JSON"},
		"after a wide letter": {"{\"log\":\"密\", " + secret, ":1:13: is not JSON"},
		"cut":                 {`{"log":{"entries":[{"request":{"url":"` + secret, "the JSON ends too early"},
		"list":                {`["` + secret + `"]`, ":1:1: is not a network record: an object or a list is expected here"},
		"log is a text":       {`{"log":"` + secret + `"}`, "is not a network record"},
		"url is a number":     {"{\"log\":{\"entries\":[\n{\"request\":{\"url\":5}}]}}", "the field request.url has another type"},
		"no log":              {`{"` + secret + `":1}`, "it has no log.entries"},
		"deep":                {`{"log":{"entries":[` + strings.Repeat("[", 100_000), ":1:"},
		"deep elsewhere":      {`{"log":{"pages":` + strings.Repeat(`{"a":`, 100_000), ":1:"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "bad.har")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := FromHAR(file, Options{Base: wire.Personal()})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), secret) {
				t.Errorf("the error is %v, want %s", err, tt.want)
			}
		})
	}
}

func TestAHugeNetworkRecordCostsBoundedTimeAndMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes 64 MiB")
	}
	wide, err := json.Marshal(strings.Repeat(`{"account":[],"a":{}},`, 100_000))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ text, want string }{
		"too large":         {`{"log":{"entries":[` + strings.Repeat(" ", maxHAR) + `]}}`, "larger than 64 MiB"},
		"too many entries":  {`{"log":{"entries":[{}` + strings.Repeat(",{}", 2*maxEntries) + `]}}`, "has more than 100000 entries"},
		"one huge answer":   {`{"log":{"entries":[{"request":{"method":"GET","url":"https://a.example/"},"response":{"status":200,"content":{"text":` + string(wide) + `}}}]}}`, ""},
		"many deep answers": {`{"log":{"entries":[{}` + strings.Repeat(`,{"request":{"method":"GET","url":"https://a.example/accounts"},"response":{"status":200,"content":{"text":"`+strings.Repeat(`[`, 5000)+strings.Repeat(`]`, 5000)+`"}}}`, 500) + `]}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "huge.har")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begin := time.Now()
			_, err := FromHAR(file, Options{Base: wire.Personal()})
			runtime.ReadMemStats(&after)
			if took := time.Since(begin); took > time.Minute {
				t.Errorf("it took %s", took)
			}
			if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 1024 {
				t.Errorf("it took %d MiB", got)
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("the error is %v, want %q", err, tt.want)
			}
		})
	}
}
