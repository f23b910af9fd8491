package webhook

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"reconciler/internal/message"
	"reconciler/internal/secrets"
)

// verify asks a verifier with one secret.
func verify(p verifier, secret, body string, now time.Time, headers map[string]string) (string, error) {
	h := http.Header{}
	for k, v := range headers {
		h.Set(k, v)
	}
	return p(delivery{header: h, body: []byte(body), keys: []key{{secret: secrets.New([]byte(secret))}}, now: now})
}

// TestDocumentedSignatures: the examples that the hosts print.
func TestDocumentedSignatures(t *testing.T) {
	t.Run("GitHub, Validating webhook deliveries", func(t *testing.T) {
		_, err := verify(verifyHub("X-Hub-Signature-256", ""), "It's a Secret to Everybody", "Hello, World!", time.Now(), map[string]string{
			"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("Bitbucket Cloud, Manage webhooks", func(t *testing.T) {
		_, err := verify(verifyHub("X-Hub-Signature", ""), "It's a Secret to Everybody", "Hello World!", time.Now(), map[string]string{
			"X-Hub-Signature": "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9",
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("Standard Webhooks, which GitLab's signing tokens follow", func(t *testing.T) {
		p := &world{t: t}
		f := &secretFile{kind: GitLab, path: p.file("s", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}
		k, err := f.load()
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{}
		h.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
		h.Set("webhook-timestamp", "1614265330")
		h.Set("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
		d := delivery{header: h, body: []byte(`{"test": 2432232314}`), keys: []key{k}, now: time.Unix(1614265330, 0)}
		if id, err := verifyGitLab(d); err != nil || id != "msg_p5jXN8AQM9LWM0D4loKWxJek" {
			t.Errorf("id %q, %v", id, err)
		}
	})
}

// standard are the headers of Standard Webhooks.
func standard(t *testing.T, token, id string, body []byte, now time.Time) map[string]string {
	t.Helper()
	encoded, _ := strings.CutPrefix(token, "whsec_")
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	at := strconv.FormatInt(now.Unix(), 10)
	mac := secrets.New(decoded).MAC([]byte(id+"."+at+"."), body)
	return map[string]string{
		"Webhook-Id": id, "Webhook-Timestamp": at, "Webhook-Signature": "v1," + base64.StdEncoding.EncodeToString(mac),
		"X-Gitlab-Event": "Push Hook",
	}
}

func TestGitLabsSigningToken(t *testing.T) {
	signed := func(s *Settings) {
		for i := range s.Senders {
			if s.Senders[i].Kind == GitLab {
				s.Senders[i].SecretFile = (&world{t: t}).file("signing", signingToken())
			}
		}
	}
	for _, tt := range []struct {
		name   string
		edit   func(map[string]string)
		ahead  time.Duration
		tamper bool
		want   int
		reason string
	}{
		{name: "good", edit: func(map[string]string) {}, want: 202},
		{name: "besides the secret token", edit: func(m map[string]string) { m["X-Gitlab-Token"] = testSecret }, want: 202},
		{name: "several signatures", edit: func(m map[string]string) {
			m["Webhook-Signature"] = "v1a,xyz v1," + base64.StdEncoding.EncodeToString(make([]byte, 32)) + " " + m["Webhook-Signature"]
		}, want: 202},
		{name: "clocks apart", edit: func(map[string]string) {}, ahead: window, want: 202},
		{name: "old", edit: func(map[string]string) {}, ahead: window + time.Second, want: 401, reason: "more than 5 minutes"},
		{name: "tampered", edit: func(map[string]string) {}, tamper: true, want: 401, reason: "wrong"},
		{name: "another id", edit: func(m map[string]string) { m["Webhook-Id"] = "msg_2" }, want: 401, reason: "wrong"},
		{name: "another time", edit: func(m map[string]string) { m["Webhook-Timestamp"] = "1764097201" }, want: 401, reason: "wrong"},
		{name: "no id", edit: func(m map[string]string) { delete(m, "Webhook-Id") }, want: 401, reason: "missing"},
		{name: "no time", edit: func(m map[string]string) { delete(m, "Webhook-Timestamp") }, want: 401, reason: "time is missing"},
		{name: "no version", edit: func(m map[string]string) { m["Webhook-Signature"] = m["Webhook-Signature"][3:] }, want: 401, reason: "malformed"},
		{name: "too many signatures", edit: func(m map[string]string) {
			m["Webhook-Signature"] = strings.Repeat(m["Webhook-Signature"]+" ", maxSignatures+1)
		}, want: 401, reason: "malformed"},
		{name: "the token sent as it is", edit: func(m map[string]string) {
			clear(m)
			m["X-Gitlab-Token"] = signingToken()
		}, want: 401, reason: "missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newWorld(t, signed)
			body := fixture(t, "gitlab-push")
			headers := standard(t, signingToken(), "msg_1", body, p.clock())
			tt.edit(headers)
			if tt.tamper {
				body = append(body, ' ')
			}
			p.pass(tt.ahead)
			if status, _ := p.send("gitlab", body, headers); status != tt.want || !strings.Contains(p.logged(), tt.reason) {
				t.Errorf("status %d, want %d\n%s", status, tt.want, p.logged())
			}
			if tt.want == http.StatusAccepted {
				if status, _ := p.send("gitlab", body, headers); status != http.StatusOK {
					t.Errorf("the same again gets %d", status)
				}
			}
		})
	}
}

// TestTheWayToASigningToken: with the secret token as the previous secret both
// are taken, and where a signature is sent it has to be right.
func TestTheWayToASigningToken(t *testing.T) {
	p := newWorld(t)
	for i := range p.settings.Senders {
		if s := &p.settings.Senders[i]; s.Kind == GitLab {
			s.PreviousSecretFile, s.SecretFile = s.SecretFile, p.file("signing", signingToken())
		}
	}
	p.apply()
	body := fixture(t, "gitlab-push")
	good := standard(t, signingToken(), "msg_1", body, p.clock())
	if status, _ := p.send("gitlab", body, good); status != http.StatusAccepted {
		t.Errorf("signed: %d", status)
	}
	if status, _ := p.send("gitlab", body, map[string]string{"X-Gitlab-Token": testSecret}); status != http.StatusAccepted {
		t.Errorf("by the secret token: %d", status)
	}
	good["X-Gitlab-Token"], good["Webhook-Id"] = testSecret, "msg_2"
	if status, _ := p.send("gitlab", body, good); status != http.StatusUnauthorized {
		t.Errorf("a wrong signature beside the right secret token: %d", status)
	}
}

func FuzzParseHexSignature(f *testing.F) {
	f.Add("sha256=" + strings.Repeat("0a", 32))
	f.Add("sha256=")
	f.Add("sha1=aa")
	f.Fuzz(func(t *testing.T, text string) {
		signature, err := parseHexSignature(text)
		if err == nil && !strings.EqualFold(text, "sha256="+hex.EncodeToString(signature)) {
			t.Errorf("%q is read as %x", text, signature)
		}
	})
}

func FuzzParseStandardSignatures(f *testing.F) {
	f.Add("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	f.Add("v1,, v2,x v1a,y")
	f.Fuzz(func(t *testing.T, text string) {
		signatures, err := parseStandardSignatures(text)
		if (err == nil) != (len(signatures) > 0) || len(signatures) > maxSignatures {
			t.Errorf("%q: %d signatures, %v", text, len(signatures), err)
		}
		for _, s := range signatures {
			if len(s) != 32 {
				t.Errorf("%q: a signature of %d bytes", text, len(s))
			}
		}
	})
}

func FuzzInWindow(f *testing.F) {
	f.Add("1764097200")
	f.Add("-9223372036854775808")
	f.Fuzz(func(t *testing.T, text string) {
		now := time.Unix(1764097200, 0)
		if inWindow(text, now) != nil {
			return
		}
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > window {
			t.Errorf("%q is within the window", text)
		}
	})
}

// FuzzParse holds for every kind that no body and no event header crash it,
// and that what it gives can be compared.
func FuzzParse(f *testing.F) {
	for _, name := range []string{
		"github-push", "github-tag", "github-deleted", "github-ping", "gitlab-push", "gitlab-system", "gitlab-tag", "gitlab-deleted", "gitlab-note",
		"bitbucket-push", "bitbucket-tag", "bitbucket-deleted", "codeup-push", "codeup-tag", "codeup-test", "codeup-merge", "generic",
	} {
		f.Add(fixture(f, name), "push")
	}
	f.Add([]byte(`{"push":{"changes":[{"new":{"target":null}}]},"repository":{"links":{"html":null}}}`), "repo:push")
	to, err := newTarget(Source{URL: atExample, Ref: branch}, map[string]string{"a": "b"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte, name string) {
		h := http.Header{"X-Github-Event": {name}, "X-Event-Key": {name}, "Codeup-Event": {name}}
		for kind, parse := range map[string]func(http.Header, []byte) (event, error){
			"github": parseGitHub, "gitlab": parseGitLab, "bitbucket": parseBitbucket, "codeup": parseCodeup, "generic": parseGeneric,
		} {
			e, err := parse(h, body)
			if err != nil {
				if len(err.Error()) > 200 {
					t.Errorf("%s: an error of %d bytes", kind, len(err.Error()))
				}
				continue
			}
			v := to.match(e)
			if v.ours && v.reason.IsZero() && v.commit != commitID(v.commit) {
				t.Errorf("%s: %q is taken for a commit", kind, v.commit)
			}
			if n := len(message.English(v.reason)); n > 3*maxWord {
				t.Errorf("%s: a reason of %d bytes", kind, n)
			}
		}
	})
}
