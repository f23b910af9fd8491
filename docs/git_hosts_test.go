package docs

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The page on git hosts says what a test reproduces: the test is there.
func TestTheProofsOfGitHostsAreThere(t *testing.T) {
	page, err := os.ReadFile("git-hosts.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test[A-Z]\\w+)`").FindAllSubmatch(page, -1)
	if len(named) == 0 {
		t.Fatal("the page names no test")
	}
	var all bytes.Buffer
	for _, room := range []string{"source/git", "server/webhook"} {
		err := filepath.WalkDir(filepath.Join("..", "internal", room), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			all.Write(source)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range named {
		if !bytes.Contains(all.Bytes(), []byte("func "+string(name[1])+"(t *testing.T)")) {
			t.Errorf("no test is called %s", name[1])
		}
	}
}
