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

// Problem is an error as the API answers it (RFC 9457) to a request that accepts
// JSON. Other requests get Detail as plain text, as from earlier versions.
type Problem struct {
	// Title is what the HTTP status means.
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Detail is the error in English.
	Detail string `json:"detail"`
	// Code and Args are the error as data: an entry of the catalogue and its
	// arguments. They are absent where the error is a foreign program's.
	Code string       `json:"code,omitempty"`
	Args message.Args `json:"args,omitempty"`
}

// said is the error that the daemon answered with. That of an earlier daemon is
// text only, and that of a later one may have a code that this version does not
// know: both are quoted.
func said(resp *http.Response, text []byte) error {
	var p Problem
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != ProblemType || json.Unmarshal(text, &p) != nil {
		p = Problem{Detail: strings.TrimSpace(string(text))}
	}
	return &message.Error{Message: report.MessageOf(p.Code, p.Args, p.Detail)}
}
