package cli

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "rewrite generated documents and golden files")

// TestGeneratedCommandReferenceIsCurrent holds docs/commands.md to the help of
// the commands themselves.
func TestGeneratedCommandReferenceIsCurrent(t *testing.T) {
	t.Setenv("RECONCILER_CONFIG", "")
	var doc bytes.Buffer
	doc.WriteString("# Commands\n\nMade from the commands' own help by `make generate`; do not edit.\n")
	root := newRoot(Streams{In: strings.NewReader(""), Out: &doc, Err: &doc})
	writeReference(&doc, root)
	path := filepath.Join("..", "..", "docs", "commands.md")
	if *update {
		if err := os.WriteFile(path, doc.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), doc.String()); diff != "" {
		t.Errorf("docs/commands.md is stale; run `make generate` (-file +commands):\n%s", diff)
	}
}

func writeReference(doc *bytes.Buffer, cmd *cobra.Command) {
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	fmt.Fprintf(doc, "\n## %s\n\n```text\n%s\n\n%s```\n", cmd.CommandPath(), strings.TrimSpace(text), cmd.UsageString())
	for _, sub := range cmd.Commands() {
		if sub.Name() != "help" && sub.Name() != "completion" {
			writeReference(doc, sub)
		}
	}
}
