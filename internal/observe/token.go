package observe

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/secrets"
)

// declaration observes one declaration's token and, at depth binding.DepthPreflight, asks
// its code host. If the token would be sent to a different host than its own, it is not
// read and no host is asked.
func (l *observation) declaration(ctx context.Context, d binding.Declaration, depth binding.Depth, moves func(host string) bool, seen *tokenObservation) {
	state := new(binding.TokenState)
	if d.Spec.Token != nil {
		*state = l.metadata(ctx, d)
		state.Previous = l.previous(ctx, d, *state)
	}
	if depth == binding.DepthPreflight && state.Previous != nil {
		state.BoundAnswers = l.boundAnswers(ctx, d, *state)
	}
	saw := func(projects map[string]binding.ProjectState) {
		*seen = tokenObservation{asked: d.Spec.Token != nil || len(state.Answers) > 0, state: *state, projects: projects}
	}
	asked := depth == binding.DepthPreflight && state.Unknown == nil && !moves(state.Host) && l.preflight(ctx, d, state, saw)
	if !asked {
		saw(nil)
	}
}

// metadata asks the secret store about a token, without reading its value.
func (l *observation) metadata(ctx context.Context, d binding.Declaration) binding.TokenState {
	ref := secrets.Ref(d.Spec.Token.Vault)
	meta, err := asked(ctx, l, peerSecrets, func(ctx context.Context) (secrets.Metadata, error) { return l.o.Tokens.Metadata(ctx, ref) })
	var state binding.TokenState
	endsBy(&state, d.Spec.Token.End())
	if err != nil {
		state.Unknown = secretUnknown(err)
		return state
	}
	state.Version, state.Latest, state.Created = meta.Version, meta.Latest, meta.Created
	end, unreadable := customExpiry(meta.Custom)
	endsBy(&state, binding.TokenEnd{At: end, Source: binding.FromVault})
	state.ExpiresUnreadable, state.Host = unreadable, meta.Custom[binding.HostKey]
	return state
}

// preflight stores the code host's answers in state, from memory if those are still
// valid, and then calls saw with the answers about the projects, possibly after it
// has returned. It is false if no host is asked. If the secret store has no versions,
// it always reads the token, because only the fingerprint shows whether it is the same.
func (l *observation) preflight(ctx context.Context, d binding.Declaration, state *binding.TokenState, saw func(map[string]binding.ProjectState)) bool {
	var token secrets.Secret
	if d.Spec.Token != nil && state.Version == 0 {
		token = l.read(ctx, d, state)
		state.Fingerprint = token.Fingerprint(l.o.Key)
	}
	host := l.o.Hosts[d.Spec.Platform]
	if host == nil || state.Unknown != nil {
		token.Wipe()
		return false
	}
	id := l.known(d).UserID
	question := questionOf(d, *state)
	heard := func(answers *hostAnswers) {
		token.Wipe()
		state.Answers, state.User = answers.report.Answers, answers.report.User
		endsBy(state, binding.TokenEnd{At: answers.report.Expires, Source: binding.FromHost})
		saw(l.identified(d, answers.projects))
	}
	if answers, known := l.memory.lookup(hostKey{name: d.Name}, question, l.o.Now()); known && answers.about(id) {
		heard(&answers)
		return true
	}
	if d.Spec.Token != nil && token.IsZero() {
		if token = l.read(ctx, d, state); state.Unknown != nil {
			return false
		}
	}
	l.askHost(ctx, host, d, token, func(answers *hostAnswers) {
		answers.userID = id
		l.memory.remember(hostKey{name: d.Name}, question, *answers, l.o.Now())
		heard(answers)
	})
	return true
}

// known is the declared account, with its number if that is recorded.
func (l *observation) known(d binding.Declaration) binding.Account {
	applied, ok := l.applied(d)
	if !ok {
		return d.Spec.Account()
	}
	return applied.Identify(d.Spec.Account())
}

// identified returns a code host's answers about a declaration's projects, with
// a no if the path now belongs to a different project than the recorded one.
func (l *observation) identified(d binding.Declaration, projects map[string]binding.ProjectState) map[string]binding.ProjectState {
	applied, _ := l.applied(d)
	answers, own := projects, false
	for _, img := range applied.Images {
		if img.Link == nil || img.SourceID == "" {
			continue
		}
		state, ok := answers[img.Link.Source]
		if !ok {
			continue
		}
		if !own {
			answers, own = maps.Clone(projects), true
		}
		answers[img.Link.Source] = state.Identified(img.Link.Source, img.SourceID)
	}
	return answers
}

// read reads the version that the metadata reported, so that what is checked is
// what will be bound.
func (l *observation) read(ctx context.Context, d binding.Declaration, state *binding.TokenState) secrets.Secret {
	ref := secrets.Ref(d.Spec.Token.Vault)
	ref.Version = state.Version
	var token secrets.Secret
	err := l.ask(ctx, peerSecrets, func(ctx context.Context) (err error) {
		token, _, err = l.o.Tokens.Read(ctx, ref)
		return err
	})
	if err != nil {
		token.Wipe()
		state.Unknown = secretUnknown(err)
	}
	return token
}

// secretUnknown turns an error of the secret store into the reason why it gave
// no answer, with the store's own message if there is one.
func secretUnknown(err error) *binding.Unknown {
	u := unknown(err)
	if f, ok := errors.AsType[*binding.Failure](err); ok {
		u.Reason = cmp.Or(f.Code, u.Reason)
		u.Certain = f.Kind == binding.NotFound || f.Kind == binding.Forbidden || f.WhoseFault() == binding.FaultRequest
	}
	return u
}

// previous asks whether the secret store still has the token that was applied
// last; nil if that is the current one. If the secret was deleted and created
// again, the same version is a different token.
func (l *observation) previous(ctx context.Context, d binding.Declaration, state binding.TokenState) *binding.PreviousToken {
	applied, ok := l.applied(d)
	if !ok || state.Unknown != nil && !state.Unknown.Certain || applied.TokenVersion == 0 {
		return nil
	}
	before := &binding.PreviousToken{Vault: applied.Vault.Unpinned(), Version: applied.TokenVersion}
	same, created := before.Version == state.Version && before.Vault == d.Spec.Token.Vault.Unpinned(), state.Created
	if !same {
		err := l.ask(ctx, peerSecrets, func(ctx context.Context) error {
			meta, err := l.o.Tokens.Metadata(ctx, secrets.Ref(applied.AppliedToken()))
			created = meta.Created
			return err
		})
		if err != nil {
			before.Unknown = secretUnknown(err)
			return before
		}
	}
	switch {
	case binding.MadeAnew(applied.TokenCreated, created):
		before.Unknown = &binding.Unknown{Reason: binding.ReasonMadeAnew, Message: binding.TokenMadeAnew(applied.TokenVersion), Certain: true}
	case same:
		return nil
	}
	return before
}

// boundAnswers asks the bound token's own code host about that token, because
// builds depend on it as long as the current one is not bound.
func (l *observation) boundAnswers(ctx context.Context, d binding.Declaration, state binding.TokenState) []binding.Answer {
	host := l.o.Hosts[d.Spec.Platform]
	applied, ok := l.applied(d)
	if host == nil || !ok || state.Previous.Unknown != nil {
		return nil
	}
	account := applied.Identify(applied.Wanted())
	account.ID = ""
	var sources []string
	if binding.SameAccount(account, d.Spec.Account()) {
		sources = d.Spec.Sources()
	}
	key := hostKey{d.Name, true}
	question := binding.DigestOf(account, sources, applied.AppliedToken(), applied.TokenCreated, account.UserID)
	if answers, known := l.memory.lookup(key, question, l.o.Now()); known {
		return answers.report.Answers
	}
	var token secrets.Secret
	defer func() { token.Wipe() }()
	var meta secrets.Metadata
	err := l.ask(ctx, peerSecrets, func(ctx context.Context) (err error) {
		token, meta, err = l.o.Tokens.Read(ctx, secrets.Ref(applied.AppliedToken()))
		return err
	})
	if err != nil || binding.MadeAnew(applied.TokenCreated, meta.Created) {
		return nil
	}
	if !binding.SecretTargetOf(account.Platform, account.Address).Allowed(meta.Custom[binding.HostKey]) {
		return nil // The token is not sent to a host other than the one that its secret names.
	}
	var answers hostAnswers
	err = l.ask(ctx, string(d.Spec.Platform), func(ctx context.Context) error {
		answers.report = host.CheckToken(ctx, account, sources, token)
		return nil
	})
	if err != nil {
		return nil
	}
	l.memory.remember(key, question, answers, l.o.Now())
	return answers.report.Answers
}

// applied is the record of a declaration, or else of its earlier name.
func (l *observation) applied(d binding.Declaration) (found binding.Record, ok bool) {
	for _, r := range l.records {
		if r.Managed && r.Platform == d.Spec.Platform && (!ok || r.Binding == d.Name) {
			found, ok = r, true
		}
	}
	return found, ok
}

// askHost starts all questions about one declaration, each in its own goroutine, and
// returns. The last one calls done. So no goroutine waits while it holds the large
// stack that reading the secret store needed. Several calls use the token at once:
// done wipes it.
func (l *observation) askHost(ctx context.Context, host Host, d binding.Declaration, token secrets.Secret, done func(*hostAnswers)) {
	account, paths, peer := l.known(d), d.Spec.Sources(), string(d.Spec.Platform)
	answers := &hostAnswers{projects: map[string]binding.ProjectState{}}
	var (
		mu   sync.Mutex
		asks []func()
		site []binding.Answer
	)
	ask := func(put func(), call func(context.Context)) {
		asks = append(asks, func() {
			err := l.ask(ctx, peer, func(ctx context.Context) (err error) {
				defer func() {
					if v := recover(); v != nil {
						err = binding.BugOf(v)
					}
				}()
				call(ctx)
				return nil
			})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				put()
				return
			}
			answers.incomplete = true
		})
	}
	var report binding.TokenReport
	ask(func() { answers.report = report }, func(ctx context.Context) {
		if d.Spec.Token == nil {
			report = host.CheckAccount(ctx, account, token)
			return
		}
		report = host.CheckToken(ctx, account, paths, token)
	})
	for _, path := range paths {
		var project binding.ProjectState
		ask(func() { answers.projects[path] = project }, func(ctx context.Context) {
			project = host.CheckProject(ctx, account, path, token)
		})
	}
	if checker := l.o.Sites[d.Spec.Platform]; checker != nil && d.Spec.Address != "" {
		ask(func() {}, func(ctx context.Context) {
			site = siteOf(d, checker.Check(ctx, d.Spec.Address))
		})
	}
	var left atomic.Int64
	left.Store(int64(len(asks)))
	for _, one := range asks {
		l.goSafely(func() {
			defer func() {
				if left.Add(-1) == 0 {
					answers.report.Answers = append(answers.report.Answers, site...)
					done(answers)
				}
			}()
			one()
		})
	}
}

// siteOf adapts the answers about a site to a declaration: an instance of the
// Enterprise Edition may reach a site over a link that the internet cannot
// reach.
func siteOf(d binding.Declaration, answers []binding.Answer) []binding.Answer {
	for i, a := range answers {
		if d.Edition == binding.Enterprise && a.Question == binding.QuestionSitePublic && a.Verdict == binding.No {
			answers[i].Verdict, answers[i].Code = binding.UnknownAsked, ""
		}
	}
	return answers
}

// endsBy sets the end of a token, if it is the earliest one.
func endsBy(state *binding.TokenState, end binding.TokenEnd) {
	first := binding.EarliestEnd(binding.TokenEnd{At: state.Expires, Source: state.ExpiresSource}, end)
	state.Expires, state.ExpiresSource = first.At, first.Source
}

// customExpiry reads the custom metadata "expires" of a secret: a day, or an
// instant as RFC 3339. For any other text it returns the beginning of the text:
// that is not an answer, and does not mean that the token never expires.
func customExpiry(custom map[string]string) (end time.Time, unreadable string) {
	for _, key := range slices.Sorted(maps.Keys(custom)) {
		value := strings.TrimSpace(custom[key])
		if !strings.EqualFold(key, "expires") || value == "" {
			continue
		}
		if day, err := binding.ParseDate(value); err == nil {
			return day.End(), ""
		}
		if at, err := time.Parse(time.RFC3339, value); err == nil && at.UTC().Year() <= maxYear {
			return at.UTC(), ""
		}
		unreadable = value[:min(len(value), maxUnreadable)]
	}
	return time.Time{}, strings.ToValidUTF8(unreadable, "")
}

const (
	// maxUnreadable is how much of a value that is not a date is shown, in bytes.
	maxUnreadable = 40
	// maxYear is the last year that a time in JSON can have (RFC 3339).
	maxYear = 9999
)
