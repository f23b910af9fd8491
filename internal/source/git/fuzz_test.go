package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/storage/memory"

	"reconciler/internal/binding"
)

func FuzzParseEndpoint(f *testing.F) {
	for _, seed := range []string{
		"https://h/r", "ssh://git@h:22/r", "git@h:r", "http://[::1]:80/r", "https://u:p@h/r", "file:///x", "h:p", "",
		"https://h:99999/r", "https://h/%zz", "ssh://h/%00", "://", "a@b@c:d", "https://h/r?x#y", "https://[/r",
	} {
		f.Add(seed, "s3cr3t")
	}
	f.Fuzz(func(t *testing.T, raw, secret string) {
		e, err := binding.ParseGitURL(raw)
		if err == nil {
			if e.Host == "" || e.Path == "" || e.Scheme == "http" && !binding.Loopback(e.Host) {
				t.Errorf("%q gives %+v", raw, e)
			}
			if again, err := binding.ParseGitURL(e.String()); err != nil || strings.Trim(again.Path, "/") != strings.Trim(e.Path, "/") || again.Host != e.Host {
				t.Errorf("%q gives %q, which gives %+v, %v", raw, e, again, err)
			}
		}
		if len(secret) < 6 || strings.ContainsAny(secret, "/@:?#[]% ") {
			return
		}
		for _, form := range []string{"https://u:" + secret + "@h/", "ssh://u:" + secret + "@h/", "https://h/r?" + secret, "https://" + secret + "@h/"} {
			_, err := binding.ParseGitURL(form + raw)
			if err == nil {
				t.Errorf("%q is taken", form+raw)
			} else if plain, _ := binding.ParseGitURL(""); plain.Host == "" && strings.Contains(err.Error(), secret) && !strings.Contains(fixedWords(), secret) {
				t.Errorf("the error shows the secret: %v", err)
			}
		}
	})
}

// fixedWords are the words that the errors themselves are made of.
func fixedWords() string {
	var words strings.Builder
	for _, raw := range []string{"", " ", "https://[", "file:///x", "https://u:p@h/r", "https://h:0/r", "https://h/", "http://h/r", "ssh://::/r", "a:b@c"} {
		_, err := binding.ParseGitURL(raw)
		words.WriteString(err.Error())
	}
	return words.String()
}

// aPack is a pack of a few objects, one of them a delta.
func aPack(tb testing.TB) []byte {
	tb.Helper()
	store := memory.NewStorage()
	var hashes []plumbing.Hash
	for i := range 3 {
		obj := &plumbing.MemoryObject{}
		obj.SetType(plumbing.BlobObject)
		if _, err := obj.Write(append(bytes.Repeat([]byte("a line of text\n"), 200), byte('0'+i))); err != nil {
			tb.Fatal(err)
		}
		h, err := store.SetEncodedObject(obj)
		if err != nil {
			tb.Fatal(err)
		}
		hashes = append(hashes, h)
	}
	var pack bytes.Buffer
	if _, err := packfile.NewEncoder(&pack, store, true).Encode(hashes, 10); err != nil {
		tb.Fatal(err)
	}
	return pack.Bytes()
}

// unpack reads a pack into a store, and makes all of its objects.
func unpack(tb testing.TB, data []byte, limit int64) (*store, error) {
	tb.Helper()
	s := newStore()
	p, err := readPack(tb.Context(), bytes.NewReader(data), nil, bounds{total: limit, blob: limit})
	if err != nil {
		return s, err
	}
	s.packs = []*pack{p}
	tb.Cleanup(s.release)
	return s, nil
}

// contents gives the size of all objects that a store can give, and how many
// they are.
func contents(s *store) (count int, size int64) {
	for _, p := range s.packs {
		_, _ = p.find(plumbing.ZeroHash, plumbing.AnyObject)
		for _, e := range p.entries {
			if obj, err := s.EncodedObject(plumbing.AnyObject, e.id); err == nil {
				count, size = count+1, size+obj.Size()
			}
		}
	}
	return count, size
}

func TestUnpackResolvesDeltas(t *testing.T) {
	pack := aPack(t)
	if len(pack) > 1000 {
		t.Fatalf("the pack has %d bytes and so no deltas", len(pack))
	}
	s, err := unpack(t, pack, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if count, size := contents(s); count != 3 || size != 3*3001 {
		t.Errorf("%d objects of %d bytes, want 3 of %d", count, size, 3*3001)
	}
}

func TestUnpackStopsAtTheLimit(t *testing.T) {
	for limit := int64(0); limit < 9000; limit += 500 {
		if _, err := unpack(t, aPack(t), limit); !errors.Is(err, errTooLarge) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

func TestUnpackRefusesADamagedPack(t *testing.T) {
	whole := aPack(t)
	for _, damaged := range [][]byte{nil, whole[:10], whole[:len(whole)-30], append(bytes.Clone(whole[:len(whole)-1]), whole[len(whole)-1]^1)} {
		if _, err := unpack(t, damaged, 1<<20); err == nil {
			t.Errorf("a pack of %d bytes instead of %d is taken", len(damaged), len(whole))
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(aPack(f))
	f.Add([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x01"))
	f.Add([]byte("PACK\x00\x00\x00\x02\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, pack []byte) {
		const limit = 1 << 16
		s, err := unpack(t, pack, limit)
		if _, size := contents(s); size > limit {
			t.Errorf("%d bytes are kept, error %v", size, err)
		}
	})
}

// scriptedServer is a server that says what a fuzzer wants, whatever it is asked.
type scriptedServer struct {
	session
	io.Reader
}

func (s scriptedServer) advertisement(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(s), nil
}

func (s scriptedServer) request(context.Context, []byte) (io.ReadCloser, error) {
	return io.NopCloser(s), nil
}

// FuzzConversation lets the server say anything: the list of refs and the
// answer to a fetch are read without a panic, and nothing but errors comes of
// what is not the protocol.
func FuzzConversation(f *testing.F) {
	line := func(s string) string { return fmt.Sprintf("%04x%s", len(s)+4, s) }
	id := strings.Repeat("a", 40)
	refs := line("# service=git-upload-pack\n") + "0000" + line(id+" HEAD\x00shallow ofs-delta side-band-64k symref=HEAD:refs/heads/main\n") +
		line(id+" refs/heads/main\n") + "0000"
	f.Add([]byte(refs), append([]byte(line("shallow "+id)+"0000"+line("NAK\n")), aPack(f)...))
	f.Add([]byte(refs), []byte(line("NAK\n")+line("\x01PACK")+line("\x03fatal: no")+"0000"))
	f.Add([]byte(line("ERR no such repository")), []byte("0000"))
	f.Add([]byte("0000"), []byte("fff0"))
	f.Add([]byte("<html>"), []byte(line("ACK "+id+"\n")))
	f.Fuzz(func(t *testing.T, listed, sent []byte) {
		refs, err := listRefs(t.Context(), scriptedServer{Reader: bytes.NewReader(listed)})
		if err != nil {
			return
		}
		if refs.IsEmpty() {
			t.Error("a list without a ref is taken")
		}
		s := newStore()
		defer s.release()
		const limit = 1 << 16
		err = fetch(t.Context(), scriptedServer{Reader: bytes.NewReader(sent)}, refs, fetchRequest{want: plumbing.NewHash(id), depth: 1}, s, bounds{limit, limit})
		if _, size := contents(s); size > limit {
			t.Errorf("%d bytes are kept, error %v", size, err)
		}
	})
}
