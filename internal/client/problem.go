package client

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"

	"reconciler/internal/message"
	"reconciler/internal/report"
)

// ProblemType is the media type of a Problem.
const ProblemType = "application/problem+json"

// Problem is an error of the API (RFC 9457), sent to requests that accept JSON.
// Other requests get Detail as plain text, as in earlier versions.
type Problem struct {
	// Title is what the HTTP status means.
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Detail is the error in English.
	Detail string `json:"detail"`
	// Code and Args are the error as data: an entry of the catalogue and its
	// arguments. They are absent if the error comes from a foreign program.
	Code string       `json:"code,omitempty"`
	Args message.Args `json:"args,omitempty"`
}

// answeredError is the error that the daemon answered with. It is quoted if it is only
// text, as from an earlier daemon, or if this version does not know its code,
// as from a later one.
func answeredError(resp *http.Response, text []byte) error {
	var p Problem
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != ProblemType || json.Unmarshal(text, &p) != nil {
		p = Problem{Detail: strings.TrimSpace(string(text))}
	}
	return &message.Error{Message: report.MessageOf(p.Code, p.Args, p.Detail)}
}
