package state

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"reconciler/internal/message"
)

// Notices returns the rows of what was reported to receivers of messages.
func (s *Store) Notices(context.Context) ([]json.RawMessage, error) {
	var rows []json.RawMessage
	t, err := s.read()
	if err == nil {
		err = t.each(bucketNotices, "", func(value []byte) error {
			rows = append(rows, bytes.Clone(value))
			return nil
		})
	}
	if err != nil {
		return nil, message.NewError("state.read-reported", "err", err)
	}
	return rows, nil
}

// PutNotices stores rows by key, and removes those that are nil: all or none.
func (s *Store) PutNotices(_ context.Context, rows map[string]json.RawMessage) error {
	var operations []operation
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		if rows[key] == nil {
			operations = append(operations, operation{Do: doRemove, Bucket: bucketNotices, Key: key})
			continue
		}
		operations = append(operations, newOperation(doPut, bucketNotices, "", key, rows[key]))
	}
	if err := s.write(operations...); err != nil {
		return message.NewError("state.write-reported", "err", err)
	}
	return nil
}
