package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/notify"
)

// memory is a store that a crash cuts off.
type memory struct {
	mu   sync.Mutex
	rows map[string]json.RawMessage
}

func (m *memory) Notices(context.Context) ([]json.RawMessage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.rows)), nil
}

// crashingStore is the store of one process.
type crashingStore struct {
	*memory
	dead bool
}

func (m *crashingStore) PutNotices(_ context.Context, rows map[string]json.RawMessage) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errors.New("the process is gone")
	}
	for key, row := range rows {
		if m.rows[key] = row; row == nil {
			delete(m.rows, key)
		}
	}
	return nil
}

// mailbox is a receiver that fails at random, also after it took a text.
type mailbox struct {
	random *rand.Rand
	mu     sync.Mutex
	broken bool
	// texts are what arrived, by id: a second one of an id is the same text.
	texts map[string]notify.Text
	again int
}

func (b *mailbox) Send(ctx context.Context, t notify.Text) (notify.Retry, error) {
	b.mu.Lock()
	lot, takes := b.random.IntN(10), time.Duration(b.random.IntN(40))*time.Second
	b.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		if lot < 5 {
			return notify.Retry{Again: true}, ctx.Err()
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if lot < 4 || b.broken {
		return notify.Retry{Again: lot > 0, After: time.Duration(lot) * time.Minute}, errors.New("down")
	}
	if _, twice := b.texts[t.ID]; twice {
		b.again++
	}
	b.texts[t.ID] = t
	if lot < 6 {
		return notify.Retry{Again: true}, errors.New("the answer is lost")
	}
	return notify.Retry{}, nil
}

// arrived counts what arrived, by event.
func (b *mailbox) arrived() map[string]int {
	counts := map[string]int{}
	for _, t := range b.texts {
		for _, i := range t.Items {
			counts[string(i.Phase)+" "+i.State+" "+strings.ReplaceAll(i.Key(), "\x00", "/")]++
		}
	}
	return counts
}

// day is a daemon with its outside world in simulated time.
type day struct {
	t      *testing.T
	random *rand.Rand
	store  *memory
	boxes  map[string]*mailbox
	// waiting is what the receivers' conditions show.
	mu      sync.Mutex
	waiting map[string]int
	failing map[string]bool

	bad     map[string]time.Time // bindings whose token is invalid
	steps   map[string]binding.PendingSince
	files   map[string]bool
	history []binding.HistoryEntry
	began   time.Time // of the process
	want    map[string]int
}

const instance = "prod"

// facts are unknown at first after a start.
func (d *day) facts() notify.Facts {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	f := notify.Facts{
		Now: now, Instances: []string{instance}, Pending: map[string][]binding.RetryState{instance: nil},
		Conditions: map[string][]binding.Condition{"": nil}, Warnings: []int{30, 7}, History: slices.Clone(d.history),
	}
	slices.Reverse(f.History)
	for name, p := range d.steps {
		f.Pending[instance] = append(f.Pending[instance], binding.RetryState{Instance: instance, Binding: name, Pending: []binding.PendingSince{p}})
	}
	if now.Sub(d.began) < 2*time.Minute {
		return f
	}
	f.Read, f.Synced = true, []string{instance}
	for n := range 6 {
		s := binding.Status{Name: fmt.Sprint("b", n), File: fmt.Sprintf("team/b%d.yaml", n), Spec: binding.Spec{Instance: instance, Platform: binding.GitLab}}
		c := binding.Condition{Type: binding.TokenValid, Status: binding.True}
		if since, is := d.bad[s.Name]; is {
			c = binding.Condition{Type: binding.TokenValid, Status: binding.False, Reason: "Refused", Message: message.Verbatim("no"), LastTransitionTime: since}
		}
		s.Conditions = []binding.Condition{c}
		f.Statuses = append(f.Statuses, s)
	}
	for file := range d.files {
		f.Broken = append(f.Broken, finding.Finding{Code: "yaml", File: file, Severity: finding.Error})
	}
	return f
}

// process runs until it is stopped: in order, or by a crash.
func (d *day) process() (stop func(crash bool)) {
	store := &crashingStore{memory: d.store}
	n, err := notify.New(d.t.Context(), notify.Options{
		Store: store, Redact: func(s string) string { return s }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		After: func(p time.Duration) (<-chan time.Time, func()) {
			timer := time.NewTimer(p)
			return timer.C, func() { timer.Stop() }
		},
		Tried: func(v notify.Delivery) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.waiting[v.Receiver], d.failing[v.Receiver] = v.Waiting, v.Err != nil
		},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	var receivers []notify.Receiver
	for name, box := range d.boxes {
		receivers = append(receivers, notify.Receiver{Name: name, Sender: box, Limit: 600})
	}
	n.Use(notify.Rules{Hold: 5 * time.Minute, DownFor: 10 * time.Minute}, receivers)
	ctx, cancel := context.WithCancel(d.t.Context())
	ended := make(chan struct{})
	d.began = time.Now()
	go func() {
		defer close(ended)
		n.Run(ctx, func() notify.Facts {
			f := d.facts()
			f.ReadUpTo = n.Reported()
			return f
		})
	}()
	return func(crash bool) {
		if crash {
			store.mu.Lock()
			store.dead = true
			store.mu.Unlock()
		}
		cancel()
		<-ended
	}
}

// event changes the world, and notes what has to arrive. A change of a
// condition that does not last has to arrive nowhere.
func (d *day) event() {
	d.mu.Lock()
	defer d.mu.Unlock()
	name, now := fmt.Sprint("b", d.random.IntN(6)), time.Now()
	switch d.random.IntN(4) {
	case 0:
		key := " False condition/prod/" + name + "/gitlab/TokenValid/"
		if _, is := d.bad[name]; is {
			delete(d.bad, name)
			d.want["over"+key]++
		} else {
			d.bad[name] = now
			d.want["began"+key]++
		}
	case 1:
		if _, is := d.steps[name]; is {
			delete(d.steps, name)
			d.want["over due step/prod/"+name+"/github/account/"]++
		} else {
			d.steps[name] = binding.PendingSince{Platform: binding.GitHub, Object: binding.AccountObject(), Action: "authorize", Since: now}
			d.want["began due step/prod/"+name+"/github/account/"]++
		}
	case 2:
		file := name + ".yaml"
		if d.files[file] {
			delete(d.files, file)
			d.want["over broken broken-file/////"+file]++
		} else {
			d.files[file] = true
			d.want["began broken broken-file/////"+file]++
		}
	case 3:
		e := binding.HistoryEntry{Time: now, Instance: instance, Binding: name, Action: "rebind", Object: binding.AccountObject(), Outcome: "done"}
		d.history = append(d.history, e)
		d.want["happened done applied/prod/"+name+"/gitlab/"+notify.EntryID(e)+"/"]++
	}
}

// flap is a condition that does not last.
func (d *day) flap() {
	name := fmt.Sprint("b", d.random.IntN(6))
	d.mu.Lock()
	was, is := d.bad[name]
	if is {
		delete(d.bad, name)
	} else {
		d.bad[name] = time.Now()
	}
	d.mu.Unlock()
	time.Sleep(time.Minute)
	d.mu.Lock()
	defer d.mu.Unlock()
	if is {
		d.bad[name] = was
	} else {
		delete(d.bad, name)
	}
}

// TestADayWithFailingReceivers: every event arrives once at every receiver that
// works some time, or its receiver shows how many it lacks, although receivers
// fail, lose answers and are slow, and the process ends and crashes at any time.
func TestADayWithFailingReceivers(t *testing.T) {
	hours, seeds := 24, 6
	if testing.Short() {
		hours, seeds = 8, 1
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runDay(t, uint64(seed), hours) })
		})
	}
}

func runDay(t *testing.T, seed uint64, hours int) {
	random := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, n)) }
	d := &day{
		t: t, random: random(0), store: &memory{rows: map[string]json.RawMessage{}}, waiting: map[string]int{}, failing: map[string]bool{},
		boxes: map[string]*mailbox{}, bad: map[string]time.Time{}, steps: map[string]binding.PendingSince{}, files: map[string]bool{}, want: map[string]int{},
	}
	for n, name := range []string{"a", "b", "dead"} {
		d.boxes[name] = &mailbox{random: random(uint64(n) + 1), texts: map[string]notify.Text{}, broken: name == "dead"}
	}
	stop := d.process()
	time.Sleep(10 * time.Minute) // The first look at an empty history.
	for end := time.Now().Add(time.Duration(hours) * time.Hour); time.Now().Before(end); {
		if d.random.IntN(3) == 0 {
			time.Sleep(3 * time.Minute)
			d.flap()
			time.Sleep(3 * time.Minute)
		}
		d.event()
		time.Sleep(time.Duration(d.random.IntN(600)) * time.Second)
		if d.random.IntN(2) == 0 {
			stop(d.random.IntN(2) == 0)
			time.Sleep(time.Duration(d.random.IntN(120)) * time.Second)
			stop = d.process()
		}
		time.Sleep(10 * time.Minute) // Longer than a start takes and a condition is held.
	}
	time.Sleep(6 * time.Hour)
	stop(false)
	total := 0
	for _, n := range d.want {
		total += n
	}
	for name, box := range d.boxes {
		got := box.arrived()
		if name == "dead" {
			if len(got) > 0 || !d.failing[name] || d.waiting[name] != total {
				t.Errorf("the receiver that never works got %d and shows %d undelivered (failing: %v), want %d", len(got), d.waiting[name], d.failing[name], total)
			}
			continue
		}
		if d.failing[name] || d.waiting[name] != 0 {
			t.Errorf("%s still shows %d undelivered", name, d.waiting[name])
		}
		for event, n := range d.want {
			if got[event] != n {
				t.Errorf("%s: %s arrived %d times, want %d", name, event, got[event], n)
			}
		}
		for event, n := range got {
			if d.want[event] == 0 {
				t.Errorf("%s: %s arrived %d times and never happened", name, event, n)
			}
		}
	}
	t.Logf("%d events; %d and %d texts; the same id again %d and %d times", total, len(d.boxes["a"].texts), len(d.boxes["b"].texts), d.boxes["a"].again, d.boxes["b"].again)
}
