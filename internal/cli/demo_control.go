package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/sandbox"
)

// demoSocket is the file in the demo's folder that answers the commands below
// `demo`. Only the user who started the demo may open it.
const demoSocket = "demo.sock"

// maxDemoWords limits a request to the demo, and its answer.
const maxDemoWords = 1 << 16

// demoRequest is what a command below `demo` asks a running demo for.
type demoRequest struct {
	Command string        `json:"command"`
	Name    string        `json:"name,omitempty"`
	For     time.Duration `json:"for,omitempty"`
}

// demoAnswer is what the demo did, or why it did not.
type demoAnswer struct {
	Result message.Message `json:"did,omitzero"`
	Error  message.Message `json:"error,omitzero"`
	// Dial and Certificate let another process reach the demo's GitLab sites,
	// whose names exist nowhere.
	Dial        map[string]string `json:"dial,omitempty"`
	Certificate string            `json:"certificate,omitempty"`
}

// demoControl changes the sandbox of a running demo.
type demoControl struct {
	world *demoWorld
	// bindings returns the bindings that the daemon reports now.
	bindings func() []binding.Status
}

// serve answers on the demo's socket until ctx ends.
func (c *demoControl) serve(ctx context.Context) error {
	path := filepath.Join(c.world.folder, demoSocket)
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(err, l.Close())
	}
	context.AfterFunc(ctx, func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go c.answer(conn)
		}
	}()
	return nil
}

func (c *demoControl) answer(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	var asked demoRequest
	answer := demoAnswer{}
	err := json.NewDecoder(io.LimitReader(conn, maxDemoWords)).Decode(&asked)
	if err == nil {
		answer, err = c.do(asked)
	}
	if err != nil {
		answer.Error = message.FromError(err)
	}
	_ = json.NewEncoder(conn).Encode(answer)
}

// do carries out a request.
func (c *demoControl) do(asked demoRequest) (demoAnswer, error) {
	var did message.Message
	var err error
	switch asked.Command {
	case "reach":
		return demoAnswer{Dial: c.world.dial(), Certificate: string(c.world.outside.CertificatePEM)}, nil
	case "unbind":
		did, err = c.unbind(asked.Name)
	case "bind":
		did, err = c.bind(asked.Name)
	case "rotate":
		did, err = c.rotate(asked.Name)
	case "fail":
		did, err = c.fail(asked.Name, asked.For)
	case "restore":
		did, err = c.restore(asked.Name)
	default:
		err = message.NewError("demo.cannot", "command", asked.Command)
	}
	return demoAnswer{Result: did}, err
}

// binding finds a binding by its name.
func (c *demoControl) binding(name string) (binding.Status, error) {
	var names []string
	for _, b := range c.bindings() {
		if b.Name == name {
			return b, nil
		}
		names = append(names, b.Name)
	}
	return binding.Status{}, message.NewError("demo.no-binding", "name", name, "meant", manifest.Suggestion(name, names), "known", names)
}

func (c *demoControl) unbind(name string) (did message.Message, err error) {
	b, err := c.binding(name)
	if err != nil {
		return did, err
	}
	if !c.world.instance(b.Spec.Instance).ConsoleUnbind(string(b.Spec.Platform)) {
		return did, message.NewError("demo.not-bound", "platform", b.Spec.Platform.Title(), "instance", b.Spec.Instance)
	}
	return message.New("demo.unbound", "platform", b.Spec.Platform.Title(), "instance", b.Spec.Instance), nil
}

func (c *demoControl) bind(name string) (did message.Message, err error) {
	b, err := c.binding(name)
	if err != nil {
		return did, err
	}
	c.world.instance(b.Spec.Instance).ConsoleBind(string(b.Spec.Platform), b.Spec.Address, b.Spec.Username)
	return message.New("demo.bound", "platform", b.Spec.Platform.Title(), "instance", b.Spec.Instance, "username", b.Spec.Username), nil
}

func (c *demoControl) rotate(name string) (did message.Message, err error) {
	b, err := c.binding(name)
	if err != nil {
		return did, err
	}
	if b.Spec.Token == nil {
		return did, message.NewError("demo.no-token", "name", name, "platform", b.Spec.Platform.Title())
	}
	version := c.world.newToken(binding.Declaration{Name: b.Name, Spec: b.Spec})
	return message.New("demo.rotated", "version", version, "name", name), nil
}

// demoPart is a part of the sandbox that can fail.
type demoPart struct {
	name   string
	faults *sandbox.Faults
}

// demoParts are the names of the parts that can fail.
func demoParts() []string {
	return []string{"registry", "vault", "git", sandbox.HostCodeup, sandbox.HostGitHub, sandbox.HostBitbucket, sandbox.HostGitLab}
}

// parts finds a part by its name, or returns all parts for an empty name.
func (c *demoControl) parts(name string) ([]demoPart, error) {
	if name != "" && !slices.Contains(demoParts(), name) {
		return nil, message.NewError("demo.no-part", "name", name, "meant", manifest.Suggestion(name, demoParts()), "known", demoParts())
	}
	var found []demoPart
	for _, part := range demoParts() {
		if name != "" && part != name {
			continue
		}
		outside := c.world.outside
		faults := map[string]*sandbox.Faults{"registry": &outside.Registry.Faults, "vault": &outside.Vault.Faults, "git": &outside.Git.Faults}[part]
		if faults == nil {
			faults = outside.Hosts.Faults(part)
		}
		found = append(found, demoPart{part, faults})
	}
	return found, nil
}

func (c *demoControl) fail(name string, lasts time.Duration) (did message.Message, err error) {
	parts, err := c.parts(name)
	if err != nil {
		return did, err
	}
	until, ends := time.Now().Add(lasts), message.New("demo.until-restore", "program", program(), "part", name)
	if lasts > 0 {
		ends = message.New("demo.for", "time", lasts)
	}
	for _, part := range parts {
		part.faults.Clear()
		part.faults.Add(sandbox.DownUntil(until, lasts > 0))
	}
	return message.New("demo.failing", "part", name, "ends", ends, "program", program()), nil
}

func (c *demoControl) restore(name string) (did message.Message, err error) {
	parts, err := c.parts(name)
	if err != nil {
		return did, err
	}
	for _, part := range parts {
		part.faults.Clear()
	}
	if name == "" {
		return message.New("demo.restored-all"), nil
	}
	return message.New("demo.restored", "part", name), nil
}
