package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

// Store keeps rows across restarts.
type Store interface {
	// Notices returns all rows.
	Notices(ctx context.Context) ([]json.RawMessage, error)
	// PutNotices stores rows by key, and removes those that are nil, in one
	// transaction.
	PutNotices(ctx context.Context, rows map[string]json.RawMessage) error
}

// Sender sends a text to one receiver. It neither retries nor waits.
type Sender interface {
	// Send returns nil if the receiver accepted the text, and otherwise whether to
	// try again. Neither result contains a secret.
	Send(ctx context.Context, t Text) (Retry, error)
}

// Retry says whether to try a failed Send again.
type Retry struct {
	// Again is false if the text will fail again until somebody changes
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
	// Limit is the maximum size of a text, in bytes.
	Limit int
}

// Delivery is the result of an attempt to deliver to a receiver.
type Delivery struct {
	Receiver string
	// Err is why the attempt failed; nil if the receiver accepted the text.
	Err error
	// Waiting is how many items wait for it.
	Waiting int
}

// Options are the options of a Notifier.
type Options struct {
	Store Store
	// Redact masks secrets.
	Redact func(string) string
	Now    func() time.Time
	// After is how the Notifier waits.
	After func(time.Duration) (fired <-chan time.Time, stop func())
	// Pause is the time between two messages to a receiver; 0 means 4 seconds,
	// because DingTalk and WeCom accept 20 messages a minute.
	Pause time.Duration
	// Tried is called with the result of every attempt, by several goroutines at
	// once.
	Tried func(Delivery)
	Log   *slog.Logger
}

const (
	// checkInterval is how often the facts are checked without a Wake.
	checkInterval = 15 * time.Second
	defaultPause  = 4 * time.Second
	// firstRetry doubles with each failure, up to longestRetry. refusedRetry is for
	// a refusal by the receiver: somebody may change its settings meanwhile.
	firstRetry, longestRetry, refusedRetry = 10 * time.Second, 10 * time.Minute, time.Hour
	// sendTimeout limits one attempt.
	sendTimeout = 30 * time.Second
)

// Notifier delivers messages. It lives as long as the process and is safe for
// concurrent use.
type Notifier struct {
	o    Options
	wake chan struct{}

	mu        sync.Mutex
	log       NotificationLog
	rules     Rules
	receivers map[string]Receiver
	attempts  map[string]*attempts
}

// attempts are the failed attempts of one receiver since its last success.
type attempts struct {
	busy   bool
	failed int
	next   time.Time
}

// New makes a Notifier without receivers. It continues from what is stored.
func New(ctx context.Context, o Options) (*Notifier, error) {
	rows, err := o.Store.Notices(ctx)
	if err != nil {
		return nil, err
	}
	n := &Notifier{o: o, wake: make(chan struct{}, 1), receivers: map[string]Receiver{}, attempts: map[string]*attempts{}}
	var unreadable int
	if n.log, unreadable = readNotificationLog(rows); unreadable > 0 {
		o.Log.Warn("cannot read all of what was reported to receivers; open matters may be reported again", "entries", unreadable)
	}
	return n, nil
}

// Use replaces rules and receivers. Waiting messages are tried again at once.
func (n *Notifier) Use(rules Rules, receivers []Receiver) {
	n.mu.Lock()
	n.rules, n.receivers = rules, map[string]Receiver{}
	n.rules.Receivers = nil
	before := n.attempts
	n.attempts = map[string]*attempts{}
	for _, r := range receivers {
		n.rules.Receivers = append(n.rules.Receivers, r.Name)
		n.receivers[r.Name], n.attempts[r.Name] = r, &attempts{}
		if old := before[r.Name]; old != nil && old.busy {
			n.attempts[r.Name] = old
			old.failed, old.next = 0, time.Time{}
		}
	}
	n.mu.Unlock()
	n.Wake()
}

// Wake makes Run check the facts at once.
func (n *Notifier) Wake() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Reported is the newest entry of the history that was reported.
func (n *Notifier) Reported() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.log.Read
}

// Run reports what the facts say until ctx ends and the attempts in flight have
// ended. What was not delivered is delivered after the next start.
func (n *Notifier) Run(ctx context.Context, facts func() Facts) {
	var sending sync.WaitGroup
	defer sending.Wait()
	for {
		n.checkFacts(ctx, facts)
		for _, name := range n.due() {
			sending.Go(func() {
				n.deliver(ctx, name)
				n.Wake()
			})
		}
		fired, stop := n.o.After(checkInterval)
		select {
		case <-ctx.Done():
			stop()
			return
		case <-fired:
		case <-n.wake:
			stop()
		}
	}
}

// checkFacts decides what is due, and stores that before anything is sent.
func (n *Notifier) checkFacts(ctx context.Context, facts func() Facts) {
	n.mu.Lock()
	idle := len(n.receivers) == 0
	n.mu.Unlock()
	if idle {
		return
	}
	w := facts().Input()
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range w.Alerts {
		w.Alerts[i] = w.Alerts[i].redacted(n.o.Redact)
	}
	for i := range w.Events {
		w.Events[i] = w.Events[i].redacted(n.o.Redact)
	}
	n.keep(ctx, Decide(n.log, w, n.rules))
}

// keep replaces the log, and writes what changed. If that fails, it is tried
// again with the next change; until then it is only in memory.
func (n *Notifier) keep(ctx context.Context, next NotificationLog) {
	n.log = next
	rows, err := next.rows()
	if err == nil && len(rows) > 0 {
		err = n.o.Store.PutNotices(context.WithoutCancel(ctx), rows)
	}
	if err != nil {
		n.o.Log.Error("cannot store what was reported to receivers; after a restart it may be reported again", "err", err)
		return
	}
	clear(n.log.changed)
}

// due returns the receivers that a message can be sent to now, and marks them as
// busy.
func (n *Notifier) due() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var names []string
	for name, t := range n.attempts {
		if len(n.log.Queues[name]) > 0 && !t.busy && !n.o.Now().Before(t.next) {
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
		return // It may have arrived. The next start tries again, with the same ID.
	}
	if err == nil {
		n.keep(ctx, n.log.Delivered(name, note))
		t.failed, t.next = 0, n.o.Now().Add(cmp.Or(n.o.Pause, defaultPause))
	} else {
		t.failed++
		t.next = n.o.Now().Add(retry.pause(t.failed))
		n.o.Log.Warn("a message was not delivered", "receiver", name, "id", note.ID, "attempt", t.failed, "again_at", t.next.UTC(), "err", err)
	}
	n.o.Tried(Delivery{Receiver: name, Err: err, Waiting: len(n.log.Queues[name])})
}

// next is the next message of a receiver. Its ID is stored before it is sent.
func (n *Notifier) next(ctx context.Context, name string) (Receiver, *attempts, Note) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r, t := n.receivers[name], n.attempts[name]
	if t == nil {
		return r, nil, Note{}
	}
	log, note := n.log.Batch(name, func(items []Item) bool {
		return Note{Items: items}.Text(r.Language, nil).Size() <= r.Limit
	})
	n.keep(ctx, log)
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

func (m Alert) redacted(redact func(string) string) Alert {
	m.Message = m.Message.Map(redact)
	m.Steps, _ = message.ChangeEach(m.Steps, func(m message.Message) (message.Message, bool) { return m.Mapped(redact) })
	return m
}
