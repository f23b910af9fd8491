package binding

// Only this file decides whether an account of the registry is the one that a
// record is about.

// Is reports whether an account is the recorded one. If only one of them has the
// registry's number, they count as different.
func (r Record) Is(a Account) bool { return r.AccountID == a.ID && r.MayMatch(a) }

// MayMatch reports whether an account may be the recorded one, as far as we know.
func (r Record) MayMatch(a Account) bool {
	is := Account{Platform: r.Platform, Username: r.Username, Address: r.Address}
	a.Platform = r.Platform
	return !r.HasOtherNumber(a) && SameAccount(is, a)
}

// HasNumberOf reports whether an account has the recorded number. Then it is the
// recorded account, and no later call created it.
func (r Record) HasNumberOf(a Account) bool { return r.AccountID != "" && r.AccountID == a.ID }

// HasOtherNumber reports whether an account has a different number than the
// recorded account, so that it is a different one.
func (r Record) HasOtherNumber(a Account) bool {
	return r.AccountID != "" && a.ID != "" && r.AccountID != a.ID
}

// shows reports whether an account, or nil for none, is what the record's last
// write leads to. An account that we unbound comes from an outdated read.
func (r Record) shows(a *Account) bool {
	switch {
	case r.Removed:
		return a == nil || a.ID != r.AccountID
	case a == nil || r.WasUnbound(a.ID) || r.HasOtherNumber(*a):
		return false
	}
	return r.HasNumberOf(*a) || SameAccount(r.Wanted(), *a)
}
