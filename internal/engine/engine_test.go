package engine

import (
	"path/filepath"
	"testing"

	"reconciler/internal/config"
	"reconciler/internal/state"
)

// folderConfig is a configuration of one instance without an API.
func folderConfig(t *testing.T) config.Config {
	t.Helper()
	c := config.Default()
	c.Source.Folder = &config.Folder{Path: t.TempDir()}
	c.Instances = []config.Instance{{Name: "hand", Region: "cn-hangzhou", Driver: "console"}}
	c.State.Path = filepath.Join(t.TempDir(), "state.db")
	c.Server.Socket = filepath.Join(t.TempDir(), "none.sock")
	return c
}

func TestNewClosesWhatItOpenedWhenAPartFails(t *testing.T) {
	c := folderConfig(t)
	c.Vault = &config.Vault{Address: "https://vault.example.com", CAFile: filepath.Join(t.TempDir(), "missing.pem")}
	if _, err := New(t.Context(), Options{Config: c}); err == nil {
		t.Fatal("built with a CA file that is missing")
	}
	store, err := state.Open(c.State.Path)
	if err != nil {
		t.Fatalf("the state file is still open: %v", err)
	}
	_ = store.Close()
}

func TestCloseLeavesAMemoryThatWasGiven(t *testing.T) {
	c := folderConfig(t)
	memory, err := OpenMemory(c.State.Path, NewLog(t.Output(), "text", nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = memory.Close() }()
	for range 2 {
		e, err := New(t.Context(), Options{Config: c, Memory: memory})
		if err != nil {
			t.Fatal(err)
		}
		e.Close()
		e.Close()
		if _, err := memory.Store.Records(t.Context(), "hand"); err != nil {
			t.Errorf("after Close: %v", err)
		}
	}
}

func TestAReadOnlyEngineMakesNoStateFile(t *testing.T) {
	c := folderConfig(t)
	e, err := New(t.Context(), Options{Config: c, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	e.Close()
	if found, err := filepath.Glob(filepath.Join(filepath.Dir(c.State.Path), "*")); err != nil || len(found) > 0 {
		t.Errorf("files: %v, %v", found, err)
	}
}
