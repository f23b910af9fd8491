package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/report"
)

// Store keeps rows over restarts.
type Store interface {
	// Notices are all rows.
	Notices(ctx context.Context) ([]json.RawMessage, error)
	// PutNotices keeps rows by key, and removes those that are nil: all or none.
	PutNotices(ctx context.Context, rows map[string]json.RawMessage) error
}

// Sender sends a text to one receiver. It neither retries nor waits.
type Sender interface {
	// Send returns nil if the receiver took the text, and otherwise whether to try
	// again. Neither result has a secret.
	Send(ctx context.Context, t Text) (Retry, error)
}

// Retry says whether a failed Send is worth another try.
type Retry struct {
	// Again is false if the same text will fail again until somebody changes
	// something.
	Again bool
	// After is how long the receiver asked to wait; zero if it did not.
	After time.Duration
}

// Receiver is one receiver of a configuration.
type Receiver struct {
	Name     string
	Sender   Sender
	Language *report.Language
	// Limit is how many bytes a text may have.
	Limit int
}

// Delivery is how it goes with a receiver after a try.
type Delivery struct {
	Receiver string
	// Err is why the try failed; nil if the receiver took it.
	Err error
	// Waiting is how many items it has yet to get.
	Waiting int
}

// Options are what a Notifier is made with.
type Options struct {
	Store Store
	// Redact masks secrets.
	Redact func(string) string
	Now    func() time.Time
	// After waits by the clock.
	After func(time.Duration) (fired <-chan time.Time, stop func())
	// Pause is the time between two messages to a receiver; 0 is 4 seconds: DingTalk
	// and WeCom take 20 a minute.
	Pause time.Duration
	// Tried gets the outcome of every try, of many at once.
	Tried func(Delivery)
	Log   *slog.Logger
}

const (
	// lookInterval is how often the facts are looked at without a Poke.
	lookInterval = 15 * time.Second
	defaultPause = 4 * time.Second
	// firstRetry doubles with each failure, up to longestRetry. refusedRetry is for
	// what a receiver refuses: somebody may have changed it there.
	firstRetry, longestRetry, refusedRetry = 10 * time.Second, 10 * time.Minute, time.Hour
	// sendTimeout bounds one try.
	sendTimeout = 30 * time.Second
)

// Notifier delivers. It lives as long as the process and is safe for concurrent
// use.
type Notifier struct {
	o    Options
	poke chan struct{}

	mu        sync.Mutex
	ledger    Ledger
	rules     Rules
	receivers map[string]Receiver
	tries     map[string]*tries
}

// tries are those of one receiver since it took something.
type tries struct {
	busy   bool
	failed int
	next   time.Time
}

// New makes a Notifier that continues from what the store has. It has no receivers.
func New(ctx context.Context, o Options) (*Notifier, error) {
	rows, err := o.Store.Notices(ctx)
	if err != nil {
		return nil, err
	}
	n := &Notifier{o: o, poke: make(chan struct{}, 1), receivers: map[string]Receiver{}, tries: map[string]*tries{}}
	var unreadable int
	if n.ledger, unreadable = readLedger(rows); unreadable > 0 {
		o.Log.Warn("what was reported to receivers cannot be read in part; open matters may be reported once more", "entries", unreadable)
	}
	return n, nil
}

// Use replaces rules and receivers. What waits is tried again at once.
func (n *Notifier) Use(rules Rules, receivers []Receiver) {
	n.mu.Lock()
	n.rules, n.receivers = rules, map[string]Receiver{}
	n.rules.Receivers = nil
	before := n.tries
	n.tries = map[string]*tries{}
	for _, r := range receivers {
		n.rules.Receivers = append(n.rules.Receivers, r.Name)
		n.receivers[r.Name], n.tries[r.Name] = r, &tries{}
		if old := before[r.Name]; old != nil && old.busy {
			n.tries[r.Name] = old
			old.failed, old.next = 0, time.Time{}
		}
	}
	n.mu.Unlock()
	n.Poke()
}

// Poke makes Run look at the facts at once.
func (n *Notifier) Poke() {
	select {
	case n.poke <- struct{}{}:
	default:
	}
}

// Reported is the newest entry of the history that was reported.
func (n *Notifier) Reported() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ledger.Read
}

// Run reports what the facts say until ctx ends and the tries in flight are over.
// What they did not deliver is delivered after the next start.
func (n *Notifier) Run(ctx context.Context, facts func() Facts) {
	var sending sync.WaitGroup
	defer sending.Wait()
	for {
		n.look(ctx, facts)
		for _, name := range n.due() {
			sending.Go(func() {
				n.deliver(ctx, name)
				n.Poke()
			})
		}
		fired, stop := n.o.After(lookInterval)
		select {
		case <-ctx.Done():
			stop()
			return
		case <-fired:
		case <-n.poke:
			stop()
		}
	}
}

// look decides what is due, and keeps that before anything is sent.
func (n *Notifier) look(ctx context.Context, facts func() Facts) {
	n.mu.Lock()
	idle := len(n.receivers) == 0
	n.mu.Unlock()
	if idle {
		return
	}
	w := facts().World()
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range w.Matters {
		w.Matters[i] = w.Matters[i].redacted(n.o.Redact)
	}
	for i := range w.Happened {
		w.Happened[i] = w.Happened[i].redacted(n.o.Redact)
	}
	n.keep(ctx, Decide(n.ledger, w, n.rules))
}

// keep takes a ledger, and writes what changed. What cannot be written is tried
// again with the next change; until then it is only in memory.
func (n *Notifier) keep(ctx context.Context, next Ledger) {
	n.ledger = next
	rows, err := next.rows()
	if err == nil && len(rows) > 0 {
		err = n.o.Store.PutNotices(context.WithoutCancel(ctx), rows)
	}
	if err != nil {
		n.o.Log.Error("what is reported to receivers is not kept; after a restart it may be reported once more", "err", err)
		return
	}
	clear(n.ledger.changed)
}

// due are the receivers that are to get something now. They count as busy.
func (n *Notifier) due() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var names []string
	for name, t := range n.tries {
		if len(n.ledger.Queues[name]) > 0 && !t.busy && !n.o.Now().Before(t.next) {
			t.busy = true
			names = append(names, name)
		}
	}
	return names
}

// deliver tries to deliver the next message to a receiver.
func (n *Notifier) deliver(ctx context.Context, name string) {
	r, t, note := n.next(ctx, name)
	if note.ID == "" {
		return
	}
	sending, cancel := context.WithTimeout(ctx, sendTimeout)
	retry, err := r.Sender.Send(sending, note.Text(r.Language, n.o.Redact))
	cancel()
	n.mu.Lock()
	defer n.mu.Unlock()
	t.busy = false
	if err != nil && ctx.Err() != nil {
		return // It may have arrived. The next start tries again, with the same id.
	}
	if err == nil {
		n.keep(ctx, n.ledger.Delivered(name, note))
		t.failed, t.next = 0, n.o.Now().Add(cmp.Or(n.o.Pause, defaultPause))
	} else {
		t.failed++
		t.next = n.o.Now().Add(retry.pause(t.failed))
		n.o.Log.Warn("a message was not delivered", "receiver", name, "id", note.ID, "attempt", t.failed, "again_at", t.next.UTC(), "err", err)
	}
	n.o.Tried(Delivery{Receiver: name, Err: err, Waiting: len(n.ledger.Queues[name])})
}

// next is what a receiver gets next. Its id is kept before it is sent.
func (n *Notifier) next(ctx context.Context, name string) (Receiver, *tries, Note) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r, t := n.receivers[name], n.tries[name]
	if t == nil {
		return r, nil, Note{}
	}
	ledger, note := n.ledger.Batch(name, func(items []Item) bool {
		return Note{Items: items}.Text(r.Language, nil).Size() <= r.Limit
	})
	n.keep(ctx, ledger)
	t.busy = note.ID != ""
	return r, t, note
}

// pause is how long to wait after so many failures in a row.
func (r Retry) pause(failed int) time.Duration {
	if !r.Again {
		return max(refusedRetry, r.After)
	}
	return max(r.After, binding.Pause(firstRetry, longestRetry, failed))
}

func (m Matter) redacted(redact func(string) string) Matter {
	m.Message = m.Message.Map(redact)
	m.Steps = slices.Clone(m.Steps)
	for i := range m.Steps {
		m.Steps[i] = m.Steps[i].Map(redact)
	}
	return m
}
