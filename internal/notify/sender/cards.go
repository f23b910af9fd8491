package sender

import (
	"context"
	"regexp"
	"strings"
	"unicode/utf8"

	"reconciler/internal/notify"
)

// slack is an incoming webhook of Slack (docs.slack.dev, "Sending messages using
// incoming webhooks"): 200 and ok, or a status and a reason; 429 with Retry-After.
// The rows are in blocks of plain_text, which has no markup and mentions nobody.
// Only the text of the notification is mrkdwn, and it is escaped.
type slack struct{ Options }

// slackBlock limits the text of a block. Slack accepts 3,000 characters and 50
// blocks.
const slackBlock = 2900

var slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// slackUser matches the ID of a user.
var slackUser = regexp.MustCompile(`^[UW][A-Z0-9]{2,20}$`)

func (s slack) Send(ctx context.Context, t notify.Text) (notify.Retry, error) {
	plain := func(text string) map[string]any {
		return map[string]any{"type": "plain_text", "text": text, "emoji": false}
	}
	title := []rune(t.Title)
	blocks := []map[string]any{{"type": "header", "text": plain(string(title[:min(len(title), 150)]))}}
	for _, text := range packed(t.Rows(s.Type.Limit()), slackBlock) {
		blocks = append(blocks, map[string]any{"type": "section", "text": plain(text)})
	}
	var people []string
	for _, person := range t.Mentions {
		if slackUser.MatchString(person) {
			people = append(people, "<@"+person+">")
		}
	}
	for _, text := range packed(people, slackBlock) {
		blocks = append(blocks, map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": text}})
	}
	_, err := s.post(ctx, request{body: map[string]any{"text": slackEscape.Replace(t.Title), "blocks": blocks, "unfurl_links": false}})
	return outcome(err)
}

// packed joins rows to texts of at most limit characters. Each row must be shorter
// than limit.
func packed(rows []string, limit int) []string {
	var texts []string
	left := 0
	for _, row := range rows {
		n := utf8.RuneCountInString(row) + 1
		if n > left {
			texts, left = append(texts, row), limit-n
			continue
		}
		texts[len(texts)-1] += "\n" + row
		left -= n
	}
	return texts
}

// teams is a webhook of the Workflows app of Microsoft Teams
// (learn.microsoft.com, "Create incoming webhooks with Workflows"): an Adaptive
// Card in a message, 28 KB, answered with 202. The rows are TextRuns of a
// RichTextBlock, which have no markup; <at> works only in a TextBlock.
type teams struct{ Options }

func (s teams) Send(ctx context.Context, t notify.Text) (notify.Retry, error) {
	block := func(text, size, weight string) map[string]any {
		return map[string]any{"type": "RichTextBlock", "inlines": []map[string]any{{"type": "TextRun", "text": text, "size": size, "weight": weight}}}
	}
	body := []map[string]any{block(t.Title, "Medium", "Bolder")}
	for _, row := range t.Rows(s.Type.Limit()) {
		body = append(body, block(row, "Default", "Default"))
	}
	_, err := s.post(ctx, request{body: map[string]any{"type": "message", "attachments": []map[string]any{{
		"contentType": "application/vnd.microsoft.card.adaptive",
		"content": map[string]any{
			"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": body,
		},
	}}}})
	return outcome(err)
}
