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

// window is how far the time of a delivery may be from ours, either way: what
// Standard Webhooks recommends.
const window = 5 * time.Minute

// The reasons for which a delivery is not believed. They go to the log and
// never to the sender, and hold nothing that was sent.
var (
	errNoProof     = message.NewError("webhook.no-proof")
	errProofShape  = message.NewError("webhook.malformed")
	errProofWrong  = message.NewError("webhook.wrong")
	errTimeMissing = message.NewError("webhook.no-time")
	errTimeWindow  = message.NewError("webhook.time", "minutes", int(window/time.Minute))
)

// key is one secret that a sender signs or identifies itself with.
type key struct {
	secret secrets.Secret
	// signing says that the secret is the key of Standard Webhooks, decoded.
	signing bool
}

// delivery is what a proof is made of.
type delivery struct {
	header http.Header
	body   []byte
	keys   []key
	now    time.Time
}

// prover says whether a delivery comes from the holder of one of its keys, and
// gives the sender's id of it, empty where it has none. It looks at the bytes
// of the body and not at what they mean.
type prover func(delivery) (id string, err error)

// single is the one value of a header; ok is false for none and for several.
// Proxies disagree on which of several counts, so that none does.
func single(h http.Header, name string) (value string, ok bool) {
	values := h.Values(name)
	if len(values) != 1 || values[0] == "" {
		return "", false
	}
	return values[0], true
}

// proveHub checks the signature of GitHub and Bitbucket: "sha256=" and the HMAC
// of the body in hexadecimal digits. The id of the delivery, in the first of its
// headers that is there, is not signed: knowing it again keeps honest
// repetitions out, not a thief of one.
func proveHub(signatureHeader string, idHeaders ...string) prover {
	return func(d delivery) (string, error) {
		text, ok := single(d.header, signatureHeader)
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

// parseHexSignature reads sha256=HEX.
func parseHexSignature(text string) ([]byte, error) {
	digits, ok := strings.CutPrefix(text, "sha256=")
	signature, err := hex.DecodeString(digits)
	if !ok || err != nil || len(signature) != 32 {
		return nil, errProofShape
	}
	return signature, nil
}

// signedBy tries every key, also after a match, so that its duration reveals
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

// proveGeneric checks a sender of our own: X-Reconciler-Signature is sha256=
// and the HMAC of time, a dot and the body. The signature covers the time, so
// that it is the id of the delivery.
func proveGeneric(d delivery) (string, error) {
	text, ok := single(d.header, "X-Reconciler-Signature")
	if !ok {
		return "", errNoProof
	}
	signature, err := parseHexSignature(text)
	if err != nil {
		return "", err
	}
	sent, ok := single(d.header, "X-Reconciler-Timestamp")
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
	// Compared as numbers: a far time would overflow a duration.
	if at := now.Unix(); seconds < at-int64(window/time.Second) || seconds > at+int64(window/time.Second) {
		return errTimeWindow
	}
	return nil
}

// proveGitLab checks a signing token where the secret is one, and otherwise the
// secret token. A sender with a signing token is not believed by its secret
// token, which anybody on the way can read.
func proveGitLab(d delivery) (string, error) {
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
		return proveStandard(d)
	}
	d.keys = plain
	// X-Gitlab-Event-UUID would not do: hooks that hooks set off share it.
	return proveToken("X-Gitlab-Token", "Idempotency-Key")(d)
}

// proveStandard checks the signature of Standard Webhooks, which GitLab's
// signing tokens make: the HMAC of id, time and body, joined by dots, in
// Base64 behind "v1,". The header may hold several, separated by spaces.
func proveStandard(d delivery) (string, error) {
	id, hasID := single(d.header, "Webhook-Id")
	text, hasText := single(d.header, "Webhook-Signature")
	if !hasID || !hasText {
		return "", errNoProof
	}
	signatures, err := parseStandardSignatures(text)
	if err != nil {
		return "", err
	}
	sent, ok := single(d.header, "Webhook-Timestamp")
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

// maxSignatures is how many signatures of one delivery are looked at.
const maxSignatures = 4

// parseStandardSignatures reads "v1,BASE64 v1,BASE64"; other versions are left
// out.
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

// proveToken checks a secret that is sent as it is. idHeader names the header
// of the delivery's id; empty where the sender gives none.
func proveToken(tokenHeader, idHeader string) prover {
	return func(d delivery) (string, error) {
		token, ok := single(d.header, tokenHeader)
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
