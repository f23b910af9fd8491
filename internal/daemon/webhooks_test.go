package daemon

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"reconciler/internal/config"
	"reconciler/internal/metrics"
	"reconciler/internal/secrets"
	"reconciler/internal/server/webhook"
)

const (
	hookSecret = "canary-webhook-secret"
	noCommit   = "1481a2de7b2a7d02428ad93446ab166be7793fbb"
)

// hook makes the daemon listen for one generic sender, and look by itself once
// an hour only.
func (w *world) hook() {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "hook-secret")
	if err := os.WriteFile(path, []byte(hookSecret+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.config.Webhooks = &config.Webhooks{
		Listen: "127.0.0.1:0", Senders: []webhook.Sender{{Name: "mirror", Kind: "generic", SecretFile: path}},
	}
	w.config.Sync = config.Sync{Interval: time.Hour, DriftInterval: time.Hour}
}

// hooked is a daemon that listens for pushes, with one binding that is ready.
func hooked(t testing.TB, pauses ...time.Duration) (*world, *process) {
	t.Helper()
	w := newWorld(t)
	w.hook()
	w.pushPauses = pauses
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod)}
	w.populate(files)
	w.commit(files)
	p := w.start()
	p.ready("pay")
	return w, p
}

// buildFrom commits another Dockerfile's folder for the binding.
func (w *world) buildFrom(folder string) (revision string) {
	w.t.Helper()
	return w.commit(map[string]string{"pay.yaml": strings.Replace(gitlabAt("pay", prod), "/build/Dockerfile", "/"+folder+"/Dockerfile", 1)})
}

// hookURL is where the daemon listens for its sender.
func (p *process) hookURL() string {
	p.t.Helper()
	p.logged("msg=started")
	found := regexp.MustCompile(`webhooks=(\S+)`).FindStringSubmatch(p.log.String())
	if found == nil {
		p.t.Fatalf("the daemon does not say where it listens for webhooks:\n%s", p.log)
	}
	return "http://" + found[1] + "/hooks/mirror"
}

// push tells the daemon of a commit on main, and gives the status.
func (w *world) push(url, secret, commit string) int {
	w.t.Helper()
	body := fmt.Appendf(nil, `{"repository": %q, "ref": "refs/heads/main", "commit": %q}`, w.config.Source.Git.URL, commit)
	at := strconv.FormatInt(time.Now().Unix(), 10)
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	signature := secrets.New([]byte(secret)).MAC([]byte(at+"."), body)
	if w.traceparent != "" {
		r.Header.Set("Traceparent", w.traceparent)
	}
	r.Header.Set("X-Reconciler-Timestamp", at)
	r.Header.Set("X-Reconciler-Signature", "sha256="+hex.EncodeToString(signature))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

// run runs the daemon to its end, which is an error of its start.
func (p *process) run() error {
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	return p.daemon.Run(ctx, Reload{})
}

// sourceReads returns how often the source was read.
func (p *process) sourceReads() int {
	p.t.Helper()
	n := 0.0
	for _, result := range []string{metrics.ResultChanged, metrics.ResultUnchanged, metrics.ResultError} {
		n += max(0, p.sample(fmt.Sprintf("reconciler_source_syncs_total{result=%q}", result)))
	}
	return int(n)
}

func TestAPushIsLookedForThoughTheIntervalIsAnHour(t *testing.T) {
	t.Parallel()
	w, p := hooked(t)
	url := p.hookURL()
	for _, folder := range []string{"release", "other", "third"} {
		revision := w.buildFrom(folder)
		if status := w.push(url, hookSecret, revision); status != http.StatusAccepted {
			t.Fatalf("status %d\n%s", status, p.log)
		}
		p.at(revision)
		p.await("the push is applied", func() bool { return w.hasDockerfile(folder) })
	}
	// Without a commit's id the source is looked at all the same.
	revision := w.buildFrom("build")
	if status := w.push(url, hookSecret, ""); status != http.StatusAccepted {
		t.Fatalf("status %d\n%s", status, p.log)
	}
	p.at(revision)
	if got := p.sample(`reconciler_webhook_requests_total{result="accepted",sender="mirror"}`); got != 4 {
		t.Errorf("%v accepted requests counted, want 4", got)
	}
	if !slices.Contains(p.reasons(""), "WebhookReceived") {
		t.Errorf("no event shows the webhook: %v", p.reasons(""))
	}
}

func TestOnlyAProvenPushIsLookedFor(t *testing.T) {
	w, p := hooked(t)
	url := p.hookURL()
	before := p.sourceReads()
	if status := w.push(url, "another-webhook-secret", noCommit); status != http.StatusUnauthorized {
		t.Errorf("status %d for a wrong secret", status)
	}
	if status := w.push(url+"x", hookSecret, noCommit); status != http.StatusNotFound {
		t.Errorf("status %d for another sender", status)
	}
	// A look that was set off would come before that of the next push.
	revision := w.buildFrom("release")
	if status := w.push(url, hookSecret, revision); status != http.StatusAccepted {
		t.Errorf("status %d", status)
	}
	p.at(revision)
	if got := p.sourceReads() - before; got != 1 {
		t.Errorf("%d reads of the source, want 1", got)
	}
}

// TestAPushThatComesBeforeTheServerShowsIt: hosts report a push before every
// one of their servers has it.
func TestAPushThatComesBeforeTheServerShowsIt(t *testing.T) {
	w, p := hooked(t, slices.Repeat([]time.Duration{10 * time.Millisecond}, 100_000)...)
	if status := w.push(p.hookURL(), hookSecret, noCommit); status != http.StatusAccepted {
		t.Fatalf("status %d\n%s", status, p.log)
	}
	p.await("two reads for the push", func() bool { return strings.Count(p.log.String(), "the source does not show it yet") >= 2 })
	revision := w.buildFrom("release")
	p.at(revision)
}

func TestThePushThatNeverShowsIsGivenUp(t *testing.T) {
	w, p := hooked(t, time.Millisecond, 2*time.Millisecond, 3*time.Millisecond)
	before := p.sourceReads()
	if status := w.push(p.hookURL(), hookSecret, noCommit); status != http.StatusAccepted {
		t.Fatalf("status %d\n%s", status, p.log)
	}
	p.logged("a pushed commit is not what the source shows")
	if got := p.sourceReads() - before; got != 4 {
		t.Errorf("%d reads for a commit that is not there, want 4", got)
	}
}

func TestAStormOfPushesCostsFewLooks(t *testing.T) {
	w, p := hooked(t, time.Nanosecond)
	url, before, began := p.hookURL(), p.sourceReads(), time.Now()
	var storm sync.WaitGroup
	for i := range 30 {
		storm.Go(func() {
			if status := w.push(url, hookSecret, fmt.Sprintf("%040x", i+1)); status != http.StatusAccepted {
				t.Errorf("status %d", status)
			}
		})
	}
	storm.Wait()
	revision := w.buildFrom("release")
	if status := w.push(url, hookSecret, revision); status != http.StatusAccepted {
		t.Errorf("status %d", status)
	}
	p.at(revision)
	if got, most := p.sourceReads()-before, int(time.Since(began)/pushSpacing)+2; got > most {
		t.Errorf("%d reads of the source, want at most %d", got, most)
	}
}

func TestWebhooksHaveAPortOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	w.hook()
	w.commit(map[string]string{"pay.yaml": gitlabAt("pay", prod)})
	p := w.start()
	hooks := strings.TrimSuffix(p.hookURL(), "/hooks/mirror")
	health := "http://" + regexp.MustCompile(` listen=(\S+)`).FindStringSubmatch(p.log.String())[1]
	for url, want := range map[string]int{
		hooks + "/healthz": 404, hooks + "/readyz": 404, hooks + "/metrics": 404, hooks + "/hooks/mirror": 404, hooks + "/v1alpha1/bindings": 404,
		health + "/healthz": 200, health + "/metrics": 200, health + "/hooks/mirror": 404,
	} {
		answer, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != want {
			t.Errorf("%s: %d, want %d", url, answer.StatusCode, want)
		}
		_ = answer.Body.Close()
	}
}

// TestTheDaemonDoesNotStartWithoutAWebhooksSecret: a port that believes
// everybody, or nobody, would be found out late.
func TestTheDaemonDoesNotStartWithoutAWebhooksSecret(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"missing": os.Remove,
		"empty":   func(path string) error { return os.Truncate(path, 0) },
		"short":   func(path string) error { return os.Truncate(path, 8) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.hook()
			path := w.config.Webhooks.Senders[0].SecretFile
			if err := damage(path); err != nil {
				t.Fatal(err)
			}
			p := w.build()
			if err := p.run(); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("error = %v, want one that names %s", err, path)
			}
		})
	}
	// A plan has no port, and needs no secret of it.
	w := newWorld(t)
	w.hook()
	if err := os.Remove(w.config.Webhooks.Senders[0].SecretFile); err != nil {
		t.Fatal(err)
	}
	w.build()
}

func TestAPortInUseEndsTheStart(t *testing.T) {
	w := newWorld(t)
	w.hook()
	p := w.start()
	other := newWorld(t)
	other.hook()
	other.config.Webhooks.Listen = regexp.MustCompile(`//([^/]+)/`).FindStringSubmatch(p.hookURL())[1]
	second := other.build()
	if err := second.run(); err == nil || !strings.Contains(err.Error(), "webhooks: listen on "+other.config.Webhooks.Listen) {
		t.Errorf("error = %v", err)
	}
}

// TestTheWebhooksPortSurvivesAReload: it stays open, with the senders, secrets
// and the source of the new configuration.
func TestTheWebhooksPortSurvivesAReload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hook()
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod)}
	w.populate(files)
	w.commit(files)
	w.fromFile()
	p := w.start()
	p.ready("pay")
	mirror := p.hookURL()
	other := strings.Replace(mirror, "mirror", "other", 1)
	sent := 0 // No two deliveries are the same, or the second were ignored.
	send := func(url, secret string, want int) {
		t.Helper()
		sent++
		if status := w.push(url, secret, fmt.Sprintf("%040x", sent)); status != want {
			t.Errorf("%s: status %d, want %d\n%s", url, status, want, tail(p.log.String()))
		}
	}
	secret := filepath.Join(t.TempDir(), "other-secret")
	if err := os.WriteFile(secret, []byte("another-webhook-secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	hooks := func(change func(*config.Webhooks)) config.Config {
		c, h := w.config, *w.config.Webhooks
		h.Senders = slices.Clone(h.Senders)
		change(&h)
		c.Webhooks = &h
		return c
	}
	more := hooks(func(h *config.Webhooks) {
		h.Senders = append(h.Senders, webhook.Sender{Name: "other", Kind: "generic", SecretFile: secret})
	})

	send(other, "another-webhook-secret", http.StatusNotFound)
	w.writeConfig(more)
	p.taken(1)
	revision := w.buildFrom("release")
	if status := w.push(other, "another-webhook-secret", revision); status != http.StatusAccepted {
		t.Errorf("status %d", status)
	}
	p.at(revision)
	send(mirror, "another-webhook-secret", http.StatusUnauthorized)
	revision = w.buildFrom("third")
	if status := w.push(mirror, hookSecret, revision); status != http.StatusAccepted {
		t.Errorf("status %d", status)
	}
	p.at(revision)

	// What cannot be taken leaves everything as it was.
	for n, bad := range []func(*config.Webhooks){
		func(h *config.Webhooks) { h.Senders[0].SecretFile += "-missing" },
		func(h *config.Webhooks) { h.Listen = "127.0.0.1:1" },
		func(h *config.Webhooks) { h.CertFile, h.KeyFile = secret, secret },
	} {
		w.writeConfig(hooks(bad))
		p.refused(n + 1)
		send(other, "another-webhook-secret", http.StatusAccepted)
	}

	// A sender that is gone is not there, nor is its series; pushes to a branch
	// that is followed no more move nothing.
	next := hooks(func(h *config.Webhooks) {
		h.Senders[0].SecretFile, h.Senders[0].PreviousSecretFile = secret, h.Senders[0].SecretFile
	})
	git := *next.Source.Git
	git.Branch = "release"
	next.Source.Git = &git
	w.writeConfig(next)
	p.taken(2)
	send(other, "another-webhook-secret", http.StatusNotFound)
	send(mirror, "another-webhook-secret", http.StatusOK)
	send(mirror, hookSecret, http.StatusOK)
	if got := p.sample(`reconciler_webhook_requests_total{result="accepted",sender="other"}`); got != -1 {
		t.Errorf("a sender that is gone has a series: %v", got)
	}
	if got := p.sample(`reconciler_webhook_requests_total{result="ignored",sender="mirror"}`); got != 2 {
		t.Errorf("%v ignored requests counted, want 2", got)
	}
}

func TestExpectation(t *testing.T) {
	pauses := []time.Duration{1, 2}
	e := expectation{commit: "new"}
	type step struct {
		seen      string
		pause     time.Duration
		ok, tired bool
	}
	for i, want := range []step{
		{"old", 1, true, false}, {"old", 2, true, false}, {"old", 0, false, true}, {"old", 0, false, false},
	} {
		if pause, ok, tired := e.next(want.seen, pauses); pause != want.pause || ok != want.ok || tired != want.tired {
			t.Errorf("step %d: %v, %t, %t, want %+v", i, pause, ok, tired, want)
		}
	}
	e = expectation{commit: "new"}
	e.next("old", pauses)
	if _, ok, tired := e.next("new", pauses); ok || tired || e != (expectation{}) {
		t.Errorf("a commit that was seen is looked for: %+v", e)
	}
	if _, ok, tired := (&expectation{}).next("old", pauses); ok || tired {
		t.Error("a push without a commit is looked for again")
	}
	last := time.Duration(0)
	for _, p := range pushPauses() {
		if p <= last {
			t.Errorf("the pauses do not grow: %v", pushPauses())
		}
		last = p
	}
}
