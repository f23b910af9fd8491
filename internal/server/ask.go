package server

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"reconciler/internal/client"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

// maxWait limits, in seconds, how long a request for events may wait for one.
const maxWait = 60

// Describer reports the current state. It is safe for concurrent use.
type Describer interface {
	// Describe returns everything about a binding, on the named instance if
	// several have it.
	Describe(ctx context.Context, name, instance string) (report.Description, error)
	// LastPlan is the last plan of all instances.
	LastPlan(ctx context.Context) (report.DaemonPlan, error)
}

// EventReader reports events and history. It is safe for concurrent use.
type EventReader interface {
	// Events returns the events after a sequence number, of a binding or,
	// without a name, of all. If there are none, it waits up to wait for one.
	Events(ctx context.Context, name string, after int64, wait time.Duration) (report.EventList, error)
	// History returns what was done since a time, newest first, at most limit
	// entries, or all for 0. An empty name means all.
	History(ctx context.Context, name, instance string, since time.Time, limit int) (report.History, error)
}

// answers registers the handlers of requests that only read.
func (s *Server) answers(mux *http.ServeMux) {
	if d := s.opts.Describer; d != nil {
		mux.HandleFunc("GET "+client.DescribePath+"{binding}", question(s, []string{"instance"}, func(r *http.Request, q url.Values) (any, error) {
			return d.Describe(r.Context(), r.PathValue("binding"), q.Get("instance"))
		}))
		mux.HandleFunc("GET "+client.PlanPath, question(s, nil, func(r *http.Request, _ url.Values) (any, error) { return d.LastPlan(r.Context()) }))
	}
	c := s.opts.EventReader
	if c == nil {
		return
	}
	mux.HandleFunc("GET "+client.HistoryPath, question(s, []string{"binding", "instance", "since", "limit"}, func(r *http.Request, q url.Values) (any, error) {
		since, errSince := timeOf(q, "since")
		limit, errLimit := numberOf(q, "limit")
		if err := cmp.Or(errSince, errLimit); err != nil {
			return nil, badQuestion{err}
		}
		return c.History(r.Context(), q.Get("binding"), q.Get("instance"), since, int(limit))
	}))
	mux.HandleFunc("GET "+client.EventsPath, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := s.withDeadline(w, r, maxWait*time.Second)
		defer cancel()
		question(s, []string{"binding", "after", "wait"}, func(_ *http.Request, q url.Values) (any, error) {
			after, errAfter := numberOf(q, "after")
			wait, errWait := numberOf(q, "wait")
			if err := cmp.Or(errAfter, errWait); err != nil {
				return nil, badQuestion{err}
			}
			return c.Events(ctx, q.Get("binding"), after, time.Duration(min(wait, maxWait))*time.Second)
		})(w, r)
	})
}

// badQuestion is an error that the client made.
type badQuestion struct{ error }

// question is the handler of a request that only reads. It accepts only the
// query fields with these names.
func question(s *Server, fields []string, answer func(*http.Request, url.Values) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, err := url.ParseQuery(r.URL.RawQuery)
		for name := range q {
			if err == nil && (!slices.Contains(fields, name) || len(q[name]) > 1) {
				err = message.NewError("server.field", "name", name)
			}
		}
		if err != nil {
			s.refuse(w, r, message.NewError("server.not-understood", "why", err), http.StatusBadRequest)
			return
		}
		out, err := answer(r, q)
		if bad, ok := err.(badQuestion); ok { //nolint:errorlint // It is made just above, and never wrapped.
			s.refuse(w, r, message.NewError("server.not-understood", "why", bad.error), http.StatusBadRequest)
			return
		}
		if err != nil {
			s.refuse(w, r, err, http.StatusConflict)
			return
		}
		s.answer(w, out)
	}
}

// timeOf parses a query field as a time (RFC 3339); zero if it is absent.
func timeOf(q url.Values, name string) (time.Time, error) {
	if q.Get(name) == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, q.Get(name))
	if err != nil {
		return t, message.Within(name, message.NewError("server.want-time"))
	}
	return t, nil
}

// numberOf parses a query field as a non-negative integer; 0 if it is absent.
func numberOf(q url.Values, name string) (int64, error) {
	if q.Get(name) == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(q.Get(name), 10, 64)
	if err != nil || n < 0 {
		return 0, message.Within(name, message.NewError("server.want-number"))
	}
	return n, nil
}

func (s *Server) daemon(w http.ResponseWriter, _ *http.Request) {
	d := client.Daemon{Conditions: report.ConditionObjects(s.opts.Conditions())}
	if s.opts.Instances != nil {
		d.Instances = s.opts.Instances()
	}
	if s.opts.ConfigurationDigest != nil {
		d.ConfigurationDigest = s.opts.ConfigurationDigest()
	}
	if s.opts.Problems != nil {
		d.Problems = s.opts.Problems()
	}
	s.answer(w, d)
}

// Publisher publishes what was observed. It is safe for concurrent use.
type Publisher interface {
	// Publish returns an object of kind Snapshot (see report.Published), as JSON.
	// It contains no secret.
	Publish(ctx context.Context) ([]byte, error)
}

func (s *Server) published(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), client.SnapshotTimeout)
	defer cancel()
	text, err := s.opts.Publisher.Publish(ctx)
	if err != nil {
		s.refuse(w, r, err, http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if _, err := w.Write(text); err != nil {
		s.opts.Log.Debug("cannot send an answer", "err", err)
	}
}
