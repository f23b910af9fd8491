package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

// Bindings returns the current bindings of the daemon. The error is ErrNoDaemon
// if nothing listens on the socket.
func (c *Client) Bindings(ctx context.Context) ([]binding.Status, error) {
	var list statusList
	err := c.get(ctx, BindingsPath, &list)
	return list.statuses, err
}

// Rows is Bindings with only the fields that a table shows. An older daemon
// answers with everything, and always as JSON.
func (c *Client) Rows(ctx context.Context) ([]binding.Status, error) {
	list := statusList{rows: true}
	err := c.get(ctx, BindingsPath+query("view", RowsView), &list)
	return list.statuses, err
}

// Memory asks what the daemon remembers of an instance.
func (c *Client) Memory(ctx context.Context, instance string) (Memory, error) {
	var memory Memory
	return memory, c.get(ctx, MemoryPath+url.PathEscape(instance), &memory)
}

// Describe asks for everything about a binding.
func (c *Client) Describe(ctx context.Context, name, instance string) (d report.Description, err error) {
	err = c.get(ctx, DescribePath+url.PathEscape(name)+query("instance", instance), &d)
	return d, err
}

// LastPlan asks for the daemon's last plan.
func (c *Client) LastPlan(ctx context.Context) (p report.DaemonPlan, err error) {
	err = c.get(ctx, PlanPath, &p)
	return p, err
}

// History asks for what was done.
func (c *Client) History(ctx context.Context, of HistoryQuery) (h report.History, err error) {
	since := ""
	if !of.Since.IsZero() {
		since = of.Since.UTC().Format(time.RFC3339)
	}
	err = c.get(ctx, HistoryPath+query("binding", of.Binding, "instance", of.Instance, "since", since, "limit", strconv.Itoa(of.Limit)), &h)
	return h, err
}

// Events asks for the events after a sequence number, and waits up to wait, at
// most a minute, for the first one.
func (c *Client) Events(ctx context.Context, name string, after int64, wait time.Duration) (l report.EventList, err error) {
	q := query("binding", name, "after", strconv.FormatInt(after, 10), "wait", strconv.Itoa(int(wait/time.Second)))
	err = c.call(ctx, http.MethodGet, EventsPath+q, nil, &l, wait+AnswerMargin)
	return l, err
}

// query makes a query from names and values, without empty values.
func query(pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// Attest sends an attestation and returns what the daemon recorded. The error is
// the daemon's own if it rejects the attestation, and ErrNoDaemon if nothing
// listens on the socket.
func (c *Client) Attest(ctx context.Context, word Attestation) (message.Message, error) {
	var answer Attested
	if err := c.post(ctx, AttestPath, word, &answer, AttestTimeout); err != nil {
		return message.Message{}, err
	}
	return report.MessageOf(answer.ID, answer.Args, answer.Message), nil
}

// Daemon asks what the daemon says about itself.
func (c *Client) Daemon(ctx context.Context) (Daemon, error) {
	var d Daemon
	return d, c.get(ctx, DaemonPath, &d)
}

// Published returns the daemon's published observation, unchanged.
func (c *Client) Published(ctx context.Context) ([]byte, error) {
	var text json.RawMessage
	err := c.call(ctx, http.MethodGet, SnapshotPath, nil, &text, SnapshotTimeout+AnswerMargin)
	return text, err
}

// Suspend asks the daemon to suspend something. The error is the daemon's own
// if it refuses, and ErrNoDaemon if nothing listens.
func (c *Client) Suspend(ctx context.Context, request SuspendRequest) (list report.SuspensionList, err error) {
	err = c.post(ctx, SuspendPath, request, &list, SuspendTimeout)
	return list, err
}

// Resume asks the daemon to end a suspension; see Suspend.
func (c *Client) Resume(ctx context.Context, request ResumeRequest) (list report.SuspensionList, err error) {
	err = c.post(ctx, ResumePath, request, &list, SuspendTimeout)
	return list, err
}

// AcceptJournal asks the daemon to continue although its journal is damaged, and
// returns where the damage was. The error is ErrNoDaemon if nothing listens.
func (c *Client) AcceptJournal(ctx context.Context, request AcceptRequest) (damage binding.JournalDamage, err error) {
	err = c.post(ctx, AcceptPath, request, &damage, SuspendTimeout)
	return damage, err
}

// Sync asks the daemon for a sync and, unless the request says not to, waits
// for it to end. The error is the daemon's own if it refuses, and ErrNoDaemon
// if nothing listens on the socket.
func (c *Client) Sync(ctx context.Context, request SyncRequest) (result report.SyncResult, err error) {
	err = c.post(ctx, SyncPath, request, &result, SyncTimeout)
	return result, err
}
