package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path"

	"reconciler/internal/message"

	"reconciler/internal/binding"
)

// SecretTargets returns where each secret was sent last, or was about to be
// sent, on all instances. It includes secrets that nothing uses now.
func (s *Store) SecretTargets(context.Context) (binding.SecretTargets, error) {
	changes := s.targetChanges.Load()
	t, err := s.read()
	if known := s.targets.Load(); err == nil && known != nil && known.changes == changes && known.of == t {
		return known.targets, nil
	}
	var sent []binding.Record
	if err == nil {
		err = errors.Join(
			t.all(bucketRecords, collect(bucketRecords, &sent)), t.all(bucketIntents, collect(bucketIntents, &sent)),
			t.each(bucketTargets, "", collect(bucketRecords, &sent)))
	}
	if err != nil {
		return binding.SecretTargets{}, message.NewError("state.read-targets", "err", err)
	}
	targets := binding.SecretTargets{}.With(sent, nil)
	s.targets.Store(&knownTargets{changes, t, targets})
	return targets, nil
}

// knownTargets are the secret targets of a table after a number of changes to
// it.
type knownTargets struct {
	changes uint64
	of      *table
	targets binding.SecretTargets
}

// changed records that operations may have changed the targets, so that they
// are read again.
func (s *Store) changed(operations []operation) {
	for _, o := range operations {
		if o.Bucket == bucketRecords || o.Bucket == bucketIntents || o.Bucket == bucketTargets {
			s.targetChanges.Add(1)
			return
		}
	}
}

func collect(bucket string, to *[]binding.Record) func([]byte) error {
	return func(value []byte) error {
		sent, err := sentBy(bucket, value)
		*to = append(*to, sent...)
		return err
	}
}

// targetOperations returns the operations that store where records send their
// secrets, one entry for each secret. The last target replaces the previous
// one. Nothing removes it.
func targetOperations(t *table, records ...binding.Record) (operations []operation, err error) {
	for _, r := range records {
		if r.Vault.Path == "" || r.Platform == binding.GitLab && r.Address == "" && r.Wanted().Address == "" {
			continue
		}
		value, err := json.Marshal(binding.Record{
			Instance: r.Instance, Binding: r.Binding, Platform: r.Platform, Address: r.Address, Asked: r.Asked, Vault: r.Vault.Unpinned(),
		})
		if err != nil {
			return nil, err
		}
		key := path.Join(r.Vault.Mount, r.Vault.Path)
		if !bytes.Equal(t.get(bucketTargets, "", key), value) {
			operations = append(operations, newOperation(doPut, bucketTargets, "", key, value))
		}
	}
	return operations, nil
}
