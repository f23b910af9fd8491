package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	_ "reconciler/internal/report" // The texts of errors.
)

// openMany opens n connections to address, and has each send what it begins with.
func openMany(t *testing.T, address string, n int, begins string) {
	t.Helper()
	for range n {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		// It may be closed already.
		_, _ = io.WriteString(conn, begins)
	}
}

// TestOneAddressDoesNotStarveThePort: whatever 520 connections of one address
// do, a delivery from the same address arrives.
func TestOneAddressDoesNotStarveThePort(t *testing.T) {
	for name, begins := range map[string]string{
		"silent":         "",
		"slow headers":   "POST /hooks/github HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"slow bodies":    "POST /hooks/github HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256=" + strings.Repeat("0", 64) + "\r\nContent-Length: 1000000\r\n\r\n{",
		"idle after 404": "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			p := newWorld(t)
			s := p.serve(func(o *ListenOptions) { o.arrival = time.Minute })
			openMany(t, s.Address(), 520, begins)
			delivers(t, p, "http://"+s.Address(), http.DefaultClient)
		})
	}
	t.Run("handshakes that never finish", func(t *testing.T) {
		p := newWorld(t)
		certFile, keyFile := pair(t, t.TempDir(), "here")
		s := p.serve(func(o *ListenOptions) { o.arrival, o.CertFile, o.KeyFile = time.Minute, certFile, keyFile })
		openMany(t, s.Address(), 520, "\x16\x03\x01\x02\x00\x01")
		delivers(t, p, "https://"+s.Address(), &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}})
	})
}

// delivers sends one good delivery, which has to be accepted soon.
func delivers(t *testing.T, p *world, base string, client *http.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	body := fixture(t, "github-push")
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/hooks/github", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for h, v := range sign(GitHub, testSecret, body, p.clock()) {
		r.Header.Set(h, v)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		t.Errorf("status %d", answer.StatusCode)
	}
}

// TestWhatIsProvenIsNotHeldUp: a flood of requests that prove nothing does not
// keep a delivery out that does, from behind the same proxy or from elsewhere.
func TestWhatIsProvenIsNotHeldUp(t *testing.T) {
	body := fixture(t, "github-push")
	forged := map[string]string{"X-Hub-Signature-256": "sha256=" + strings.Repeat("0", 64)}
	from := func(p *world, address, method, path string, headers map[string]string) int {
		r := httptest.NewRequest(method, path, bytes.NewReader(body))
		r.RemoteAddr = address
		for h, v := range headers {
			r.Header.Set(h, v)
		}
		w := httptest.NewRecorder()
		p.handler.ServeHTTP(w, r)
		return w.Code
	}
	for name, flood := range map[string]func(p *world, i int) int{
		"no signature":     func(p *world, _ int) int { return from(p, "192.0.2.1:1", "POST", "/hooks/github", nil) },
		"wrong signatures": func(p *world, _ int) int { return from(p, "192.0.2.1:1", "POST", "/hooks/github", forged) },
		"unknown paths":    func(p *world, _ int) int { return from(p, "192.0.2.1:1", "GET", "/wp-login.php", nil) },
		"unknown senders":  func(p *world, i int) int { return from(p, "192.0.2.1:1", "POST", fmt.Sprintf("/hooks/%d", i), forged) },
		"wrong signatures from all sides": func(p *world, i int) int {
			return from(p, fmt.Sprintf("[2001:db8:%x::1]:1", i), "POST", "/hooks/github", forged)
		},
		"to another sender": func(p *world, _ int) int {
			return from(p, "192.0.2.1:1", "POST", "/hooks/gitlab", map[string]string{"X-Gitlab-Token": "x"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, limited := newWorld(t), 0
			for i := range 2000 {
				if flood(p, i) == http.StatusTooManyRequests {
					limited++
				}
			}
			if limited < 1000 {
				t.Errorf("%d of 2000 are turned away", limited)
			}
			if got := from(p, "192.0.2.1:9", "POST", "/hooks/github", sign(GitHub, testSecret, body, p.clock())); got != http.StatusAccepted {
				t.Errorf("a delivery from the same address: %d", got)
			}
			if n := strings.Count(p.logged(), "\n"); n > 30 {
				t.Errorf("%d lines about requests that prove nothing", n)
			}
		})
	}
}

// stuck is a body that does not come.
type stuck struct{ until chan struct{} }

func (s stuck) Read([]byte) (int, error) { <-s.until; return 0, io.ErrUnexpectedEOF }

// TestSlowBodiesLeaveRoom: bodies that do not come, from many addresses, keep
// none out that does.
func TestSlowBodiesLeaveRoom(t *testing.T) {
	p := newWorld(t)
	until := make(chan struct{})
	defer close(until)
	for i := range 1000 {
		r := httptest.NewRequest(http.MethodPost, "/hooks/github", stuck{until})
		r.RemoteAddr = fmt.Sprintf("[2001:db8:%x::1]:1", i/4)
		r.Header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64))
		go p.handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	for p.handler.bodies.Taken() < slots {
		time.Sleep(time.Millisecond)
	}
	body := fixture(t, "github-push")
	if status, _ := p.send("github", body, sign(GitHub, testSecret, body, p.clock())); status != http.StatusAccepted {
		t.Errorf("status %d", status)
	}
	if n := p.handler.bodies.Taken(); n > slots {
		t.Errorf("%d bodies at once", n)
	}
}
