package binding

import "time"

// TokenState and Record each know a token in one of two ways: by its version, or by
// a fingerprint if the store has no versions. Only this file compares them. What
// cannot be compared counts as changed.

// Comparison says how the token that is bound compares to the one that the
// secret store has.
type Comparison int

// Comparisons.
const (
	// TokenUnread: too little is known about the store's token to compare it.
	TokenUnread Comparison = iota
	// TokenSame: the store's token is bound.
	TokenSame
	// TokenAnother: a different token is bound, or one that cannot be compared.
	TokenAnother
	// TokenAnew: the version has the same number and belongs to a secret that
	// was deleted and created again.
	TokenAnew
	// TokenMoved: the declaration names a different place for the token.
	TokenMoved
	// TokenUnknown: it is unknown which token is bound.
	TokenUnknown
)

// Fresh reports whether the bound token is the store's, or nothing shows that it is
// not.
func (c Comparison) Fresh() bool { return c == TokenSame || c == TokenUnread }

// CompareToken compares the token that was applied last with the one that the
// secret store has at the declared place. The account is the recorded one as the
// registry reports it; nil if that is unknown.
func (r Record) CompareToken(declared VaultRef, has TokenState, account *Account) Comparison {
	storeHas := has.Version > 0 || has.Fingerprint != ""
	switch {
	case r.Vault.Path != "" && r.Vault.Unpinned() != declared.Unpinned():
		return TokenMoved
	case !r.TokenKnown() && storeHas:
		return TokenUnknown
	case !r.TokenKnown():
		return TokenUnread
	case r.TokenVersion > 0:
		return r.unlessAsked(r.compareVersion(has, account))
	case !storeHas:
		return TokenUnread
	case has.Version == 0 && r.TokenFingerprint == has.Fingerprint:
		return r.unlessAsked(TokenSame)
	}
	return TokenAnother
}

// unlessAsked returns c, but TokenUnknown instead of TokenSame if a person was
// asked to bind something else since: the person may have done it.
func (r Record) unlessAsked(c Comparison) Comparison {
	if c == TokenSame && r.StepAsked {
		return TokenUnknown
	}
	return c
}

// TokenKnown reports whether the record identifies the token that was applied.
func (r Record) TokenKnown() bool {
	return r.Vault.Path != "" && (r.TokenVersion > 0 || r.TokenFingerprint != "")
}

// SameToken reports whether two records identify the same token.
func (r Record) SameToken(o Record) bool {
	return r.Vault.Unpinned() == o.Vault.Unpinned() && r.TokenVersion == o.TokenVersion &&
		r.TokenFingerprint == o.TokenFingerprint && r.TokenCreated.Equal(o.TokenCreated)
}

// WithoutToken returns the record without the token, for an account whose token is
// unknown.
func (r Record) WithoutToken() Record {
	r.TokenVersion, r.TokenCreated, r.TokenFingerprint = 0, time.Time{}, ""
	return r
}

func (r Record) compareVersion(has TokenState, account *Account) Comparison {
	switch {
	case has.Version != r.TokenVersion:
		return TokenAnother
	case !MadeAnew(r.TokenCreated, has.Created):
		return TokenSame
	case !r.TokenCreated.IsZero() && !has.Created.IsZero():
		return TokenAnew
	case account != nil && r.AccountID != "" && account.MadeAfter(has.Created):
		return TokenSame // We bound this version number after the secret was created.
	}
	return TokenAnother
}

// MadeAfter reports whether the account was certainly created after a version of a
// token.
func (a Account) MadeAfter(created time.Time) bool {
	return !a.Created.IsZero() && !created.IsZero() && a.Created.After(created)
}
