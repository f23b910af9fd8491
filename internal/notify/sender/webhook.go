package sender

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/notify"
	"reconciler/internal/secrets"
)

// webhook posts JSON with the headers of Standard Webhooks
// (https://github.com/standard-webhooks/standard-webhooks, spec 1.0): the
// signature is HMAC-SHA256 of id.timestamp.body, and the key is the decoded
// part of the secret after whsec_.
type webhook struct{ Options }

// Payload is the body of a generic webhook.
type Payload struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      Data      `json:"data"`
}

// Data is the content of a Payload.
type Data struct {
	Title    string           `json:"title"`
	Severity finding.Severity `json:"severity"`
	// Text is the message for people.
	Text []string `json:"text"`
	// Items are the same for programs. Equal IDs mean the same event.
	Items []notify.Item `json:"items"`
}

// payloadType is the type of every Payload.
const payloadType = "reconciler.notice"

// maxRows is the maximum number of bytes of text in a Payload.
const maxRows = 100_000

func (w webhook) Send(ctx context.Context, t notify.Text) (notify.Retry, error) {
	body, err := encode(Payload{Type: payloadType, Timestamp: t.At.UTC(), Data: Data{
		Title: t.Title, Severity: t.Severity, Text: t.Rows(maxRows), Items: t.Items,
	}})
	if err != nil {
		return outcome(w.refused("", err))
	}
	stamp := strconv.FormatInt(w.Now().Unix(), 10)
	signature, err := w.sign(ctx, []byte(t.ID+"."+stamp+"."), body)
	if err != nil {
		return outcome(err)
	}
	header := http.Header{}
	header.Set("Webhook-Id", t.ID)
	header.Set("Webhook-Timestamp", stamp)
	header.Set("Webhook-Signature", "v1,"+signature)
	_, err = w.post(ctx, request{body: body, header: header})
	return outcome(err)
}

// sign is the signature of parts in Base64.
func (w webhook) sign(ctx context.Context, parts ...[]byte) (string, error) {
	secret, err := w.Secret(ctx)
	if err != nil {
		return "", w.failed(binding.Transient, "", errors.Join(message.NewError("sender.secret-unread"), err))
	}
	defer secret.Wipe()
	encoded, is := strings.CutPrefix(secret.Expose(), "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !is || err != nil || len(key) < minKey {
		return "", w.refused("BadSecret", message.NewError("sender.webhook-secret"))
	}
	return base64.StdEncoding.EncodeToString(secrets.New(key).MAC(parts...)), nil
}

// minKey is the minimum length of a key that Standard Webhooks recommends.
const minKey = 24
