package server

import (
	"context"

	"reconciler/internal/client"
	"reconciler/internal/report"
)

// Suspender suspends and resumes. It is safe for concurrent use.
type Suspender interface {
	// Suspend suspends, and waits for a running sync to end. An error says why
	// nothing is suspended.
	Suspend(ctx context.Context, who Caller, request client.SuspendRequest) (report.SuspensionList, error)
	// Resume ends that. An error says why nothing was ended.
	Resume(ctx context.Context, who Caller, request client.ResumeRequest) (report.SuspensionList, error)
}
