package providers_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"reconciler/internal/providers"
	"reconciler/internal/secrets"
)

// counted counts what a server reads.
type counted struct {
	net.Listener
	read *atomic.Int64
}

func (c counted) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	return countedConn{conn, c.read}, err
}

type countedConn struct {
	net.Conn
	read *atomic.Int64
}

func (c countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// TestATokenIsNotKeptByTheConnection: with HTTP/2 a connection that stays open
// would remember a header to send it as a number the next time. A token that
// is sent whole each time is not remembered.
func TestATokenIsNotKeptByTheConnection(t *testing.T) {
	var read, second atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("spoken: %s, want HTTP/2", r.Proto)
		}
		ok(w, r)
	}))
	server.Listener = counted{server.Listener, &read}
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	client := providers.NewHTTPClient(providers.Options{
		AllowPrivate: true, RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
	})
	// Below the 4 KiB that a connection has for remembering.
	token := strings.Repeat("aZ9~", 500)
	for range 2 {
		second.Store(read.Load())
		if status, err := get(t.Context(), client, server.URL, token); status != http.StatusOK || err != nil {
			t.Fatalf("%d, %v", status, err)
		}
	}
	if n := read.Load() - second.Load(); n < int64(len(token)) {
		t.Errorf("the second request took %d bytes, so the connection remembers the token", n)
	}
}

func TestAnAnswersHeaderIsBounded(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 1<<17))
		ok(w, r)
	}))
	defer server.Close()
	_, err := get(t.Context(), providers.NewHTTPClient(providers.Options{AllowPrivate: true}), server.URL, "t")
	if err == nil {
		t.Fatal("a header of 128 KiB was read")
	}
	if reason, _ := providers.OfError("h", err); reason != providers.ReasonUnreachable {
		t.Errorf("reason %s", reason)
	}
}

func TestRedactKnowsATokenWithAndWithoutItsUser(t *testing.T) {
	for token, text := range map[string]string{
		"glpat-abc":             "user glpat-abc is blocked",
		"me@example.com:hidden": "user me@example.com:hidden, or hidden, is blocked",
	} {
		got := providers.Redact(text, secrets.New([]byte(token)))
		if _, bare, _ := strings.Cut(token, ":"); strings.Contains(got, token) || bare != "" && strings.Contains(got, bare) {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
	if got := providers.Redact("nothing", secrets.Secret{}); got != "nothing" {
		t.Errorf("without a token: %q", got)
	}
}

// TestNothingOfTheClientShowsAToken prints what a dump of the client would
// show after a call, and the error of a call that failed.
func TestNothingOfTheClientShowsAToken(t *testing.T) {
	const token = "canary-91f2c7"
	server := httptest.NewServer(http.HandlerFunc(ok))
	client := providers.NewHTTPClient(providers.Options{AllowPrivate: true})
	if _, err := get(t.Context(), client, server.URL, token); err != nil {
		t.Fatal(err)
	}
	server.Close()
	_, err := get(t.Context(), client, server.URL, token)
	if err == nil {
		t.Fatal("a closed server answered")
	}
	for _, shown := range []string{
		fmt.Sprintf("%+v %#v", client.Transport, client.Transport), fmt.Sprintf("%v %+v %#v", err, err, err),
	} {
		if strings.Contains(shown, token) {
			t.Errorf("the token is in %s", shown)
		}
	}
}
