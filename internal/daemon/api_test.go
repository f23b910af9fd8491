package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reconciler/internal/config"
	"reconciler/internal/secrets"
)

func TestTheAPIsTokenIsReadAnewForEveryQuestion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	redactor := secrets.NewRedactor(time.Now)
	f := &tokenFile{path: path, redactor: redactor}
	const first, second = "the-first-token-of-the-api", "the-second-token-of-the-api"
	for _, tt := range []struct {
		name, content, candidate string
		right                    bool
		want                     string
	}{
		{"no file", "", first, false, "no such file"},
		{"too short", "short\n", "short", false, "holds fewer than 20 bytes"},
		{"right", first + "\n", first, true, ""},
		{"a part", first + "\n", first[:20], false, ""},
		{"nothing", first + "\n", "", false, ""},
		{"the old one, after a new one", second + "\r\n", first, false, ""},
		{"the new one", second + "\r\n", second, true, ""},
		{"too large", strings.Repeat("x", maxAPIToken+1), "x", false, "larger than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.content != "" {
				if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			right, err := f.is(tt.candidate)
			if right != tt.right || (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v, want %v, %q", right, err, tt.right, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), strings.TrimSpace(tt.content)) && tt.content != "" {
				t.Errorf("the error holds what the file holds: %v", err)
			}
		})
	}
	if text := redactor.Redact("it is " + second); strings.Contains(text, second) {
		t.Errorf("the token is not redacted: %s", text)
	}
}

func TestTheSocketsGroupHasToBeThere(t *testing.T) {
	none := config.Server{SocketGroup: "no-such-group-anywhere"}
	if g, err := socketGroup(none); err == nil || !strings.Contains(err.Error(), "server.socketGroup: ") || g != nil {
		t.Errorf("got %v, %v", g, err)
	}
	if g, err := socketGroup(config.Server{}); err != nil || g != nil {
		t.Errorf("without a group: %v, %v", g, err)
	}
}
