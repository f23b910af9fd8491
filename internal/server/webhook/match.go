package webhook

import (
	"strings"

	"reconciler/internal/message"
)

// Source is what pushes are compared with.
type Source struct {
	// URL is the repository that the daemon reads; empty where it reads a
	// folder, which no push moves.
	URL string
	// Ref is the full name of the branch or tag, such as refs/heads/main; empty
	// if the source is one commit, which no push moves.
	Ref string
}

// target is a Source, ready to compare.
type target struct {
	repository repository
	ref        string
	// aliases are other names of hosts, and the name each stands for.
	aliases map[string]string
}

// newTarget makes a target. An alias maps a host to a host, each with :PORT if
// the port is not a default one.
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

// ValidHost reports whether s is host or host:port, as an alias may name it.
func ValidHost(s string) bool {
	_, ok := parseHost(s)
	return ok
}

// parseHost reads host or host:port into its one form.
func parseHost(s string) (string, bool) {
	r, err := parseRepository("https://" + s + "/x")
	return r.host, err == nil && !strings.ContainsAny(s, "/@?#")
}

// named gives a repository the host that its own stands for.
func (t target) named(r repository) repository {
	if host, ok := t.aliases[r.host]; ok {
		r.host = host
	}
	return r
}

// verdict is what a push is to the target.
type verdict struct {
	// reason says why it moves nothing; zero where it moves the target.
	reason message.Message
	// ours says that the repository is the target's.
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

// differs says why none of the repositories is the target's: of one on the
// same host the path, otherwise the host. A sender that gives a path and no host
// is one host's by its secret; what stands before the path is that host's own.
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
	if tail != "" {
		return message.New("webhook.no-repository", "path", message.Foreign(clip(tail)))
	}
	return message.New("webhook.no-repository", "path", message.Foreign(""))
}

// maxWord is how much of a foreign text is logged.
const maxWord = 200

// clip makes a foreign text fit for the log.
func clip(s string) string {
	if len(s) > maxWord {
		s = s[:maxWord] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
