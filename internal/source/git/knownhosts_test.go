package git_test

import (
	"context"
	"crypto/rand"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"reconciler/internal/source/git"
	"reconciler/internal/source/git/gittest"
)

// hostCert is a host key with a certificate of an authority.
func hostCert(t *testing.T, key, authority ssh.Signer, until time.Time, principals ...string) ssh.Signer {
	t.Helper()
	cert := &ssh.Certificate{
		Key: key.PublicKey(), CertType: ssh.HostCert, KeyId: "host", ValidPrincipals: principals,
		ValidAfter: 1, ValidBefore: uint64(until.Unix()),
	}
	if err := cert.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewCertSigner(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// opensshTrusts says whether the ssh of this machine believes the host; without
// one it is what the test wants.
func opensshTrusts(t *testing.T, host, port, known, key string, want bool) bool {
	t.Helper()
	if _, err := exec.LookPath("ssh"); err != nil {
		return want
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, _ := exec.CommandContext(ctx, "ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
		"-o", "UserKnownHostsFile="+known, "-o", "GlobalKnownHostsFile=none", "-o", "IdentitiesOnly=yes", "-i", key,
		"-p", port, "git@"+host, "none").CombinedOutput()
	return !strings.Contains(string(out), "Host key verification failed") && !strings.Contains(string(out), "no matching host key type")
}

// TestKnownHostsDecideAsOpenSSHDoes compares both for names, marks and
// certificates.
func TestKnownHostsDecideAsOpenSSHDoes(t *testing.T) {
	repo := gittest.New(t)
	repo.Commit("one", text("a.yaml", "1"))
	user, userFile := gittest.NewKey(t)
	host, _ := gittest.NewKey(t)
	ec := ecdsaKey(t)
	authority, _ := gittest.NewKey(t)
	other, _ := gittest.NewKey(t)
	later := time.Now().Add(time.Hour)
	plain := repo.ServeSSH(user.PublicKey(), host)
	certified := repo.ServeSSH(user.PublicKey(), hostCert(t, host, authority, later, "127.0.0.1"))
	certifiedEC := repo.ServeSSH(user.PublicKey(), hostCert(t, ec, authority, later, "127.0.0.1"))
	anyName := repo.ServeSSH(user.PublicKey(), hostCert(t, host, authority, later, "127.0.*"))
	otherName := repo.ServeSSH(user.PublicKey(), hostCert(t, host, authority, later, "example.com"))
	expired := repo.ServeSSH(user.PublicKey(), hostCert(t, host, authority, time.Now().Add(-time.Hour), "127.0.0.1"))

	line := func(s ssh.Signer) string { return " " + string(ssh.MarshalAuthorizedKey(s.PublicKey())) }
	right, ca := line(host), line(authority)
	for name, tt := range map[string]struct {
		server gittest.SSH
		known  string
		want   bool
	}{
		"the port":             {plain, "[127.0.0.1]:PORT" + right, true},
		"capitals":             {plain, "[LOCALHOST]:PORT" + right, true},
		"any port":             {plain, "[127.0.0.1]:*" + right, true},
		"part of a port":       {plain, "[127.0.0.1]:?*" + right, true},
		"any host at the port": {plain, "[*]:PORT" + right, true},
		"another port":         {plain, "[127.0.0.1]:1" + right, false},
		"a star at the end that stands for nothing":       {plain, "127.0.0.1*" + right, true},
		"a star in the middle":                            {plain, "127*1" + right, true},
		"question marks":                                  {plain, "127.0.?.?" + right, true},
		"too many question marks":                         {plain, "127.0.0.1?" + right, false},
		"everything":                                      {plain, "*" + right, true},
		"everything but this host at its port":            {plain, "*,![127.0.0.1]:PORT" + right, true},
		"everything but this host":                        {plain, "*,!127.0.0.1,!localhost" + right, true},
		"a negation alone":                                {plain, "!example.com" + right, false},
		"a negation without a name":                       {plain, "!,127.0.0.1" + right, true},
		"an empty name":                                   {plain, ",[127.0.0.1]:PORT," + right, true},
		"blanks before it":                                {plain, " \t[127.0.0.1]:PORT" + right, true},
		"a long comment":                                  {plain, "# " + strings.Repeat("x", 100_000) + "\n[127.0.0.1]:PORT" + right, true},
		"a key after a comment":                           {plain, "[127.0.0.1]:PORT" + strings.TrimSuffix(right, "\n") + " of root, in the office since May\n", true},
		"CRLF":                                            {plain, "[127.0.0.1]:PORT" + strings.TrimSuffix(right, "\n") + "\r\n", true},
		"hashed":                                          {plain, "HASHED" + right, true},
		"hashed, of another":                              {plain, knownhosts.HashHostname("example.com") + right, false},
		"revoked here":                                    {plain, "*" + right + "@revoked [127.0.0.1]:PORT" + right, false},
		"revoked for everybody, first":                    {plain, "@revoked *" + right + "*" + right, false},
		"revoked elsewhere":                               {plain, "*" + right + "@revoked example.com" + right, true},
		"another key revoked":                             {plain, "*" + right + "@revoked *" + line(other), true},
		"an authority's own key":                          {plain, "@cert-authority *" + right, false},
		"an authority without a certificate":              {plain, "@cert-authority *" + ca + "*" + right, true},
		"a certificate":                                   {certified, "@cert-authority *" + ca, true},
		"a certificate, by the port":                      {certified, "@cert-authority [127.0.0.1]:PORT" + ca, true},
		"a certificate, for another host":                 {certified, "@cert-authority example.com" + ca, false},
		"a certificate of a key of another type":          {certifiedEC, "@cert-authority *" + ca, true},
		"a certificate of another authority":              {certified, "@cert-authority *" + line(other), false},
		"a certificate whose authority is no authority":   {certified, "*" + ca, false},
		"a certificate of another authority, and the key": {certified, "@cert-authority *" + line(other) + "*" + right, true},
		"a certificate where only the key is known":       {certified, "*" + right, true},
		"a certificate of a revoked authority":            {certified, "@cert-authority *" + ca + "@revoked *" + ca, false},
		"a certificate of a revoked key":                  {certified, "@cert-authority *" + ca + "@revoked *" + right, false},
		"a certificate for a name with a star":            {anyName, "@cert-authority *" + ca, false},
		"a certificate for another name":                  {otherName, "@cert-authority *" + ca, false},
		"a certificate for another name, and the key":     {otherName, "@cert-authority *" + ca + "*" + right, true},
		"an expired certificate":                          {expired, "@cert-authority *" + ca, false},
		"an expired certificate, and the key":             {expired, "@cert-authority *" + ca + "*" + right, true},
	} {
		t.Run(name, func(t *testing.T) {
			address, port, err := net.SplitHostPort(tt.server.Address)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(tt.known, "LOCALHOST") {
				address = "localhost"
			}
			known := strings.NewReplacer("PORT", port, "HASHED", knownhosts.HashHostname("[127.0.0.1]:"+port)).Replace(tt.known)
			file := write(t, "known", known)
			_, _, err = open(t, git.Options{
				URL:  "ssh://git@" + net.JoinHostPort(address, port) + "/repo.git",
				Auth: git.Auth{SSH: &git.SSH{KeyFile: userFile, KnownHostsFile: file}},
			}).Snapshot(t.Context(), "")
			if testing.Short() {
				// OpenSSH starts once for each.
			} else if ssh := opensshTrusts(t, address, port, file, userFile, tt.want); ssh != tt.want {
				t.Errorf("ssh trusts it: %t", ssh)
			}
			if (err == nil) != tt.want {
				t.Errorf("trusted: %t, %v", err == nil, err)
			}
			if err != nil && !strings.HasPrefix(failure(t, err).Code, "host-key-") {
				t.Errorf("code %q: %v", failure(t, err).Code, err)
			}
		})
	}
}
