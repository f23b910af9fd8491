package state

import (
	"encoding/json"

	"go.etcd.io/bbolt"
)

// positionKey is the key, in the bucket meta, of how far the index is.
const positionKey = "position"

// position is how far the index follows the journal. The zero link is that of an
// index that holds nothing yet.
type position struct {
	link
	// Closed says that the index was closed; Transaction is the database's own
	// number of the transaction that wrote this. A later one was made by a program
	// that knows no journal.
	Closed      bool `json:"closed,omitempty"`
	Transaction int  `json:"transaction"`
}

func putPosition(tx *bbolt.Tx, p position) error {
	p.Transaction = tx.ID()
	value, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(bucketMeta)).Put([]byte(positionKey), value)
}

// readPosition returns nil for an index of a version that had no journal, and
// for one that such a version wrote to after it was closed: what it holds is
// newer than the journal.
func readPosition(tx *bbolt.Tx) *position {
	value := tx.Bucket([]byte(bucketMeta)).Get([]byte(positionKey))
	var p position
	if value == nil {
		return nil
	}
	if json.Unmarshal(value, &p) != nil {
		return &position{} // It is damaged, and made anew.
	}
	if p.Closed && p.Transaction != tx.ID() {
		return nil
	}
	return &p
}
