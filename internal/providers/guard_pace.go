package providers

import (
	"context"
	"errors"
	"hash/maphash"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"code.dny.dev/ssrf"
	"golang.org/x/time/rate"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

const (
	// maxSlots limits the memory of a daemon that uses many tokens.
	maxSlots = 1024
	// defaultPause is the wait after a 429 that names no time (GitHub: at least
	// a minute).
	defaultPause = time.Minute
)

// pace has one limiter for each pair of host and credential.
type pace struct {
	limit rate.Limit
	burst int
	now   func() time.Time
	seed  maphash.Seed

	mu    sync.Mutex
	slots map[slotKey]*slot
	// queues has the queue of each host and port that requests wait for.
	queues map[string]*queue
}

// queue is shared by the requests that wait for a host: a failed connection ends
// the wait of all of them.
type queue struct {
	waiting int
	// failed is closed when a connection fails, after err is set.
	failed chan struct{}
	err    error
}

// slotKey identifies a pair without keeping the credential: the hash has a new
// seed in every process. The host includes its port, because a host that does
// not answer on one port may answer on another.
type slotKey struct {
	host       string
	credential uint64
}

type slot struct {
	key slotKey
	// pace.mu guards the other fields.
	limiter *rate.Limiter
	pause   binding.Term
	used    time.Time
}

func newPace(limit rate.Limit, burst int, now func() time.Time) *pace {
	return &pace{limit: limit, burst: burst, now: now, seed: maphash.MakeSeed(), slots: map[slotKey]*slot{}, queues: map[string]*queue{}}
}

// slot finds the limiter of a request. To make room, it drops the one that was
// used longest ago.
func (p *pace) slot(req *http.Request) *slot {
	key := slotKey{host: binding.HostPort(req.URL)}
	for _, name := range []string{"Authorization", "Private-Token", "X-Yunxiao-Token"} {
		if v := req.Header.Get(name); v != "" {
			key.credential = maphash.String(p.seed, v)
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.slots[key]
	if !ok {
		if len(p.slots) >= maxSlots {
			p.forget()
		}
		s = &slot{key: key, limiter: rate.NewLimiter(p.limit, p.burst)}
		p.slots[key] = s
	}
	s.used = p.now()
	return s
}

// forget drops the slot that was used longest ago. The caller holds p.mu.
func (p *pace) forget() {
	var oldest slotKey
	var when time.Time
	for key, s := range p.slots {
		if when.IsZero() || s.used.Before(when) {
			oldest, when = key, s.used
		}
	}
	delete(p.slots, oldest)
}

// wait waits for the limiter. While the host has asked for a pause, nothing is
// sent.
func (p *pace) wait(ctx context.Context, s *slot, host string) error {
	p.mu.Lock()
	now := p.now()
	s.pause = s.pause.At(now)
	if left := s.pause.Remaining(now); left > 0 {
		p.mu.Unlock()
		return throttled(host, left, message.NewError("host.asked-to-wait"))
	}
	reservation := s.limiter.Reserve()
	delay := reservation.Delay()
	if deadline, ok := ctx.Deadline(); ok && delay > time.Until(deadline) {
		reservation.Cancel()
		p.mu.Unlock()
		return throttled(host, 0, message.NewError("host.late"))
	}
	if delay <= 0 {
		p.mu.Unlock()
		return ctx.Err()
	}
	q := p.join(s.key.host)
	p.mu.Unlock()
	defer p.cancel(s.key.host, q)
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-q.failed:
		return q.err
	case <-ctx.Done():
		reservation.Cancel()
		return ctx.Err()
	}
}

// join adds a request to those that wait for a host. The caller holds p.mu.
func (p *pace) join(host string) *queue {
	q := p.queues[host]
	if q == nil {
		q = &queue{failed: make(chan struct{})}
		p.queues[host] = q
	}
	q.waiting++
	return q
}

func (p *pace) cancel(host string, q *queue) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if q.waiting--; q.waiting == 0 && p.queues[host] == q {
		delete(p.queues, host)
	}
}

// failed ends the wait of all requests for a host that could not be connected to:
// they will get no answer. Their reservations are dropped, and the next request is
// sent at once.
func (p *pace) failed(of *slot, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	host := of.key.host
	q := p.queues[host]
	if q == nil {
		return
	}
	delete(p.queues, host)
	for key, s := range p.slots {
		if key.host == host {
			s.limiter = rate.NewLimiter(p.limit, p.burst)
			s.limiter.AllowN(time.Now(), p.burst-1)
		}
	}
	q.err = message.NewError("host.another", "host", host, "why", err)
	close(q.failed)
}

// notConnected reports whether an error means that nobody could connect to the
// host.
func notConnected(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	prohibited := errors.Is(err, ssrf.ErrProhibitedIP) || errors.Is(err, ssrf.ErrProhibitedNetwork)
	return ok && op.Op == "dial" && !prohibited && !errors.Is(err, context.Canceled)
}

func throttled(host string, after time.Duration, err error) error {
	return &binding.Failure{
		Kind: binding.Throttled, Code: ReasonRateLimited, Op: message.New("op.host.ask"), Object: host,
		RetryAfter: after, Err: err, Hint: message.New("host.again"),
	}
}

// notePause stores the pause that an answer asks for.
func (p *pace) notePause(s *slot, resp *http.Response) {
	now := p.now()
	d := Pause(resp.StatusCode, resp.Header, now)
	if d <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if pause := binding.TermOf(now, d); d > s.pause.Remaining(now) {
		s.pause = pause
	}
}

// Pause is how long an answer asks to wait: Retry-After in seconds or as a
// date, else the reset time of a used-up limit, else a minute for a 429; at
// least a second and at most an hour. It understands the headers of GitLab
// (RateLimit-*) and GitHub (x-ratelimit-*).
func Pause(status int, h http.Header, now time.Time) time.Duration {
	sent := h.Get("Date")
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable || status == http.StatusForbidden {
		if pause, ok := binding.AskedPause(h.Get("Retry-After"), sent, now); ok {
			return pause
		}
	}
	for _, prefix := range []string{"RateLimit-", "X-RateLimit-"} {
		reset, err := strconv.ParseInt(h.Get(prefix+"Reset"), 10, 64)
		if err == nil && h.Get(prefix+"Remaining") == "0" {
			return binding.PauseUntil(time.Unix(reset, 0), sent, now)
		}
	}
	if status == http.StatusTooManyRequests {
		return defaultPause
	}
	return 0
}
