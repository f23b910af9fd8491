package server

import (
	"os"
	"strings"
	"testing"

	"reconciler/internal/client"
)

func TestTheDocumentNamesEveryPath(t *testing.T) {
	text, err := os.ReadFile("../../docs/daemon-api.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		client.BindingsPath, client.MemoryPath, client.SnapshotPath, client.DaemonPath, client.DescribePath, client.PlanPath, client.EventsPath, client.HistoryPath, client.AttestPath, client.SyncPath, client.SuspendPath, client.ResumePath, client.AcceptPath,
	} {
		if name := strings.TrimPrefix(path, "/v1alpha1"); !strings.Contains(string(text), "| `"+name) {
			t.Errorf("docs/daemon-api.md has no row for %s", name)
		}
	}
}
