package cli

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/config"
	"reconciler/internal/engine"
	"reconciler/internal/message"
)

// newDemoCommands makes the commands that change a running demo's sandbox.
func newDemoCommands(streams Streams) []*cobra.Command {
	change := func(use, short string, args cobra.PositionalArgs) (*cobra.Command, *demoRequest) {
		asked := &demoRequest{}
		cmd := &cobra.Command{Use: use, Short: short, Args: args, RunE: func(cmd *cobra.Command, args []string) error {
			asked.Command = cmd.Name()
			optional(args, &asked.Name)
			answer, err := askDemo(cmd.Context(), *asked)
			if err != nil {
				return err
			}
			return streams.printMessage(streams.Out, answer.Result)
		}}
		return cmd, asked
	}
	unbind, _ := change("unbind BINDING", "In a running demo, unbind an account as a person does in the console", cobra.ExactArgs(1))
	bind, _ := change("bind BINDING", "In a running demo, bind an account as a person does in the console", cobra.ExactArgs(1))
	rotate, _ := change("rotate BINDING", "In a running demo, put a new version of a token into the secret store", cobra.ExactArgs(1))
	fail, asked := change("fail PART", "In a running demo, make a part of its world fail", cobra.ExactArgs(1))
	fail.Long = "fail makes a part of the demo's world answer 503 to everything: " + strings.Join(demoParts(), ", ") + `.
It lasts until "reconciler demo restore", or for the time that --for gives.`
	fail.Example = "  reconciler demo fail vault\n  reconciler demo fail github --for 1m"
	fail.Flags().DurationVar(&asked.For, "for", 0, "how long, for example 1m; 0 is until restore")
	restore, _ := change("restore [PART]", "In a running demo, end what fail began", cobra.MaximumNArgs(1))
	for _, cmd := range []*cobra.Command{unbind, bind, rotate} {
		completeNames(cmd, &clientFlags{config: os.Getenv("RECONCILER_CONFIG")}, 1)
	}
	fail.ValidArgs, restore.ValidArgs = demoParts(), demoParts()
	return []*cobra.Command{unbind, bind, rotate, fail, restore}
}

// askDemo sends a request to the running demo.
func askDemo(ctx context.Context, asked demoRequest) (demoAnswer, error) {
	if asked.For < 0 {
		return demoAnswer{}, message.NewError("cli.negative", "flag", "--for")
	}
	if path := os.Getenv("RECONCILER_CONFIG"); path != "" {
		socket := filepath.Join(filepath.Dir(path), demoSocket)
		if _, err := os.Lstat(socket); err == nil { //nolint:gosec // The user names the folder.
			return askDemoAt(ctx, socket, asked)
		}
	}
	running := runningDemos(ctx)
	switch len(running) {
	case 0:
		return demoAnswer{}, message.NewError("demo.none", "program", program())
	case 1:
		return askDemoAt(ctx, running[0], asked)
	}
	var choices string
	for _, socket := range running {
		choices += "\n  export RECONCILER_CONFIG=" + filepath.Join(filepath.Dir(socket), "reconciler.yaml")
	}
	return demoAnswer{}, message.NewError("demo.several", "choices", choices)
}

// runningDemos are the sockets of this user's demos that answer.
func runningDemos(ctx context.Context) (running []string) {
	sockets, err := filepath.Glob(filepath.Join(os.TempDir(), demoFolder+"*", demoSocket))
	if err != nil {
		return nil
	}
	for _, socket := range sockets {
		if !ownDemo(socket) {
			continue
		}
		if _, err := askDemoAt(ctx, socket, demoRequest{Command: "reach"}); err == nil {
			running = append(running, socket)
		}
	}
	return running
}

func askDemoAt(ctx context.Context, socket string, asked demoRequest) (answer demoAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return answer, message.NewError("demo.silent", "why", err)
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	if err = json.NewEncoder(conn).Encode(asked); err == nil {
		err = json.NewDecoder(io.LimitReader(conn, maxDemoWords)).Decode(&answer)
	}
	if err != nil {
		return answer, message.NewError("demo.silent", "why", err)
	}
	if !answer.Error.IsZero() {
		return answer, &message.Error{Message: answer.Error}
	}
	return answer, nil
}

// ownDemo reports whether a socket is in a folder where no other user can
// create one, and is not a link.
func ownDemo(socket string) bool {
	file, err := os.Lstat(socket)
	if err != nil || runtime.GOOS == "windows" { // Windows has no such modes.
		return err == nil
	}
	folder, err := os.Lstat(filepath.Dir(socket))
	return err == nil && folder.Mode().Perm() == 0o700 && file.Mode().Type() == fs.ModeSocket
}

// allowDemoSites lets a command that works with a demo's configuration reach the
// demo's GitLab sites. It does nothing for any other configuration, which
// allows no private addresses or has no demo in its folder.
func allowDemoSites(ctx context.Context, configPath string, cfg config.Config, options *engine.Options) {
	socket := filepath.Join(filepath.Dir(configPath), demoSocket)
	if !cfg.CodeHosts.UnsafeAllowPrivateAddresses || !ownDemo(socket) {
		return
	}
	answer, err := askDemoAt(ctx, socket, demoRequest{Command: "reach"})
	if err != nil || !onlyDemoSites(answer.Dial) {
		return // The demo has ended, or this is not a demo. The checks will report that its sites do not answer.
	}
	options.Dial, options.RootCAs = answer.Dial, x509.NewCertPool()
	options.RootCAs.AppendCertsFromPEM([]byte(answer.Certificate))
}

// onlyDemoSites reports whether dial redirects to this machine only, and only
// for the demo's sites, whose names exist nowhere.
func onlyDemoSites(dial map[string]string) bool {
	for site, address := range dial {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !to.Addr().IsLoopback() || !slices.Contains([]string{demoGitLab, demoGitLabHTTP}, site) {
			return false
		}
	}
	return len(dial) > 0
}
