package vault

import (
	"context"
	"errors"
	"net/http"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/secrets"
)

// assumedFor is how long version 2 is assumed for a KV engine whose version
// Vault did not report, before Vault is asked again.
const assumedFor = 5 * time.Minute

// mount is what is known about a secrets engine.
type mount struct {
	version int
	// assumed is how long an assumed version is valid; zero means forever.
	assumed binding.Term
}

// withVersion reads with the KV version of the reference's mount. If the read fails
// as with a wrong version, the remembered or assumed version may be wrong: the
// engine may have been upgraded or mounted again, or Vault did not report the
// version to an earlier token. Then withVersion asks for the version again and, if
// it differs, repeats the read.
func (c *Client) withVersion(ctx context.Context, ref secrets.Ref, read func(version int) error) error {
	c.mu.Lock()
	_, remembered := c.mounts[ref.Mount]
	c.mu.Unlock()
	version, err := c.kvVersion(ctx, ref)
	if err != nil {
		return err
	}
	c.mu.Lock()
	assumed := c.mounts[ref.Mount].assumed != binding.Term{}
	c.mu.Unlock()
	failed := read(version)
	failure, ok := errors.AsType[*binding.Failure](failed)
	if !remembered && !assumed || !ok || failure.Kind == binding.Transient || failure.Kind == binding.Throttled {
		return failed
	}
	c.mu.Lock()
	delete(c.mounts, ref.Mount)
	c.mu.Unlock()
	if now, err := c.kvVersion(ctx, ref); err == nil && now != version {
		return read(now)
	}
	return failed
}

// kvVersion is the KV version of the reference's mount: the configured one, or
// else the one that Vault reports. Vault reports it to every token with any
// permission below the mount. If it does not, version 2 is assumed.
func (c *Client) kvVersion(ctx context.Context, ref secrets.Ref) (int, error) {
	if v := c.options.KVVersions[ref.Mount]; v != 0 {
		return v, nil
	}
	c.mu.Lock()
	known, ok := c.mounts[ref.Mount]
	c.mu.Unlock()
	if ok && known.version == 2 && (known.assumed == binding.Term{} || known.assumed.Holds(c.options.Now())) {
		return known.version, nil
	}
	asked := call{op: message.New("op.vault.find-engine"), object: object(ref), path: "sys/internal/ui/mounts/" + ref.Mount}
	s, err := c.sessions.get(ctx)
	if err != nil {
		return 0, err
	}
	r, failure := c.send(ctx, s, asked, nil)
	if failure == nil && r.status == http.StatusForbidden && r.tokenUnknown() {
		if other := c.sessions.afterDenial(ctx, s, true); other != s {
			r, failure = c.send(ctx, other, asked, nil)
		}
	}
	if failure != nil {
		return 0, failure
	}
	found := mount{version: 2}
	switch {
	case r.status == http.StatusOK:
		var state mountState
		if err := decode(r.body, &state); err != nil {
			return 0, asked.unreadable(err)
		}
		if state.Type != "kv" && state.Type != "generic" {
			return 0, asked.declared(CodeRefused, message.New("vault.engine-type", "mount", ref.Mount, "type", state.Type))
		}
		if state.Options["version"] != "2" {
			found.version = 1
		}
	case (r.status == http.StatusForbidden || r.status == http.StatusNotFound) && !r.proxied():
		found.assumed = binding.TermOf(c.options.Now(), assumedFor)
	default:
		return 0, asked.refused(r)
	}
	c.mu.Lock()
	c.mounts[ref.Mount] = found
	c.mu.Unlock()
	return found.version, nil
}
