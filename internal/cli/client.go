package cli

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/boundedio"
	"reconciler/internal/client"
	"reconciler/internal/config"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/report"
	"reconciler/internal/secrets"
)

// clientFlags are the flags for how to reach the daemon.
type clientFlags struct {
	config string
	socket string
	// server is the address of the daemon's API over TLS, used instead of a
	// socket. tokenFile has the token, and caFile the authorities to trust.
	server, tokenFile, caFile string
}

func (c *clientFlags) add(cmd *cobra.Command) {
	configFlag(cmd, &c.config)
	cmd.Flags().StringVar(&c.socket, "socket", "", "the daemon's Unix socket `PATH`, instead of the configuration's\n(environment RECONCILER_SOCKET)")
	cmd.Flags().StringVar(&c.server, "server", "", "the daemon's API at `URL` (https://host:port), instead of a socket")
	cmd.Flags().StringVar(&c.tokenFile, "token-file", "", "`FILE` with the token for --server")
	cmd.Flags().StringVar(&c.caFile, "ca-file", "", "`FILE` with the CA certificates to trust for --server (default: the system's)")
	cmd.MarkFlagsMutuallyExclusive("socket", "server")
	cmd.MarkFlagsRequiredTogether("server", "token-file")
}

// client makes a client of the daemon. Its address comes from a flag, the
// environment or the configuration, or is the default. If the configuration is
// invalid, a line says so and the daemon, which uses an older one, is asked
// anyway.
func (c *clientFlags) client(streams Streams) (*client.Client, error) {
	daemon, check, err := c.unchecked(streams)
	if err == nil {
		err = check("")
	}
	return daemon, err
}

// unchecked is like client, but leaves the check of the configuration to check,
// because with thousands of instances it takes longer than most answers. check is
// called with the digest of the daemon's configuration, and does nothing if the
// daemon uses the same file.
func (c *clientFlags) unchecked(streams Streams) (daemon *client.Client, check func(digest string) error, err error) {
	check = func(string) error { return nil }
	switch {
	case c.server != "":
		daemon, err = c.remote(streams)
		return daemon, check, err
	case c.caFile != "":
		return nil, check, requires("--server", "--ca-file")
	case c.socket != "":
		return client.New(c.socket), check, nil
	}
	if socket := os.Getenv("RECONCILER_SOCKET"); socket != "" {
		return client.New(socket), check, nil
	}
	data, err := config.Read(c.config)
	socket := config.Socket(c.config, data)
	check = func(digest string) error {
		if err == nil && digest != "" && digest == config.Digest(c.config, data) {
			return nil
		}
		if err == nil {
			var findings []finding.Finding
			if _, findings, err = config.Parse(c.config, data); err == nil && finding.HasErrors(findings) {
				err = message.NewError("cli.configuration-invalid", "file", c.config)
			}
		}
		if err == nil {
			return nil
		}
		return errors.Join(streams.warn(message.FromError(err)), streams.warn(message.New("cli.ask-daemon", "socket", socket)))
	}
	if err != nil {
		return client.New(socket), func(string) error { return nil }, check("")
	}
	return client.New(socket), check, nil
}

// given reports whether a flag names the daemon's address.
func (c *clientFlags) given() bool { return c.socket != "" || c.server != "" }

// daemonOptions is what all commands share that show an answer of the daemon.
type daemonOptions struct {
	streams Streams
	daemon  clientFlags
	output  outputFlag
	local   bool
}

func (a *daemonOptions) add(cmd *cobra.Command, formats ...string) {
	a.daemon.add(cmd)
	a.output.add(cmd, formats...)
}

// localFlag adds --local to a command whose answers contain times.
func (a *daemonOptions) localFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.local, "local", false, "show times as local time instead of UTC")
}

// style is how to write an answer for a person.
func (a *daemonOptions) style() report.Style {
	style := a.streams.style(a.streams.Out)
	style.Now, style.Wide = time.Now(), a.output.value == outputWide
	if a.local {
		style.Language = style.Language.In(time.Local)
	}
	return style
}

// ask sends a question to the daemon and shows the answer.
func ask[T any](a *daemonOptions, question func(*client.Client) (T, error), text func(io.Writer, T, report.Style) error) (answer T, err error) {
	daemon, err := a.daemon.client(a.streams)
	if err != nil {
		return answer, err
	}
	if answer, err = question(daemon); err != nil {
		return *new(T), err
	}
	if done, err := a.output.object(a.streams.Out, answer); done {
		return answer, err
	}
	return answer, text(a.streams.Out, answer, a.style())
}

// maxClientFile limits the size of a token or certificate file, in bytes.
const maxClientFile = 1 << 20

// remote makes a client of the daemon's API over TLS. The token is read for
// each request, and never shown.
func (c *clientFlags) remote(streams Streams) (*client.Client, error) {
	var roots *x509.CertPool
	if c.caFile != "" {
		pem, err := boundedio.ReadFile(c.caFile, maxClientFile)
		if err != nil {
			return nil, message.NewError("cli.at", "what", "--ca-file", "why", err)
		}
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, message.NewError("cli.no-certificate", "file", c.caFile)
		}
	}
	return client.NewTLS(c.server, func() (string, error) {
		data, err := boundedio.ReadText(c.tokenFile, maxClientFile)
		if err != nil {
			return "", message.NewError("cli.at", "what", "--token-file", "why", err)
		}
		token := secrets.New(data)
		if token.IsZero() || strings.ContainsFunc(token.Expose(), func(r rune) bool { return r <= ' ' || r > '~' }) {
			return "", message.NewError("cli.no-token", "file", c.tokenFile)
		}
		streams.redactor.Register(token)
		return token.Expose(), nil
	}, roots)
}

// byFlag adds --by to a command that records who ran it.
func byFlag(cmd *cobra.Command, by *string, does string) {
	cmd.Flags().StringVar(by, "by", "", "`NAME` of the person who "+does+" (default: the user of the operating system)")
}

// requester is by, or else the user of the operating system: its number if it has
// no name, as in a container.
func requester(by string) (string, error) {
	if by != "" {
		return by, nil
	}
	me, err := user.Current()
	return nameOf(me, err, os.Getuid())
}

func nameOf(me *user.User, err error, uid int) (string, error) {
	switch {
	case err == nil && me.Username != "":
		return me.Username, nil
	case uid >= 0:
		return fmt.Sprintf("uid %d", uid), nil
	}
	return "", message.NewError("cli.no-user", "why", err)
}
