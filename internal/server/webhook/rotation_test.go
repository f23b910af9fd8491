package webhook

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestARotationHasNoGap(t *testing.T) {
	const next = "the-next-webhook-secret"
	for _, kind := range []Kind{GitHub, GitLab, Bitbucket, Codeup, Generic} {
		t.Run(string(kind), func(t *testing.T) {
			p := newWorld(t)
			send := func(secret string, want int) {
				t.Helper()
				body := []byte(`{}`)
				if kind == Generic {
					body = []byte(`{"repository": "git.example.com/platform/bindings", "ref": "refs/heads/x"}`)
				}
				if status, _ := p.send(string(kind), body, sign(kind, secret, body, p.clock())); status != want {
					t.Errorf("status %d, want %d\n%s", status, want, p.logged())
				}
			}
			var s *Sender
			for i := range p.settings.Senders {
				if p.settings.Senders[i].Kind == kind {
					s = &p.settings.Senders[i]
				}
			}
			send(testSecret, http.StatusOK)
			send(next, http.StatusUnauthorized)
			s.PreviousSecretFile, s.SecretFile = s.SecretFile, p.file("next", next)
			p.apply()
			send(testSecret, http.StatusOK)
			send(next, http.StatusOK)
			s.PreviousSecretFile = ""
			p.apply()
			send(testSecret, http.StatusUnauthorized)
			send(next, http.StatusOK)
		})
	}
}

// One secret that cannot be read must not cost the deliveries that another one
// proves; a delivery that it may prove is asked for again (503), not refused.
func TestASecretThatCannotBeReadCostsItsOwnDeliveriesOnly(t *testing.T) {
	const next = "the-next-webhook-secret"
	body := fixture(t, "github-push")
	for name, tt := range map[string]struct {
		current, previous func(p *world) string
		byNext, byOld     int
	}{
		"both": {file(next), file(testSecret), http.StatusAccepted, http.StatusAccepted},
		"the previous file is missing": {
			file(next), missing, http.StatusAccepted, http.StatusServiceUnavailable,
		},
		"the previous file is empty":    {file(next), file(""), http.StatusAccepted, http.StatusServiceUnavailable},
		"the previous file is a folder": {file(next), folder, http.StatusAccepted, http.StatusServiceUnavailable},
		"the previous file is too short": {
			file(next), file("short"), http.StatusAccepted, http.StatusServiceUnavailable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newWorld(t)
			p.settings.Senders[0].SecretFile, p.settings.Senders[0].PreviousSecretFile = tt.current(p), tt.previous(p)
			p.apply()
			for secret, want := range map[string]int{next: tt.byNext, testSecret: tt.byOld} {
				if status, _ := p.send("github", body, sign(GitHub, secret, body, p.clock())); status != want {
					t.Errorf("signed with %s: status %d, want %d\n%s", secret, status, want, p.logged())
				}
			}
		})
	}
	t.Run("the current file vanishes", func(t *testing.T) {
		p := newWorld(t)
		s := &p.settings.Senders[0]
		s.SecretFile, s.PreviousSecretFile = p.file("next", next), p.file("old", testSecret)
		p.apply()
		if err := os.Remove(s.SecretFile); err != nil {
			t.Fatal(err)
		}
		for secret, want := range map[string]int{next: http.StatusServiceUnavailable, testSecret: http.StatusAccepted} {
			if status, _ := p.send("github", body, sign(GitHub, secret, body, p.clock())); status != want {
				t.Errorf("signed with %s: status %d, want %d\n%s", secret, status, want, p.logged())
			}
		}
	})
}

func file(text string) func(*world) string {
	return func(p *world) string { return p.file("secret-"+text, text) }
}

func missing(p *world) string { return filepath.Join(p.t.TempDir(), "missing") }

func folder(p *world) string { return p.t.TempDir() }

func TestASecretIsReadAgainWhenItsFileChanges(t *testing.T) {
	const next = "the-next-webhook-secret"
	p := newWorld(t)
	path := p.settings.Senders[0].SecretFile
	body := fixture(t, "github-push")
	send := func(secret string, want int) {
		t.Helper()
		if status, _ := p.send("github", body, sign(GitHub, secret, body, p.clock())); status != want {
			t.Errorf("status %d, want %d\n%s", status, want, p.logged())
		}
	}
	write := func(text string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	write(testSecret, time.Hour)
	send(testSecret, http.StatusAccepted)
	send(testSecret, http.StatusAccepted) // From memory now.
	write(next, time.Minute)
	send(testSecret, http.StatusUnauthorized)
	send(next, http.StatusAccepted)
	// Two changes within one step of the file system's clock, of one length.
	write(strings.ToUpper(next), 0)
	send(strings.ToUpper(next), http.StatusAccepted)
	write(next, 0)
	send(next, http.StatusAccepted)

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	send(next, http.StatusServiceUnavailable)
	write("", 0)
	send(next, http.StatusServiceUnavailable)
	if !strings.Contains(p.logged(), "its secret cannot be read") {
		t.Errorf("nothing logged:\n%s", p.logged())
	}
	write(next, 0)
	send(next, http.StatusAccepted)
	if got := p.redactor.Redact("x " + next); strings.Contains(got, next) {
		t.Errorf("the redactor does not know the new secret: %s", got)
	}
	p.pass(2 * time.Minute)
	if got := p.redactor.Redact("x " + strings.ToUpper(next)); !strings.Contains(got, strings.ToUpper(next)) {
		t.Errorf("the redactor still knows a secret of long ago")
	}
}

func TestSettingsThatCannotBeStoodForAreRefused(t *testing.T) {
	p := newWorld(t)
	for name, s := range map[string]Sender{
		"the file is missing":          {Name: "x", Kind: GitHub, SecretFile: filepath.Join(t.TempDir(), "missing")},
		"the file is a folder":         {Name: "x", Kind: GitHub, SecretFile: t.TempDir()},
		"the file is empty":            {Name: "x", Kind: GitHub, SecretFile: p.file("empty", "")},
		"a line end alone":             {Name: "x", Kind: GitHub, SecretFile: p.file("line", "\r\n")},
		"too short":                    {Name: "x", Kind: GitHub, SecretFile: p.file("short", "fifteen-bytes!!")},
		"too long":                     {Name: "x", Kind: GitHub, SecretFile: p.file("long", strings.Repeat("x", maxSecretBytes+1))},
		"no file":                      {Name: "x", Kind: GitHub},
		"no kind":                      {Name: "x", SecretFile: p.file("s", testSecret)},
		"a signing token that is none": {Name: "x", Kind: GitLab, SecretFile: p.file("s", "whsec_notBase64!!!!!!!!!!!")},
		"a signing token too short":    {Name: "x", Kind: GitLab, SecretFile: p.file("s", "whsec_c2hvcnRzaG9ydA==")},
	} {
		bad := p.settings
		bad.Senders = append(slices.Clone(p.settings.Senders), s)
		err := p.take(bad)
		if err == nil || !strings.Contains(err.Error(), "webhook sender x") || strings.Contains(err.Error(), "notBase64") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The old settings stand.
	body := fixture(t, "github-push")
	if status, _ := p.send("github", body, sign(GitHub, testSecret, body, p.clock())); status != http.StatusAccepted {
		t.Errorf("status %d after a refused change", status)
	}
}

func TestAReloadTakesNewSendersAndDropsOldOnes(t *testing.T) {
	p := newWorld(t)
	p.settings.Senders = []Sender{{Name: "renamed", Kind: GitHub, SecretFile: p.settings.Senders[0].SecretFile}}
	p.apply()
	body := fixture(t, "github-push")
	headers := sign(GitHub, testSecret, body, p.clock())
	if status, _ := p.send("github", body, headers); status != http.StatusNotFound {
		t.Errorf("a sender that is gone gets %d", status)
	}
	if status, _ := p.send("renamed", body, headers); status != http.StatusAccepted {
		t.Errorf("a new sender gets %d", status)
	}
	if got := p.redactor.Redact("x " + testSecret); strings.Contains(got, testSecret) {
		t.Error("the redactor forgot a secret that is still in use")
	}
}
