// Package webhook receives webhooks about pushes from code hosts. A delivery is
// verified before it is parsed, and is used only as a signal to read the
// source: none of its content goes further. The listener is the only port of
// the daemon that the internet may reach, and serves nothing else.
package webhook

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"reconciler/internal/message"
	"reconciler/internal/secrets"
	"reconciler/internal/server/port"
)

// maxBodyBytes is the largest body that is read.
const maxBodyBytes = 1 << 20

// pathPrefix is the part of a sender's path before its name.
const pathPrefix = "/hooks/"

// Kind is a kind of sender.
type Kind string

// The kinds of senders.
const (
	GitHub    Kind = "github"
	GitLab    Kind = "gitlab"
	Bitbucket Kind = "bitbucket"
	Codeup    Kind = "codeup"
	Generic   Kind = "generic"
)

// Sender is one webhook that is configured at a code host.
type Sender struct {
	// Name determines its path, /hooks/NAME.
	Name string `yaml:"name"`
	Kind Kind   `yaml:"type"`
	// SecretFile contains the secret, and PreviousSecretFile the previous one,
	// which is accepted too; empty if there is none.
	SecretFile         string `yaml:"secretFile"`
	PreviousSecretFile string `yaml:"previousSecretFile"`
}

// Settings are the settings that a reload may change.
type Settings struct {
	Senders []Sender
	Source  Source
	// Aliases maps additional names of hosts to the name that each stands for.
	Aliases map[string]string
}

// Push is a push that changed the source.
type Push struct {
	// Sender is the name of the sender that reported it.
	Sender string
	// Commit is the new commit of the source; empty if the sender does not say.
	Commit string
	// Trace is the traceparent of the delivery; empty if it has none.
	Trace string
}

// Results of requests, for the metric that counts them.
const (
	Accepted     = "accepted"
	Ignored      = "ignored"
	Unmatched    = "unmatched"
	Unauthorized = "unauthorized"
	Rejected     = "rejected"
	Limited      = "limited"
)

// Results returns all results.
func Results() []string {
	return []string{Accepted, Ignored, Unmatched, Unauthorized, Rejected, Limited}
}

// Options are the options of a Handler.
type Options struct {
	// Pushed is called with each accepted push. It must return at once.
	Pushed func(Push)
	// Count is called with the result of each request to a configured sender.
	Count func(sender, result string)
	// Redactor learns the secrets.
	Redactor *secrets.Redactor
	Log      *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Handler answers POST /hooks/NAME for each configured sender, and nothing
// else. It is safe for concurrent use.
type Handler struct {
	opts    Options
	remotes *remotes
	bodies  *port.Slots

	current atomic.Pointer[state]
}

// state is prepared Settings.
type state struct {
	senders map[string]*sender
	target  target
}

// sender is one configured sender.
type sender struct {
	Sender
	verify verifier
	parse  func(http.Header, []byte) (event, error)
	files  []*secretFile
	*senderState
}

// senderState is what is known about a sender's earlier requests. It outlives a reload.
type senderState struct {
	// unprovenAnswers limits how many unproven requests get the usual answer.
	unprovenAnswers *rate.Limiter
	seen            memory
	// unprovenLogs limits the log lines about unproven requests.
	unprovenLogs rate.Sometimes
}

// New makes a handler without senders; Prepare gives it some.
func New(opts Options) *Handler {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	h := &Handler{opts: opts, remotes: newRemotes(), bodies: port.NewSlots(slots, slotsEach)}
	h.current.Store(&state{})
	return h
}

// Prepare prepares new settings; take then applies them and cannot fail.
// Prepare reads every secret. If one is missing or too short, it returns an
// error and nothing changes. It ignores a previous secret that cannot be read.
func (h *Handler) Prepare(s Settings) (take func(), err error) {
	old := h.current.Load()
	next := &state{senders: map[string]*sender{}}
	if next.target, err = newTarget(s.Source, s.Aliases); err != nil {
		return nil, err
	}
	for _, configured := range s.Senders {
		made, err := h.newSender(configured, old.senders[configured.Name])
		if err != nil {
			next.forget()
			return nil, message.NewError("webhook.sender", "name", configured.Name, "why", err)
		}
		next.senders[configured.Name] = made
	}
	return func() { h.current.Swap(next).forget() }, nil
}

// forget makes the redactor forget the secrets. Running requests keep theirs.
func (s *state) forget() {
	for _, sender := range s.senders {
		for _, f := range sender.files {
			f.forget()
		}
	}
}

// newSender makes a sender and reads its secrets. before is the previous sender
// of the same name, or nil.
func (h *Handler) newSender(configured Sender, before *sender) (*sender, error) {
	s := &sender{Sender: configured}
	switch configured.Kind {
	case GitHub:
		s.verify, s.parse = verifyHub("X-Hub-Signature-256", "X-Github-Delivery"), parseGitHub
	case GitLab:
		s.verify, s.parse = verifyGitLab, parseGitLab
	case Bitbucket:
		s.verify, s.parse = verifyHub("X-Hub-Signature", "X-Request-Uuid", "X-Request-Id"), parseBitbucket
	case Codeup:
		s.verify, s.parse = verifyToken("X-Codeup-Token", ""), parseCodeup
	case Generic:
		s.verify, s.parse = verifyGeneric, parseGeneric
	default:
		return nil, message.NewError("webhook.type", "type", configured.Kind)
	}
	if configured.SecretFile == "" {
		return nil, message.NewError("webhook.no-secret-file")
	}
	for _, path := range []string{configured.SecretFile, configured.PreviousSecretFile} {
		if path != "" {
			s.files = append(s.files, &secretFile{path: path, kind: configured.Kind, redactor: h.opts.Redactor})
		}
	}
	if _, err := s.files[0].load(); err != nil {
		(&state{senders: map[string]*sender{"": s}}).forget()
		return nil, err
	}
	// The previous secret is only needed during a rotation, so its file may be
	// missing.
	if _, err := s.keys(); err != nil {
		h.opts.Log.Warn("cannot read a webhook's previous secret, so it is not accepted", "sender", s.Name, "err", err)
	}
	if before != nil && before.Kind == s.Kind {
		s.senderState = before.senderState
	} else {
		s.senderState = &senderState{
			unprovenAnswers: rate.NewLimiter(senderPerSecond, senderBurst),
			unprovenLogs:    rate.Sometimes{First: 10, Interval: time.Second},
		}
	}
	return s, nil
}

// keys returns the current secrets of the files that can be read. err says why
// the others cannot.
func (s *sender) keys() (keys []key, err error) {
	for _, f := range s.files {
		k, unread := f.load()
		if unread == nil {
			keys = append(keys, k)
		}
		err = errors.Join(err, unread)
	}
	return keys, err
}

// answer is the answer to a request.
type answer struct {
	status int
	result string
}

// ServeHTTP implements http.Handler. Anything but a delivery of a configured
// sender gets 404, and no answer gives a reason.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	current := h.current.Load()
	name, ok := strings.CutPrefix(r.URL.Path, pathPrefix)
	s := current.senders[name]
	if !ok || s == nil || r.Method != http.MethodPost {
		status := http.StatusNotFound
		if !h.remotes.allow(r.RemoteAddr, h.opts.Now()) {
			w.Header().Set("Connection", "close")
			status = http.StatusTooManyRequests
		}
		w.WriteHeader(status)
		return
	}
	a := h.guarded(w, r, s, current.target)
	if h.opts.Count != nil {
		h.opts.Count(s.Name, a.result)
	}
	switch a.status {
	case http.StatusOK, http.StatusAccepted:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(a.status)
		// The push is accepted even if the sender does not wait for the answer.
		_, _ = io.WriteString(w, map[int]string{http.StatusOK: Ignored, http.StatusAccepted: Accepted}[a.status]+"\n")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
		w.Header().Set("Connection", "close")
		w.WriteHeader(a.status)
	default:
		w.WriteHeader(a.status)
	}
}

// guarded calls receive. A panic ends only this request, and only its type is
// logged.
func (h *Handler) guarded(w http.ResponseWriter, r *http.Request, s *sender, t target) (a answer) {
	defer func() {
		if v := recover(); v != nil {
			h.opts.Log.Error("a fault of this program, please report it; the webhook is refused",
				"sender", s.Name, "panic", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
			a = answer{http.StatusInternalServerError, Rejected}
		}
	}()
	return h.receive(w, r, s, t)
}

// receive does the cheap checks first: headers, size, proof, and only then the
// content.
func (h *Handler) receive(w http.ResponseWriter, r *http.Request, s *sender, t target) answer {
	keys, unread := s.keys()
	if unread != nil {
		s.unprovenLogs.Do(func() { h.opts.Log.Error("webhook: its secret cannot be read", "sender", s.Name, "err", unread) })
	}
	d := delivery{header: r.Header, keys: keys, now: h.opts.Now()}
	if _, err := s.verify(d); unread == nil && slices.Contains([]error{errNoProof, errProofShape, errTimeMissing}, err) {
		return h.unproven(s, r, err, answer{http.StatusUnauthorized, Unauthorized})
	}
	place := h.bodies.Acquire(port.Peer(r.RemoteAddr), func() { _ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)) })
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	place.Release()
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return h.unproven(s, r, message.NewError("webhook.large", "most", maxBodyBytes), answer{http.StatusRequestEntityTooLarge, Rejected})
	}
	if err != nil {
		return h.unproven(s, r, message.NewError("webhook.cut"), answer{http.StatusBadRequest, Rejected})
	}
	d.body = body
	id, err := s.verify(d)
	if err != nil && unread != nil {
		// The secret that cannot be read might prove the request.
		return answer{http.StatusServiceUnavailable, Rejected}
	}
	if err != nil {
		return h.unproven(s, r, err, answer{http.StatusUnauthorized, Unauthorized})
	}
	e, err := s.parse(r.Header, body)
	if err != nil {
		h.opts.Log.Warn("webhook refused", "sender", s.Name, "reason", err.Error(), "delivery", clip(id))
		return answer{http.StatusBadRequest, Rejected}
	}
	e.trace = r.Header.Get("Traceparent")
	return h.decide(s, t, e, id)
}

// decide returns the answer to a proven delivery.
func (h *Handler) decide(s *sender, t target, e event, id string) answer {
	log := h.opts.Log.With("sender", s.Name, "delivery", clip(id))
	if !e.push {
		log.Info("webhook matched no source", "reason", "event is not a push: "+clip(e.name))
		return answer{http.StatusOK, Ignored}
	}
	v := t.match(e)
	switch {
	case !v.ours:
		log.Info("webhook matched no source", "reason", message.English(v.reason))
		return answer{http.StatusOK, Unmatched}
	case !v.reason.IsZero():
		log.Info("webhook matched no source", "reason", message.English(v.reason))
		return answer{http.StatusOK, Ignored}
	case !s.seen.add(id):
		log.Info("webhook ignored", "reason", "the delivery was accepted before")
		return answer{http.StatusOK, Ignored}
	}
	log.Info("webhook accepted", "ref", t.ref, "commit", v.commit)
	h.opts.Pushed(Push{Sender: s.Name, Commit: v.commit, Trace: e.trace})
	return answer{http.StatusAccepted, Accepted}
}

// unproven logs an unproven request, and returns its answer: a, or that there
// are too many requests. Anybody can send those, so the number of log lines is
// limited.
func (h *Handler) unproven(s *sender, r *http.Request, reason error, a answer) answer {
	s.unprovenLogs.Do(func() {
		h.opts.Log.Warn("webhook refused", "sender", s.Name, "reason", reason.Error(), "remote", r.RemoteAddr)
	})
	now := h.opts.Now()
	if !h.remotes.allow(r.RemoteAddr, now) || !s.unprovenAnswers.AllowN(now, 1) {
		return answer{http.StatusTooManyRequests, Limited}
	}
	return a
}
