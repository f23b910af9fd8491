package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// AllowPushes lets clients push to main, also with force: a rewritten history is
// something to try.
func (g *GitServer) AllowPushes() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pushes = true
}

func (g *GitServer) receivePack(w http.ResponseWriter, r *http.Request) {
	if !g.pushes {
		http.Error(w, "this repository is for reading", http.StatusForbidden)
		return
	}
	body, err := requestBody(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request := packp.NewReferenceUpdateRequest()
	if err := request.Decode(io.NopCloser(body)); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	status := packp.NewReportStatus()
	status.UnpackStatus = "ok"
	if request.Packfile != nil {
		if err := packfile.UpdateObjectStorage(g.store, request.Packfile); err != nil && !errors.Is(err, packfile.ErrEmptyPackfile) {
			status.UnpackStatus = err.Error()
		}
	}
	for _, c := range request.Commands {
		said := "ok"
		if err := g.update(c, status.UnpackStatus == "ok"); err != nil {
			said = err.Error()
		}
		status.CommandStatuses = append(status.CommandStatuses, &packp.CommandStatus{ReferenceName: c.Name, Status: said})
	}
	var answer bytes.Buffer
	if err := status.Encode(&answer); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-git-receive-pack-result")
	_, _ = w.Write(answer.Bytes())
}

// update moves main as a client asked for.
func (g *GitServer) update(c *packp.Command, unpacked bool) error {
	switch {
	case !unpacked:
		return errors.New("the pack is damaged")
	case c.Name != gitBranch:
		return errors.New("this repository has the branch main only")
	case c.New == plumbing.ZeroHash:
		return errors.New("main cannot be deleted")
	case c.Old != g.head:
		return errors.New("main has moved; fetch first")
	}
	files, err := g.filesOf(c.New)
	if err != nil {
		return err
	}
	g.files, g.head = files, c.New
	g.commits++
	return nil
}

// filesOf are the files of a commit by path.
func (g *GitServer) filesOf(id plumbing.Hash) (map[string][]byte, error) {
	commit, err := object.GetCommit(g.store, id)
	if err != nil {
		return nil, fmt.Errorf("commit %s: %w", id, err)
	}
	tree, err := commit.Files()
	if err != nil {
		return nil, fmt.Errorf("commit %s: %w", id, err)
	}
	files := map[string][]byte{}
	err = tree.ForEach(func(f *object.File) error {
		content, err := f.Contents()
		files[f.Name] = []byte(content)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("commit %s: %w", id, err)
	}
	return files, nil
}
