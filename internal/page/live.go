package page

import (
	"fmt"
	"net/http"
	"time"
)

const (
	// maxStreams limits the browsers that are notified at once. Others poll.
	maxStreams = 64
	// heartbeat is the interval of a stream's heartbeat, and eventsPause how long events
	// are collected before a notification.
	heartbeat   = 15 * time.Second
	eventsPause = 2 * time.Second
)

// live sends a browser one line, with an increasing number, when something
// happened. The browser then loads the page again.
func (p *pages) live(w http.ResponseWriter, r *http.Request) {
	select {
	case p.streams <- struct{}{}:
		defer func() { <-p.streams }()
	default:
		w.Header().Set("Retry-After", "60")
		http.Error(w, "too many open streams", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // So that a proxy does not buffer.
	control, person := http.NewResponseController(w), personOf(r)
	_ = control.SetReadDeadline(time.Time{})
	send := func(format string, args ...any) bool {
		_ = control.SetWriteDeadline(time.Now().Add(heartbeat))
		_, err := fmt.Fprintf(w, format, args...)
		return err == nil && control.Flush() == nil
	}
	after := int64(0)
	if list, err := p.Past.Events(r.Context(), "", after, 0); err == nil {
		after = list.Next
	}
	for on := send("retry: 5000\n\n"); on; {
		list, err := p.Past.Events(r.Context(), "", after, heartbeat)
		if err != nil || r.Context().Err() != nil {
			return
		}
		if still, err := p.sessions.find(sessionID(r)); still != person && err == nil {
			send("event: end\ndata: \n\n")
			return
		}
		if len(list.Items) == 0 {
			on = send(": still here\n\n")
			continue
		}
		after = list.Next
		on = send("event: news\ndata: %d\n\n", after)
		pause := time.NewTimer(eventsPause)
		select {
		case <-pause.C:
		case <-r.Context().Done():
		}
		pause.Stop()
	}
}
