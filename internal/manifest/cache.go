package manifest

import (
	"sync"

	"reconciler/internal/binding"
)

// Cache keeps the results of checked files, so that an unchanged file is not parsed
// again. It has only the files of the last Load. It is safe for concurrent use. The
// nil Cache keeps nothing.
type Cache struct {
	mu      sync.Mutex
	entries map[cacheKey]checkedFile
	// policies is what is known about the organisation's policies.
	policies policyMemory
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

// keep replaces the cache's content with the result of one complete load.
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

// policyMemory returns what is known about the policies with a digest.
func (c *Cache) policyMemory(digest string) policyMemory {
	if c == nil {
		return policyMemory{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.policies.digest != digest {
		return policyMemory{}
	}
	return c.policies
}

// keepPolicies replaces what is known about policies with the result of one
// complete load.
func (c *Cache) keepPolicies(m policyMemory) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.policies = m
}
