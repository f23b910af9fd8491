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

// Pages that say what a test proves name tests that are there: a name may be the
// beginning of several.
func TestTheNamedTestsAreThere(t *testing.T) {
	var all bytes.Buffer
	scripts := map[string]bool{}
	err := filepath.WalkDir(filepath.Join("..", "internal"), func(path string, _ fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case strings.HasSuffix(path, ".txtar"):
			scripts[filepath.Base(path)] = true
		case strings.HasSuffix(path, "_test.go"):
			source, err := os.ReadFile(path)
			all.Write(source)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"git-hosts.md", "threat-model.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile("`(Test[A-Z]\\w+|\\w+\\.txtar)`").FindAllSubmatch(text, -1)
		if len(named) == 0 {
			t.Errorf("%s names no test", page)
		}
		for _, name := range named {
			if !scripts[string(name[1])] && !bytes.Contains(all.Bytes(), append([]byte("\nfunc "), name[1]...)) {
				t.Errorf("%s: no test is called %s", page, name[1])
			}
		}
	}
}

// The table of hosts has each host, and says of reading and of the webhook what is
// behind it: one of three words.
func TestTheTableOfHostsIsComplete(t *testing.T) {
	text, err := os.ReadFile("git-hosts.md")
	if err != nil {
		t.Fatal(err)
	}
	const word = `(\*protocol reproduced in a test\*[^|]*Test[A-Z]|\*documented\*|\*does not work, because\* \w)`
	proof := regexp.MustCompile(`\| Reading: ` + word + `.* Webhook: ` + word)
	for _, host := range []string{
		"GitHub", "GitHub Enterprise Server", "GitLab, also self-managed", "Bitbucket Cloud", "Bitbucket Data Center", "Codeup", "Gitea, Forgejo",
		"Gitee", "Azure DevOps", "AWS CodeCommit",
	} {
		row := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(host) + ` \|.*$`).Find(text)
		if !proof.Match(row) {
			t.Errorf("%s: no row that says what is behind it: %s", host, row)
		}
	}
}
