package sandbox

import (
	"bytes"
	"compress/gzip"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/storage/memory"
)

// gitBranch is the only branch that a GitServer has.
const gitBranch = "refs/heads/main"

// maxGitRequest bounds the body of a request, compressed or not.
const maxGitRequest = 1 << 20

// GitServer is one git repository in memory, served over git's smart HTTP
// protocol, version 0: clone, fetch, shallow fetch and, where they are allowed,
// pushes. Its only branch is main. It is safe for concurrent use.
type GitServer struct {
	// Faults go wrong on demand, in front of everything.
	Faults Faults

	mu             sync.Mutex
	store          *memory.Storage
	files          map[string][]byte
	head           plumbing.Hash
	commits        int
	user, password string
	pushes         bool
}

// NewGitServer makes an empty repository.
func NewGitServer() *GitServer {
	return &GitServer{store: memory.NewStorage(), files: map[string][]byte{}}
}

// RequireBasicAuth makes the server answer 401 to anybody else.
func (g *GitServer) RequireBasicAuth(user, password string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.user, g.password = user, password
}

// Commit writes files, named by slash-separated paths, on top of the last
// commit, and moves main to it. A nil content deletes the file. It returns the
// commit's id. Commit times count up from a fixed day, so that equal histories
// have equal ids.
func (g *GitServer) Commit(message string, files map[string][]byte) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	next := maps.Clone(g.files)
	for path, data := range files {
		if data == nil {
			delete(next, path)
			continue
		}
		next[path] = bytes.Clone(data)
	}
	tree, err := g.writeTree(next, "")
	if err != nil {
		return "", fmt.Errorf("git server: commit: %w", err)
	}
	who := object.Signature{
		Name: "Sandbox", Email: "sandbox@example.com",
		When: time.Date(2026, 1, 1, 0, 0, g.commits, 0, time.UTC),
	}
	commit := object.Commit{Author: who, Committer: who, Message: message, TreeHash: tree}
	if g.head != plumbing.ZeroHash {
		commit.ParentHashes = []plumbing.Hash{g.head}
	}
	head, err := g.put(&commit)
	if err != nil {
		return "", fmt.Errorf("git server: commit: %w", err)
	}
	g.files, g.head = next, head
	g.commits++
	return head.String(), nil
}

// writeTree stores the tree of all files below prefix, which is empty or ends
// with a slash.
func (g *GitServer) writeTree(files map[string][]byte, prefix string) (plumbing.Hash, error) {
	var tree object.Tree
	done := map[string]bool{}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		rest, below := strings.CutPrefix(path, prefix)
		name, _, folder := strings.Cut(rest, "/")
		if !below || done[name] {
			continue
		}
		done[name] = true
		entry := object.TreeEntry{Name: name, Mode: filemode.Regular}
		var err error
		if folder {
			entry.Mode = filemode.Dir
			entry.Hash, err = g.writeTree(files, prefix+name+"/")
		} else {
			entry.Hash, err = g.putBlob(files[path])
		}
		if err != nil {
			return plumbing.ZeroHash, err
		}
		tree.Entries = append(tree.Entries, entry)
	}
	slices.SortFunc(tree.Entries, func(a, b object.TreeEntry) int {
		return strings.Compare(sortName(a), sortName(b))
	})
	return g.put(&tree)
}

// sortName is git's order: a folder sorts as if its name ended with a slash.
func sortName(e object.TreeEntry) string {
	if e.Mode == filemode.Dir {
		return e.Name + "/"
	}
	return e.Name
}

func (g *GitServer) put(o interface {
	Encode(o plumbing.EncodedObject) error
},
) (plumbing.Hash, error) {
	encoded := &plumbing.MemoryObject{}
	if err := o.Encode(encoded); err != nil {
		return plumbing.ZeroHash, err
	}
	return g.store.SetEncodedObject(encoded)
}

func (g *GitServer) putBlob(data []byte) (plumbing.Hash, error) {
	blob := &plumbing.MemoryObject{}
	blob.SetType(plumbing.BlobObject)
	if _, err := blob.Write(data); err != nil {
		return plumbing.ZeroHash, err
	}
	return g.store.SetEncodedObject(blob)
}

// Handler serves the repository under any name: /NAME.git/info/refs and
// /NAME.git/git-upload-pack and /NAME.git/git-receive-pack.
func (g *GitServer) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{repo}/info/refs", g.refs)
	mux.HandleFunc("POST /{repo}/git-upload-pack", g.uploadPack)
	mux.HandleFunc("POST /{repo}/git-receive-pack", g.receivePack)
	return g.Faults.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if !g.allowed(r) {
			w.Header().Set("WWW-Authenticate", `Basic realm="sandbox"`)
			http.Error(w, "authentication required", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
}

func (g *GitServer) allowed(r *http.Request) bool {
	if g.user == "" {
		return true
	}
	user, password, _ := r.BasicAuth()
	return subtle.ConstantTimeCompare([]byte(user+"\x00"+password), []byte(g.user+"\x00"+g.password)) == 1
}

func (g *GitServer) refs(w http.ResponseWriter, r *http.Request) {
	service := r.URL.Query().Get("service")
	if service != "git-upload-pack" && (service != "git-receive-pack" || !g.pushes) {
		http.Error(w, "this repository is for reading", http.StatusForbidden)
		return
	}
	refs := packp.NewAdvRefs()
	refs.Prefix = [][]byte{[]byte("# service=" + service), pktline.Flush}
	if g.head != plumbing.ZeroHash {
		refs.Head = &g.head
		refs.References[gitBranch] = g.head
	}
	capabilities := []capability.Capability{capability.Shallow, capability.OFSDelta}
	if service == "git-receive-pack" {
		capabilities = []capability.Capability{capability.ReportStatus, capability.OFSDelta, capability.Capability("no-thin")}
	}
	for _, c := range capabilities {
		if err := refs.Capabilities.Set(c); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Content-Type", "application/x-"+service+"-advertisement")
	w.Header().Set("Cache-Control", "no-cache")
	_ = refs.Encode(w)
}

func (g *GitServer) uploadPack(w http.ResponseWriter, r *http.Request) {
	body, err := requestBody(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	want, err := readRequest(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var answer bytes.Buffer
	if err := g.answer(&answer, want); err != nil {
		answer.Reset()
		_ = pktline.NewEncoder(&answer).Encodef("ERR upload-pack: %v\n", err)
	}
	w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(answer.Bytes())
}

// requestBody is a request's body, unpacked and bounded.
func requestBody(w http.ResponseWriter, r *http.Request) (io.Reader, error) {
	body := io.Reader(http.MaxBytesReader(w, r.Body, maxGitRequest))
	if r.Header.Get("Content-Encoding") != "gzip" {
		return body, nil
	}
	unzipped, err := gzip.NewReader(body)
	if err != nil {
		return nil, fmt.Errorf("not gzip: %w", err)
	}
	return io.LimitReader(unzipped, maxGitRequest), nil
}

// gitRequest is what a client asks for.
type gitRequest struct {
	wants, haves, shallows []plumbing.Hash
	depth                  int
	// negotiates says that something comes after the wants; a client that only
	// asks for the shallow lines stops there.
	negotiates, done bool
}

// readRequest reads want, shallow, deepen, have and done lines.
func readRequest(r io.Reader) (gitRequest, error) {
	var req gitRequest
	scanner := pktline.NewScanner(r)
	wants := true
	for scanner.Scan() {
		req.negotiates = !wants
		line := strings.TrimSuffix(string(scanner.Bytes()), "\n")
		word, rest, _ := strings.Cut(line, " ")
		id, _, _ := strings.Cut(rest, " ")
		switch word {
		case "want":
			req.wants = append(req.wants, plumbing.NewHash(id))
		case "have":
			req.haves = append(req.haves, plumbing.NewHash(id))
		case "shallow":
			req.shallows = append(req.shallows, plumbing.NewHash(id))
		case "deepen":
			if _, err := fmt.Sscan(id, &req.depth); err != nil || req.depth < 1 {
				return req, errors.New("malformed deepen line")
			}
		case "done":
			req.done = true
		case "":
			wants = false
		default:
			return req, fmt.Errorf("unexpected line %.40q", line)
		}
	}
	if err := scanner.Err(); err != nil {
		return req, err
	}
	if len(req.wants) == 0 {
		return req, errors.New("no want line")
	}
	return req, nil
}

// answer writes the shallow lines, the acknowledgement and the pack.
func (g *GitServer) answer(w io.Writer, req gitRequest) error {
	lines := pktline.NewEncoder(w)
	commits, shallows, err := g.history(req)
	if err != nil {
		return err
	}
	if req.depth > 0 {
		for _, h := range shallows {
			if err := lines.Encodef("shallow %s\n", h); err != nil {
				return err
			}
		}
		for _, h := range req.shallows {
			if slices.Contains(commits, h) && !slices.Contains(shallows, h) {
				if err := lines.Encodef("unshallow %s\n", h); err != nil {
					return err
				}
			}
		}
		if err := lines.Flush(); err != nil {
			return err
		}
	}
	if !req.negotiates {
		return nil
	}
	held, err := g.held(req)
	if err != nil {
		return err
	}
	common := slices.IndexFunc(req.haves, func(h plumbing.Hash) bool { return g.store.Commits[h] != nil })
	if common >= 0 {
		err = lines.Encodef("ACK %s\n", req.haves[common])
	} else {
		err = lines.Encodef("NAK\n")
	}
	if err != nil || !req.done {
		return err
	}
	var objects []plumbing.Hash
	for _, h := range commits {
		if objects, err = g.addReachable(h, held, objects); err != nil {
			return err
		}
	}
	_, err = packfile.NewEncoder(w, g.store, false).Encode(objects, 0)
	return err
}
