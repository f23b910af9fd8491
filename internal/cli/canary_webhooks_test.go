package cli

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// hookKey is the marked secret of a sender, as it signs with it.
func hookKey(sender string) string { return newMarker(sender + " webhook secret").secret() }

// hookSecret is the content of a sender's secret file.
func (c *canaryRun) hookSecret(sender string) string {
	secret := c.mark(sender + " webhook secret")
	if sender == "gitlab-signed" {
		return "whsec_" + base64.StdEncoding.EncodeToString([]byte(secret))
	}
	return secret
}

// deliver sends every sender's webhook: proven, wrongly proven, and with the
// secret where it has nothing to do.
func (c *canaryRun) deliver(log string) {
	c.t.Helper()
	found := regexp.MustCompile(`"webhooks":"([^"]+)"`).FindStringSubmatch(log)
	if found == nil {
		c.t.Errorf("the daemon does not say where it listens for webhooks:\n%s", log)
		return
	}
	for _, sender := range worldSenders() {
		key := hookKey(sender)
		for _, body := range []string{
			fmt.Sprintf(`{"repository": %q, "ref": "refs/heads/main", "object_kind": "note"}`, c.GitURL),
			fmt.Sprintf(`{"repository": %q, "ref": %[1]q, "object_kind": %[1]q}`, "https://x:"+key+"@git.example.com/"+key),
			key,
		} {
			proven := proofHeaders(sender, key, body)
			if status := c.hook(found[1], sender, body, proven); status != http.StatusOK && status != http.StatusAccepted && status != http.StatusBadRequest {
				c.t.Errorf("a delivery proven by the marked secret of %s gets %d, so that nothing is proven here", sender, status)
			}
			for h := range proven {
				proven[h] = "sha256=" + key
			}
			c.hook(found[1], sender, body, proven)
		}
	}
}

// proofHeaders are the headers with which a sender signs a body.
func proofHeaders(sender, key, body string) map[string]string {
	now := strconv.FormatInt(time.Now().Unix(), 10)
	mac := func(text string) []byte {
		h := hmac.New(sha256.New, []byte(key))
		_, _ = io.WriteString(h, text)
		return h.Sum(nil)
	}
	switch sender {
	case "github":
		return map[string]string{"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac(body)), "X-GitHub-Event": "push", "X-GitHub-Delivery": key}
	case "bitbucket":
		return map[string]string{"X-Hub-Signature": "sha256=" + hex.EncodeToString(mac(body)), "X-Event-Key": "repo:push", "X-Request-UUID": key}
	case "gitlab":
		return map[string]string{"X-Gitlab-Token": key, "Idempotency-Key": key}
	case "gitlab-signed":
		return map[string]string{
			"Webhook-Id": "1", "Webhook-Timestamp": now, "X-Gitlab-Token": key,
			"Webhook-Signature": "v1," + base64.StdEncoding.EncodeToString(mac("1."+now+"."+body)),
		}
	case "codeup":
		return map[string]string{"X-Codeup-Token": key, "Codeup-Event": key}
	default:
		return map[string]string{"X-Reconciler-Timestamp": now, "X-Reconciler-Signature": "sha256=" + hex.EncodeToString(mac(now+"."+body))}
	}
}

// hook sends one delivery and keeps the answer.
func (c *canaryRun) hook(address, sender, body string, headers map[string]string) int {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, "http://"+address+"/hooks/"+sender, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for h, v := range headers {
		req.Header.Set(h, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Error(err)
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Error(err)
	}
	c.out = append(c.out, output{"answer to the webhook of " + sender, answer}, output{"headers of the answer to " + sender, []byte(fmt.Sprint(resp.Header))})
	return resp.StatusCode
}
