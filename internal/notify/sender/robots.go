package sender

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/notify"
	"reconciler/internal/secrets"
)

// The group robots of DingTalk, Feishu and WeCom answer HTTP 200 with their own
// code in the body.

// robotAnswer is the body of an answer: DingTalk and WeCom have errcode, Feishu
// has code.
type robotAnswer struct {
	ErrCode *int `json:"errcode"`
	Code    *int `json:"code"`
}

// codes says what a service's codes mean. A code in neither list is a refusal.
type codes struct {
	// After a busy code the message can be tried again soon, after a throttled one
	// after the pause.
	busy, throttled []int
	pause           time.Duration
	// meaning says what to do about a code.
	meaning map[int]message.Message
}

// robot sends a request and interprets the code in the answer.
func (o Options) robot(ctx context.Context, r request, c codes) (notify.Retry, error) {
	body, err := o.post(ctx, r)
	if err != nil {
		return outcome(err)
	}
	var said robotAnswer
	err = json.Unmarshal(body, &said)
	code := cmp.Or(said.ErrCode, said.Code)
	if err != nil || code == nil {
		return outcome(o.failed(binding.Unreadable, "NotItsAnswer", message.NewError("sender.no-code")))
	}
	return outcome(o.coded(*code, c))
}

// coded returns the error of a code; nil for 0.
func (o Options) coded(code int, c codes) error {
	name := strconv.Itoa(code)
	switch {
	case code == 0:
		return nil
	case slices.Contains(c.throttled, code):
		return o.throttled(name, c.pause)
	case slices.Contains(c.busy, code):
		return o.failed(binding.Transient, name, message.NewError("sender.busy"))
	}
	f := o.refused(name, message.NewError("sender.rejects"))
	f.Hint = c.meaning[code]
	return f
}

// signing calls sign with the secret of the signature, if there is one.
func (o Options) signing(ctx context.Context, sign func(secrets.Secret)) error {
	if o.Secret == nil {
		return nil
	}
	secret, err := o.Secret(ctx)
	if err != nil {
		return o.failed(binding.Transient, "", message.NewError("sender.secret", "why", err))
	}
	defer secret.Wipe()
	sign(secret)
	return nil
}

// withKeyword adds the keyword that the service requires.
func (o Options) withKeyword(s string) string {
	if o.Keyword == "" || strings.Contains(s, o.Keyword) {
		return s
	}
	return o.Keyword + ": " + s
}

// text returns a message as plain text, with the keyword.
func (o Options) text(t notify.Text) string {
	return o.withKeyword(strings.Join(append([]string{t.Title}, t.Rows(o.Type.Limit()-len(t.Title))...), "\n"))
}

// dingtalk is a custom robot of a group (open.dingtalk.com, "Custom robot access":
// 20 messages a minute, then none for 10 minutes; 20,000 bytes). The signature is
// HMAC-SHA256 of "timestamp\nsecret" with the secret as the key; the time is in
// milliseconds. The message has the type text, which has no markup; separate lists
// mention people.
type dingtalk struct{ Options }

func (d dingtalk) Send(ctx context.Context, t notify.Text) (notify.Retry, error) {
	query := url.Values{}
	err := d.signing(ctx, func(secret secrets.Secret) {
		stamp := strconv.FormatInt(d.Now().UnixMilli(), 10)
		query.Set("timestamp", stamp)
		query.Set("sign", base64.StdEncoding.EncodeToString(secret.MAC([]byte(stamp+"\n"+secret.Expose()))))
	})
	if err != nil {
		return outcome(err)
	}
	return d.robot(ctx, request{query: query, body: map[string]any{
		"msgtype": "text", "text": map[string]string{"content": d.text(t)}, "at": map[string]any{"isAtAll": false, "atUserIds": t.Mentions},
	}}, codes{
		busy: []int{-1}, throttled: []int{130101, 410100}, pause: 10 * time.Minute,
		meaning: map[int]message.Message{
			310000: message.New("sender.dingtalk.security"),
			300005: message.New("sender.robot-unknown"),
			400101: message.New("sender.robot-unknown"),
			400102: message.New("sender.dingtalk.disabled"),
			400013: message.New("sender.dingtalk.dissolved"),
		},
	})
}

// feishu is a custom bot of a group of Feishu or Lark (open.feishu.cn, "Use bots
// in groups": 100 messages a minute, 20 KB). The signature is HMAC-SHA256 of an
// empty text, with "timestamp\nsecret" as the key; the time is in seconds. The
// message is a post, whose text elements have no markup; <at> works only in the
// type text.
type feishu struct{ Options }

func (f feishu) Send(ctx context.Context, t notify.Text) (notify.Retry, error) {
	var rows [][]map[string]string
	for _, row := range t.Rows(f.Type.Limit()) {
		rows = append(rows, []map[string]string{{"tag": "text", "text": row}})
	}
	for _, person := range t.Mentions {
		rows = append(rows, []map[string]string{{"tag": "at", "user_id": person}})
	}
	post := map[string]any{"title": f.withKeyword(t.Title), "content": rows}
	body := map[string]any{"msg_type": "post", "content": map[string]any{"post": map[string]any{"zh_cn": post}}}
	err := f.signing(ctx, func(secret secrets.Secret) {
		stamp := strconv.FormatInt(f.Now().Unix(), 10)
		key := secrets.New([]byte(stamp + "\n" + secret.Expose()))
		defer key.Wipe()
		body["timestamp"], body["sign"] = stamp, base64.StdEncoding.EncodeToString(key.MAC())
	})
	if err != nil {
		return outcome(err)
	}
	return f.robot(ctx, request{body: body}, codes{
		throttled: []int{11232, 99991400}, pause: time.Minute,
		meaning: map[int]message.Message{
			19001: message.New("sender.feishu.unknown"),
			19021: message.New("sender.feishu.signature"),
			19022: message.New("sender.feishu.address"),
			19024: message.New("sender.feishu.keyword"),
			9499:  message.New("sender.feishu.message"),
		},
	})
}

// wecom is a group robot of WeCom (developer.work.weixin.qq.com/document/path/91770:
// 20 messages a minute, text of 2,048 bytes). The key in the URL is its only
// credential. The message has the type text, which has no markup.
type wecom struct{ Options }

// wecomLimit is in bytes, title included.
const wecomLimit = 2000

func (w wecom) Send(ctx context.Context, t notify.Text) (notify.Retry, error) {
	return w.robot(ctx, request{body: map[string]any{"msgtype": "text", "text": map[string]any{"content": w.text(t), "mentioned_list": t.Mentions}}}, codes{
		busy: []int{-1}, throttled: []int{45009, 45033}, pause: time.Minute,
		meaning: map[int]message.Message{93000: message.New("sender.wecom.unknown"), 40058: message.New("sender.wecom.message")},
	})
}
