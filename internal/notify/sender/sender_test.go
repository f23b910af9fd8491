package sender_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/notify"
	"reconciler/internal/notify/sender"
	"reconciler/internal/providers"
	"reconciler/internal/report/reporttest"
	"reconciler/internal/secrets"
)

const (
	token  = "canary-access-token-0123456789"
	secret = "SECcanary0123456789"
	key    = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5"
)

var clock = time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)

// hostile is a text with the mark-up of every service.
const hostile = "<!channel> <@U1> <at user_id=\"all\">x</at> <@all> @all [x](http://evil) **b** `c` &amp; <font color=red> <at>y</at>"

// service answers as a service does, and keeps what it got.
type service struct {
	*httptest.Server
	answer  string
	status  int
	header  map[string]string
	body    []byte
	request *http.Request
}

func serve(t *testing.T) *service {
	t.Helper()
	s := &service{status: http.StatusOK}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.body, _ = io.ReadAll(r.Body)
		s.request = r
		for name, value := range s.header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(s.status)
		_, _ = io.WriteString(w, s.answer)
	}))
	t.Cleanup(s.Close)
	return s
}

func is(value string) sender.Credential {
	return func(context.Context) (secrets.Secret, error) { return secrets.New([]byte(value)), nil }
}

func (s *service) sender(t *testing.T, o sender.Options) notify.Sender {
	t.Helper()
	o.Name, o.Now = "ops", func() time.Time { return clock }
	o.URL = is(s.URL + "/robot/send?access_token=" + token)
	o.Client = providers.NewHTTPClient(providers.Options{AllowPrivate: true, AnyContent: true, Now: o.Now})
	made, err := sender.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func text() notify.Text {
	item := notify.Item{
		ID: "i1", Receiver: "ops", Phase: notify.Began, At: clock,
		Alert: notify.Alert{
			Subject: notify.Subject{Kind: notify.Condition, Instance: "prod", Binding: "pay", Of: "TokenValid"}, State: "False",
			Severity: finding.Error, Reason: "Refused", Message: message.Verbatim(hostile), Steps: []message.Message{message.Verbatim("ask " + hostile)},
		},
	}
	return notify.Note{ID: "msg_1", Items: []notify.Item{item}}.Text(nil, nil)
}

func mac(key string, parts ...string) string {
	h := hmac.New(sha256.New, []byte(key))
	_, _ = io.WriteString(h, strings.Join(parts, ""))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// document is the body that arrived.
func (s *service) document(t *testing.T) map[string]any {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(s.body, &body); err != nil {
		t.Fatalf("%s: %v", s.body, err)
	}
	return body
}

// field is the value at a path of names and indexes.
func field(body any, path ...string) any {
	for _, step := range path {
		switch v := body.(type) {
		case map[string]any:
			body = v[step]
		case []any:
			n, _ := strconv.Atoi(step)
			body = v[n]
		}
	}
	return body
}

func TestDocumentedSignatures(t *testing.T) {
	t.Run("Standard Webhooks", func(t *testing.T) {
		s := serve(t)
		if _, err := s.sender(t, sender.Options{Type: sender.Webhook, Secret: is(key)}).Send(t.Context(), text()); err != nil {
			t.Fatal(err)
		}
		raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "whsec_"))
		h := s.request.Header
		want := "v1," + mac(string(raw), h.Get("Webhook-Id"), ".", h.Get("Webhook-Timestamp"), ".", string(s.body))
		if h.Get("Webhook-Signature") != want || h.Get("Webhook-Id") != "msg_1" || h.Get("Webhook-Timestamp") != fmt.Sprint(clock.Unix()) {
			t.Errorf("headers %v, want the signature %s", h, want)
		}
		if body := s.document(t); field(body, "type") != "reconciler.notice" || field(body, "data", "items", "0", "binding") != "pay" {
			t.Errorf("body %s", s.body)
		}
	})
	t.Run("DingTalk", func(t *testing.T) {
		s := serve(t)
		s.answer = `{"errcode":0,"errmsg":"ok"}`
		if _, err := s.sender(t, sender.Options{Type: sender.DingTalk, Secret: is(secret), Keyword: "registry"}).Send(t.Context(), text()); err != nil {
			t.Fatal(err)
		}
		q, stamp := s.request.URL.Query(), fmt.Sprint(clock.UnixMilli())
		if q.Get("timestamp") != stamp || q.Get("sign") != mac(secret, stamp, "\n", secret) || q.Get("access_token") != token {
			t.Errorf("query %v", q)
		}
		content, _ := field(s.document(t), "text", "content").(string)
		if field(s.document(t), "msgtype") != "text" || !strings.HasPrefix(content, "registry: ") || field(s.document(t), "at", "isAtAll") != false {
			t.Errorf("body %s", s.body)
		}
	})
	t.Run("Feishu", func(t *testing.T) {
		s := serve(t)
		s.answer = `{"code":0,"msg":"success","data":{}}`
		if _, err := s.sender(t, sender.Options{Type: sender.Feishu, Secret: is(secret), Keyword: "registry"}).Send(t.Context(), text()); err != nil {
			t.Fatal(err)
		}
		body, stamp := s.document(t), fmt.Sprint(clock.Unix())
		if body["timestamp"] != stamp || body["sign"] != mac(stamp+"\n"+secret) {
			t.Errorf("body %s", s.body)
		}
		title, _ := field(body, "content", "post", "zh_cn", "title").(string)
		if !strings.HasPrefix(title, "registry: ") || field(body, "content", "post", "zh_cn", "content", "0", "0", "tag") != "text" {
			t.Errorf("body %s", s.body)
		}
	})
}

// TestForeignMarkUpIsText: what others wrote is only in fields that show plain
// text, or escaped.
func TestForeignMarkUpIsText(t *testing.T) {
	for typ, tt := range map[sender.Type]struct {
		answer string
		path   []string
		want   string
		kind   []string
		is     any
	}{
		sender.DingTalk: {`{"errcode":0}`, []string{"text", "content"}, hostile, []string{"msgtype"}, "text"},
		sender.WeCom:    {`{"errcode":0}`, []string{"text", "content"}, hostile, []string{"msgtype"}, "text"},
		sender.Feishu:   {`{"code":0}`, []string{"content", "post", "zh_cn", "content", "0", "0", "text"}, hostile, []string{"msg_type"}, "post"},
		sender.Slack:    {"ok", []string{"blocks", "1", "text", "text"}, hostile, []string{"blocks", "1", "text", "type"}, "plain_text"},
		sender.Teams: {
			"",
			[]string{"attachments", "0", "content", "body", "1", "inlines", "0", "text"},
			hostile,
			[]string{"attachments", "0", "content", "body", "1", "type"},
			"RichTextBlock",
		},
	} {
		t.Run(string(typ), func(t *testing.T) {
			s := serve(t)
			s.answer = tt.answer
			if _, err := s.sender(t, sender.Options{Type: typ}).Send(t.Context(), text()); err != nil {
				t.Fatal(err)
			}
			got, _ := field(s.document(t), tt.path...).(string)
			if !strings.Contains(got, tt.want) || field(s.document(t), tt.kind...) != tt.is {
				t.Errorf("body %s", s.body)
			}
			for _, list := range [][]string{{"at", "atUserIds"}, {"text", "mentioned_list"}} {
				if field(s.document(t), "msgtype") == "text" && field(s.document(t), list...) != nil {
					t.Errorf("%s mentions somebody: %s", typ, s.body)
				}
			}
		})
	}
	t.Run("the notification of Slack", func(t *testing.T) {
		s := serve(t)
		note := text()
		note.Title = hostile
		if _, err := s.sender(t, sender.Options{Type: sender.Slack}).Send(t.Context(), note); err != nil {
			t.Fatal(err)
		}
		if got, _ := s.document(t)["text"].(string); strings.ContainsAny(got, "<>") {
			t.Errorf("got %s", got)
		}
	})
}

// TestWhoCanDoSomethingIsMentioned in the way of each service.
func TestWhoCanDoSomethingIsMentioned(t *testing.T) {
	for typ, want := range map[sender.Type]string{
		sender.DingTalk: `"atUserIds":["U0ADA"]`, sender.WeCom: `"mentioned_list":["U0ADA"]`,
		sender.Feishu: `{"tag":"at","user_id":"U0ADA"}`, sender.Slack: `{"text":"<@U0ADA>","type":"mrkdwn"}`,
	} {
		t.Run(string(typ), func(t *testing.T) {
			s := serve(t)
			s.answer = `{"errcode":0,"code":0}`
			note := text()
			note.Mentions = []string{"U0ADA"}
			if _, err := s.sender(t, sender.Options{Type: typ}).Send(t.Context(), note); err != nil || !strings.Contains(string(s.body), want) {
				t.Errorf("%v, %s", err, s.body)
			}
		})
	}
}

// TestDocumentedErrors: each answer says whether to try again, and no error has a
// part of the URL or of a foreign text.
func TestDocumentedErrors(t *testing.T) {
	madeUp := reporttest.Pseudo(t)
	for _, tt := range []struct {
		typ    sender.Type
		status int
		answer string
		header map[string]string
		again  bool
		after  time.Duration
		code   string
	}{
		{typ: sender.DingTalk, answer: `{"errcode":310000,"errmsg":"sign not match ` + token + `"}`, code: "310000"},
		{typ: sender.DingTalk, answer: `{"errcode":310000,"errmsg":"keywords not in content"}`, code: "310000"},
		{typ: sender.DingTalk, answer: `{"errcode":300005,"errmsg":"token is not exist"}`, code: "300005"},
		{typ: sender.DingTalk, answer: `{"errcode":130101,"errmsg":"send too fast"}`, again: true, after: 10 * time.Minute, code: "130101"},
		{typ: sender.DingTalk, answer: `{"errcode":-1,"errmsg":"system busy"}`, again: true, code: "-1"},
		{typ: sender.DingTalk, answer: `<html>`, again: true, code: "NotItsAnswer"},
		{typ: sender.Feishu, answer: `{"code":19021,"msg":"sign match fail or timestamp is not within one hour"}`, code: "19021"},
		{typ: sender.Feishu, answer: `{"code":19024,"msg":"Key Words Not Found"}`, code: "19024"},
		{typ: sender.Feishu, answer: `{"code":11232,"msg":"frequency limited"}`, again: true, after: time.Minute, code: "11232"},
		{typ: sender.WeCom, answer: `{"errcode":45009,"errmsg":"api freq out of limit"}`, again: true, after: time.Minute, code: "45009"},
		{typ: sender.WeCom, answer: `{"errcode":93000,"errmsg":"invalid webhook url, hint: ` + token + `"}`, code: "93000"},
		{typ: sender.WeCom, status: http.StatusBadGateway, again: true, code: "HTTP502"},
		{typ: sender.Slack, status: http.StatusForbidden, answer: "invalid_token", code: "HTTP403"},
		{typ: sender.Slack, status: http.StatusGone, answer: "channel_is_archived", code: "HTTP410"},
		{typ: sender.Slack, status: http.StatusTooManyRequests, header: map[string]string{"Retry-After": "30"}, again: true, after: 30 * time.Second, code: "HTTP429"},
		{typ: sender.Teams, status: http.StatusAccepted, code: ""},
		{typ: sender.Teams, status: http.StatusBadRequest, answer: "BadPayload", code: "HTTP400"},
		{typ: sender.Teams, status: http.StatusFound, header: map[string]string{"Location": "https://elsewhere.example/" + token}, code: "HTTP302"},
		{typ: sender.Webhook, status: http.StatusNoContent, code: ""},
		{typ: sender.Webhook, status: http.StatusServiceUnavailable, header: map[string]string{"Retry-After": "120"}, again: true, after: 2 * time.Minute, code: "HTTP503"},
		{typ: sender.Webhook, status: http.StatusUnauthorized, answer: token, code: "HTTP401"},
	} {
		t.Run(fmt.Sprint(tt.typ, tt.code, tt.status), func(t *testing.T) {
			s := serve(t)
			s.status, s.answer, s.header = max(tt.status, http.StatusOK), tt.answer, tt.header
			o := sender.Options{Type: tt.typ}
			if tt.typ == sender.Webhook {
				o.Secret = is(key)
			}
			retry, err := s.sender(t, o).Send(t.Context(), text())
			if retry.Again != tt.again || retry.After != tt.after || (err == nil) != (tt.code == "") {
				t.Errorf("got %+v, %v", retry, err)
			}
			if err == nil {
				return
			}
			if english := reporttest.English(madeUp, message.FromError(err)); english != "" {
				t.Errorf("in another language, the error shows %q", english)
			}
			if !strings.Contains(err.Error(), tt.code) || !strings.Contains(err.Error(), "ops") {
				t.Errorf("the error names neither code nor receiver: %v", err)
			}
			for _, never := range []string{token, secret, key, "127.0.0.1", "robot/send"} {
				if strings.Contains(err.Error(), never) {
					t.Errorf("the error has %s: %v", never, err)
				}
			}
		})
	}
}

func TestNoAnswerIsTriedAgainAndKeepsTheURL(t *testing.T) {
	for name, url := range map[string]string{
		"closed port":    "http://127.0.0.1:1/send?access_token=" + token,
		"no such host":   "https://nowhere.invalid/send?access_token=" + token,
		"not an address": "https://ho st/" + token,
		"control":        "https://host/\x7f" + token,
		"clear text":     "http://example.com/send?access_token=" + token,
	} {
		t.Run(name, func(t *testing.T) {
			made, err := sender.New(sender.Options{
				Name: "ops", Type: sender.WeCom, URL: is(url), Client: providers.NewHTTPClient(providers.Options{AllowPrivate: true, AnyContent: true}),
			})
			if err != nil {
				t.Fatal(err)
			}
			retry, err := made.Send(t.Context(), text())
			if err == nil || strings.Contains(err.Error(), token) {
				t.Errorf("got %v", err)
			}
			if unusable := !strings.HasPrefix(name, "closed") && !strings.HasPrefix(name, "no such"); retry.Again == unusable {
				t.Errorf("got %+v, %v", retry, err)
			}
		})
	}
}

func TestPrivateAddressesNeedPermission(t *testing.T) {
	s := serve(t)
	made, err := sender.New(sender.Options{Name: "ops", Type: sender.Slack, URL: is(s.URL + "/" + token), Client: providers.NewHTTPClient(providers.Options{AnyContent: true})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := made.Send(t.Context(), text()); err == nil || s.request != nil || strings.Contains(err.Error(), token) {
		t.Errorf("got %v, request %v", err, s.request)
	}
}
