package main

import (
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra/doc"

	"reconciler/internal/cli"
)

// pages writes man/*.1 and completions/ below folder.
func pages(folder, version string, date time.Time) error {
	man, completions := filepath.Join(folder, "man"), filepath.Join(folder, "completions")
	for _, path := range []string{man, completions} {
		if err := os.MkdirAll(path, 0o755); err != nil { //nolint:gosec // Manuals are for everybody.
			return err
		}
	}
	root := cli.Command(cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	root.DisableAutoGenTag = true
	header := &doc.GenManHeader{Section: "1", Date: &date, Source: "reconciler " + version, Manual: "reconciler"}
	if err := doc.GenManTree(root, header, man); err != nil {
		return err
	}
	if err := root.GenBashCompletionFileV2(filepath.Join(completions, "reconciler.bash"), true); err != nil {
		return err
	}
	if err := root.GenZshCompletionFile(filepath.Join(completions, "_reconciler")); err != nil {
		return err
	}
	if err := root.GenFishCompletionFile(filepath.Join(completions, "reconciler.fish"), true); err != nil {
		return err
	}
	return root.GenPowerShellCompletionFileWithDesc(filepath.Join(completions, "reconciler.ps1"))
}
