package daemon

import (
	"reconciler/internal/client"
	"reconciler/internal/plan"
	"reconciler/internal/server"
)

// glassOf is a person's leave to change instances outside of their windows; nil
// where the request asks for none.
func glassOf(who server.Caller, req client.SyncRequest) *plan.BreakGlass {
	if !req.BreakGlass {
		return nil
	}
	return &plan.BreakGlass{Person: who.Person(req.By), Reason: req.Reason, Binding: req.Binding}
}
