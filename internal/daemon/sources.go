package daemon

import (
	"reconciler/internal/metrics"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// sources are what a scrape asks of the present generation.
func (e *Engine) sources() metrics.Sources {
	return metrics.Sources{
		Now: e.now, Statuses: e.Statuses,
		Loops: func() map[string]reconcile.LoopState {
			states := map[string]reconcile.LoopState{}
			for _, i := range e.present().instances {
				states[i.name] = i.loop.State()
			}
			return states
		},
		Windows: func() map[string]plan.WindowState {
			states := map[string]plan.WindowState{}
			for _, i := range e.present().instances {
				states[i.name], _ = i.reconciler.Window()
			}
			return states
		},
		Vault: func() *metrics.VaultLogin {
			client := e.present().vault
			if client == nil {
				return nil
			}
			stats := client.Stats()
			return &metrics.VaultLogin{Logins: stats.Logins, LoginFailures: stats.LoginFailures, Renewals: stats.Renewals, Ends: client.Ends()}
		},
	}
}
