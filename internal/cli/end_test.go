package cli

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"reconciler/internal/secrets"
)

func TestAnErrorIsToldWithoutTheSecretsThatWereRead(t *testing.T) {
	const value = "made-up-value-of-a-token"
	var out bytes.Buffer
	streams := Streams{Err: &out, redactor: secrets.NewRedactor(time.Now)}
	secret := secrets.New([]byte(value))
	streams.redactor.Register(secret)
	secret.Wipe() // What was read a moment ago is known still.
	encoded := base64.StdEncoding.EncodeToString([]byte(value))
	if code := end(streams, fmt.Errorf("registry: bind: %w", errors.New("answered "+value+" and "+encoded))); code != exitError {
		t.Errorf("got exit code %d", code)
	}
	if output := out.String(); !strings.HasPrefix(output, "reconciler: registry: bind: answered ") || strings.Contains(output, value) || strings.Contains(output, encoded) {
		t.Errorf("got %q", output)
	}
	out.Reset()
	if code := end(streams, exitCode(exitFindings)); code != exitFindings || out.Len() > 0 {
		t.Errorf("got exit code %d and %q", code, out.String())
	}
}

func TestAnErrorIsToldHarmlessForATerminal(t *testing.T) {
	var out bytes.Buffer
	foreign := errors.New("answered \x1b]0;owned\x07\u009b31m\u202e\r\nand more\x1b[2J")
	if code := end(Streams{Err: &out, redactor: secrets.NewRedactor(time.Now)}, foreign); code != exitError {
		t.Errorf("got exit code %d", code)
	}
	const want = "reconciler: answered \\u001b]0;owned\\u0007\\u009b31m\\u202e\nand more\\u001b[2J\n"
	if got := out.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
