package state

import (
	"encoding/json"
	"time"
)

// What an operation does.
const (
	doPut    = "put"
	doRemove = "remove"
	doAppend = "append"
)

// operation is one change of a store: to an entry in a bucket, below an
// instance or, if that is empty, directly in the bucket.
type operation struct {
	Do       string `json:"do"`
	Bucket   string `json:"in"`
	Instance string `json:"instance,omitempty"`
	Key      string `json:"key,omitempty"`
	// Value is put or appended. Bytes replaces it in buckets whose values are not
	// JSON.
	Value json.RawMessage `json:"value,omitempty"`
	Bytes []byte          `json:"bytes,omitempty"`
	// If is the value to remove; empty removes any value. A different value,
	// which has replaced it, is kept.
	If json.RawMessage `json:"if,omitempty"`
}

func newOperation(do, bucket, instance, key string, value []byte) operation {
	o := operation{Do: do, Bucket: bucket, Instance: instance, Key: key}
	if decoderOf(bucket) == nil {
		o.Bytes = value
	} else {
		o.Value = value
	}
	return o
}

// value is the value to put or append.
func (o operation) value() []byte {
	if o.Value != nil {
		return o.Value
	}
	return o.Bytes
}

// entry is one entry of the journal: operations that count together or not at
// all.
type entry struct {
	// Number counts the entries of a journal, from 1.
	Number uint64    `json:"n"`
	Time   time.Time `json:"at"`
	// Segment is set only in the first entry of a segment.
	Segment *header `json:"segment,omitempty"`
	// Checkpoint is set if the operations repeat what the store had when the
	// segment began.
	Checkpoint checkpointPart `json:"checkpoint,omitempty"`
	Operations []operation    `json:"ops,omitempty"`
}

// checkpointPart says whether an entry is a part or the end of a checkpoint.
type checkpointPart string

// A checkpoint consists of parts and an end. The segment is in use from the end
// on.
const (
	checkpointMiddle checkpointPart = "part"
	checkpointEnd    checkpointPart = "end"
)

// header is the beginning of a segment.
type header struct {
	Format int `json:"format"`
	// Journal is the journal's own random name, so that entries of other
	// journals do not fit into it.
	Journal string `json:"journal"`
	// Number counts the segments of a journal, from 1. Oldest is the oldest
	// segment that was kept when this one began.
	Number uint64 `json:"number"`
	Oldest uint64 `json:"oldest"`
}

// link is the place of an entry in the chain.
type link struct {
	Journal string `json:"journal"`
	Number  uint64 `json:"n"`
	Hash    string `json:"hash"`
}
