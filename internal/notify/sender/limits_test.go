package sender_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/notify"
	"reconciler/internal/notify/sender"
)

// TestLongMessagesStayInTheLimits of the services.
func TestLongMessagesStayInTheLimits(t *testing.T) {
	var items []notify.Item
	for n := range 150 {
		i := text().Items[0]
		i.ID, i.Reason, i.Binding = fmt.Sprint(n), fmt.Sprint("R", n), strings.Repeat("名", 20)
		i.Message = message.Verbatim(strings.Repeat("很长<&>", 400))
		items = append(items, i)
	}
	for typ, most := range map[sender.Type]int{sender.DingTalk: 20_000, sender.Feishu: 20_000, sender.Teams: 28_000, sender.WeCom: 2048 + 100, sender.Slack: 100_000} {
		t.Run(string(typ), func(t *testing.T) {
			ledger := notify.NotificationLog{Queues: map[string][]notify.Item{"ops": slices.Clone(items)}}
			_, note := ledger.Batch("ops", func(items []notify.Item) bool {
				return notify.Note{Items: items}.Text(nil, nil).Size() <= typ.Limit()
			})
			s := serve(t)
			s.answer = `{"errcode":0,"code":0}`
			if _, err := s.sender(t, sender.Options{Type: typ}).Send(t.Context(), note.Text(nil, nil)); err != nil {
				t.Fatal(err)
			}
			if len(s.body) > most {
				t.Errorf("%d items are %d bytes, want at most %d", len(note.Items), len(s.body), most)
			}
			if blocks, is := field(s.document(t), "blocks").([]any); is && len(blocks) > 50 {
				t.Errorf("%d blocks", len(blocks))
			}
		})
	}
}

// TestManyPeopleFitIntoMessages names a thousand people: what does not fit into one
// message, by the service's documentation, is in the next one.
func TestManyPeopleFitIntoMessages(t *testing.T) {
	for _, service := range []struct {
		of   sender.Type
		size int
	}{{sender.DingTalk, 20_000}, {sender.Feishu, 20_000}, {sender.WeCom, 20_000}, {sender.Slack, 100_000}, {sender.Teams, 28_000}} {
		for _, long := range []int{3, 20, 120} {
			t.Run(fmt.Sprint(service.of, " ", long), func(t *testing.T) {
				s := serve(t)
				s.answer = `{"errcode":0}`
				var items []notify.Item
				for n := range 1000 {
					items = append(items, notify.Item{ID: fmt.Sprint(n), Receiver: "ops", Phase: notify.Began, At: clock, Alert: notify.Alert{
						Subject:   notify.Subject{Kind: notify.Expiry, Instance: "prod", Binding: fmt.Sprint("pay-", n)},
						Addressee: &notify.Addressee{Contact: binding.Contact{Name: "P", Receiver: "ops", Address: fmt.Sprintf("U%0*d", long, n)}},
					}})
				}
				_, note := notify.NotificationLog{Queues: map[string][]notify.Item{"ops": items}}.Batch("ops", func(items []notify.Item) bool {
					return notify.Note{Items: items}.Text(nil, nil).Size() <= service.of.Limit()
				})
				if _, err := s.sender(t, sender.Options{Type: service.of}).Send(t.Context(), note.Text(nil, nil)); err != nil {
					t.Fatal(err)
				}
				if blocks, _ := field(s.document(t), "blocks").([]any); len(s.body) > service.size || len(blocks) > 50 {
					t.Errorf("%d people make %d bytes, %d blocks", len(note.Items), len(s.body), len(blocks))
				}
			})
		}
	}
}
