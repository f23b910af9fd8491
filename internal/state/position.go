package state

import (
	"bytes"
	"crypto/sha256"
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
	return tx.Bucket([]byte(bucketMeta)).Put([]byte(positionKey), append(sumOf(value), value...))
}

// sumOf is the checksum that a position begins with: one that a damaged index
// made up would be taken for damage of the journal.
func sumOf(position []byte) []byte {
	sum := sha256.Sum256(position)
	return sum[:]
}

// readPosition returns how far an index follows the journal. foreign says that a
// program that knows no journal made it, or wrote to it after it was closed.
func readPosition(tx *bbolt.Tx) (p position, foreign bool) {
	value := tx.Bucket([]byte(bucketMeta)).Get([]byte(positionKey))
	if value == nil {
		return position{}, true
	}
	sum, text := value[:min(sha256.Size, len(value))], value[min(sha256.Size, len(value)):]
	if !bytes.Equal(sum, sumOf(text)) || json.Unmarshal(text, &p) != nil {
		return position{}, false // It is damaged, and rebuilt.
	}
	return p, p.Closed && p.Transaction != tx.ID()
}
