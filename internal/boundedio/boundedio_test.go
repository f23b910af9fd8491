package boundedio_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"reconciler/internal/boundedio"
	_ "reconciler/internal/report" // The texts of errors.
)

func TestReadStopsAtTheLimit(t *testing.T) {
	for _, test := range []struct {
		text  string
		limit int64
		want  string
	}{
		{"", 0, ""}, {"abc", 3, ""}, {"abcd", 3, "larger than 3 bytes"}, {strings.Repeat("x", 1<<20+1), 1 << 20, "larger than 1 MiB"},
	} {
		data, err := boundedio.Read(strings.NewReader(test.text), test.limit)
		if test.want == "" && (err != nil || string(data) != test.text) {
			t.Errorf("boundedio.Read(%d bytes, %d) = %q, %v", len(test.text), test.limit, data, err)
		}
		if _, ok := errors.AsType[*boundedio.TooLargeError](err); test.want != "" && (!ok || err.Error() != test.want || data != nil) {
			t.Errorf("boundedio.Read(%d bytes, %d): %v, want %s", len(test.text), test.limit, err, test.want)
		}
	}
	if _, err := boundedio.Read(iotest.ErrReader(os.ErrDeadlineExceeded), 3); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a failed read: %v", err)
	}
}

func TestReadFileNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if _, err := boundedio.ReadFile(path, 3); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("a missing file: %v", err)
	}
	if err := os.WriteFile(path, []byte("abcd"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := boundedio.ReadFile(path, 4); err != nil || string(data) != "abcd" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := boundedio.ReadFile(path, 3); err == nil || !strings.Contains(err.Error(), path+": larger than 3 bytes") {
		t.Errorf("a large file: %v", err)
	}
}

func TestReadTextLeavesOutWhatEditorsAdd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	for written, want := range map[string]string{
		"t": "t", "t\n": "t", "t\r\n": "t", "\ufefft\r\n": "t", "\ufeff": "", "t \n": "t ", "\tt\n\n": "\tt", "a\nb": "a\nb",
		"\xff\xfet\x00": "UTF-16", "\xfe\xff\x00t": "UTF-16",
	} {
		if err := os.WriteFile(path, []byte(written), 0o600); err != nil {
			t.Fatal(err)
		}
		switch got, err := boundedio.ReadText(path, 100); {
		case want == "UTF-16" && (err == nil || got != nil || !strings.Contains(err.Error(), path+": is in UTF-16")):
			t.Errorf("%q: %q, %v", written, got, err)
		case want != "UTF-16" && (err != nil || string(got) != want):
			t.Errorf("%q: %q, %v", written, got, err)
		}
	}
}
