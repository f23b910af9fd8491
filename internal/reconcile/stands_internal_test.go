package reconcile

// ForgetStanding makes the next sync a full one.
func (r *Reconciler) ForgetStanding() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settled = nil
}
