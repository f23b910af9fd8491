package binding

import (
	"slices"
	"time"
)

// Sources of a token's end.
const (
	// FromDeclaration: the declaration states it.
	FromDeclaration = "declaration"
	// FromVault: the secret's own metadata has it.
	FromVault = "vault"
	// FromHost: the code host reports it.
	FromHost = "host"
)

// TokenEnd is the last instant at which a token is valid, and who reports it.
type TokenEnd struct {
	At     time.Time
	Source string
	// Contradicted is true if the code host called the token valid after the end
	// that it reported itself: our clock is ahead of the host's.
	Contradicted bool
}

// End is the earliest end of the token that is known.
func (s TokenState) End() TokenEnd {
	e := TokenEnd{At: s.Expires, Source: s.ExpiresSource}
	for _, a := range s.Answers {
		e.Contradicted = e.Contradicted || s.ExpiresSource == FromHost && a.AboutToken() && a.Verdict == Yes && a.At.After(s.Expires)
	}
	return e
}

// End is the end that the declaration states; zero if it states none.
func (t Token) End() TokenEnd {
	if t.Expires.IsZero() {
		return TokenEnd{}
	}
	return TokenEnd{At: t.Expires.End(), Source: FromDeclaration}
}

// EarliestEnd is the first of the ends that are known.
func EarliestEnd(ends ...TokenEnd) TokenEnd {
	var first TokenEnd
	for _, e := range ends {
		if !e.At.IsZero() && (first.At.IsZero() || e.At.Before(first.At)) {
			first = e
		}
	}
	return first
}

// Ended reports whether the end is known and past.
func (e TokenEnd) Ended(now time.Time) bool {
	return !e.At.IsZero() && !e.Contradicted && now.After(e.At)
}

// Lifetime is what is left of a token.
type Lifetime int

// The lifetimes. A token ends soon once the earliest configured warning is due.
const (
	EndUnknown Lifetime = iota
	Ended
	EndsSoon
	StaysValid
)

// Lifetime says what is left of the token at a time, and how many days: 0 on its
// last day. Warnings are days before the end.
func (e TokenEnd) Lifetime(now time.Time, warnings []int) (left Lifetime, days int) {
	if e.At.IsZero() {
		return EndUnknown, 0
	}
	days = DateOf(e.At).DaysFrom(now)
	if e.Contradicted {
		days = max(days, 0)
	}
	switch {
	case e.Ended(now):
		return Ended, days
	case slices.ContainsFunc(warnings, func(warning int) bool { return days <= warning }):
		return EndsSoon, days
	}
	return StaysValid, days
}
