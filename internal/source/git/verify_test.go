package git

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"
	"golang.org/x/crypto/ssh"

	"reconciler/internal/binding"
)

// verifyNow is when the commits of these tests are verified.
func verifyNow() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }

// TestOnlySignedCommitsAreTaken: which keys and signatures count.
func TestOnlySignedCommitsAreTaken(t *testing.T) {
	t.Parallel()
	ada, adaLine := ed25519Key(t)
	eve, _ := ed25519Key(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	big, bigLine := sshKey(t, rsaKey)
	small, smallLine := sshKey(t, short)
	past := verifyNow().AddDate(-1, 0, 0)
	grace, mallory := pgpKey(t, past, 0), pgpKey(t, past, 0)
	old, err := openpgp.NewEntity("A", "", "a@example.com", &packet.Config{RSABits: 2048, Time: func() time.Time { return past }})
	if err != nil {
		t.Fatal(err)
	}
	expired := pgpKey(t, past, 24*time.Hour)
	later := pgpKey(t, verifyNow().AddDate(0, 1, 0), 0)
	revoked := pgpKey(t, past, 0)
	stolen := *revoked
	if err := revoked.RevokeKey(packet.KeyCompromised, "", &packet.Config{Time: verifyNow().Add(-time.Hour).UTC}); err != nil {
		t.Fatal(err)
	}
	all := keysFor(t, "", armoredKeys(t, grace, old, expired, revoked, later), strings.Join([]string{
		"# people", "ada@example.com " + adaLine, `"big" namespaces="git,file" ` + bigLine, "small " + smallLine,
	}, "\n"))
	dated := func(options string) Keys { return keysFor(t, "", "", "ada@example.com "+options+" "+adaLine) }
	yesterday := past.Add(time.Hour)
	for name, tt := range map[string]struct {
		sign signs
		keys Keys
		want string
	}{
		"nothing":                           {nil, all, codeUnsigned},
		"an SSH key":                        {bySSH(t, ada, "git", "sha512", ""), all, ""},
		"an SSH key, with SHA-256":          {bySSH(t, ada, "git", "sha256", ""), all, ""},
		"an RSA key":                        {bySSH(t, big, "git", "sha512", ssh.KeyAlgoRSASHA512), all, ""},
		"an RSA key, with SHA-1":            {bySSH(t, big, "git", "sha512", ssh.KeyAlgoRSA), all, codeSignature},
		"a short RSA key":                   {bySSH(t, small, "git", "sha256", ssh.KeyAlgoRSASHA256), all, codeSignature},
		"an SSH key that nobody knows":      {bySSH(t, eve, "git", "sha512", ""), all, codeSignature},
		"an SSH signature of a file":        {bySSH(t, ada, "file", "sha512", ""), all, codeSignature},
		"an SSH signature of nothing":       {bySSH(t, ada, "", "sha512", ""), all, codeSignature},
		"a key that is not for git":         {bySSH(t, ada, "git", "sha512", ""), dated(`namespaces="file"`), codeKey},
		"a key that was valid":              {bySSH(t, ada, "git", "sha512", ""), dated(`valid-before="20261101"`), codeKey},
		"a key that is not valid yet":       {bySSH(t, ada, "git", "sha512", ""), dated(`valid-after="20270101Z"`), codeKey},
		"a key that is valid now":           {bySSH(t, ada, "git", "sha512", ""), dated(`valid-after="202601010000Z",valid-before="20270101"`), ""},
		"an OpenPGP key":                    {byPGP(t, grace, crypto.SHA512, yesterday), all, ""},
		"an OpenPGP key that nobody knows":  {byPGP(t, mallory, crypto.SHA512, yesterday), all, codeSignature},
		"an expired OpenPGP key, backdated": {byPGP(t, expired, crypto.SHA512, past.Add(time.Hour)), all, codeKey},
		"a revoked OpenPGP key, backdated":  {byPGP(t, &stolen, crypto.SHA512, past.Add(time.Hour)), all, codeKey},
		"an OpenPGP key of the future":      {byPGP(t, later, crypto.SHA512, verifyNow().AddDate(0, 2, 0)), all, codeKey},
		"an OpenPGP signature with SHA-1":   {bySHA1(t, old, yesterday), all, codeSignature},
		"an OpenPGP signature of text": {func(p []byte) []byte {
			var out bytes.Buffer
			if err := openpgp.ArmoredDetachSignText(&out, grace, bytes.NewReader(p), &packet.Config{Time: func() time.Time { return yesterday }}); err != nil {
				t.Error(err)
			}
			return append(out.Bytes(), '\n')
		}, all, codeSignature},
		"a signature of something else": {func([]byte) []byte { return bySSH(t, ada, "git", "sha512", "")([]byte("something else")) }, all, codeSignature},
		"one of another commit":         {func(p []byte) []byte { return byPGP(t, grace, crypto.SHA512, yesterday)(append(p, 'x')) }, all, codeSignature},
		"a certificate of X.509": {func([]byte) []byte {
			return []byte("-----BEGIN SIGNED MESSAGE-----\nAAAA\n-----END SIGNED MESSAGE-----\n")
		}, all, codeSignature},
		"an empty signature":          {func([]byte) []byte { return []byte("\n") }, all, codeSignature},
		"keys of the other kind only": {byPGP(t, grace, crypto.SHA512, yesterday), dated(""), codeSignature},
		"two signatures, one below another": {func(p []byte) []byte {
			return append(bySSH(t, eve, "git", "sha512", "")(p), bySSH(t, ada, "git", "sha512", "")(p)...)
		}, all, codeSignature},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHistory(t)
			base := h.commit(map[string]string{"a.yaml": "1"}, nil)
			tip := h.commit(map[string]string{"a.yaml": "2"}, tt.sign, base)
			got, err := h.checks(tip, nil, []plumbing.Hash{base}, tt.keys)
			if got != tt.want {
				t.Errorf("got %q (%v), want %q", got, err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), tip.String()) {
				t.Errorf("the error does not name the commit: %v", err)
			}
		})
	}
}

// TestEachCommitOnTheWayIsSigned: an unsigned commit does not hide below a signed
// one, and a key is trusted for its own files only.
func TestEachCommitOnTheWayIsSigned(t *testing.T) {
	t.Parallel()
	ada, adaLine := ed25519Key(t)
	bob, bobLine := ed25519Key(t)
	byAda, byBob := bySSH(t, ada, "git", "sha512", ""), bySSH(t, bob, "git", "sha512", "")
	keys := []Keys{keysFor(t, "payments/", "", "ada "+adaLine), keysFor(t, "web/", "", "bob "+bobLine)}
	files := func(payments, web, outside string) map[string]string {
		return map[string]string{"b/payments/a.yaml": payments, "b/web/a.yaml": web, "README": outside}
	}
	for name, tt := range map[string]struct {
		make func(h *history, base plumbing.Hash) plumbing.Hash
		want string
	}{
		"each by its own": {func(h *history, base plumbing.Hash) plumbing.Hash {
			return h.commit(files("2", "2", "1"), byBob, h.commit(files("2", "1", "1"), byAda, base))
		}, ""},
		"unsigned, outside of the path": {func(h *history, base plumbing.Hash) plumbing.Hash {
			return h.commit(files("1", "1", "2"), nil, base)
		}, ""},
		"an unsigned one below a signed one": {func(h *history, base plumbing.Hash) plumbing.Hash {
			return h.commit(files("3", "1", "1"), byAda, h.commit(files("2", "1", "1"), nil, base))
		}, codeUnsigned},
		"one that a signed one takes back": {func(h *history, base plumbing.Hash) plumbing.Hash {
			return h.commit(files("1", "1", "1"), byAda, h.commit(files("2", "1", "1"), nil, base))
		}, codeUnsigned},
		"an unsigned one below an empty one": {func(h *history, base plumbing.Hash) plumbing.Hash {
			return h.commit(files("2", "1", "1"), byAda, h.commit(files("2", "1", "1"), nil, base))
		}, codeUnsigned},
		"a signed merge of unsigned ones": {func(h *history, base plumbing.Hash) plumbing.Hash {
			return h.commit(files("2", "1", "1"), byAda, base, h.commit(files("2", "1", "1"), nil, base))
		}, ""},
		"an unsigned merge of signed ones": {func(h *history, base plumbing.Hash) plumbing.Hash {
			return h.commit(files("2", "1", "1"), nil, base, h.commit(files("2", "1", "1"), byAda, base))
		}, codeUnsigned},
		"a signed merge with the parents exchanged": {func(h *history, base plumbing.Hash) plumbing.Hash {
			return h.commit(files("2", "1", "1"), byAda, h.commit(files("2", "1", "1"), nil, base), base)
		}, codeUnsigned},
		"another team's files": {func(h *history, base plumbing.Hash) plumbing.Hash {
			return h.commit(files("2", "1", "1"), byBob, base)
		}, codeKey},
		"another team's files besides": {func(h *history, base plumbing.Hash) plumbing.Hash {
			return h.commit(files("2", "2", "1"), byBob, base)
		}, codeKey},
		"another team's file removed": {func(h *history, base plumbing.Hash) plumbing.Hash {
			return h.commit(map[string]string{"b/web/a.yaml": "1", "README": "1"}, byBob, base)
		}, codeKey},
		"a file that nobody may sign": {func(h *history, base plumbing.Hash) plumbing.Hash {
			f := files("1", "1", "1")
			f["b/policy/a.cue"] = "x"
			return h.commit(f, byBob, base)
		}, codeKey},
		"a folder that becomes a file": {func(h *history, base plumbing.Hash) plumbing.Hash {
			return h.commit(map[string]string{"b/payments": "x", "b/web/a.yaml": "1", "README": "1"}, byBob, base)
		}, codeKey},
		"a history without the last one": {func(h *history, _ plumbing.Hash) plumbing.Hash {
			return h.commit(files("2", "1", "1"), byAda, h.commit(files("1", "1", "1"), byBob))
		}, codeHistory},
		"an older commit again": {func(h *history, base plumbing.Hash) plumbing.Hash {
			return plumbing.NewHash(strings.Fields(string(mustCommit(h, base).payload))[3])
		}, codeHistory},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHistory(t)
			base := h.commit(files("1", "1", "1"), nil, h.commit(files("1", "1", "1"), nil))
			if got, err := h.checks(tt.make(h, base), []string{"b"}, []plumbing.Hash{base}, keys...); got != tt.want {
				t.Errorf("got %q (%v), want %q", got, err, tt.want)
			}
		})
	}
	t.Run("the first commit is signed for all files", func(t *testing.T) {
		t.Parallel()
		h := newHistory(t)
		if got, err := h.checks(h.commit(files("1", "1", "1"), byAda, h.commit(files("1", "2", "1"), nil)), []string{"b"}, nil, keys...); got != codeKey {
			t.Errorf("by a key for some of them: %q (%v)", got, err)
		}
		if got, err := h.checks(h.commit(files("1", "1", "1"), byAda), []string{"b"}, nil, keysFor(t, "", "", "ada "+adaLine)); got != "" {
			t.Errorf("by a key for all: %v", err)
		}
	})
}

func mustCommit(h *history, id plumbing.Hash) signedCommit {
	h.t.Helper()
	c, err := (&chain{store: h.store}).commit(id)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// TestACommitIsReadInOneWay: bytes that could be read in two ways are no commit,
// whoever signed them.
func TestACommitIsReadInOneWay(t *testing.T) {
	t.Parallel()
	const (
		one, two = "1111111111111111111111111111111111111111", "2222222222222222222222222222222222222222"
		people   = "author A <a> 1 +0000\ncommitter A <a> 1 +0000\n"
	)
	for name, raw := range map[string]string{
		"a tag":                  "object " + one + "\ntype commit\ntag v1\ntagger A <a> 1 +0000\n\nx\n",
		"two trees":              "tree " + one + "\ntree " + two + "\n" + people + "\nx\n",
		"a tree behind":          "tree " + one + "\n" + people + "tree " + two + "\n\nx\n",
		"a parent behind":        "tree " + one + "\n" + people + "parent " + two + "\n\nx\n",
		"two signatures":         "tree " + one + "\n" + people + "gpgsig a\n b\ngpgsig c\n d\n\nx\n",
		"a signature of SHA-256": "tree " + one + "\n" + people + "gpgsig-sha256 a\n b\n\nx\n",
		"a signature in front":   "tree " + one + "\ngpgsig a\n b\n" + people + "\nx\n",
		"a tree that continues":  "tree " + one + "\n " + two + "\n" + people + "\nx\n",
		"no committer":           "tree " + one + "\nauthor A <a> 1 +0000\n\nx\n",
		"no end of the head":     "tree " + one + "\n" + people,
		"a zero byte":            "tree " + one + "\nauthor A\x00 <a> 1 +0000\ncommitter A <a> 1 +0000\n\nx\n",
		"a short tree":           "tree 11\n" + people + "\nx\n",
		"an empty name":          "tree " + one + "\n" + people + " \n\nx\n\n",
		"nothing":                "",
		"ends of lines alone":    "\n\n\n",
	} {
		if c, err := parseSigned([]byte(raw)); err == nil && name != "an empty name" {
			t.Errorf("%s: read as %+v", name, c)
		}
	}
	signed := "tree " + one + "\nparent " + two + "\n" + people + "encoding ISO-8859-1\nmergetag object " + two + "\n type commit\ngpgsig -----BEGIN\n \n x\n -----END\n\nmessage\n\nwith gpgsig y\n"
	c, err := parseSigned([]byte(signed))
	if err != nil || string(c.signature) != "-----BEGIN\n\nx\n-----END\n" || c.tree != plumbing.NewHash(one) || len(c.parents) != 1 ||
		string(c.payload) != strings.Replace(signed, "gpgsig -----BEGIN\n \n x\n -----END\n", "", 1) {
		t.Errorf("got %+v, %v", c, err)
	}
}

// FuzzParseSigned: what is read of a commit is what go-git reads of it.
func FuzzParseSigned(f *testing.F) {
	f.Add([]byte("tree 1111111111111111111111111111111111111111\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\ngpgsig a\n b\n\nx\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := parseSigned(raw)
		if err != nil {
			return
		}
		o := memory.NewStorage().NewEncodedObject()
		o.SetType(plumbing.CommitObject)
		w, _ := o.Writer()
		_, _ = w.Write(raw)
		var decoded object.Commit
		if decoded.Decode(o) == nil && (decoded.TreeHash != c.tree || !slices.Equal(decoded.ParentHashes, c.parents)) {
			t.Errorf("go-git reads tree %s and parents %v, and we %s and %v", decoded.TreeHash, decoded.ParentHashes, c.tree, c.parents)
		}
	})
}

// TestABombOfTreesEnds: folders that name each other a thousandfold cost bounded
// time, and what nobody signed is refused at the first file that it changes.
func TestABombOfTreesEnds(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("takes seconds, and a minute with the race detector: make e2e runs it")
	}
	t.Parallel()
	h := newHistory(t)
	key, line := ed25519Key(t)
	folder := func(count int, of plumbing.Hash) plumbing.Hash {
		var raw bytes.Buffer
		for name := range count {
			_, _ = fmt.Fprintf(&raw, "40000 %06d\x00%s", name, of[:])
		}
		return h.put(plumbing.TreeObject, raw.Bytes())
	}
	nested, deep := h.tree(map[string]string{"a": "x"}), h.tree(map[string]string{"a": "x"})
	for range 30 {
		nested = folder(10, nested)
	}
	for range 5_000 {
		deep = folder(1, deep)
	}
	many := map[string]string{}
	for name := range 5_000 {
		many[fmt.Sprint(name)] = "x"
	}
	wide := folder(5_000, h.tree(many))
	base := h.commit(map[string]string{"a": "1"}, nil)
	for name, tree := range map[string]plumbing.Hash{"nested": nested, "deep": deep, "wide": wide} {
		head := fmt.Sprintf("tree %s\nparent %s\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n", tree, base)
		signature := bySSH(t, key, "git", "sha512", "")([]byte(head + "\nx\n"))
		for code, raw := range map[string]string{codeUnsigned: head + "\nx\n", codeHistory: head + gpgsig(signature) + "\nx\n"} {
			tip := h.put(plumbing.CommitObject, []byte(raw))
			if got, err := h.checks(tip, nil, []plumbing.Hash{base}, keysFor(t, "", "", "a "+line)); got != code {
				t.Errorf("%s: got %q, want %s: %v", name, got, code, err)
			}
		}
	}
}

// TestADeepEditIsNoBomb: the cost of a comparison is that of the folders that differ.
func TestADeepEditIsNoBomb(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	key, line := ed25519Key(t)
	path := strings.Repeat("folder/", 60) + "a.yaml"
	base := h.commit(map[string]string{path: "1"}, nil)
	tip := h.commit(map[string]string{path: "2"}, bySSH(t, key, "git", "sha512", ""), base)
	if got, err := h.checks(tip, nil, []plumbing.Hash{base}, keysFor(t, "", "", "a "+line)); got != "" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestKeysThatCannotBeReadTakeNothing: a file that is gone, empty or odd stops
// new commits and says so.
func TestKeysThatCannotBeReadTakeNothing(t *testing.T) {
	t.Parallel()
	_, line := ed25519Key(t)
	for name, keys := range map[string]Keys{
		"gone":                {Name: "k", AllowedSignersFile: filepath.Join(t.TempDir(), "none")},
		"no key":              keysFor(t, "", "", "# nothing\n"),
		"a certificate":       keysFor(t, "", "", "ca cert-authority "+line),
		"an unknown option":   keysFor(t, "", "", "a no-touch-required "+line),
		"a time that is none": keysFor(t, "", "", `a valid-before="tomorrow" `+line),
		"no key of OpenPGP":   keysFor(t, "", "nonsense", ""),
		"half a key":          keysFor(t, "", armoredKeys(t, pgpKey(t, verifyNow(), 0))[:200], ""),
		"a line without key":  keysFor(t, "", "", "ada"),
	} {
		_, err := (&Verify{Keys: []Keys{keys}}).read()
		if failure, ok := errors.AsType[*binding.Failure](err); !ok || failure.Code != "verify-keys" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
