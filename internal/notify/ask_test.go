package notify_test

import (
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/notify"
)

// TestTheDeputyIsAskedWhereTheOwnersAccountIsKnownToBeGone, and nobody by a guess.
func TestTheDeputyIsAskedWhereTheOwnersAccountIsKnownToBeGone(t *testing.T) {
	now := time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)
	ada, bob := &binding.Contact{Name: "Ada", Account: "ada"}, &binding.Contact{Name: "Bob", Receiver: "team", Address: "u2"}
	blocked := binding.Condition{Type: binding.TokenValid, Status: binding.False, Reason: "UserBlocked"}
	lastKnown, refused := blocked, blocked
	lastKnown.LastKnown, refused.Reason = true, "Refused"
	for name, tt := range map[string]struct {
		owner, deputy *binding.Contact
		username      string
		condition     binding.Condition
		address, want string
	}{
		"blocked":                     {ada, bob, "ada", blocked, "", "Bob"},
		"in other case":               {ada, bob, "Ada", blocked, "", "Bob"},
		"gone":                        {ada, bob, "ada", binding.Condition{Type: binding.AccountAllowed, Status: binding.False, Reason: "AccountNotFound"}, "", "Bob"},
		"known before, no answer now": {ada, bob, "ada", lastKnown, "", "Ada"},
		"another reason":              {ada, bob, "ada", refused, "", "Ada"},
		"unknown":                     {ada, bob, "ada", binding.Condition{Type: binding.TokenValid, Status: binding.Unclear, Reason: "UserBlocked"}, "", "Ada"},
		"another account":             {ada, bob, "robot", blocked, "", "Ada"},
		"at another site":             {ada, bob, "ada", blocked, "https://other.example.com", "Ada"},
		"an owner without an account": {&binding.Contact{Name: "Ada"}, bob, "ada", blocked, "", "Ada"},
		"no deputy":                   {ada, nil, "ada", blocked, "", "Ada"},
		"no owner":                    {nil, bob, "ada", blocked, "", "Bob"},
		"nobody":                      {nil, nil, "ada", blocked, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			spec := binding.Spec{Instance: "prod", Platform: binding.GitLab, Address: "https://gitlab.example.com", Username: "robot"}
			other := spec
			other.Username = tt.username
			if tt.address != "" {
				other.Address = tt.address
			}
			spec.Owner, spec.Deputy = tt.owner, tt.deputy
			w := notify.Facts{
				Now: now, Instances: []string{"prod"}, Synced: []string{"prod"},
				Statuses: []binding.Status{{Name: "pay", Spec: spec}, {Name: "other", Spec: other, Conditions: []binding.Condition{tt.condition}}},
				Pending: map[string][]binding.RetryState{"prod": {{Binding: "pay", Pending: []binding.PendingSince{
					{Platform: binding.GitLab, Object: binding.AccountObject(), Action: "manual", Since: now},
				}}}},
			}.Input()
			got := ""
			for _, m := range w.Alerts {
				if m.Kind == notify.Step && m.Addressee != nil {
					got = m.Addressee.Name
				}
			}
			if got != tt.want {
				t.Errorf("asked is %q, want %q", got, tt.want)
			}
		})
	}
}

// TestADeputyGetsWhatTheOwnerGotBefore, once, at a receiver of their own.
func TestADeputyGetsWhatTheOwnerGotBefore(t *testing.T) {
	now := time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)
	m := notify.Alert{Subject: notify.Subject{Kind: notify.Step, Instance: "prod", Binding: "pay", Of: "account"}, State: "due", Addressee: &notify.Addressee{Contact: binding.Contact{Name: "Ada"}}}
	rules := notify.Rules{Receivers: []string{"ops", "team"}, Routes: []notify.Route{{Receivers: []string{"ops"}}}}
	var l notify.NotificationLog
	decide := func(a *notify.Addressee) {
		now = now.Add(time.Minute)
		m.Addressee = a
		l = notify.Decide(l, notify.Input{Now: now, Alerts: []notify.Alert{m}}, rules)
	}
	owner := &notify.Addressee{Contact: binding.Contact{Name: "Ada"}}
	deputy := &notify.Addressee{Contact: binding.Contact{Name: "Bob", Receiver: "team", Address: "u2"}, Deputy: true}
	for _, a := range []*notify.Addressee{owner, owner, deputy, deputy, owner, deputy} {
		decide(a)
	}
	if len(l.Queues["ops"]) != 2 || len(l.Queues["team"]) != 1 || l.Queues["team"][0].Addressee.Name != "Bob" {
		t.Errorf("ops gets %d, team %d: %+v", len(l.Queues["ops"]), len(l.Queues["team"]), l.Queues)
	}
	text := notify.Note{Items: l.Queues["team"]}.Text(nil, nil)
	if len(text.Mentions) != 1 || text.Mentions[0] != "u2" || text.Lines[0].Addressee == "" {
		t.Errorf("got %+v", text)
	}
	if ops := (notify.Note{Items: l.Queues["ops"]}).Text(nil, nil); len(ops.Mentions) > 0 {
		t.Errorf("an address of another receiver is mentioned: %v", ops.Mentions)
	}
}

func TestMessagesHaveShortCommits(t *testing.T) {
	t.Parallel()
	const commit = "4f2b6c7d8e9f00112233445566778899aabbccdd"
	f := notify.Facts{ReadUpTo: "none", History: []binding.HistoryEntry{{Instance: "prod", Binding: "pay", Action: "rebind", Outcome: "done", Revision: commit}}}
	happened := f.Input().Events
	if len(happened) != 1 {
		t.Fatalf("happened: %v", happened)
	}
	text := notify.Preview(happened[0], notify.Happened, time.Now()).Text(nil, nil)
	if line := text.Lines[0].Text; strings.Contains(line, commit) || !strings.Contains(line, "4f2b6c7d") || text.Items[0].Message.Args.Get("revision") != commit {
		t.Errorf("got %q, %v", line, text.Items[0].Message.Args)
	}
}

// TestAHistoryThatIsNotReadIsNotEmpty: what was there before the first look is not
// reported after the second one.
func TestAHistoryThatIsNotReadIsNotEmpty(t *testing.T) {
	t.Parallel()
	for read, want := range map[string]string{"": "", "none": "none", "e1": "e1"} {
		if w := (notify.Facts{HistoryUnknown: true, ReadUpTo: read}).Input(); w.Read != want || len(w.Events) > 0 {
			t.Errorf("read up to %q: now up to %q", read, w.Read)
		}
	}
}
