package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"reconciler/internal/binding"
)

// build is what the binary knows of itself.
type build struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Version    string `json:"version"`
	Revision   string `json:"revision,omitempty"`
	Modified   bool   `json:"modified,omitempty"`
	Go         string `json:"go"`
	Platform   string `json:"platform"`
}

func newVersion(streams Streams) *cobra.Command {
	var output outputFlag
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := readBuild()
			if output.json() {
				return json.NewEncoder(streams.Out).Encode(b)
			}
			_, err := fmt.Fprintf(streams.Out, "reconciler %s (%s, %s)\n", b.Version, b.Go, b.Platform)
			return err
		},
	}
	output.add(cmd)
	return cmd
}

// readBuild reads what the Go toolchain stamped into the binary.
func readBuild() build {
	b := build{
		APIVersion: binding.APIVersion, Kind: "Version", Version: "devel",
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}
