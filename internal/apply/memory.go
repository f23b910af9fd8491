package apply

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// memory writes intents before calls and records after them, and has the records of
// the instance in memory. It is safe for concurrent use.
type memory struct {
	store Store
	now   func() time.Time

	mu      sync.Mutex
	records map[recordKey]binding.Record
	// rebinds are digests of the records that written intents to rebind lead to.
	// announced are the intents of second halves that were written before the first
	// half was sent. See halves.go.
	rebinds   map[recordKey]string
	announced map[objectKey]binding.Intent
}

type recordKey struct {
	name     string
	platform binding.Platform
}

func (k recordKey) compare(o recordKey) int {
	return cmp.Or(cmp.Compare(k.name, o.name), cmp.Compare(k.platform, o.platform))
}

func newMemory(store Store, now func() time.Time, records []binding.Record) *memory {
	l := &memory{store: store, now: now, records: make(map[recordKey]binding.Record, len(records)), rebinds: map[recordKey]string{}, announced: map[objectKey]binding.Intent{}}
	for _, r := range records {
		l.records[recordKey{r.Binding, r.Platform}] = r
	}
	return l
}

// record is what was applied last for a binding on a platform, nil if nothing
// was.
func (l *memory) record(name string, platform binding.Platform) *binding.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r, ok := l.records[recordKey{name, platform}]; ok {
		return &r
	}
	return nil
}

// begin writes an intent, which replaces the earlier one for its object. Nothing
// may be sent before begin returns.
func (l *memory) begin(ctx context.Context, intent binding.Intent) error {
	intent.Started = l.now()
	err := l.store.PutIntent(ctx, intent)
	if err == nil && intent.Object.IsAccount() {
		err = l.supersede(ctx, intent)
	}
	if err != nil {
		return message.NewError("apply.intent", "action", intent.Action, "object", intent.Object, "binding", intent.Binding, "why", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if plan.Kind(intent.Action) == plan.Rebind {
		l.rebinds[recordKey{intent.Binding, intent.Platform}] = binding.DigestOf(intent.After)
	}
	return nil
}

// covers reports whether an intent that was written before covers this one: an
// intent to rebind covers its bind, and an announced intent covers itself.
func (l *memory) covers(intent binding.Intent) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if plan.Kind(intent.Action) == plan.Bind {
		return l.rebinds[recordKey{intent.Binding, intent.Platform}] == binding.DigestOf(intent.After)
	}
	a := l.announced[objectKey{intent.Platform, intent.Object}]
	return a.Action == intent.Action && binding.DigestOf(a.Rule, a.Link) == binding.DigestOf(intent.Rule, intent.Link)
}

// announce writes the intent of a second half before the first half is sent.
func (l *memory) announce(ctx context.Context, intent binding.Intent) error {
	intent.Announced = true
	if err := l.begin(ctx, intent); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.announced[objectKey{intent.Platform, intent.Object}] = intent
	return nil
}

// sends notes that the call of an announced intent is sent now.
func (l *memory) sends(intent binding.Intent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.announced, objectKey{intent.Platform, intent.Object})
}

// unsent returns the intents that were announced and not sent.
func (l *memory) unsent() []binding.Intent {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer clear(l.announced)
	return slices.Collect(maps.Values(l.announced))
}

// supersede deletes the open intents on the platform under a different name of the
// binding: if they were settled later, they would bring back the record of the old
// name.
func (l *memory) supersede(ctx context.Context, intent binding.Intent) error {
	intents, err := l.store.Intents(ctx, intent.Instance)
	if err != nil {
		return err
	}
	for _, old := range intents {
		if old.Platform == intent.Platform && old.Object.IsAccount() && old.Binding != intent.Binding {
			if err := l.store.DeleteIntent(ctx, old); err != nil {
				return err
			}
		}
	}
	return nil
}

// done writes the outcome of an intent: the record after it. Only then does it
// delete the intent.
func (l *memory) done(ctx context.Context, intent binding.Intent) error {
	if err := l.happened(ctx, intent); err != nil {
		return err
	}
	return l.over(ctx, intent)
}

// happened writes the record after an intent.
func (l *memory) happened(ctx context.Context, intent binding.Intent) error {
	if intent.After.Binding != "" {
		after := l.merged(intent)
		if plan.Kind(intent.Action) != plan.Adopt {
			after.Wrote(intent.Object, intent.Rule.ID, binding.Write{At: l.now()})
		}
		if err := l.keep(ctx, after); err != nil {
			return err
		}
	}
	if before := intent.Record; before.Binding != "" && !sameKey(before, intent.After) {
		return l.forget(ctx, before)
	}
	return nil
}

// merged returns the record after an intent. An intent that is settled late has the
// record of its own time, so only what the intent is about is taken from that
// record: for an account everything but the images, for an image repository only
// that one.
func (l *memory) merged(intent binding.Intent) binding.Record {
	after := intent.After
	now := l.record(after.Binding, after.Platform)
	if now == nil {
		now = l.record(intent.Record.Binding, intent.Record.Platform)
	}
	if now == nil {
		if now = l.successor(after); now != nil {
			after.Binding = now.Binding
		}
	}
	if now == nil || now.Removed {
		return after
	}
	if intent.Object.IsAccount() {
		after.Images = now.Images
		return after
	}
	is := func(i binding.RecordedImage) bool { return binding.NormalImage(i.Image) == intent.Object.Image }
	record, image := *now, binding.RecordedImage{Image: intent.Object.Image}
	record.Binding = after.Binding
	if i := slices.IndexFunc(now.Images, is); i >= 0 {
		image = now.Images[i]
	}
	record.Images = append(slices.DeleteFunc(slices.Clone(now.Images), is), mergedImage(image, intent))
	slices.SortFunc(record.Images, func(a, b binding.RecordedImage) int { return strings.Compare(a.Image, b.Image) })
	return record
}

// mergedImage returns an image repository after an intent on its link or a rule.
func mergedImage(image binding.RecordedImage, intent binding.Intent) binding.RecordedImage {
	switch plan.Kind(intent.Action) {
	case plan.AddRule:
		if image.Knows(intent.Rule.ID) {
			return image.WithRule(intent.Rule) // It is already in the record.
		}
		added := intent.Rule
		added.ID = ""
		image = image.WithRule(added)
		for n := range image.Rules {
			if rule := &image.Rules[n]; !rule.Removed && rule.Key == intent.Object.Rule {
				rule.ID = intent.Rule.ID
			}
		}
		return image
	case plan.ChangeRule:
		return image.WithRule(intent.Rule)
	case plan.RemoveRule:
		return image.WithoutRule(intent.Rule)
	case plan.Unlink:
		image.SetLink(nil)
	default:
		image.SetLink(intent.Link)
	}
	return image
}

// successor returns the record that took over an account under a different name,
// because its declaration was renamed; nil if none did.
func (l *memory) successor(r binding.Record) *binding.Record {
	for _, o := range l.all() {
		if o.Managed && o.Platform == r.Platform && r.HasNumberOf(binding.Account{ID: o.AccountID}) {
			return &o
		}
	}
	return nil
}

func sameKey(a, b binding.Record) bool { return a.Binding == b.Binding && a.Platform == b.Platform }

// over deletes an intent that is no longer open.
func (l *memory) over(ctx context.Context, intent binding.Intent) error {
	if err := l.store.DeleteIntent(ctx, intent); err != nil {
		return message.NewError("apply.outcome", "action", intent.Action, "object", intent.Object, "binding", intent.Binding, "why", err)
	}
	return nil
}

func (l *memory) keep(ctx context.Context, r binding.Record) error {
	r.Applied = l.now()
	return l.put(ctx, r)
}

// put writes a record without changing its time.
func (l *memory) put(ctx context.Context, r binding.Record) error {
	if err := l.store.PutRecord(ctx, r); err != nil {
		return message.NewError("apply.record", "binding", r.Binding, "why", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records[recordKey{r.Binding, r.Platform}] = r
	return nil
}

func (l *memory) forget(ctx context.Context, r binding.Record) error {
	if err := l.store.DeleteRecord(ctx, r); err != nil {
		return message.NewError("apply.record-kept", "binding", r.Binding, "why", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.records, recordKey{r.Binding, r.Platform})
	return nil
}

// all returns the records in memory, sorted by binding and platform.
func (l *memory) all() []binding.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]binding.Record, 0, len(l.records))
	for _, r := range l.records {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b binding.Record) int {
		return cmp.Or(cmp.Compare(a.Binding, b.Binding), cmp.Compare(a.Platform, b.Platform))
	})
	return all
}
