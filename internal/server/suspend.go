package server

import (
	"context"
	"net/http"
	"time"

	"reconciler/internal/report"
)

const (
	suspendPath = "/v1alpha1/suspend"
	resumePath  = "/v1alpha1/resume"
	// suspendTimeout bounds the wait for a sync under way to end.
	suspendTimeout = 25 * time.Second
)

// Scope says what a request is about: a binding, on one instance or wherever it
// is; an instance, where no binding is named; or everything.
type Scope struct {
	Binding  string `json:"binding,omitempty"`
	Instance string `json:"instance,omitempty"`
	All      bool   `json:"all,omitempty"`
}

// SuspendRequest asks to hold something still until a time.
type SuspendRequest struct {
	Scope
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
	By     string    `json:"by"`
}

// ResumeRequest asks to end what was asked for by a SuspendRequest.
type ResumeRequest struct {
	Scope
	Reason string `json:"reason,omitempty"`
	By     string `json:"by"`
}

// Suspender holds things still. It is safe for concurrent use.
type Suspender interface {
	// Suspend holds still, and waits for a sync under way to end. An error says
	// why nothing is held.
	Suspend(ctx context.Context, who Caller, request SuspendRequest) (report.SuspensionList, error)
	// Resume ends that. An error says why nothing was ended.
	Resume(ctx context.Context, who Caller, request ResumeRequest) (report.SuspensionList, error)
}

func (s *Server) suspend() http.HandlerFunc {
	return command(s, suspendTimeout, s.opts.Suspender.Suspend)
}

func (s *Server) resume() http.HandlerFunc {
	return command(s, suspendTimeout, s.opts.Suspender.Resume)
}

// Suspend asks the daemon to hold something still. The error is the daemon's
// own where it does not, and ErrNoDaemon where nothing listens.
func (c *Client) Suspend(ctx context.Context, request SuspendRequest) (report.SuspensionList, error) {
	var list report.SuspensionList
	err := c.post(ctx, suspendPath, request, &list, suspendTimeout)
	return list, err
}

// Resume asks the daemon to end a suspension; see Suspend.
func (c *Client) Resume(ctx context.Context, request ResumeRequest) (report.SuspensionList, error) {
	var list report.SuspensionList
	err := c.post(ctx, resumePath, request, &list, suspendTimeout)
	return list, err
}
