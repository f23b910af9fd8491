package webhook

import (
	"cmp"
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"reconciler/internal/message"
	"reconciler/internal/secrets"
)

// window is how far the time of a delivery may differ from ours in either
// direction, as Standard Webhooks recommends.
const window = 5 * time.Minute

// The reasons to reject a delivery as unproven. They are logged, never sent to
// the sender, and contain nothing that was sent.
var (
	errNoProof     = message.NewError("webhook.no-proof")
	errProofShape  = message.NewError("webhook.malformed")
	errProofWrong  = message.NewError("webhook.wrong")
	errTimeMissing = message.NewError("webhook.no-time")
	errTimeWindow  = message.NewError("webhook.time", "minutes", int(window/time.Minute))
)

// key is one secret with which a sender signs or identifies itself.
type key struct {
	secret secrets.Secret
	// signing is true if the secret is the decoded key of Standard Webhooks.
	signing bool
}

// delivery is what a proof is checked with.
type delivery struct {
	header http.Header
	body   []byte
	keys   []key
	now    time.Time
}

// verifier checks that a delivery comes from the holder of one of its keys, and
// returns the sender's ID of the delivery, if it has one. It does not parse the
// body.
type verifier func(delivery) (id string, err error)

// singleValue is the only value of a header. ok is false if there is none, and also
// if there are several, because proxies disagree on which one counts.
func singleValue(h http.Header, name string) (value string, ok bool) {
	values := h.Values(name)
	if len(values) != 1 || values[0] == "" {
		return "", false
	}
	return values[0], true
}

// verifyHub checks the signature of GitHub and Bitbucket: "sha256=" and the HMAC
// of the body in hexadecimal digits. The ID of the delivery, from the first of
// these headers that exists, is not signed: remembering it stops honest
// repetitions, not a replay by an attacker.
func verifyHub(signatureHeader string, idHeaders ...string) verifier {
	return func(d delivery) (string, error) {
		text, ok := singleValue(d.header, signatureHeader)
		if !ok {
			return "", errNoProof
		}
		signature, err := parseHexSignature(text)
		if err != nil {
			return "", err
		}
		id := ""
		for _, name := range idHeaders {
			id = cmp.Or(id, d.header.Get(name))
		}
		return id, signedBy(d.keys, signature, d.body)
	}
}

// parseHexSignature parses sha256=HEX.
func parseHexSignature(text string) ([]byte, error) {
	digits, ok := strings.CutPrefix(text, "sha256=")
	signature, err := hex.DecodeString(digits)
	if !ok || err != nil || len(signature) != 32 {
		return nil, errProofShape
	}
	return signature, nil
}

// signedBy tries every key, even after a match, so that its duration reveals
// nothing.
func signedBy(keys []key, signature []byte, parts ...[]byte) error {
	err := errProofWrong
	for _, k := range keys {
		if hmac.Equal(k.secret.MAC(parts...), signature) {
			err = nil
		}
	}
	return err
}

// verifyGeneric checks a delivery in our own format: X-Reconciler-Signature is
// sha256= and the HMAC of time, a dot and the body. The signature covers the
// time, so it also serves as the ID of the delivery.
func verifyGeneric(d delivery) (string, error) {
	text, ok := singleValue(d.header, "X-Reconciler-Signature")
	if !ok {
		return "", errNoProof
	}
	signature, err := parseHexSignature(text)
	if err != nil {
		return "", err
	}
	sent, ok := singleValue(d.header, "X-Reconciler-Timestamp")
	if !ok {
		return "", errTimeMissing
	}
	if err := signedBy(d.keys, signature, []byte(sent), []byte("."), d.body); err != nil {
		return "", err
	}
	return hex.EncodeToString(signature), inWindow(sent, d.now)
}

// inWindow checks a time in seconds since 1970.
func inWindow(sent string, now time.Time) error {
	seconds, err := strconv.ParseInt(sent, 10, 64)
	if err != nil {
		return errTimeMissing
	}
	// Compare numbers, because a distant time would overflow a duration.
	if at := now.Unix(); seconds < at-int64(window/time.Second) || seconds > at+int64(window/time.Second) {
		return errTimeWindow
	}
	return nil
}

// verifyGitLab checks the signature if the secret is a signing token, and
// otherwise the secret token. If a sender has a signing token, its secret token
// is not accepted, because anybody on the way can read that.
func verifyGitLab(d delivery) (string, error) {
	var signing, plain []key
	for _, k := range d.keys {
		if k.signing {
			signing = append(signing, k)
		} else {
			plain = append(plain, k)
		}
	}
	if len(signing) > 0 && (len(plain) == 0 || d.header.Get("Webhook-Signature") != "") {
		d.keys = signing
		return verifyStandard(d)
	}
	d.keys = plain
	// X-Gitlab-Event-UUID is not unique: webhooks that another webhook triggers
	// share it.
	return verifyToken("X-Gitlab-Token", "Idempotency-Key")(d)
}

// verifyStandard checks the signature of Standard Webhooks, which GitLab's
// signing tokens make: "v1," and the HMAC of ID, time and body, joined by dots,
// in Base64. The header may have several, separated by spaces.
func verifyStandard(d delivery) (string, error) {
	id, hasID := singleValue(d.header, "Webhook-Id")
	text, hasText := singleValue(d.header, "Webhook-Signature")
	if !hasID || !hasText {
		return "", errNoProof
	}
	signatures, err := parseStandardSignatures(text)
	if err != nil {
		return "", err
	}
	sent, ok := singleValue(d.header, "Webhook-Timestamp")
	if !ok {
		return "", errTimeMissing
	}
	err = errProofWrong
	for _, signature := range signatures {
		if signedBy(d.keys, signature, []byte(id+"."+sent+"."), d.body) == nil {
			err = nil
		}
	}
	if err != nil {
		return "", err
	}
	return id, inWindow(sent, d.now)
}

// maxSignatures is how many signatures of one delivery are checked.
const maxSignatures = 4

// parseStandardSignatures parses "v1,BASE64 v1,BASE64", and ignores other
// versions.
func parseStandardSignatures(text string) ([][]byte, error) {
	var signatures [][]byte
	for part := range strings.FieldsSeq(text) {
		version, encoded, _ := strings.Cut(part, ",")
		if version != "v1" {
			continue
		}
		signature, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(signature) != 32 || len(signatures) == maxSignatures {
			return nil, errProofShape
		}
		signatures = append(signatures, signature)
	}
	if len(signatures) == 0 {
		return nil, errProofShape
	}
	return signatures, nil
}

// verifyToken checks a secret that is sent unencrypted in a header. idHeader
// names the header with the delivery's ID; empty if the sender gives none.
func verifyToken(tokenHeader, idHeader string) verifier {
	return func(d delivery) (string, error) {
		token, ok := singleValue(d.header, tokenHeader)
		if !ok {
			return "", errNoProof
		}
		err := errProofWrong
		for _, k := range d.keys {
			if k.secret.Matches(token) {
				err = nil
			}
		}
		id := ""
		if idHeader != "" {
			id = d.header.Get(idHeader)
		}
		return id, err
	}
}
