package notify

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// NotificationLog is what was reported, and what waits for the receivers. Its exported
// methods and Decide return a new NotificationLog and do not change the old one.
type NotificationLog struct {
	// Alerts are the open alerts, by key.
	Alerts map[string]Entry
	// Queues are what waits for each receiver, oldest first.
	Queues map[string][]Item
	// Left counts, by receiver, the items that were dropped because its queue was
	// full.
	Left map[string]int
	// Read is the newest entry of the history that was reported; empty before the
	// history was first read.
	Read string
	// changed are the rows that differ from those in the state file; nil for a
	// removed one.
	changed map[string]*row
}

// Entry is what is remembered about one open alert.
type Entry struct {
	Alert
	// First is when it was first seen in its current state, or over.
	First time.Time `json:"first"`
	// Over is true if it is over and that is not reported yet.
	Over bool `json:"over,omitempty"`
	// Reported is the state that was reported last; empty if none was. To are its
	// receivers.
	Reported string   `json:"reported,omitempty"`
	To       []string `json:"to,omitempty"`
}

// Phase says what an item reports about its alert.
type Phase string

// Phases.
const (
	Began    Phase = "began"
	Changed  Phase = "changed"
	Over     Phase = "over"
	Happened Phase = "happened"
)

// Item is one thing that waits for one receiver.
type Item struct {
	Alert
	// ID is the same for the same event, even after a restart.
	ID       string    `json:"id"`
	Receiver string    `json:"receiver"`
	Phase    Phase     `json:"phase"`
	At       time.Time `json:"at"`
	// Batch is the ID of the message that contains it; empty before it was
	// first sent.
	Batch string `json:"batch,omitempty"`
}

// maxQueue limits what waits for one receiver. The oldest items are dropped;
// the next message and the receiver's condition report how many.
const maxQueue = 1000

// clone copies everything that methods change.
func (l NotificationLog) clone() NotificationLog {
	c := NotificationLog{Alerts: map[string]Entry{}, Queues: map[string][]Item{}, Left: map[string]int{}, Read: l.Read, changed: map[string]*row{}}
	maps.Copy(c.Alerts, l.Alerts)
	maps.Copy(c.Left, l.Left)
	maps.Copy(c.changed, l.changed)
	for receiver, items := range l.Queues {
		c.Queues[receiver] = slices.Clone(items)
	}
	return c
}

// push adds an item to a queue. If the queue is full, it drops the oldest item
// that is not in a message yet.
func (l *NotificationLog) push(receiver string, phase Phase, m Alert, at time.Time) {
	item := Item{Alert: m, Receiver: receiver, Phase: phase, At: at}
	item.ID = digest(receiver, m.Key(), string(phase), m.State, at.UTC().Format(time.RFC3339Nano))
	queue := append(l.Queues[receiver], item)
	if n := slices.IndexFunc(queue, func(i Item) bool { return i.Batch == "" }); len(queue) > maxQueue {
		l.changed[queue[n].row()] = nil
		queue = slices.Delete(queue, n, n+1)
		l.setLeft(receiver, l.Left[receiver]+1)
	}
	l.Queues[receiver] = queue
	l.changed[item.row()] = &row{Item: &item}
}

// set stores an entry.
func (l *NotificationLog) set(key string, e Entry) {
	if old, known := l.Alerts[key]; known && reflect.DeepEqual(old, e) {
		return
	}
	l.Alerts[key], l.changed["matter\x00"+key] = e, &row{Entry: &e}
}

// remove removes an entry.
func (l *NotificationLog) remove(key string) {
	delete(l.Alerts, key)
	l.changed["matter\x00"+key] = nil
}

// setLeft stores how many items of a receiver were dropped; 0 removes the number.
func (l *NotificationLog) setLeft(receiver string, n int) {
	l.Left[receiver], l.changed["left\x00"+receiver] = n, &row{Of: receiver, Left: n}
	if n <= 0 {
		delete(l.Left, receiver)
		l.changed["left\x00"+receiver] = nil
	}
}

// setRead stores up to which entry the history was reported.
func (l *NotificationLog) setRead(entry string) {
	if l.Read != entry {
		l.Read, l.changed["read"] = entry, &row{Read: entry}
	}
}

// drop removes items from a queue.
func (l *NotificationLog) drop(receiver string, is func(Item) bool) {
	l.Queues[receiver] = slices.DeleteFunc(l.Queues[receiver], func(i Item) bool {
		if is(i) {
			l.changed[i.row()] = nil
			return true
		}
		return false
	})
	if len(l.Queues[receiver]) == 0 {
		delete(l.Queues, receiver)
	}
}

// row returns the key of an item's row.
func (i Item) row() string { return "item\x00" + i.Receiver + "\x00" + i.ID }

// Batch returns the next message of a receiver: the one that was begun, or as
// many items as fit, oldest first. It is empty if nothing waits.
func (l NotificationLog) Batch(receiver string, fits func([]Item) bool) (NotificationLog, Note) {
	queue := l.Queues[receiver]
	if len(queue) == 0 {
		return l, Note{}
	}
	id := queue[0].Batch
	if id != "" {
		begun := slices.DeleteFunc(slices.Clone(queue), func(i Item) bool { return i.Batch != id })
		return l, Note{ID: id, Items: begun, Left: l.Left[receiver]}
	}
	n := len(queue)
	for n > 1 && !fits(queue[:n]) {
		n -= max(1, n/8)
	}
	l = l.clone()
	ids := []string{receiver}
	for _, i := range queue[:n] {
		ids = append(ids, i.ID)
	}
	id = "msg_" + digest(ids...)
	for i := range n {
		item := &l.Queues[receiver][i]
		item.Batch = id
		l.changed[item.row()] = &row{Item: new(*item)}
	}
	return l, Note{ID: id, Items: slices.Clone(l.Queues[receiver][:n]), Left: l.Left[receiver]}
}

// Delivered removes the items of a delivered message.
func (l NotificationLog) Delivered(receiver string, n Note) NotificationLog {
	l = l.clone()
	l.drop(receiver, func(i Item) bool { return i.Batch == n.ID })
	if n.Left > 0 {
		l.setLeft(receiver, l.Left[receiver]-n.Left)
	}
	return l
}

// digest identifies its parts.
func digest(parts ...string) string {
	hash := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintf(hash, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(hash.Sum(nil)[:12])
}

// row is one part of a NotificationLog in the state file.
type row struct {
	Entry *Entry `json:"matter,omitempty"`
	Item  *Item  `json:"item,omitempty"`
	Of    string `json:"of,omitempty"`
	Left  int    `json:"left,omitempty"`
	Read  string `json:"read,omitempty"`
}

// rows returns what changed, in the form of the state file.
func (l NotificationLog) rows() (map[string]json.RawMessage, error) {
	rows := map[string]json.RawMessage{}
	for key, r := range l.changed {
		rows[key] = nil
		if r == nil {
			continue
		}
		data, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		rows[key] = data
	}
	return rows, nil
}

// readNotificationLog makes a NotificationLog from the rows in the state file. A row that cannot
// be read is left out, so that its alert is reported again.
func readNotificationLog(rows []json.RawMessage) (l NotificationLog, unreadable int) {
	l = NotificationLog{}.clone()
	for _, data := range rows {
		var r row
		if json.Unmarshal(data, &r) != nil {
			unreadable++
			continue
		}
		switch {
		case r.Entry != nil:
			l.Alerts[r.Entry.Key()] = *r.Entry
		case r.Item != nil:
			l.Queues[r.Item.Receiver] = append(l.Queues[r.Item.Receiver], *r.Item)
		case r.Of != "":
			l.Left[r.Of] = r.Left
		case r.Read != "":
			l.Read = r.Read
		}
	}
	for _, queue := range l.Queues {
		slices.SortStableFunc(queue, func(a, b Item) int {
			return cmp.Or(b.begun()-a.begun(), a.At.Compare(b.At), strings.Compare(a.ID, b.ID))
		})
	}
	return l, unreadable
}

// begun is 1 for an item of a message that was sent before.
func (i Item) begun() int {
	if i.Batch != "" {
		return 1
	}
	return 0
}
