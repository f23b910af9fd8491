package reconcile

// ForgetStanding has the next sync made in full.
func (r *Reconciler) ForgetStanding() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.standing = nil
}
