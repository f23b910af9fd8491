package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/client"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

// onSocket is an HTTP client of a Unix socket.
func onSocket(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
}

// posted is the answer to a request for a sync that accepts something.
func posted(t *testing.T, socket, accept string) (kind, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://daemon"+client.SyncPath, strings.NewReader(`{"by":"Ada"}`))
	if err != nil {
		t.Fatal(err)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := onSocket(socket).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusConflict {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	return resp.Header.Get("Content-Type"), string(text)
}

// refusing starts a server that refuses every sync.
func refusing(t *testing.T, err error) string {
	t.Helper()
	syncer := newSyncs()
	close(syncer.release)
	syncer.err = err
	_, socket := syncing(t, syncer, func(s *Server) {
		s.opts.Redact = func(text string) string { return strings.ReplaceAll(text, "canary", "***") }
	})
	return socket
}

func TestAnErrorIsShownInTheReadersLanguage(t *testing.T) {
	chinese, err := report.LanguageNamed("zh")
	if err != nil {
		t.Fatal(err)
	}
	foreign := &fs.PathError{Op: "open", Path: "canary", Err: fs.ErrPermission}
	for name, c := range map[string]struct {
		err             error
		english, native string
	}{
		"ours":           {message.NewError("person.long", "most", 128), "who asks is at most 128 bytes of printable characters", "请求者最多 128 字节"},
		"about another":  {message.Within("pay", message.NewError("person.who")), "pay: the name of who asks is required", "pay："},
		"several":        {errors.Join(message.NewError("person.who"), message.NewError("server.want-time")), "the name of who asks is required, want a time as in RFC 3339", "应为 RFC 3339 格式的时间"},
		"with a secret":  {message.Within("state", foreign), "state: open ***: permission denied", "state：open ***"},
		"foreign":        {foreign, "open ***: permission denied", "open ***: permission denied"},
		"foreign, ours":  {message.NewError("daemon.journal", "why", foreign), "journal: open ***: permission denied", "审计日志"},
		"with two lines": {errors.New("a\nb"), "a\nb", "a\nb"},
	} {
		t.Run(name, func(t *testing.T) {
			socket := refusing(t, c.err)
			_, err := client.New(socket).Sync(t.Context(), client.SyncRequest{By: "Ada"})
			if err == nil || err.Error() != c.english {
				t.Errorf("got %v, want %q", err, c.english)
			}
			if text := chinese.Text(message.FromError(err)); !strings.Contains(text, c.native) {
				t.Errorf("in Chinese: %q, want %q", text, c.native)
			}
		})
	}
}

// TestAnEarlierCommandLineGetsText: it sends no Accept, and prints what comes.
func TestAnEarlierCommandLineGetsText(t *testing.T) {
	socket := refusing(t, message.Within("canary", message.NewError("person.who")))
	for _, accept := range []string{"", "*/*", "text/html", "application/xml, text/plain"} {
		kind, body := posted(t, socket, accept)
		if kind != "text/plain; charset=utf-8" || body != "***: the name of who asks is required\n" {
			t.Errorf("accepting %q: %s, %q", accept, kind, body)
		}
	}
	want := `{"title":"Conflict","status":409,"detail":"***: the name of who asks is required","code":"within","args":{"what":"***","why":{"id":"person.who"}}}` + "\n"
	for _, accept := range []string{"application/json", "text/plain, application/problem+json;q=0.5"} {
		kind, body := posted(t, socket, accept)
		if kind != client.ProblemType || body != want {
			t.Errorf("accepting %q: %s, %q", accept, kind, body)
		}
	}
	if _, body := posted(t, refusing(t, errors.New("no space left")), "application/json"); body != `{"title":"Conflict","status":409,"detail":"no space left"}`+"\n" {
		t.Errorf("a foreign error: %s", body)
	}
}

// TestTheErrorOfAnotherVersionIsQuoted: an earlier daemon answers with text, and a
// later one with codes and arguments that this version does not know.
func TestTheErrorOfAnotherVersionIsQuoted(t *testing.T) {
	problem := func(p client.Problem) string {
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for name, c := range map[string]struct{ kind, body, want string }{
		"earlier":             {"text/plain; charset=utf-8", "no binding is called pay\n", "no binding is called pay"},
		"empty":               {"text/plain; charset=utf-8", "", ""},
		"JSON as text":        {"text/plain", `{"code":"person.who"}`, `{"code":"person.who"}`},
		"an unknown code":     {client.ProblemType, problem(client.Problem{Detail: "it is new", Code: "of-a-later-version"}), "it is new"},
		"an unknown argument": {client.ProblemType, problem(client.Problem{Detail: "it is new", Code: "within", Args: message.New("within", "what", "a", "why", message.New("later")).Args}), "it is new"},
		"a lost argument":     {client.ProblemType, problem(client.Problem{Detail: "it is new", Code: "person.long"}), "it is new"},
		"no code":             {client.ProblemType, problem(client.Problem{Detail: "no space left"}), "no space left"},
		"no JSON":             {client.ProblemType, `<html>`, "<html>"},
		"a code":              {client.ProblemType + "; charset=utf-8", problem(client.Problem{Detail: "x", Code: "person.who"}), "the name of who asks is required"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "srv")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			socket := filepath.Join(dir, "s.sock")
			l, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			other := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				w.WriteHeader(http.StatusConflict)
				_, _ = io.WriteString(w, c.body)
			}))
			_ = other.Listener.Close()
			other.Listener = l
			other.Start()
			defer other.Close()
			_, err = client.New(socket).Sync(t.Context(), client.SyncRequest{By: "Ada"})
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
