package daemon

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"reconciler/internal/config"
	"reconciler/internal/secrets"
	"reconciler/internal/server"
)

func TestTheAPIsTokensAreReadAnewForEveryRequest(t *testing.T) {
	dir := t.TempDir()
	redactor := secrets.NewRedactor(time.Now)
	tokens := &apiTokens{redactor: redactor}
	in := func(name string) string { return filepath.Join(dir, name) }
	c := &config.API{TokenFile: in("old"), Tokens: []config.APIToken{
		{Name: "dashboard", Right: "read", TokenFile: in("dashboard"), PreviousTokenFile: in("dashboard.previous")},
		{Name: "ops", Right: "change", TokenFile: in("ops")},
	}}
	const old, dashboard, rotated, ops = "the-token-without-a-name", "the-token-of-a-dashboard", "the-next-token-of-a-dashboard", "the-token-of-the-operators"
	all := map[string]string{"old": old + "\n", "dashboard": dashboard + "\r\n", "ops": ops}
	for _, tt := range []struct {
		name      string
		files     map[string]string
		gone      string
		candidate string
		right     *server.Token
		want      string
	}{
		{name: "no file", candidate: old, want: "server.api.tokenFile: open .*no such file"},
		{name: "the one without a name", files: all, candidate: old, right: &server.Token{}},
		{name: "one that reads", candidate: dashboard, right: &server.Token{Name: "dashboard", ReadOnly: true}},
		{name: "one that changes", candidate: ops, right: &server.Token{Name: "ops"}},
		{name: "a part", candidate: ops[:20]},
		{name: "nothing"},
		{name: "two joined", candidate: old + "\n" + ops},
		{name: "the new one of a rotation", files: map[string]string{"dashboard.previous": dashboard, "dashboard": rotated}, candidate: rotated, right: &server.Token{Name: "dashboard", ReadOnly: true}},
		{name: "the previous one", candidate: dashboard, right: &server.Token{Name: "dashboard", ReadOnly: true}},
		{name: "the previous one, once it is removed", gone: "dashboard.previous", candidate: dashboard},
		{name: "one that became too short", files: map[string]string{"ops": "short\n"}, candidate: "short", want: `tokens\[1\]\.tokenFile: .*ops: holds fewer than 20 bytes`},
		{name: "another one meanwhile", candidate: rotated, right: &server.Token{Name: "dashboard", ReadOnly: true}},
		{name: "one value for two", files: map[string]string{"ops": rotated}, candidate: rotated, right: &server.Token{Name: "dashboard", ReadOnly: true}},
		{name: "one too large", files: map[string]string{"ops": strings.Repeat("x", 5000)}, candidate: "x", want: "larger than"},
	} {
		for name, text := range tt.files {
			if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if tt.gone != "" {
			if err := os.Remove(in(tt.gone)); err != nil {
				t.Fatal(err)
			}
		}
		right, err := tokens.find(c, tt.candidate)
		if !reflect.DeepEqual(right, tt.right) || (err != nil) != (tt.want != "") || err != nil && !regexp.MustCompile(tt.want).MatchString(err.Error()) {
			t.Errorf("%s: got %+v, %v, want %+v, %q", tt.name, right, err, tt.right, tt.want)
		}
	}
	if text := redactor.Redact("it is " + rotated); strings.Contains(text, rotated) {
		t.Errorf("the token is not redacted: %s", text)
	}
}

// TestOneTokenHasOneName: a daemon does not start with one value for two tokens,
// for the history could not say whose it was.
func TestOneTokenHasOneName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("the-token-of-the-operators"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &config.API{Tokens: []config.APIToken{{Name: "a", Right: "read", TokenFile: path}, {Name: "b", Right: "change", TokenFile: path}}}
	if err := c.CheckTokens(); err == nil || !strings.Contains(err.Error(), "server.api.tokens[1]: holds the same token as server.api.tokens[0]") {
		t.Errorf("got %v", err)
	}
	c.Tokens = c.Tokens[:1]
	c.Tokens[0].PreviousTokenFile = path
	if err := c.CheckTokens(); err != nil {
		t.Errorf("the previous token is the present one: %v", err)
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
