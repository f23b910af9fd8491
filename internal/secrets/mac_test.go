package secrets

import (
	"encoding/hex"
	"testing"
)

func TestMAC(t *testing.T) {
	// The example of GitHub's page "Validating webhook deliveries".
	s := New([]byte("It's a Secret to Everybody"))
	const want = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	if got := hex.EncodeToString(s.MAC([]byte("Hello, "), []byte("World!"))); got != want {
		t.Errorf("MAC = %s, want %s", got, want)
	}
	if got := (Secret{}).MAC([]byte("x")); got != nil {
		t.Errorf("MAC of no secret = %x, want none", got)
	}
	s.Wipe()
	if got := s.MAC([]byte("x")); got != nil {
		t.Errorf("MAC of a wiped secret = %x, want none", got)
	}
}

func TestMatches(t *testing.T) {
	s := New([]byte("a-secret-of-twenty-two"))
	for candidate, want := range map[string]bool{
		"a-secret-of-twenty-two": true, "a-secret-of-twenty-tw": false, "a-secret-of-twenty-two ": false, "": false,
	} {
		if got := s.Matches(candidate); got != want {
			t.Errorf("Matches(%q) = %t, want %t", candidate, got, want)
		}
	}
	if (Secret{}).Matches("") || New(nil).Matches("") {
		t.Error("no secret matches the empty text")
	}
}
