package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"

	"go.etcd.io/bbolt"
)

// positionKey is the key in the bucket meta for the index's position.
const positionKey = "position"

// position is how far the index follows the journal. The link of an empty index
// is zero.
type position struct {
	link
	// Closed is true if the index was closed. Transaction is the database's number
	// of the transaction that wrote this. A program version without a journal made
	// any later one.
	Closed      bool `json:"closed,omitempty"`
	Transaction int  `json:"transaction"`
}

func putPosition(tx *bbolt.Tx, p position) error {
	p.Transaction = tx.ID()
	value, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(bucketMeta)).Put([]byte(positionKey), append(sumOf(value), value...))
}

// sumOf is the checksum at the beginning of a position. Without it, a wrong
// position in a damaged index would look like damage of the journal.
func sumOf(position []byte) []byte {
	sum := sha256.Sum256(position)
	return sum[:]
}

// readPosition returns how far an index follows the journal. foreign is true if
// a program version without a journal created it, or wrote to it after it was
// closed.
func readPosition(tx *bbolt.Tx) (p position, foreign bool) {
	value := tx.Bucket([]byte(bucketMeta)).Get([]byte(positionKey))
	if value == nil {
		return position{}, true
	}
	sum, text := value[:min(sha256.Size, len(value))], value[min(sha256.Size, len(value)):]
	if !bytes.Equal(sum, sumOf(text)) || json.Unmarshal(text, &p) != nil {
		return position{}, false // It is damaged, and will be rebuilt.
	}
	return p, p.Closed && p.Transaction != tx.ID()
}
