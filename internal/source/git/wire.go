package git

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"reconciler/internal/message"
)

// remote opens sessions with one repository.
type remote interface {
	open(ctx context.Context) (session, error)
	close()
}

// session is one exchange of git's upload-pack protocol, version 0: the
// server lists its refs, and then answers one request with a pack.
type session interface {
	advertisement(ctx context.Context) (io.ReadCloser, error)
	request(ctx context.Context, body []byte) (io.ReadCloser, error)
	close()
}

// errEmpty means that the repository has no commit yet.
var errEmpty = message.NewError("git.empty")

// errSHA256 means that the repository uses SHA-256.
var errSHA256 = message.NewError("git.sha256")

// listRefs reads the advertisement.
func listRefs(ctx context.Context, s session) (*packp.AdvRefs, error) {
	body, err := s.advertisement(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	refs := packp.NewAdvRefs()
	var begin head
	err = refs.Decode(io.TeeReader(&bounded{body, maxRefsBytes}, &begin))
	switch {
	case err != nil && bytes.Contains(begin.kept, []byte(" object-format=sha256")):
		return nil, errSHA256
	case errors.Is(err, packp.ErrEmptyAdvRefs) || err == nil && refs.IsEmpty():
		return nil, errEmpty
	case err != nil:
		return nil, message.NewError("git.refs", "why", err)
	}
	return refs, nil
}

// fetchRequest is what to fetch.
type fetchRequest struct {
	want plumbing.Hash
	// have is a commit whose whole tree we have. haveShallow is true if we do
	// not have its parents.
	have        plumbing.Hash
	haveShallow bool
	// depth is how many commits back to fetch. A server without support for it
	// sends the whole history.
	depth int
	// commits asks for commits without their trees, if the server supports that.
	commits bool
	// trees asks for commits and trees without their files, if the server supports
	// that.
	trees bool
	// blobs are the IDs of blobs to fetch; then nothing else is fetched.
	blobs []plumbing.Hash
}

// fetch sends an order and adds the pack of the answer to store.
func fetch(ctx context.Context, s session, refs *packp.AdvRefs, o fetchRequest, store *store, b bounds) error {
	req, err := upload(refs.Capabilities, o)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	if err := req.UploadRequest.Encode(&body); err != nil {
		return err
	}
	if err := req.UploadHaves.Encode(&body, false); err != nil {
		return err
	}
	body.WriteString("0009done\n")

	answer, err := s.request(ctx, body.Bytes())
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }()
	// In addition to the pack, the answer contains progress lines and framing.
	raw := struct {
		io.Reader
		io.Closer
	}{&bounded{answer, b.total + b.total/8 + 1<<20}, answer}
	res := packp.NewUploadPackResponse(req)
	if err := res.Decode(raw); err != nil {
		return message.NewError("git.fetch", "why", err)
	}
	var pack io.Reader = res
	if req.Capabilities.Supports(capability.Sideband64k) {
		pack = &sideband{lines: pktline.NewScanner(res)}
	}
	p, err := readPack(ctx, pack, store.before(), b)
	if err != nil {
		return err
	}
	store.packs = append(store.packs, p)
	// The connection can be reused only if the body is read to its end.
	_, _ = io.CopyN(io.Discard, answer, 64<<10)
	return nil
}

// sideband extracts the pack from an answer that also has lines for people. The
// library's reader does not keep the server's own error message.
type sideband struct {
	lines *pktline.Scanner
	pack  []byte
}

func (b *sideband) Read(p []byte) (int, error) {
	const pack, progress, failed = 1, 2, 3
	for len(b.pack) == 0 {
		if !b.lines.Scan() {
			return 0, cmp.Or(b.lines.Err(), io.EOF)
		}
		line := b.lines.Bytes()
		switch {
		case len(line) == 0:
			return 0, io.EOF
		case line[0] == pack:
			b.pack = line[1:]
		case line[0] == failed:
			return 0, &serverError{text: strings.TrimSpace(string(line[1:])), late: true}
		case line[0] != progress:
			return 0, errNotGit
		}
	}
	n := copy(p, b.pack)
	b.pack = b.pack[n:]
	return n, nil
}

// upload builds the request, with only those capabilities that are needed and
// offered.
func upload(offered *capability.List, o fetchRequest) (*packp.UploadPackRequest, error) {
	req := packp.NewUploadPackRequest()
	req.Wants = []plumbing.Hash{o.want}
	if len(o.blobs) > 0 {
		req.Wants = o.blobs
	}
	wanted := []capability.Capability{capability.OFSDelta, capability.Sideband64k, capability.NoProgress}
	// Some hosts refuse a client without it. It only changes how many lines
	// acknowledge what we have.
	wanted = append(wanted, capability.MultiACK)
	if o.depth > 0 && offered.Supports(capability.Shallow) {
		wanted = append(wanted, capability.Shallow)
		req.Depth = packp.DepthCommits(o.depth)
	}
	if o.have != plumbing.ZeroHash {
		// Without it, for one commit without history a server sends the whole
		// tree, whatever we have.
		wanted = append(wanted, capability.ThinPack)
	}
	if o.commits && offered.Supports(capability.Filter) {
		wanted = append(wanted, capability.Filter)
		req.Filter = packp.FilterTreeDepth(0)
	}
	if o.trees && offered.Supports(capability.Filter) {
		wanted = append(wanted, capability.Filter)
		req.Filter = packp.FilterBlobNone()
	}
	for _, c := range wanted {
		if !offered.Supports(c) {
			continue
		}
		if err := req.Capabilities.Set(c); err != nil {
			return nil, err
		}
	}
	if o.have != plumbing.ZeroHash {
		req.Haves = []plumbing.Hash{o.have}
		if o.haveShallow && offered.Supports(capability.Shallow) {
			// Shallow lines require the capability even without a depth.
			if err := req.Capabilities.Set(capability.Shallow); err != nil {
				return nil, err
			}
			req.Shallows = req.Haves
		}
	}
	return req, req.Validate()
}

// bounded reads at most left bytes, and returns an error if there are more.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
