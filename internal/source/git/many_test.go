package git

import (
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"net/http"

	"github.com/go-git/go-git/v5/plumbing"
)

// ManyObjects serves a repository whose only commit has one declaration,
// bindings/a.yaml, and whose pack has count tiny blobs beside it. Each is one of
// distinct contents, or, with deltas, a delta on the one before it.
func ManyObjects(count, distinct int, deltas bool) http.Handler {
	var p packOf
	file := p.object(plumbing.BlobObject, []byte("a: b\n"))
	folder := p.object(plumbing.TreeObject, entryOf("100644 a.yaml", file))
	root := p.object(plumbing.TreeObject, entryOf("40000 bindings", folder))
	head := p.object(plumbing.CommitObject, fmt.Appendf(nil, "tree %s\nauthor A <a@example.com> 0 +0000\ncommitter A <a@example.com> 0 +0000\n\nmany\n", root))
	for n := range count {
		if deltas && n > 0 {
			// An insertion of other bytes: the same size, another content.
			p.tiny(plumbing.OFSDeltaObject, []byte{byte(p.Len() + packHeader - p.offsets[len(p.offsets)-1])}, append([]byte{4, 4, 4}, counter(n%distinct)...))
			continue
		}
		p.tiny(plumbing.BlobObject, nil, counter(n%distinct))
	}
	pack := p.whole()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			for _, line := range []string{"# service=git-upload-pack\n", "", head.String() + " refs/heads/main\x00ofs-delta shallow\n", ""} {
				_, _ = w.Write(pktLine(line))
			}
			return
		}
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		for _, line := range []string{"shallow " + head.String() + "\n", "", "NAK\n"} {
			_, _ = w.Write(pktLine(line))
		}
		_, _ = w.Write(pack)
	})
}

func counter(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// pktLine frames a line; an empty one ends a section.
func pktLine(line string) []byte {
	if line == "" {
		return []byte("0000")
	}
	return fmt.Appendf(nil, "%04x%s", len(line)+4, line)
}

func entryOf(name string, h plumbing.Hash) []byte { return append(append([]byte(name), 0), h[:]...) }

// object adds a whole object and gives its id.
func (p *packOf) object(kind plumbing.ObjectType, content []byte) plumbing.Hash {
	p.add(kind, len(content), nil, content)
	return plumbing.ComputeHash(kind, content)
}

// tiny adds an object of less than 16 bytes without compressing it, which is fast.
func (p *packOf) tiny(kind plumbing.ObjectType, base, content []byte) {
	p.offsets = append(p.offsets, packHeader+p.Len())
	p.count++
	size := byte(len(content))
	p.WriteByte(byte(kind)<<4 | size)
	p.Write(base)
	p.Write([]byte{0x78, 0x01, 0x01, size, 0, ^size, 0xff})
	p.Write(content)
	p.Write(binary.BigEndian.AppendUint32(nil, adler32.Checksum(content)))
}
