package git

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"
	"golang.org/x/crypto/ssh"
)

// signs makes the signature over a commit's payload, armored; nil makes none.
type signs func(payload []byte) []byte

// history is a repository in memory.
type history struct {
	t     *testing.T
	store *memory.Storage
}

func newHistory(t *testing.T) *history {
	t.Helper()
	return &history{t, memory.NewStorage()}
}

func (h *history) put(kind plumbing.ObjectType, data []byte) plumbing.Hash {
	h.t.Helper()
	o := h.store.NewEncodedObject()
	o.SetType(kind)
	w, err := o.Writer()
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		h.t.Fatal(err)
	}
	id, err := h.store.SetEncodedObject(o)
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// tree writes the files, each named by its path.
func (h *history) tree(files map[string]string) plumbing.Hash {
	h.t.Helper()
	var entries []object.TreeEntry
	folders := map[string]map[string]string{}
	for path, text := range files {
		name, rest, folder := strings.Cut(path, "/")
		if !folder {
			entries = append(entries, object.TreeEntry{Name: name, Mode: filemode.Regular, Hash: h.put(plumbing.BlobObject, []byte(text))})
			continue
		}
		if folders[name] == nil {
			folders[name] = map[string]string{}
		}
		folders[name][rest] = text
	}
	for name, below := range folders {
		entries = append(entries, object.TreeEntry{Name: name, Mode: filemode.Dir, Hash: h.tree(below)})
	}
	slices.SortFunc(entries, func(a, b object.TreeEntry) int { return strings.Compare(a.Name, b.Name) })
	var raw bytes.Buffer
	for _, e := range entries {
		_, _ = fmt.Fprintf(&raw, "%o %s\x00%s", uint32(e.Mode), e.Name, e.Hash[:])
	}
	return h.put(plumbing.TreeObject, raw.Bytes())
}

// commit writes a commit with a signature, as git does.
func (h *history) commit(files map[string]string, sign signs, parents ...plumbing.Hash) plumbing.Hash {
	h.t.Helper()
	head := fmt.Sprintf("tree %s\n", h.tree(files))
	for _, p := range parents {
		head += fmt.Sprintf("parent %s\n", p)
	}
	head += "author A <a@example.com> 1763600000 +0000\ncommitter A <a@example.com> 1763600000 +0000\n"
	const message = "\nchange\n"
	if sign == nil {
		return h.put(plumbing.CommitObject, []byte(head+message))
	}
	return h.put(plumbing.CommitObject, []byte(head+gpgsig(sign([]byte(head+message)))+message))
}

// gpgsig is the header with a signature.
func gpgsig(armored []byte) string {
	return "gpgsig " + strings.ReplaceAll(strings.TrimSuffix(string(armored), "\n"), "\n", "\n ") + "\n"
}

// sshKey makes a key, and gives its line of allowed_signers without principals.
func sshKey(t *testing.T, private crypto.Signer) (ssh.Signer, string) {
	t.Helper()
	signer, err := ssh.NewSignerFromSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
}

func ed25519Key(t *testing.T) (ssh.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return sshKey(t, private)
}

// bySSH signs as ssh-keygen -Y sign does.
func bySSH(t *testing.T, key ssh.Signer, namespace, hash, algorithm string) signs {
	t.Helper()
	return func(payload []byte) []byte {
		sum256, sum512 := sha256.Sum256(payload), sha512.Sum512(payload)
		sum := map[string][]byte{"sha256": sum256[:], "sha512": sum512[:]}[hash]
		magic := [6]byte([]byte("SSHSIG"))
		signed := ssh.Marshal(sshSigned{magic, namespace, "", hash, sum})
		var sig *ssh.Signature
		var err error
		if algorithm == "" {
			sig, err = key.Sign(rand.Reader, signed)
		} else {
			sig, err = key.(ssh.AlgorithmSigner).SignWithAlgorithm(rand.Reader, signed, algorithm)
		}
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: ssh.Marshal(sshSignature{
			magic, 1, key.PublicKey().Marshal(), namespace, "", hash, ssh.Marshal(*sig),
		})})
	}
}

// pgpKey makes a key that was made at a time and lives for so long; zero for
// ever.
func pgpKey(t *testing.T, made time.Time, lives time.Duration) *openpgp.Entity {
	t.Helper()
	e, err := openpgp.NewEntity("A", "", "a@example.com", &packet.Config{
		Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return made }, KeyLifetimeSecs: uint32(lives / time.Second),
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// byPGP signs as gpg does, at a time.
func byPGP(t *testing.T, e *openpgp.Entity, hash crypto.Hash, at time.Time) signs {
	t.Helper()
	return func(payload []byte) []byte {
		var out bytes.Buffer
		err := openpgp.ArmoredDetachSign(&out, e, bytes.NewReader(payload), &packet.Config{DefaultHash: hash, Time: func() time.Time { return at }})
		if err != nil {
			t.Fatal(err)
		}
		return append(out.Bytes(), '\n')
	}
}

// bySHA1 signs with SHA-1, as old versions of gpg do.
func bySHA1(t *testing.T, e *openpgp.Entity, at time.Time) signs {
	t.Helper()
	return func(payload []byte) []byte {
		// A packet of version 4 (RFC 9580, 5.2.3), for no library makes it any more.
		hashed := append([]byte{4, 0, 1, 2, 0, 6, 5, 2}, binary.BigEndian.AppendUint32(nil, uint32(at.Unix()))...)
		hash := sha1.Sum(slices.Concat(payload, hashed, []byte{4, 0xff, 0, 0, 0, byte(len(hashed))}))
		made, err := rsa.SignPKCS1v15(rand.Reader, e.PrivateKey.PrivateKey.(*rsa.PrivateKey), crypto.SHA1, hash[:])
		if err != nil {
			t.Fatal(err)
		}
		made = bytes.TrimLeft(made, "\x00")
		body := slices.Concat(hashed, []byte{0, 10, 9, 16}, binary.BigEndian.AppendUint64(nil, e.PrimaryKey.KeyId), hash[:2],
			binary.BigEndian.AppendUint16(nil, uint16(8*(len(made)-1)+bits.Len8(made[0]))), made)
		var out bytes.Buffer
		w, err := armor.Encode(&out, openpgp.SignatureType, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, wrote := w.Write(slices.Concat([]byte{0xc2, 0xff}, binary.BigEndian.AppendUint32(nil, uint32(len(body))), body))
		if err := errors.Join(wrote, w.Close()); err != nil {
			t.Fatal(err)
		}
		return append(out.Bytes(), '\n')
	}
}

func armoredKeys(t *testing.T, keys ...*openpgp.Entity) string {
	t.Helper()
	var out bytes.Buffer
	for _, e := range keys {
		w, err := armor.Encode(&out, openpgp.PublicKeyType, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(e.Serialize(w), w.Close()); err != nil {
			t.Fatal(err)
		}
		out.WriteString("\n")
	}
	return out.String()
}

// keysFor writes the files of a set of keys for what is below folder.
func keysFor(t *testing.T, folder, pgp, signers string) Keys {
	t.Helper()
	k := Keys{Name: "keys", Covers: func(path string) bool { return strings.HasPrefix(path, folder) }}
	for text, field := range map[string]*string{pgp: &k.OpenPGPFile, signers: &k.AllowedSignersFile} {
		if text == "" {
			continue
		}
		*field = filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(*field, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// checks verifies the way from an anchor, or none, to tip; it gives the code.
func (h *history) checks(tip plumbing.Hash, path []string, anchors []plumbing.Hash, keys ...Keys) (string, error) {
	h.t.Helper()
	keyrings, err := (&Verify{Keys: keys}).read()
	if err != nil {
		h.t.Fatal(err)
	}
	set := map[plumbing.Hash]bool{}
	for _, a := range anchors {
		set[a] = true
	}
	err = (&chain{store: h.store, keyrings: keyrings, path: path, now: verifyNow()}).follow(context.Background(), tip, set)
	if why, ok := errors.AsType[*UnverifiedError](err); ok {
		return why.Code, err
	}
	if err != nil {
		return "error", err
	}
	return "", nil
}
