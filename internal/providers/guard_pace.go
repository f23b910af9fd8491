package providers

import (
	"context"
	"errors"
	"hash/maphash"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"reconciler/internal/binding"
)

const (
	// maxSlots bounds the memory of a daemon that sees many tokens.
	maxSlots = 1024
	// defaultPause is the wait after a 429 that names none (GitHub: at least a
	// minute).
	defaultPause = time.Minute
)

// pace holds one limiter for each pair of host and credential.
type pace struct {
	limit rate.Limit
	burst int
	now   func() time.Time
	seed  maphash.Seed

	mu    sync.Mutex
	slots map[slotKey]*slot
}

// slotKey names a pair without keeping the credential: the hash is seeded
// afresh in every process.
type slotKey struct {
	host       string
	credential uint64
}

type slot struct {
	limiter *rate.Limiter
	// pause and used are guarded by pace.mu.
	pause binding.Term
	used  time.Time
}

func newPace(limit rate.Limit, burst int, now func() time.Time) *pace {
	return &pace{limit: limit, burst: burst, now: now, seed: maphash.MakeSeed(), slots: map[slotKey]*slot{}}
}

// slot finds the limiter of a request, making room by forgetting the one that
// was used longest ago.
func (p *pace) slot(req *http.Request) *slot {
	key := slotKey{host: req.URL.Host}
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
		s = &slot{limiter: rate.NewLimiter(p.limit, p.burst)}
		p.slots[key] = s
	}
	s.used = p.now()
	return s
}

// forget drops the slot that was used longest ago; p.mu is held.
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

// wait takes its turn. While the host has asked for a pause nothing is sent.
func (p *pace) wait(ctx context.Context, s *slot, host string) error {
	p.mu.Lock()
	now := p.now()
	s.pause = s.pause.At(now)
	left := s.pause.Left(now)
	p.mu.Unlock()
	if left > 0 {
		return throttled(host, left, errors.New("the host asked to wait; nothing was sent"))
	}
	if err := s.limiter.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return throttled(host, 0, err)
	}
	return nil
}

func throttled(host string, after time.Duration, err error) error {
	return &binding.Failure{
		Kind: binding.Throttled, Code: ReasonRateLimited, Op: "code host: ask", Object: host,
		RetryAfter: after, Err: err, Hint: "it will be asked again by itself",
	}
}

// notePause notes the pause that an answer asks for.
func (p *pace) notePause(s *slot, resp *http.Response) {
	now := p.now()
	d := Pause(resp.StatusCode, resp.Header, now)
	if d <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if pause := binding.TermOf(now, d); d > s.pause.Left(now) {
		s.pause = pause
	}
}

// Pause is how long an answer asks to wait: Retry-After in seconds or as a
// date, else the reset time of a spent limit, else a minute for a 429; never
// below a second or above an hour. Header names as GitLab (RateLimit-*) and
// GitHub (x-ratelimit-*) send them.
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
