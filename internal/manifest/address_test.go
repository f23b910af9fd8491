package manifest

import (
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
)

// TestHTTPPortsAreTheProductsList compares the rule with the product's list,
// port by port.
func TestHTTPPortsAreTheProductsList(t *testing.T) {
	t.Parallel()
	listed := map[int]bool{80: true, 21: true, 443: true, 70: true, 210: true, 280: true, 488: true, 591: true, 777: true}
	for port := range 70_000 {
		want := listed[port] || port >= 1025 && port <= 65535
		if got := isHTTPPort(port); got != want {
			t.Errorf("port %d: %v, want %v", port, got, want)
		}
	}
}

func FuzzGitLabAddress(f *testing.F) {
	for _, seed := range []string{
		"https://gitlab.example.com", "http://gitlab.example.com:8080/", "https://[::1]:443", "http://u:p@h:21/a/b?c#d",
		"http://:80", "https://h:", "http://h:99999999999999999999", "HTTP://H:080", "https://bücher.example/users/sign_in", "http://%zz", "\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		open, closed := gitlabAddress(address, true), gitlabAddress(address, false)
		if len(open) > len(closed) {
			t.Errorf("%q: allowing private addresses adds findings", address)
		}
		for _, found := range closed {
			if found.Severity == finding.Error && found.Hint.IsZero() {
				t.Errorf("%q: %+v has no hint", address, found)
			}
		}
		if !finding.HasErrors(open) && !strings.HasPrefix(strings.ToLower(address), "http") {
			t.Errorf("%q is taken for an address", address)
		}
	})
}

// TestAFaultOfOursBreaksOneFile checks that a panic becomes a finding, without a
// position, about the file in which it happened.
func TestAFaultOfOursBreaksOneFile(t *testing.T) {
	t.Parallel()
	c := newChecker(Options{})
	c.shapes = []shape{{marks: []string{"secretname"}}} // without a pattern
	got := c.check(binding.File{Path: "a.yaml", Data: []byte("apiVersion: reconciler/v1alpha1\nkind: SourceBinding\nmetadata: {name: a}\nspec: {instance: p, platform: bitbucket, username: secretname}\n")})
	if len(got.declarations) != 0 || len(got.findings) != 1 {
		t.Fatalf("%d declarations, findings %v", len(got.declarations), got.findings)
	}
	f := got.findings[0]
	if f.Code != "internal-error" || f.File != "a.yaml" || f.Line != 0 || strings.Contains(f.Message.Key(), "secretname") {
		t.Errorf("finding %+v", f)
	}
}
