package server

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"reconciler/internal/client"
)

// TestATokenThatReadsChangesNothing: whatever a holder of a token that may only
// read sends, nothing is done, and the answer says why.
func TestATokenThatReadsChangesNothing(t *testing.T) {
	s, _, roots := serveTLS(t, time.Now().Add(time.Hour), checkToken)
	reader := tlsClient(t, s.APIAddress(), readingToken, roots)
	if _, err := reader.Bindings(t.Context()); err != nil {
		t.Errorf("a question: %v", err)
	}
	if _, err := reader.Sync(t.Context(), client.SyncRequest{By: "Ada"}); err == nil || !strings.Contains(err.Error(), "403 Forbidden: the token dashboard may only read; use one with `right: change`") {
		t.Errorf("a sync: %v", err)
	}
	https := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "post", "GETPOST", "CONNECT"} {
		for _, path := range []string{client.SyncPath, client.SyncPath + "/", "//" + client.SyncPath[1:], client.SuspendPath, client.AttestPath, client.AcceptPath, client.BindingsPath} {
			req, err := http.NewRequestWithContext(t.Context(), method, "https://"+s.APIAddress()+path, strings.NewReader(`{"by":"Ada"}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+readingToken)
			req.Header.Set("X-HTTP-Method-Override", "POST")
			resp, err := https.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s %s: %d, want 403", method, path, resp.StatusCode)
			}
		}
	}
	for _, override := range []string{"GET", "HEAD"} {
		req, err := http.NewRequestWithContext(t.Context(), override, "https://"+s.APIAddress()+client.SyncPath, strings.NewReader(`{"by":"Ada"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+readingToken)
		req.Header.Set("X-HTTP-Method-Override", "POST")
		resp, err := https.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s of what changes something: %d, want 405", override, resp.StatusCode)
		}
	}
	if n := len(s.opts.Syncer.(*syncs).asked); n != 0 {
		t.Errorf("%d syncs were asked for", n)
	}
}

// TestTheCallerHasTheTokensName: the history says which token it was.
func TestTheCallerHasTheTokensName(t *testing.T) {
	for want, c := range map[string]Caller{
		"token ops, 10.1.2.3": {Token: true, Name: "ops", Remote: "10.1.2.3"},
		"token, 10.1.2.3":     {Token: true, Remote: "10.1.2.3"},
	} {
		if got := c.Person("Ada").Proven; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestTheRightTokenIsNeverLockedOut: whatever others do from behind the same
// proxy, a request with the right token is answered.
func TestTheRightTokenIsNeverLockedOut(t *testing.T) {
	for name, others := range map[string]func(t *testing.T, address string, client *http.Client){
		"wrong tokens": func(t *testing.T, address string, client *http.Client) {
			for i := range 3 * wrongTokens {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/", nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", fmt.Sprintf("Bearer wrong-%d", i))
				resp, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				if want := map[bool]int{true: http.StatusTooManyRequests, false: http.StatusUnauthorized}[i >= wrongTokens]; resp.StatusCode != want {
					t.Errorf("wrong token %d: %d, want %d", i, resp.StatusCode, want)
				}
			}
		},
		"connections that say nothing": func(t *testing.T, address string, _ *http.Client) { openMany(t, address, "") },
		"handshakes that never finish": func(t *testing.T, address string, _ *http.Client) { openMany(t, address, "\x16\x03\x01\x02\x00\x01") },
		"requests that wait for events": func(t *testing.T, address string, client *http.Client) {
			var begun sync.WaitGroup
			for range 300 {
				begun.Go(func() {
					conn, err := tls.Dial("tcp", address, client.Transport.(*http.Transport).TLSClientConfig)
					if err != nil {
						return // It was closed for a newer one.
					}
					t.Cleanup(func() { _ = conn.Close() })
					_, _ = io.Copy(conn, bytes.NewBufferString("POST "+syncPath+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+readingToken+"\r\nContent-Length: 10\r\n\r\n{"))
				})
			}
			begun.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, roots := serveTLS(t, time.Now().Add(time.Hour), checkToken)
			https := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
			others(t, s.APIAddress(), https)
			begin := time.Now()
			if _, err := tlsClient(t, s.APIAddress(), rightToken, roots).Bindings(t.Context()); err != nil {
				t.Errorf("after %s: %v", time.Since(begin), err)
			}
		})
	}
}

const syncPath = client.SyncPath

// openMany opens more connections than there are slots, and leaves them open.
func openMany(t *testing.T, address, begins string) {
	t.Helper()
	for range 520 {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = io.WriteString(conn, begins)
	}
}
