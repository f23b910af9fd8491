package server

import (
	"os"
	"strings"
	"testing"
)

func TestTheDocumentNamesEveryPath(t *testing.T) {
	text, err := os.ReadFile("../../docs/daemon-api.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		bindingsPath, memoryPath, SnapshotPath, daemonPath, describePath, planPath, eventsPath, historyPath, attestPath, syncPath, suspendPath, resumePath,
	} {
		if name := strings.TrimPrefix(path, "/v1alpha1"); !strings.Contains(string(text), "| `"+name) {
			t.Errorf("docs/daemon-api.md has no row for %s", name)
		}
	}
}
