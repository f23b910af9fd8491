package manifest

import (
	"sync"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
)

// Cache keeps what files said, so that an unchanged one is not parsed again.
// It holds the files of the last Load and no others. It may be used by several
// goroutines at once. The nil Cache keeps nothing.
type Cache struct {
	mu      sync.Mutex
	entries map[cacheKey]checkedFile
	// policies are the findings by the organisation's policies, tooSlow the
	// digest of those that took too long and are not begun again.
	policies map[policyKey][]finding.Finding
	tooSlow  string
}

// NewCache returns an empty cache.
func NewCache() *Cache { return &Cache{} }

type cacheKey struct {
	path, digest string
	private      bool
	// editions identifies the editions of the instances.
	editions string
}

func keyOf(file binding.File, opts Options, editions string) cacheKey {
	return cacheKey{file.Path, file.Digest, opts.AllowPrivateAddresses, editions}
}

func (c *Cache) get(key cacheKey) (checkedFile, bool) {
	if c == nil || key.digest == "" {
		return checkedFile{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.entries[key]
	return entry, ok
}

// keep replaces the cache's content by that of one complete load.
func (c *Cache) keep(files []binding.File, checked []checkedFile, opts Options, editions string) {
	if c == nil {
		return
	}
	entries := make(map[cacheKey]checkedFile, len(files))
	for i, file := range files {
		if file.Digest != "" {
			entries[keyOf(file, opts, editions)] = checked[i]
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = entries
}

// policy finds what the policies said of an unchanged declaration.
func (c *Cache) policy(key policyKey) ([]finding.Finding, bool) {
	if c == nil || key.digest == "" {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.policies[key]
	return found, ok
}

// keepPolicies replaces what the policies said by that of one complete load.
func (c *Cache) keepPolicies(told map[policyKey][]finding.Finding) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.policies = told
}

func (c *Cache) slow(policies string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tooSlow = policies
}

func (c *Cache) isSlow(policies string) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tooSlow == policies
}
