package sandbox

import (
	"slices"
	"strings"
	"time"
)

// ReadLag makes reads show an older state than there is, as those of a registry
// with several replicas do. Writes meet the newest state.
type ReadLag struct {
	// Object is a platform or an image repository (namespace/name); empty means
	// all of them.
	Object string
	// By is how long a change is not shown.
	By time.Duration
	// Flip lets only every other read of an object lag: the first does, the
	// second does not.
	Flip bool
}

// maxVersions bounds how many states of an object are kept for reads that lag.
const maxVersions = 256

// version is an object as it was from a time on; both are nil where it was
// absent.
type version struct {
	since   time.Time
	account *sourceAccount
	repo    *imageRepository
}

// SetReadLag makes reads lag from now on. It replaces what was asked for before;
// the first that fits an object decides. Without one, reads show what is so.
func (i *RegistryInstance) SetReadLag(lags ...ReadLag) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.lags, i.reads = lags, map[string]int{}
}

// changed keeps the state of an object, an origin or an image repository, after
// each change of it. The caller holds mu.
func (i *RegistryInstance) changed(object string) {
	v := version{since: i.registry.options.Now(), account: i.accounts[object]}
	if repo := i.repos[object]; repo != nil {
		copied := *repo
		copied.rules = slices.Clone(repo.rules)
		v.repo = &copied
	}
	all := append(i.versions[object], v)
	i.versions[object] = all[max(0, len(all)-maxVersions):]
}

// visible is an object as a read shows it now; each kind of read flips by itself.
// The caller holds mu.
func (i *RegistryInstance) visible(object, read string) version {
	now := version{account: i.accounts[object], repo: i.repos[object]}
	at := slices.IndexFunc(i.lags, func(l ReadLag) bool { return l.Object == "" || strings.EqualFold(l.Object, object) })
	if at < 0 {
		return now
	}
	lag := i.lags[at]
	i.reads[read+" "+object]++
	if lag.Flip && i.reads[read+" "+object]%2 == 0 {
		return now
	}
	until := i.registry.options.Now().Add(-lag.By)
	var old version
	for _, v := range i.versions[object] {
		if !v.since.After(until) {
			old = v
		}
	}
	return old
}
