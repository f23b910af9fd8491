package daemon

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/metrics"
	"reconciler/internal/notify"
	"reconciler/internal/notify/sender"
	"reconciler/internal/report"
)

// inbox is a receiver of generic webhooks.
type inbox struct {
	*httptest.Server
	mu    sync.Mutex
	down  bool
	items []notify.Item
}

const receiverSecret = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5"

// receive configures an inbox as the receiver ops.
func (w *world) receive() *inbox {
	w.t.Helper()
	in := &inbox{}
	in.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		in.mu.Lock()
		defer in.mu.Unlock()
		if in.down {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var p sender.Payload
		body, err := io.ReadAll(r.Body)
		if err = errors.Join(err, json.Unmarshal(body, &p)); err != nil {
			w.t.Error(err)
		}
		in.items = append(in.items, p.Data.Items...)
	}))
	w.t.Cleanup(in.Close)
	file := func(name, content string) *config.NotifySecret {
		path := filepath.Join(w.t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			w.t.Fatal(err)
		}
		return &config.NotifySecret{ValueFile: path}
	}
	w.config.Notify = &config.Notify{Hold: time.Millisecond, DownFor: time.Millisecond, Receivers: []config.NotifyReceiver{{
		Name: "ops", Type: "webhook", Language: "en", URL: file("url", in.URL+"/canary-of-the-url"), Secret: file("secret", receiverSecret), AllowPrivateAddresses: true,
	}}}
	return in
}

// got says whether an item of that kind and phase arrived about something.
func (in *inbox) got(kind notify.Kind, phase notify.Phase, about string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.ContainsFunc(in.items, func(i notify.Item) bool {
		return i.Kind == kind && i.Phase == phase && (i.Binding == about || i.File == about || i.Of == about)
	})
}

func (in *inbox) setDown(down bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.down = down
}

// TestMessagesArriveOfWhatADaemonSees, each once, also over a restart.
func TestMessagesArriveOfWhatADaemonSees(t *testing.T) {
	w := newWorld(t)
	in := w.receive()
	files := twoBindings()
	files["gh.yaml"] = oauthAt("gh", edge, "github")
	w.populate(files)
	w.commit(files)
	p := w.start()
	p.ready("pay", "plat")
	arrives := func(kind notify.Kind, phase notify.Phase, about string) {
		t.Helper()
		p.await(string(kind)+" "+string(phase)+" "+about, func() bool { return in.got(kind, phase, about) })
	}
	arrives(notify.Step, notify.Began, "gh")
	w.outside.Hosts.RevokeToken("gitlab", "canary-gitlab-pay-bot-1")
	arrives(notify.Condition, notify.Began, "pay")
	w.gitDown.Store(true)
	arrives(notify.Outage, notify.Began, "source")
	p.end()
	w.gitDown.Store(false)
	p = w.start()
	arrives(notify.Outage, notify.Over, "source")
	files["gh.yaml"] = "kind: ["
	w.commit(files)
	arrives(notify.BrokenFile, notify.Began, "gh.yaml")
	files["gh.yaml"] = oauthAt("gh", edge, "github")
	w.commit(files)
	arrives(notify.BrokenFile, notify.Over, "gh.yaml")
	in.mu.Lock()
	defer in.mu.Unlock()
	counts := map[string]int{}
	for _, i := range in.items {
		if i.Kind == notify.Step || i.Kind == notify.BrokenFile {
			counts[string(i.Phase)+i.Key()]++
		}
	}
	for event, n := range counts {
		if n != 1 {
			t.Errorf("%q arrived %d times", event, n)
		}
	}
}

// TestAReceiverThatIsDownIsShown in get and metrics, until it has everything.
func TestAReceiverThatIsDownIsShown(t *testing.T) {
	w := newWorld(t)
	in := w.receive()
	in.setDown(true)
	files := twoBindings()
	files["gh.yaml"] = oauthAt("gh", edge, "github")
	w.populate(files)
	w.commit(files)
	p := w.start()
	part := func() *report.UnansweredPart {
		for _, u := range p.daemon.Problems().Unanswered {
			if u.Part == binding.PartReceiver && u.Name == "ops" {
				return &u
			}
		}
		return nil
	}
	p.await("the receiver as a part that is down", func() bool { return part() != nil })
	if m := part().Message; !strings.Contains(m, "not delivered") || !strings.Contains(m, "HTTP503") || strings.Contains(m, "canary") {
		t.Errorf("it shows %q", m)
	}
	if up := p.daemon.parts.up(); up[metrics.Part{Part: "receiver", Name: "ops"}] {
		t.Error("the metric says that it is up")
	}
	in.setDown(false)
	p.daemon.useReceivers(p.daemon.currentRunner()) // As after a change of the configuration: it is tried at once.
	p.await("the step", func() bool { return in.got(notify.Step, notify.Began, "gh") })
	p.await("the receiver to be up", func() bool { return part() == nil })
}
