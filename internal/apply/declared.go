package apply

import (
	"context"

	"reconciler/internal/binding"
)

// keepFiles remembers in which file each binding is declared now. The file shows
// later which of two declarations with the same name was first.
func (l *ledger) keepFiles(ctx context.Context, declared []binding.Declaration) error {
	for _, d := range declared {
		r := l.record(d.Name, d.Spec.Platform)
		if r == nil || r.File == d.File {
			continue
		}
		r.File = d.File
		if err := l.keep(ctx, *r); err != nil {
			return err
		}
	}
	return nil
}
