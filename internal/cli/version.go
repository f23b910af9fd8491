package cli

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// build is what the binary knows about itself.
type build struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Version    string `json:"version"`
	Revision   string `json:"revision,omitempty"`
	// Date is the commit's, RFC 3339.
	Date     string `json:"date,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
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
			return streams.printMessage(streams.Out, b.words())
		},
	}
	output.add(cmd)
	return cmd
}

// words is one line for people: version, commit with its date, and toolchain.
func (b build) words() message.Message {
	day, _, _ := strings.Cut(b.Date, "T")
	return message.New("cli.version", "version", b.Version, "commit", b.Revision[:min(len(b.Revision), 8)], "changed", b.Modified,
		"day", day, "go", b.Go, "platform", b.Platform)
}

// version, revision and date are set by builds without a repository, such as
// that of an image: -ldflags "-X reconciler/internal/cli.version=…".
var version, revision, date string

// readBuild reads what the Go toolchain recorded in the binary.
func readBuild() build {
	b := build{
		APIVersion: binding.APIVersion, Kind: "Version", Version: "devel",
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	b.fromToolchain()
	if version != "" {
		b.Version, b.Revision, b.Date, b.Modified = version, revision, date, false
	}
	return b
}

func (b *build) fromToolchain() {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return
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
		case "vcs.time":
			b.Date = s.Value
		}
	}
}
