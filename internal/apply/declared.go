package apply

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"reconciler/internal/binding"
)

// keepFiles remembers in which file each binding is declared now. If two
// declarations have the same name later, the file shows which one was first.
func (l *memory) keepFiles(ctx context.Context, declared []binding.Declaration) error {
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

// keepUndeclared marks what is no longer declared and stays: if it is declared
// again, a difference is no drift.
func (x *run) keepUndeclared(ctx context.Context) error {
	if x.keepsAll() {
		return nil
	}
	for _, r := range x.memory.all() {
		marked, changed := r.WithUndeclared(x.round.Claimant(r))
		if !changed {
			continue
		}
		if err := x.memory.put(ctx, marked); err != nil {
			return err
		}
	}
	return nil
}

// LastDeclared returns the records with the deletion policies that were declared
// last, even if the store had no space for them: a removal does what was declared
// last.
func (a *Applier) LastDeclared(records []binding.Record) []binding.Record {
	a.mu.Lock()
	defer a.mu.Unlock()
	records = slices.Clone(records)
	for i := range records {
		r := &records[i]
		r.DeletionPolicy = cmp.Or(a.unwritten[recordKey{r.Binding, r.Platform}], r.DeletionPolicy)
	}
	return records
}

// NoteDeclared notes the deletion policies that are declared now, for LastDeclared.
// Retain protects the platform's binding under any name that it had.
func (a *Applier) NoteDeclared(records []binding.Record, declared []binding.Declaration) {
	for _, r := range a.LastDeclared(records) {
		for _, d := range declared {
			policy := d.Spec.Deletion()
			own := d.Name == r.Binding || policy == binding.Retain
			if r.Managed && d.Spec.Platform == r.Platform && own && cmp.Or(r.DeletionPolicy, binding.Retain) != policy {
				r.DeletionPolicy = policy
				a.notePolicy(r)
			}
		}
	}
}

// Inherit takes over the deletion policies that another Applier of the same
// instance could not write.
func (a *Applier) Inherit(other *Applier) {
	other.mu.Lock()
	defer other.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.Copy(a.unwritten, other.unwritten)
}

// keepPolicies writes the deletion policies that were declared last.
func (x *run) keepPolicies(ctx context.Context) error {
	x.NoteDeclared(x.memory.all(), x.round.Declarations)
	var all error
	for _, r := range x.LastDeclared(x.memory.all()) {
		if !x.isUnwritten(r) {
			continue
		}
		if err := x.memory.keep(ctx, r); err != nil {
			all = errors.Join(all, err)
			continue
		}
		x.policyWritten(r)
	}
	return all
}

// notePolicy notes that a record's deletion policy has to be written.
func (a *Applier) notePolicy(r binding.Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unwritten[recordKey{r.Binding, r.Platform}] = r.DeletionPolicy
}

// policyWritten notes that a record's deletion policy is written.
func (a *Applier) policyWritten(r binding.Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.unwritten, recordKey{r.Binding, r.Platform})
}

// isUnwritten reports whether a record's deletion policy is not written yet.
func (a *Applier) isUnwritten(r binding.Record) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, is := a.unwritten[recordKey{r.Binding, r.Platform}]
	return is
}

// forgetSources forgets the code host's number of each linked project whose image
// repository is in no declaration now. Declaring it again accepts the project
// that has the path then.
func (x *run) forgetSources(ctx context.Context) error {
	if x.keepsAll() {
		return nil
	}
	declared := map[string]bool{}
	for _, d := range x.round.Declarations {
		for _, r := range d.Spec.Repositories {
			declared[binding.NormalImage(r.Image)] = true
		}
	}
	var all error
	for _, r := range x.memory.all() {
		known := func(i binding.RecordedImage) bool { return i.SourceID != "" && !declared[binding.NormalImage(i.Image)] }
		if !slices.ContainsFunc(r.Images, known) {
			continue
		}
		r.Images = slices.Clone(r.Images)
		for i := range r.Images {
			if known(r.Images[i]) {
				r.Images[i].SourceID = ""
			}
		}
		all = errors.Join(all, x.memory.put(ctx, r))
	}
	return all
}
