package git

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"reconciler/internal/binding"
	"reconciler/internal/boundedio"
	"reconciler/internal/message"
)

// sshRemote speaks git's protocol over SSH. It does not use go-git's client,
// whose handshake has no deadline and which uses the user's ~/.ssh/config.
type sshRemote struct {
	endpoint binding.GitURL
	auth     SSH
}

func (*sshRemote) close() {}

// open dials, signs in and starts upload-pack. The connection ends with ctx.
func (r *sshRemote) open(ctx context.Context) (session, error) {
	config, done, err := r.config(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", r.endpoint.Address())
	if err != nil {
		return nil, err
	}
	// The SSH library does not support contexts, so close the underlying
	// connection when the context ends.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	s, err := r.start(conn, config)
	if err != nil {
		stop()
		_ = conn.Close()
		return nil, err
	}
	s.release = func() { stop(); _ = conn.Close() }
	return s, nil
}

func (r *sshRemote) start(conn net.Conn, config *ssh.ClientConfig) (*sshSession, error) {
	c, channels, requests, err := ssh.NewClientConn(conn, r.endpoint.Address(), config)
	if err != nil {
		return nil, err
	}
	client := ssh.NewClient(c, channels, requests)
	sess, err := client.NewSession()
	if err != nil {
		return nil, err
	}
	s := &sshSession{}
	sess.Stderr = &s.stderr
	if s.in, err = sess.StdinPipe(); err != nil {
		return nil, err
	}
	if s.out, err = sess.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := sess.Start(uploadPack + " " + quote(pathOverSSH(r.endpoint.Path))); err != nil {
		return nil, err
	}
	s.wait = sess.Wait
	return s, nil
}

// config reads keys and known hosts.
func (r *sshRemote) config(ctx context.Context) (config *ssh.ClientConfig, done func(), err error) {
	known, err := trusted(r.auth.KnownHostsFile, r.endpoint.Host, r.endpoint.Address())
	if err != nil {
		return nil, nil, err
	}
	signers, done, err := r.signers(ctx)
	if err != nil {
		return nil, nil, err
	}
	return &ssh.ClientConfig{
		User:              cmp.Or(r.endpoint.User, r.auth.User, "git"),
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(signers...)},
		HostKeyCallback:   known.check,
		HostKeyAlgorithms: known.algorithms(),
		Timeout:           15 * time.Second,
	}, done, nil
}

// signers returns the key of the file and those of the agent. done releases the agent.
func (r *sshRemote) signers(ctx context.Context) (signers []ssh.Signer, done func(), err error) {
	done = func() {}
	if r.auth.KeyFile != "" {
		signer, err := r.keyFile()
		if err != nil {
			return nil, nil, message.NewError("git.ssh-key-file", "file", r.auth.KeyFile, "why", err)
		}
		signers = append(signers, signer)
	}
	if r.auth.Agent {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", os.Getenv("SSH_AUTH_SOCK"))
		if err != nil {
			return nil, nil, message.NewError("git.ssh-socket", "why", err)
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		done = func() { stop(); _ = conn.Close() }
		held, err := agent.NewClient(conn).Signers()
		if err != nil {
			done()
			return nil, nil, message.NewError("git.ssh-agent", "why", err)
		}
		signers = append(signers, held...)
	}
	return signers, done, nil
}

func (r *sshRemote) keyFile() (ssh.Signer, error) {
	key, err := boundedio.ReadFile(r.auth.KeyFile, maxSecretBytes)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	if r.auth.PassphraseFile == "" {
		return ssh.ParsePrivateKey(key)
	}
	passphrase, err := SecretFile(r.auth.PassphraseFile)()
	if err != nil {
		return nil, err
	}
	defer clear(passphrase)
	return ssh.ParsePrivateKeyWithPassphrase(key, passphrase)
}

// pathOverSSH returns a URL's path as git sends it: without the slash before a home
// folder.
func pathOverSSH(path string) string {
	if strings.HasPrefix(path, "/~") {
		return path[1:]
	}
	return path
}

// quote quotes a path as one word for the server's shell, as git's sq_quote_buf
// does.
func quote(path string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(path) + "'"
}

// sshSession is one run of upload-pack. It advertises once and accepts at most
// one request.
type sshSession struct {
	in      io.WriteCloser
	out     io.Reader
	stderr  head
	wait    func() error
	ended   sync.Once
	release func()
}

func (s *sshSession) advertisement(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(&explained{s}), nil
}

func (s *sshSession) request(_ context.Context, body []byte) (io.ReadCloser, error) {
	if _, err := s.in.Write(body); err != nil {
		return nil, err
	}
	if err := s.in.Close(); err != nil {
		return nil, err
	}
	return io.NopCloser(&explained{s}), nil
}

func (s *sshSession) close() { s.release() }

// serverError is what a server wrote to standard error or, late, to the error
// band of a pack that it had begun.
type serverError struct {
	text string
	late bool
}

func (e *serverError) Error() string { return message.English(e.AsMessage()) }

func (e *serverError) AsMessage() message.Message { return quoteServer(e.text) }

// explained reads the output of upload-pack. If it ends early, standard error
// may say why.
type explained struct{ s *sshSession }

func (r *explained) Read(p []byte) (int, error) {
	n, err := r.s.out.Read(p)
	if errors.Is(err, io.EOF) && n == 0 {
		r.s.ended.Do(func() { _ = r.s.wait() }) // standard error is complete only after this
		if text := strings.TrimSpace(string(r.s.stderr.kept)); text != "" {
			return 0, &serverError{text: text}
		}
	}
	return n, err
}

// head keeps only the beginning of what is written to it.
type head struct{ kept []byte }

func (h *head) Write(p []byte) (int, error) {
	h.kept = append(h.kept, p[:min(1024-len(h.kept), len(p))]...)
	return len(p), nil
}
