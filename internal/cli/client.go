package cli

import (
	"fmt"
	"os/user"

	"github.com/spf13/cobra"

	"reconciler/internal/daemon"
	"reconciler/internal/finding"
	"reconciler/internal/server"
)

// clientFlags say where the daemon is that a command talks to.
type clientFlags struct {
	config string
	socket string
}

func (c *clientFlags) add(cmd *cobra.Command) {
	configFlag(cmd, &c.config)
	cmd.Flags().StringVar(&c.socket, "socket", "", "the daemon's Unix socket `PATH`, in place of the configuration's")
}

// client makes a client of the daemon. The configuration is read only where no
// flag says where the daemon is; of its findings the errors are told, for what
// the daemon was warned of when it started is no news here.
func (c *clientFlags) client(streams Streams) (*server.Client, error) {
	if c.socket != "" {
		return server.NewClient(c.socket), nil
	}
	cfg, findings, err := daemon.LoadConfig(c.config)
	if err != nil {
		return nil, err
	}
	if finding.HasErrors(findings) {
		return nil, printFindings(streams, findings)
	}
	return server.NewClient(cfg.Server.Socket), nil
}

// byFlag is --by of the commands that a person answers for.
func byFlag(cmd *cobra.Command, by *string, does string) {
	cmd.Flags().StringVar(by, "by", "", "`NAME` of who "+does+" (default: the user of the operating system)")
}

// whoAsks is by, or the user of the operating system.
func whoAsks(by, command string) (string, error) {
	if by != "" {
		return by, nil
	}
	me, err := user.Current()
	if err != nil {
		return "", fmt.Errorf("%s: the operating system does not say who you are (%w); say it with --by", command, err)
	}
	return me.Username, nil
}
