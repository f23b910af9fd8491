package git

import (
	"context"
	"errors"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// Verify says which commits are accepted. From the last accepted commit to the
// newest, following first parents, each commit that changes something below the
// source's path must be signed with a key that is trusted for every file that
// it changes.
type Verify struct {
	// Since is a commit that is accepted without a signature, with everything
	// before it; empty for none.
	Since string
	// SinceUsed returns the Since that was configured when the last commit was
	// accepted. That Since no longer counts, so that the source cannot go back to
	// an older commit after it. SinceUsed is nil if nothing is remembered.
	SinceUsed func(context.Context) (string, error)
	Keys      []Keys
}

// UnverifiedError says why a commit is rejected.
type UnverifiedError struct {
	// Code is commit-unsigned, commit-signature, commit-key or commit-history.
	Code string
	// Commit is the first rejected commit; empty if no commit is the cause.
	Commit string
	Reason message.Message
}

// Error implements error.
func (e *UnverifiedError) Error() string { return message.English(e.AsMessage()) }

// AsMessage implements message.Translatable.
func (e *UnverifiedError) AsMessage() message.Message {
	if e.Commit == "" {
		return e.Reason
	}
	return message.New("git.unverified", "commit", e.Commit, "why", e.Reason)
}

// Unverified reports whether an error of a Source is about the signatures of a
// commit, or the keys.
func Unverified(err error) bool {
	failure, ok := errors.AsType[*binding.Failure](err)
	return ok && slices.Contains([]string{codeUnsigned, codeSignature, codeKey, codeHistory, codeKeys}, failure.Code)
}

func unverified(code string, reason message.Message) error {
	return &UnverifiedError{Code: code, Reason: reason}
}

// verify returns why tip is rejected; nil if it is accepted. previous is the
// remembered last accepted commit; empty if there is none.
func (s *Source) verify(ctx context.Context, tip plumbing.Hash, previous string) error {
	v := s.options.Verify
	if v == nil || s.options.Commit != "" || tip.String() == previous || tip == s.good {
		return nil
	}
	since, err := v.since(ctx, previous)
	if err != nil || tip.String() == since {
		return err
	}
	keyrings, err := v.read()
	if err != nil {
		return err
	}
	anchors := map[plumbing.Hash]bool{}
	for _, h := range []string{previous, since} {
		if plumbing.IsHash(h) {
			anchors[plumbing.NewHash(h)] = true
		}
	}
	if s.good != plumbing.ZeroHash {
		anchors[s.good] = true
	}
	c := chain{keyrings: keyrings, path: s.path, now: s.options.Now()}
	for _, depth := range append(depths(), maxHistory) {
		store, failed := s.history(ctx, tip, depth)
		defer store.release()
		if failed != nil {
			return failed
		}
		c.store = store
		if err = c.follow(ctx, tip, anchors); !errors.Is(err, errMissing) {
			break
		}
	}
	if errors.Is(err, errMissing) {
		err = unverified(codeHistory, message.New("git.verify.too-old", "limit", maxHistory))
	}
	return ofVerify(err, s.endpoint.String())
}

// since is the Since that applies after previous.
func (v *Verify) since(ctx context.Context, previous string) (string, error) {
	if v.Since == "" || previous == "" || v.SinceUsed == nil {
		return v.Since, nil
	}
	used, err := v.SinceUsed(ctx)
	if err != nil || used == v.Since {
		return "", err
	}
	return v.Since, nil
}

// ofVerify is the failure for a rejected commit.
func ofVerify(err error, object string) error {
	why, ok := errors.AsType[*UnverifiedError](err)
	if !ok {
		return err
	}
	hint := message.New("git.verify.sign")
	if why.Code == codeHistory {
		hint = message.New("git.verify.history")
	}
	return &binding.Failure{Kind: binding.Refused, Fault: binding.FaultRequest, Code: why.Code, Op: message.New("op.git.verify"), Object: object, Err: err, Hint: hint}
}

// maxHistory is how many commits are verified at most. Commits that change
// nothing below the source's path count too; a large repository has many of them
// every day.
const maxHistory = 5000

// history fetches commits and trees, without files if the server supports that.
func (s *Source) history(ctx context.Context, tip plumbing.Hash, depth int) (store *store, err error) {
	store = newStore()
	err = s.withSession(ctx, func(ctx context.Context, c openSession) error {
		return s.fetch(ctx, c, fetchRequest{want: tip, depth: depth, trees: true}, store)
	})
	return store, err
}

// acceptedCommit returns the commit to read, and what was fetched for it. This is tip if
// it is accepted. If not, a new process reads the last accepted commit, so that
// it stays in force; held then says why tip was rejected.
func (s *Source) acceptedCommit(ctx context.Context, tip plumbing.Hash, fetched *store, previous string) (at plumbing.Hash, of *store, held, err error) {
	err = s.verify(ctx, tip, previous)
	if err == nil || !Unverified(err) || s.store != nil || !plumbing.IsHash(previous) {
		return tip, fetched, nil, err
	}
	last, store := plumbing.NewHash(previous), newStore()
	failed := s.withSession(ctx, func(ctx context.Context, c openSession) error {
		o := fetchRequest{want: last, depth: 1}
		if !offersCommit(c.refs, last) {
			o = fetchRequest{want: tip, depth: slices.Max(depths())}
		}
		return s.fetch(ctx, c, o, store)
	})
	if _, missing := commitAt(store, last); failed != nil || missing != nil {
		store.release()
		return tip, fetched, nil, err
	}
	fetched.release()
	return last, store, err, nil
}
