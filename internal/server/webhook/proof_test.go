package webhook

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestWhatIsNotProvenIsRefused(t *testing.T) {
	set := func(h, v string) func(map[string]string) { return func(m map[string]string) { m[h] = v } }
	drop := func(h string) func(map[string]string) { return func(m map[string]string) { delete(m, h) } }
	attempts := []attempt{
		{name: "sha1 in the place of sha256", kind: GitHub, headers: set("X-Hub-Signature-256", "sha1="+strings.Repeat("a", 40)), reason: "malformed"},
		{name: "short", kind: GitHub, headers: set("X-Hub-Signature-256", "sha256=aa"), reason: "malformed"},
		{name: "no hex", kind: Bitbucket, headers: set("X-Hub-Signature", "sha256="+strings.Repeat("z", 64)), reason: "malformed"},
		{name: "no prefix", kind: Generic, headers: set("X-Reconciler-Signature", strings.Repeat("a", 64)), reason: "malformed"},
		{name: "no time", kind: Generic, headers: drop("X-Reconciler-Timestamp"), reason: "time is missing"},
		{name: "another time", kind: Generic, headers: set("X-Reconciler-Timestamp", "1764097201"), reason: "wrong"},
		{name: "old", kind: Generic, ahead: window + time.Second, reason: "more than 5 minutes"},
		{name: "from the future", kind: Generic, ahead: -window - time.Second, reason: "more than 5 minutes"},
		{name: "Bitbucket's header at GitHub", kind: GitHub, headers: func(m map[string]string) {
			m["X-Hub-Signature"] = m["X-Hub-Signature-256"]
			delete(m, "X-Hub-Signature-256")
		}, reason: "missing"},
	}
	for _, kind := range []Kind{GitHub, GitLab, Bitbucket, Codeup, Generic} {
		attempts = append(attempts,
			attempt{name: "wrong secret", kind: kind, secret: "another-secret-of-22-bytes", reason: "wrong"},
			attempt{name: "almost the secret", kind: kind, secret: testSecret + "x", reason: "wrong"},
			attempt{name: "no header", kind: kind, headers: func(m map[string]string) { clear(m) }, reason: "missing"},
			attempt{name: "empty header", kind: kind, headers: func(m map[string]string) {
				for h := range m {
					m[h] = ""
				}
			}, reason: "missing"},
		)
		if kind != GitLab && kind != Codeup {
			attempts = append(attempts, attempt{name: "tampered body", kind: kind, tamper: true, reason: "wrong"})
		}
	}
	for _, a := range attempts {
		t.Run(string(a.kind)+" "+a.name, func(t *testing.T) {
			p := newWorld(t)
			body := []byte(`{"repository": "https://git.example.com/platform/bindings", "ref": "refs/heads/main"}`)
			secret := testSecret
			if a.secret != "" {
				secret = a.secret
			}
			headers := sign(a.kind, secret, body, p.clock())
			if a.headers != nil {
				a.headers(headers)
			}
			if a.tamper {
				body = bytes.Replace(body, []byte("main"), []byte("evil"), 1)
			}
			p.pass(a.ahead)
			status, text := p.send(string(a.kind), body, headers)
			if status != http.StatusUnauthorized || text != "" || p.last() != string(a.kind)+" unauthorized" || len(p.received()) > 0 {
				t.Errorf("status %d, answer %q, counted %q, pushes %v", status, text, p.last(), p.received())
			}
			if log := p.logged(); !strings.Contains(log, a.reason) || strings.Contains(log, secret) {
				t.Errorf("the log has no %q, or it has the secret:\n%s", a.reason, log)
			}
		})
	}
}

func TestADoubledHeaderIsRefused(t *testing.T) {
	for kind, header := range map[Kind]string{
		GitHub: "X-Hub-Signature-256", Bitbucket: "X-Hub-Signature", GitLab: "X-Gitlab-Token", Codeup: "X-Codeup-Token",
		Generic: "X-Reconciler-Signature",
	} {
		p := newWorld(t)
		body := fixture(t, "generic")
		r := httptest.NewRequest(http.MethodPost, "/hooks/"+string(kind), bytes.NewReader(body))
		for h, v := range sign(kind, testSecret, body, p.clock()) {
			r.Header.Set(h, v)
		}
		r.Header.Add(header, r.Header.Get(header))
		w := httptest.NewRecorder()
		p.handler.ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%s: status %d", kind, w.Code)
		}
	}
}

func TestTheSmallestBodyIsNotReadBeforeItIsProven(t *testing.T) {
	p := newWorld(t)
	for _, kind := range []Kind{GitHub, GitLab, Bitbucket, Codeup, Generic} {
		if status, _ := p.send(string(kind), []byte("{"), nil); status != http.StatusUnauthorized {
			t.Errorf("%s: garbage without a proof gets %d, want 401: it was parsed first", kind, status)
		}
	}
}

func TestABodyThatIsNoDeliveryIsRejected(t *testing.T) {
	deep := `{"repository":` + strings.Repeat(`{"a":`, 200_000)
	for name, body := range map[string]string{
		"no JSON": "payload=%7B%7D", "half": `{"ref": "refs/heads`, "deep": deep, "array": "[]", "number": "7", "text": `"x"`, "types": `{"ref": 7, "object_kind": "push", "push": 7}`,
		"empty": "", "trailing": `{} {}`,
	} {
		for _, kind := range []Kind{GitHub, GitLab, Bitbucket, Codeup, Generic} {
			p := newWorld(t)
			status, text := p.send(string(kind), []byte(body), sign(kind, testSecret, []byte(body), p.clock()))
			if status != http.StatusBadRequest || text != "" || p.last() != string(kind)+" rejected" {
				t.Errorf("%s from %s: status %d, answer %q, counted %q", name, kind, status, text, p.last())
			}
			if strings.Contains(p.logged(), "refs/heads") {
				t.Errorf("the log repeats the body:\n%s", p.logged())
			}
		}
	}
}

// TestFieldsThatAreNotThere: foreign payloads with missing or null parts have
// crashed servers.
func TestFieldsThatAreNotThere(t *testing.T) {
	for _, body := range []string{
		`{}`, `null`, `{"repository": null}`, `{"push": null, "repository": {}}`, `{"push": {"changes": null}}`, `{"push": {"changes": [null]}}`,
		`{"push": {"changes": [{"new": null, "old": null}]}, "repository": {"links": null}}`,
		`{"push": {"changes": [{"new": {"target": null}}]}, "repository": {"links": {"html": null}}}`,
		`{"object_kind": "push"}`, `{"object_kind": "push", "project": null, "repository": null}`, `{"object_kind": "push", "repository": {}}`,
	} {
		for _, kind := range []Kind{GitHub, GitLab, Bitbucket, Codeup, Generic} {
			p := newWorld(t)
			status, _ := p.send(string(kind), []byte(body), sign(kind, testSecret, []byte(body), p.clock()))
			want := http.StatusOK
			if kind == Generic {
				want = http.StatusBadRequest // Its two fields are the format.
			}
			if status != want || len(p.received()) > 0 {
				t.Errorf("%s from %s: status %d, want %d; pushes %v\n%s", body, kind, status, want, p.received(), p.logged())
			}
		}
	}
}

func TestALargeBodyIsRefused(t *testing.T) {
	p := newWorld(t)
	body := bytes.Repeat([]byte(" "), maxBodyBytes+1)
	status, _ := p.send("github", body, sign(GitHub, testSecret, body, p.clock()))
	if status != http.StatusRequestEntityTooLarge || p.last() != "github rejected" || !strings.Contains(p.logged(), "larger than 1048576 bytes") {
		t.Errorf("status %d, counted %q\n%s", status, p.last(), p.logged())
	}
	push := fixture(t, "github-push")
	body = append(push, bytes.Repeat([]byte(" "), maxBodyBytes-len(push))...)
	if status, _ := p.send("github", body, sign(GitHub, testSecret, body, p.clock())); status != http.StatusAccepted {
		t.Errorf("a body of exactly the limit gets %d", status)
	}
}
