package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"reconciler/internal/message"
)

// versionState is Vault's answer about one version of a secret.
type versionState struct {
	Version     int      `json:"version"`
	CreatedTime wireTime `json:"created_time"`
	// DeletionTime may be in the future (delete_version_after). Vault writes ""
	// for none.
	DeletionTime *wireTime `json:"deletion_time"`
	Destroyed    bool      `json:"destroyed"`
}

// gone reports whether a version had no data when Vault answered. The answer's
// Date has no fractions of a second: a version that was deleted within that
// second is gone.
func (v versionState) gone(sent time.Time) bool {
	deleted := v.DeletionTime != nil && !v.DeletionTime.IsZero() && v.DeletionTime.Before(sent.Truncate(time.Second).Add(time.Second))
	return v.Destroyed || deleted
}

// wireTime is a time that may be written as "". An invalid one is not an error,
// because one version must not hide the others.
type wireTime struct {
	time.Time
	unread bool
}

func (t *wireTime) UnmarshalJSON(b []byte) error {
	*t = wireTime{}
	if string(b) != `""` && string(b) != "null" && t.Time.UnmarshalJSON(b) != nil {
		*t = wireTime{unread: true}
	}
	return nil
}

// secretState is the answer to a read of metadata (KV version 2).
type secretState struct {
	CurrentVersion int                     `json:"current_version"`
	CustomMetadata map[string]string       `json:"custom_metadata"`
	Versions       map[string]versionState `json:"versions"`
}

// versionData is the answer to a read of a version (KV version 2).
type versionData struct {
	Data     map[string]json.RawMessage `json:"data"`
	Metadata *struct {
		versionState
		CustomMetadata map[string]string `json:"custom_metadata"`
	} `json:"metadata"`
}

// mountState is the answer about a secrets engine.
type mountState struct {
	Type    string            `json:"type"`
	Options map[string]string `json:"options"`
}

// decode decodes the data of an answer. Its error contains nothing of the body.
func decode(body []byte, into any) error {
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	err := json.Unmarshal(body, &envelope)
	defer clear(envelope.Data)
	switch {
	case err != nil:
		return message.NewError("network.not-json")
	case len(envelope.Data) == 0 || string(envelope.Data) == "null":
		return message.NewError("vault.without-data")
	}
	if err := json.Unmarshal(envelope.Data, into); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return message.NewError("vault.field", "field", kind.Field, "type", strings.SplitN(kind.Value, " ", 2)[0])
		}
		return message.NewError("vault.bad-data")
	}
	return nil
}

// warnings returns the warnings that Vault adds to an answer about a missing
// secret.
func warnings(r reply) []string {
	var envelope struct {
		Warnings []string `json:"warnings"`
	}
	if r.status != http.StatusNotFound || json.Unmarshal(r.body, &envelope) != nil {
		return nil
	}
	return envelope.Warnings
}

// unquote decodes a JSON string into bytes that can be wiped. It removes
// trailing line ends, which "vault kv put key=@file" adds.
func unquote(raw json.RawMessage) ([]byte, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return nil, false
	}
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return bytes.Clone(inner), true
	}
	// Escapes are rare in tokens. The string made here cannot be wiped.
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return nil, false
	}
	return bytes.TrimRight([]byte(s), "\r\n"), true
}
