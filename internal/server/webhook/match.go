package webhook

import (
	"strings"

	"reconciler/internal/message"
)

// Source is the source that pushes are compared with.
type Source struct {
	// URL is the repository that the daemon reads; empty if it reads a folder,
	// which no push changes.
	URL string
	// Ref is the full name of the branch or tag, such as refs/heads/main; empty
	// if the source is one commit, which no push changes.
	Ref string
}

// target is a parsed Source.
type target struct {
	repository repository
	ref        string
	// aliases maps other names of hosts to the name that each stands for.
	aliases map[string]string
}

// newTarget makes a target. An alias maps one host to another, each with :PORT
// if the port is not a default one.
func newTarget(source Source, aliases map[string]string) (target, error) {
	t := target{ref: source.Ref, aliases: map[string]string{}}
	for from, to := range aliases {
		a, okFrom := parseHost(from)
		b, okTo := parseHost(to)
		if !okFrom || !okTo {
			return target{}, message.NewError("webhook.alias", "from", from, "to", to)
		}
		t.aliases[a] = b
	}
	if source.URL != "" {
		var err error
		if t.repository, err = parseRepository(source.URL); err != nil {
			return target{}, message.NewError("webhook.source", "why", err)
		}
	}
	t.repository = t.named(t.repository)
	return t, nil
}

// ValidHost reports whether s has the form host or host:port, as an alias must.
func ValidHost(s string) bool {
	_, ok := parseHost(s)
	return ok
}

// parseHost normalizes host or host:port.
func parseHost(s string) (string, bool) {
	r, err := parseRepository("https://" + s + "/x")
	return r.host, err == nil && !strings.ContainsAny(s, "/@?#")
}

// named replaces a repository's host if it is an alias.
func (t target) named(r repository) repository {
	if host, ok := t.aliases[r.host]; ok {
		r.host = host
	}
	return r
}

// verdict is the result of comparing a push with the target.
type verdict struct {
	// reason says why the push does not change the target; zero if it does.
	reason message.Message
	// ours is true if the repository is the target's.
	ours   bool
	commit string
}

// match compares a push with the target.
func (t target) match(e event) verdict {
	if t.repository.host == "" {
		return verdict{reason: message.New("config.hook-folder")}
	}
	var found []repository
	for _, address := range e.addresses {
		if r, err := parseRepository(address); err == nil {
			found = append(found, t.named(r))
		}
	}
	if reason := t.differs(found, e.path); !reason.IsZero() {
		return verdict{reason: reason}
	}
	v := verdict{ours: true, reason: message.New("webhook.moved-nothing")}
	for _, c := range e.changes {
		switch {
		case t.ref == "":
			v.reason = message.New("config.hook-commit")
		case c.ref != t.ref:
			v.reason = message.New("webhook.other-ref", "ref", message.Foreign(clip(c.ref)), "own", t.ref)
		case c.deleted:
			return verdict{ours: true, reason: message.New("webhook.deleted", "ref", t.ref)}
		default:
			return verdict{ours: true, commit: c.commit}
		}
	}
	return v
}

// differs says why none of the repositories is the target's: because of the path
// if one is on the same host, otherwise because of the host. A sender that gives
// only a path without a host is still tied to one host by its secret.
func (t target) differs(found []repository, tail string) message.Message {
	host, path := "", ""
	if tail != "" && t.repository.endsIn(tail) {
		return message.Message{}
	}
	for _, r := range found {
		switch {
		case t.repository.same(r):
			return message.Message{}
		case r.host == t.repository.host:
			path = r.path
		default:
			host = r.host
		}
	}
	switch {
	case path != "":
		return message.New("webhook.other-path", "path", message.Foreign(clip(path)), "own", t.repository.path)
	case host != "":
		return message.New("webhook.other-host", "host", message.Foreign(clip(host)), "own", t.repository.host)
	}
	return message.New("webhook.no-repository", "path", message.Foreign(clip(tail)))
}

// maxWord is how much of a text from outside is logged.
const maxWord = 200

// clip shortens and cleans a text from outside for the log.
func clip(s string) string {
	if len(s) > maxWord {
		s = s[:maxWord] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
