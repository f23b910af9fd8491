package state

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"reconciler/internal/message"

	"reconciler/internal/binding"
)

const (
	bucketMeta        = "meta"
	bucketRecords     = "records"
	bucketIntents     = "intents"
	bucketEvents      = "events"
	bucketRevisions   = "revisions"
	bucketRetryStates = "efforts"
	bucketSuspensions = "suspensions"
	bucketTargets     = "targets"
	bucketNotices     = "notices"
)

// MaxEvents is how many entries the history keeps. The oldest are dropped first.
const MaxEvents = 10_000

func buckets() []string {
	return append([]string{bucketMeta, bucketRecords, bucketIntents, bucketEvents, bucketRevisions}, laterBuckets()...)
}

// laterBuckets were added later to this format. A file without them is valid,
// and gets them when it is opened for writing.
func laterBuckets() []string {
	return []string{bucketRetryStates, bucketSuspensions, bucketTargets, bucketNotices}
}

// RetryStates returns the retry states of the bindings of an instance, sorted
// by binding.
func (s *Store) RetryStates(_ context.Context, instance string) ([]binding.RetryState, error) {
	return list[binding.RetryState](s, bucketRetryStates, instance)
}

// statesAtOnce is how many retry states one entry of the journal has at most.
const statesAtOnce = 500

// PutRetryState stores retry states, and replaces the earlier ones of the same
// bindings. After an error some of them may be stored.
func (s *Store) PutRetryState(_ context.Context, states ...binding.RetryState) error {
	for some := range slices.Chunk(states, statesAtOnce) {
		all := make([]keyedValue, len(some))
		for i, state := range some {
			all[i] = keyedValue{state.Instance, state.Binding, state}
		}
		if err := s.putAll(bucketRetryStates, all); err != nil {
			return err
		}
	}
	return nil
}

// DeleteRetryState removes the state of the same binding. A missing one is not an
// error.
func (s *Store) DeleteRetryState(_ context.Context, state binding.RetryState) error {
	return s.remove(bucketRetryStates, state.Instance, state.Binding, acceptAny)
}

// Suspensions returns the suspensions on an instance, sorted by binding. While
// the journal is damaged, the whole instance is suspended.
func (s *Store) Suspensions(_ context.Context, instance string) ([]binding.Suspension, error) {
	all, err := list[binding.Suspension](s, bucketSuspensions, instance)
	if damage := s.Damage(); damage != nil && err == nil {
		all = append([]binding.Suspension{damageSuspension(instance, damage)}, all...)
	}
	return all, err
}

// PutSuspension stores a suspension, and replaces an earlier one of the same
// binding, or of the whole instance.
func (s *Store) PutSuspension(_ context.Context, suspension binding.Suspension) error {
	return s.put(bucketSuspensions, suspension.Instance, suspensionKey(suspension), suspension)
}

// DeleteSuspension removes a suspension. A missing one is not an error. A
// different one, which has replaced it since it was read, is kept.
func (s *Store) DeleteSuspension(_ context.Context, suspension binding.Suspension) error {
	return s.remove(bucketSuspensions, suspension.Instance, suspensionKey(suspension), func(value []byte) (bool, error) {
		var now binding.Suspension
		err := json.Unmarshal(value, &now)
		return now.Until.Equal(suspension.Until) && now.Since.Equal(suspension.Since), err
	})
}

// suspensionKey is never empty, although the binding's name is empty for a
// whole instance.
func suspensionKey(s binding.Suspension) string { return s.Binding + "\x00" }

// Records returns what was applied last on an instance, sorted by binding and
// platform.
func (s *Store) Records(_ context.Context, instance string) ([]binding.Record, error) {
	return list[binding.Record](s, bucketRecords, instance)
}

// PutRecord stores a record, and replaces the earlier one of the same binding
// and platform.
func (s *Store) PutRecord(_ context.Context, record binding.Record) error {
	return s.put(bucketRecords, record.Instance, recordKey(record), record, record)
}

// DeleteRecord removes the record of the same binding and platform. A missing
// one is not an error.
func (s *Store) DeleteRecord(_ context.Context, record binding.Record) error {
	return s.remove(bucketRecords, record.Instance, recordKey(record), acceptAny)
}

// recordKey includes the platform: a declaration whose platform changed has two
// records until the old binding is removed.
func recordKey(r binding.Record) string { return r.Binding + "\x00" + string(r.Platform) }

// Intents returns the writes of an instance that were begun and whose effect is
// not confirmed, sorted by binding and object.
func (s *Store) Intents(_ context.Context, instance string) ([]binding.Intent, error) {
	return list[binding.Intent](s, bucketIntents, instance)
}

// PutIntent stores an intent, and replaces an earlier one for the same object.
func (s *Store) PutIntent(_ context.Context, intent binding.Intent) error {
	return s.put(bucketIntents, intent.Instance, intentKey(intent), intent, intent.Record, intent.After)
}

// DeleteIntent removes the intent for the same binding, platform and object. A
// missing one is not an error.
func (s *Store) DeleteIntent(_ context.Context, intent binding.Intent) error {
	return s.remove(bucketIntents, intent.Instance, intentKey(intent), acceptAny)
}

func intentKey(i binding.Intent) string {
	return i.Binding + "\x00" + string(i.Platform) + "\x00" + i.Object.String()
}

// eventsAtOnce is how many events one entry of the journal has at most.
const eventsAtOnce = 100

// AppendEvent appends to the history, in this order, and drops the oldest beyond
// MaxEvents.
func (s *Store) AppendEvent(_ context.Context, events ...binding.HistoryEntry) error {
	for some := range slices.Chunk(events, eventsAtOnce) {
		if err := s.appendEvents(some); err != nil {
			return message.NewError("state.append-history", "err", err)
		}
	}
	return nil
}

func (s *Store) appendEvents(events []binding.HistoryEntry) error {
	operations := make([]operation, len(events))
	for i, event := range events {
		value, err := json.Marshal(event)
		if err != nil {
			return err
		}
		operations[i] = newOperation(doAppend, bucketEvents, "", "", value)
	}
	return s.write(operations...)
}

// Events returns the newest n events, newest first; all if n is 0 or less.
func (s *Store) Events(_ context.Context, n int) ([]binding.HistoryEntry, error) {
	var events []binding.HistoryEntry
	t, err := s.read()
	if err == nil {
		err = t.newest(bucketEvents, n, func(value []byte) error {
			var e binding.HistoryEntry
			if err := json.Unmarshal(value, &e); err != nil {
				return err
			}
			events = append(events, e)
			return nil
		})
	}
	if err != nil {
		return nil, message.NewError("state.read-history", "err", err)
	}
	return events, nil
}

// Key returns the store's own 32 random bytes, generated once with the store,
// for keyed fingerprints. The caller may change the slice.
func (s *Store) Key() ([]byte, error) {
	key, err := s.get(bucketMeta, "", keyKey)
	if err != nil {
		return nil, message.NewError("state.read-key", "err", err)
	}
	return key, nil
}

// Revision returns the revision of a source that was applied last; empty if
// none was.
func (s *Store) Revision(_ context.Context, source string) (string, error) {
	revision, err := s.get(bucketRevisions, "", source)
	if err != nil {
		return "", message.NewError("state.read-revision", "source", source, "err", err)
	}
	return string(revision), nil
}

// PutRevision stores the revision of a source that was applied last.
func (s *Store) PutRevision(_ context.Context, source, revision string) error {
	old, err := s.get(bucketRevisions, "", source)
	var operations []operation
	if string(old) != revision {
		operations = append(operations, newOperation(doPut, bucketRevisions, "", source, []byte(revision)))
	}
	if err == nil {
		err = s.write(operations...)
	}
	if err != nil {
		return message.NewError("state.write-revision", "source", source, "err", err)
	}
	return nil
}

// Reserve returns nil if there is certainly space for the entries of one more
// write, including its outcome. Call it before a write to the registry that
// cannot be undone.
func (s *Store) Reserve(context.Context) error {
	s.mu.RLock()
	j, damage, closed := s.journal, s.damage, s.closed
	s.mu.RUnlock()
	var err error
	switch {
	case closed:
		err = errClosed
	case damage != nil:
		err = ErrDamaged
	case j != nil:
		err = s.setUnwritten(j.reserve())
	}
	if err != nil {
		return message.NewError("state.reserve-outcome", "err", err)
	}
	return nil
}

func (s *Store) get(bucket, instance, key string) ([]byte, error) {
	t, err := s.read()
	if err != nil {
		return nil, err
	}
	return t.get(bucket, instance, key), nil
}

func list[T any](s *Store, bucket, instance string) ([]T, error) {
	var all []T
	t, err := s.read()
	if err == nil {
		err = t.each(bucket, instance, func(value []byte) error {
			var one T
			if err := json.Unmarshal(value, &one); err != nil {
				return err
			}
			all = append(all, one)
			return nil
		})
	}
	if err != nil {
		return nil, message.NewError("state.read-bucket", "bucket", bucket, "instance", instance, "err", err)
	}
	return all, nil
}

// keyedValue is a value, and its place in a bucket.
type keyedValue struct {
	instance, key string
	value         any
}

// put writes a value, and the targets that the records in sent send secrets to.
// An unchanged value is not written again.
func (s *Store) put(bucket, instance, key string, value any, sent ...binding.Record) error {
	return s.putAll(bucket, []keyedValue{{instance, key, value}}, sent...)
}

// putAll is put for several values, which count together.
func (s *Store) putAll(bucket string, values []keyedValue, sent ...binding.Record) error {
	if len(values) == 0 {
		return nil
	}
	if err := s.putChanged(bucket, values, sent); err != nil {
		return message.NewError("state.write-bucket", "bucket", bucket, "instance", values[0].instance, "err", err)
	}
	return nil
}

func (s *Store) putChanged(bucket string, values []keyedValue, sent []binding.Record) error {
	t, err := s.read()
	if err != nil {
		return err
	}
	operations, err := targetOperations(t, sent...)
	if err != nil {
		return err
	}
	for _, v := range values {
		data, err := json.Marshal(v.value)
		if err != nil {
			return err
		}
		if !bytes.Equal(t.get(bucket, v.instance, v.key), data) {
			operations = append(operations, newOperation(doPut, bucket, v.instance, v.key, data))
		}
	}
	return s.write(operations...)
}

// acceptAny accepts any value.
func acceptAny([]byte) (bool, error) { return true, nil }

// remove removes an entry if is returns true for its value.
func (s *Store) remove(bucket, instance, key string, is func(value []byte) (bool, error)) error {
	old, err := s.get(bucket, instance, key)
	var operations []operation
	if err == nil && old != nil {
		var ok bool
		if ok, err = is(old); ok {
			operations = append(operations, operation{Do: doRemove, Bucket: bucket, Instance: instance, Key: key, If: old})
		}
	}
	if err == nil {
		err = s.write(operations...)
	}
	if err != nil {
		return message.NewError("state.remove-bucket", "bucket", bucket, "instance", instance, "err", err)
	}
	return nil
}
