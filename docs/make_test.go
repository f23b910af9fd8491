package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestWhatSkipsWithTheRaceDetectorRunsWithoutIt: `make e2e` runs every package whose
// tests know whether the race detector is there, whole and without it.
func TestWhatSkipsWithTheRaceDetectorRunsWithoutIt(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?m)^WITHOUT_RACE := (.*)$`).FindSubmatch(makefile)
	if list == nil || !regexp.MustCompile(`(?m)^\t.*go test.* \$\(WITHOUT_RACE\)$`).Match([]byte(strings.ReplaceAll(string(makefile), "$(GO)", "go"))) {
		t.Fatal("the Makefile runs no WITHOUT_RACE")
	}
	runs := func(folder string) bool {
		for _, pattern := range strings.Fields(string(list[1])) {
			root, below := strings.CutSuffix(strings.TrimPrefix(pattern, "./"), "/...")
			if folder == root || below && strings.HasPrefix(folder, root+"/") {
				return true
			}
		}
		return false
	}
	found := 0
	err = filepath.WalkDir("../internal", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "race_on_test.go" {
			return err
		}
		found++
		if folder := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(path), "../")); !runs(folder) {
			t.Errorf("WITHOUT_RACE in the Makefile lacks ./%s", folder)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 5 {
		t.Errorf("only %d packages were found", found)
	}
}
