package git

import (
	"context"
	"maps"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"

	"reconciler/internal/source"
)

// aheadBatch is how many files a reader takes at once. For fewer, no further store is
// opened.
const aheadBatch = 256

// ahead reads the files of a snapshot in advance, with one reader per processor, up
// to mostReaders. Each reader needs its own store with an index of all objects,
// because a store reads one object at a time. Files that it does not or cannot read
// are read, and reported, when they are needed.
type ahead struct {
	open    func() (*localStore, error)
	limits  source.Limits
	batches chan []plumbing.Hash
	reading sync.WaitGroup
	// left is how many bytes may still be read.
	left atomic.Int64
	mu   sync.Mutex
	// found is what was read. Only the readers use it before they have all ended.
	found map[plumbing.Hash][]byte
}

// mostReaders limits the stores that are open at once.
const mostReaders = 4

// readAhead reads what a snapshot of the tree needs and was not read before.
func (l *Local) readAhead(ctx context.Context, t *tree) {
	readers := min(runtime.GOMAXPROCS(0), mostReaders)
	if readers == 1 {
		return
	}
	a := &ahead{open: l.reopen, limits: l.limits, found: map[plumbing.Hash][]byte{}, batches: make(chan []plumbing.Hash, l.limits.Files/aheadBatch+1)}
	a.left.Store(l.limits.TotalBytes)
	var batch []plumbing.Hash
	seen, started := map[plumbing.Hash]bool{}, 1
	source.Wanted(ctx, t, l.limits, func(e source.Entry) {
		h := plumbing.NewHash(e.ID)
		if _, read := l.read[h]; read || seen[h] {
			return
		}
		seen[h] = true
		if batch = append(batch, h); len(batch) < aheadBatch {
			return
		}
		a.batches <- batch
		batch = nil
		if started < readers {
			started++
			a.reading.Go(func() { a.another(ctx) })
		}
	})
	close(a.batches)
	if started > 1 {
		a.readFrom(ctx, l.store)
	}
	a.reading.Wait()
	maps.Copy(l.read, a.found)
}

// another runs a reader with its own store.
func (a *ahead) another(ctx context.Context) {
	store, err := a.open()
	if err != nil {
		return
	}
	defer store.close()
	a.readFrom(ctx, store)
}

func (a *ahead) readFrom(ctx context.Context, store *localStore) {
	for batch := range a.batches {
		for _, h := range batch {
			if ctx.Err() != nil {
				return
			}
			obj, err := store.EncodedObject(plumbing.BlobObject, h)
			if err != nil || obj.Size() > a.limits.FileBytes || a.left.Add(-obj.Size()) < 0 {
				continue
			}
			if data, err := contentOf(obj); err == nil {
				a.keep(h, data)
			}
		}
	}
}

func (a *ahead) keep(h plumbing.Hash, data []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.found[h] = data
}
