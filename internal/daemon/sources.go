package daemon

import (
	"reconciler/internal/metrics"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// sources are what a scrape reads from the current runner.
func (d *Daemon) sources() metrics.Sources {
	return metrics.Sources{
		Now: d.now, Statuses: d.Statuses,
		Loops: func() map[string]reconcile.LoopState {
			states := map[string]reconcile.LoopState{}
			for _, i := range d.currentRunner().instances {
				states[i.Name] = i.loop.State()
			}
			return states
		},
		Windows: func() map[string]plan.WindowState {
			states := map[string]plan.WindowState{}
			for _, i := range d.currentRunner().instances {
				states[i.Name], _ = i.Window()
			}
			return states
		},
		JournalDamaged: func() bool { return d.memory.Store.Damage() != nil },
		Findings:       d.findings, Parts: d.parts.up,
		Vault: func() *metrics.VaultLogin {
			client := d.currentRunner().engine.Vault()
			if client == nil {
				return nil
			}
			stats := client.Stats()
			return &metrics.VaultLogin{Logins: stats.Logins, LoginFailures: stats.LoginFailures, Renewals: stats.Renewals, Ends: client.Ends()}
		},
	}
}
