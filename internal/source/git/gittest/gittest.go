// Package gittest serves real git repositories on loopback for tests, with the
// system's git: over HTTP by git http-backend, over SSH by git upload-pack.
// Only tests import it.
package gittest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	gliderssh "github.com/gliderlabs/ssh"
	"golang.org/x/crypto/ssh"
)

// Repo is a bare repository and a working tree that pushes to it. Its default
// branch is main.
type Repo struct {
	t    testing.TB
	Bare string
	Work string
}

// New makes an empty repository. It skips the test if git is not installed.
func New(t testing.TB) *Repo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("the system has no git, which serves the repositories of this test")
	}
	dir := t.TempDir()
	r := &Repo{t: t, Bare: filepath.Join(dir, "repo.git"), Work: filepath.Join(dir, "work")}
	of, err := template()
	if err == nil {
		err = os.CopyFS(dir, of)
	}
	if err == nil {
		err = os.MkdirAll(filepath.Join(r.Bare, "info"), 0o750)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.addRemote()
	return r
}

// addRemote makes the bare repository the working tree's origin.
func (r *Repo) addRemote() {
	r.t.Helper()
	config, err := os.OpenFile(filepath.Join(r.Work, ".git", "config"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = fmt.Fprintf(config, "[remote \"origin\"]\n\turl = %q\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n", r.Bare)
		err = errors.Join(err, config.Close())
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// template has the two empty repositories that each New copies, because copying
// is cheaper than starting git four times. Automatic maintenance is off,
// because it would start a process after each commit and push.
var template = sync.OnceValues(func() (fs.FS, error) {
	dir, err := os.MkdirTemp("", "gittest")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // Its content is in memory.
	all := fstest.MapFS{}
	for name, kind := range map[string]string{"repo.git": "--bare", "work": "--quiet"} {
		path := filepath.Join(dir, name)
		cmd := exec.Command("git", "init", "--quiet", kind, "--template=", "--initial-branch=main", path)
		cmd.Env = environment()
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("git init: %w\n%s", err, out)
		}
	}
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		if err != nil || name == "." {
			return err
		}
		file := &fstest.MapFile{Mode: fs.ModeDir | 0o755}
		if !entry.IsDir() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if entry.Name() == "config" {
				data = append(data, "[maintenance]\n\tauto = false\n[gc]\n\tauto = 0\n[receive]\n\tautogc = false\n[core]\n\tfsync = none\n"...)
			}
			file = &fstest.MapFile{Data: data, Mode: 0o644}
		}
		all[filepath.ToSlash(name)] = file
		return nil
	})
	return all, err
})

// Git runs git in the working tree and returns its trimmed output.
func (r *Repo) Git(args ...string) string {
	r.t.Helper()
	return r.run(r.Work, args...)
}

// Config sets a setting of the served repository.
func (r *Repo) Config(key, value string) {
	r.t.Helper()
	r.run(r.Bare, "config", key, value)
}

// Commit commits files as Record does, and pushes the current branch with force.
// It returns the commit's ID.
func (r *Repo) Commit(message string, files map[string][]byte) string {
	r.t.Helper()
	r.Record(message, files)
	r.Push()
	return r.Head()
}

// Record writes files into the working tree (nil deletes) and commits them.
func (r *Repo) Record(message string, files map[string][]byte) {
	r.t.Helper()
	for name, data := range files {
		path := filepath.Join(r.Work, filepath.FromSlash(name))
		if data == nil {
			if err := os.Remove(path); err != nil {
				r.t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	r.Git("add", "--all")
	r.Git("commit", "--quiet", "--allow-empty", "--message", message)
}

// Push pushes the current branch with force, and all tags. If every object and ref
// is a file of its own, it links and writes these: git push starts seven processes.
func (r *Repo) Push() {
	r.t.Helper()
	if packed, _ := filepath.Glob(r.git("objects", "pack", "*.pack")); len(packed) > 0 || exists(r.git("packed-refs")) || exists(r.git("shallow")) {
		r.Git("push", "--quiet", "--force", "--tags", "origin", "HEAD")
		return
	}
	head, err := os.ReadFile(r.git("HEAD"))
	branch, on := strings.CutPrefix(strings.TrimSpace(string(head)), "ref: refs/heads/")
	if err != nil || !on {
		r.t.Fatalf("the working tree is not on a branch: %q, %v", head, err)
	}
	err = linkFiles(r.git("objects"), filepath.Join(r.Bare, "objects"))
	err = errors.Join(err, copyRef(r.git("refs", "heads", branch), filepath.Join(r.Bare, "refs", "heads", branch)))
	err = errors.Join(err, copyRef(r.git("refs", "heads", branch), r.git("refs", "remotes", "origin", branch)))
	tags, _ := filepath.Glob(r.git("refs", "tags", "*"))
	for _, tag := range tags {
		err = errors.Join(err, copyRef(tag, filepath.Join(r.Bare, "refs", "tags", filepath.Base(tag))))
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// git is a path in the working tree's repository.
func (r *Repo) git(elements ...string) string {
	return filepath.Join(append([]string{r.Work, ".git"}, elements...)...)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// linkFiles links the files below from that to lacks.
func linkFiles(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o750)
		}
		if err := os.Link(path, filepath.Join(to, name)); !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	})
}

// copyRef writes a ref at once, because a server may read it meanwhile.
func copyRef(from, to string) error {
	id, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}
	if err := os.WriteFile(to+".lock", id, 0o600); err != nil {
		return err
	}
	return os.Rename(to+".lock", to)
}

// Head is the ID of the working tree's commit.
func (r *Repo) Head() string {
	r.t.Helper()
	head, _ := os.ReadFile(filepath.Join(r.Work, ".git", "HEAD"))
	if ref, on := strings.CutPrefix(strings.TrimSpace(string(head)), "ref: "); on {
		if id, err := os.ReadFile(filepath.Join(r.Work, ".git", filepath.FromSlash(ref))); err == nil {
			return strings.TrimSpace(string(id)) // This starts no process.
		}
	}
	return r.Git("rev-parse", "HEAD")
}

func (r *Repo) run(dir string, args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(environment(),
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(bytes.TrimSpace(out))
}

// environment excludes the machine's own git configuration.
func environment() []string {
	return append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_TERMINAL_PROMPT=0")
}

// programs is the folder of git's own programs.
var programs = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("git", "--exec-path").Output()
	return strings.TrimSpace(string(out)), err
})

// Handler serves the repository as /repo.git with git http-backend.
func (r *Repo) Handler() http.Handler {
	r.t.Helper()
	path, err := programs()
	if err != nil {
		r.t.Fatal(err)
	}
	return &cgi.Handler{
		Path: filepath.Join(path, "git-http-backend"),
		Env: []string{
			"GIT_PROJECT_ROOT=" + filepath.Dir(r.Bare), "GIT_HTTP_EXPORT_ALL=1",
			"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_SYSTEM=" + os.DevNull,
		},
	}
}

// Serve serves the repository over HTTP and returns its URL.
func (r *Repo) Serve() string {
	r.t.Helper()
	server := httptest.NewServer(r.Handler())
	r.t.Cleanup(server.Close)
	return server.URL + "/repo.git"
}

// BasicAuth requires a user and a password for next.
func BasicAuth(next http.Handler, user, password string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// SSH is an SSH server that serves one repository under any path.
type SSH struct {
	// URL is ssh://git@HOST:PORT/repo.git, and Address its host and port.
	URL, Address string
}

// ServeSSH serves the repository to the owner of key, with the given host
// keys.
func (r *Repo) ServeSSH(key ssh.PublicKey, hostKeys ...ssh.Signer) SSH {
	r.t.Helper()
	server := &gliderssh.Server{
		PublicKeyHandler: func(_ gliderssh.Context, offered gliderssh.PublicKey) bool {
			return gliderssh.KeysEqual(offered, key)
		},
		Handler: r.uploadPack,
	}
	for _, k := range hostKeys {
		server.AddHostKey(k)
	}
	listener, err := new(net.ListenConfig).Listen(r.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, gliderssh.ErrServerClosed) {
			r.t.Errorf("ssh server: %v", err)
		}
	}()
	r.t.Cleanup(func() { _ = server.Close() })
	address := listener.Addr().String()
	return SSH{URL: "ssh://git@" + address + "/repo.git", Address: address}
}

func (r *Repo) uploadPack(s gliderssh.Session) {
	words := s.Command()
	dir := r.Bare
	if len(words) != 2 || words[0] != "git-upload-pack" || !slices.Contains([]string{"/repo.git", "~/repo.git", "~me/repo.git"}, words[1]) {
		dir = filepath.Join(filepath.Dir(r.Bare), "none")
	}
	cmd := exec.CommandContext(s.Context(), "git", "upload-pack", dir)
	cmd.Env = environment()
	cmd.Stdout, cmd.Stderr = s, s.Stderr()
	// Not cmd.Stdin, because Run would wait for the client to close its side.
	in, err := cmd.StdinPipe()
	if err != nil {
		_ = s.Exit(1)
		return
	}
	go func() {
		_, _ = io.Copy(in, s)
		_ = in.Close()
	}()
	if err := cmd.Run(); err != nil {
		_ = s.Exit(1)
		return
	}
	_ = s.Exit(0)
}

// NewKey makes an ed25519 key: its signer, and the private key as a PEM file
// in the test's folder.
func NewKey(t testing.TB) (signer ssh.Signer, file string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if signer, err = ssh.NewSignerFromKey(private); err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "id")
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return signer, file
}
