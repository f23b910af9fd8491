package binding

// This file is the one place that says whether an account of the registry is the
// one that a record is about.

// Is says that an account is the recorded one. If only one side has the
// registry's number, they cannot be compared, and are not the same.
func (r Record) Is(a Account) bool { return r.AccountID == a.ID && r.MayBe(a) }

// MayBe says that nothing known shows an account to be another than the recorded
// one.
func (r Record) MayBe(a Account) bool {
	is := Account{Platform: r.Platform, Username: r.Username, Address: r.Address}
	a.Platform = r.Platform
	return !r.HasOtherNumber(a) && SameAccount(is, a)
}

// HasNumberOf says that the registry's number shows an account to be the recorded
// one: no later call has made it.
func (r Record) HasNumberOf(a Account) bool { return r.AccountID != "" && r.AccountID == a.ID }

// HasOtherNumber says that the registry's number shows an account to be another
// than the recorded one.
func (r Record) HasOtherNumber(a Account) bool {
	return r.AccountID != "" && a.ID != "" && r.AccountID != a.ID
}

// shows says that an account, or that there is none, is what the record has
// written last. An account that we unbound is an old one.
func (r Record) shows(a *Account) bool {
	switch {
	case r.Removed:
		return a == nil || a.ID != r.AccountID
	case a == nil || r.WasUnbound(a.ID) || r.HasOtherNumber(*a):
		return false
	}
	return r.HasNumberOf(*a) || SameAccount(r.Wanted(), *a)
}
