package state

import (
	"context"
	"fmt"
)

const (
	// paddingKey is the key of a value that only takes up space, in the bucket
	// meta.
	paddingKey = "padding"
	// headroom is the space, in bytes, that the entries of one write take up at
	// most.
	headroom = 256 << 10
)

// Reserve returns nil when the entries of one more write, its outcome included,
// are certain to find space. Call it before a write that cannot be taken back.
func (s *Store) Reserve(context.Context) error {
	if err := s.table.put(bucketMeta, "", paddingKey, make([]byte, headroom)); err != nil {
		return fmt.Errorf("state: reserve space for the outcome of a write: %w", err)
	}
	return nil
}
