package sandbox

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault is one thing that goes wrong. Its parts happen in this order: the
// delay, then a lost answer, then an answer instead of the real one. After a
// fault with only a delay, the real answer follows.
type Fault struct {
	// Match says which requests it meets; nil means all. It must not read the
	// body.
	Match func(*http.Request) bool
	// Probes says that it meets also the probes of a driver, which ask only whether
	// a call is served (see Registry).
	Probes bool
	// Times is how many requests it affects; 0 means all.
	Times int
	// Delay passes before anything else, or until the client gives up.
	Delay time.Duration
	// Until, if not nil, also delays the request until it is closed or the
	// client gives up.
	Until <-chan struct{}
	// DropResponse does the work and then cuts the connection.
	DropResponse bool
	// Cut cuts the connection and does no work.
	Cut bool
	// EffectAfter, with Cut or Status, does the work that long afterwards.
	EffectAfter time.Duration
	// Status answers instead of the real handler, which does nothing, with
	// Header, ContentType and Body; with 0 the real answer follows.
	Status      int
	Header      http.Header
	ContentType string
	Body        string
}

// Faults are the faults in force. The zero value has none; safe for concurrent
// use.
type Faults struct {
	mu   sync.Mutex
	list []*Fault
	// now is the clock; nil means time.Now.
	now func() time.Time
	// pending are the effects that are still to come, in the order of the calls.
	pending []pendingEffect
	// applying is held while effects come: no call sees the time before them.
	applying sync.Mutex
}

// pendingEffect is work that is done at a time, or at the first call after it.
type pendingEffect struct {
	due time.Time
	do  func()
}

// Add puts a fault after those already in force; the first that matches a
// request is the one that happens.
func (f *Faults) Add(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, &fault)
}

// Clear removes all faults. Effects that are still to come, come.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = nil
}

// Wrap puts the faults in front of a handler.
func (f *Faults) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.applyDue()
		fault, ok := f.match(r)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		fault.serve(f, next, w, r)
	})
}

// applyDue does the work that is due.
func (f *Faults) applyDue() {
	f.applying.Lock()
	defer f.applying.Unlock()
	for _, do := range f.due() {
		do()
	}
}

func (f *Faults) due() (due []func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = slices.DeleteFunc(f.pending, func(e pendingEffect) bool {
		late := e.due.After(f.clock())
		if !late {
			due = append(due, e.do)
		}
		return !late
	})
	return due
}

// clock is the time. The caller holds mu.
func (f *Faults) clock() time.Time {
	if f.now == nil {
		return time.Now()
	}
	return f.now()
}

// applyLater does the work of a request after a time.
func (f *Faults) applyLater(after time.Duration, next http.Handler, r *http.Request, body []byte) {
	r = r.Clone(context.WithoutCancel(r.Context()))
	r.Body = io.NopCloser(bytes.NewReader(body))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = append(f.pending, pendingEffect{f.clock().Add(after), func() { next.ServeHTTP(httptest.NewRecorder(), r) }})
}

// match finds the fault that meets r and counts it.
func (f *Faults) match(r *http.Request) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, fault := range f.list {
		if fault.Match != nil && !fault.Match(r) || isProbe(r) && !fault.Probes {
			continue
		}
		matched := *fault
		if fault.Times > 0 {
			if fault.Times--; fault.Times == 0 {
				f.list = slices.Delete(f.list, i, i+1)
			}
		}
		return matched, true
	}
	return Fault{}, false
}

// serve lets the fault meet one request. Aborting the handler is how net/http
// lets a server cut the connection.
func (f Fault) serve(faults *Faults, next http.Handler, w http.ResponseWriter, r *http.Request) {
	// A server sees its client go only once it has read the body.
	body, err := io.ReadAll(r.Body)
	if err != nil || !f.wait(r) {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if f.EffectAfter > 0 && (f.Cut || f.Status != 0) {
		faults.applyLater(f.EffectAfter, next, r, body)
	}
	switch {
	case f.Cut:
		panic(http.ErrAbortHandler)
	case f.DropResponse:
		next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case f.Status != 0:
		for k, v := range f.Header {
			w.Header()[http.CanonicalHeaderKey(k)] = v
		}
		if f.ContentType != "" {
			w.Header().Set("Content-Type", f.ContentType)
		}
		w.WriteHeader(f.Status)
		_, _ = io.Copy(w, strings.NewReader(f.Body))
	default:
		next.ServeHTTP(w, r)
	}
}

// wait passes the delay and says whether the client is still there.
func (f Fault) wait(r *http.Request) bool {
	if f.Delay > 0 {
		t := time.NewTimer(f.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			return false
		}
	}
	if f.Until != nil {
		select {
		case <-f.Until:
		case <-r.Context().Done():
			return false
		}
	}
	return true
}

// DownUntil is a part that answers 503 to everything, probes too, until a time
// or, if it does not end, until the faults are cleared.
func DownUntil(until time.Time, ends bool) Fault {
	return Fault{
		Match:  func(*http.Request) bool { return !ends || time.Now().Before(until) },
		Probes: true, Status: http.StatusServiceUnavailable, Body: "down for the demo\n",
	}
}
