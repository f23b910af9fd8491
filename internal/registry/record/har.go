package record

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"os"
	"strings"
	"unicode/utf8"

	"reconciler/internal/boundedio"
	"reconciler/internal/message"
)

const (
	// maxHAR limits a browser's network record, in bytes.
	maxHAR = 64 << 20
	// maxBody limits one body in it.
	maxBody = 4 << 20
	// maxEntries limits the requests in it.
	maxEntries = 100_000
)

// exchange is one request of a network record with its answer. It contains
// secrets, and stays in memory.
type exchange struct {
	method, host, path string
	// segments are the decoded segments of the path.
	segments []string
	query    url.Values
	// body and answer are decoded JSON; nil if there is none. A form becomes an
	// object with its fields.
	body, answer any
	form         bool
	status       int
}

// harEntry has the fields used of an entry (HAR 1.2).
type harEntry struct {
	Request struct {
		Method   string `json:"method"`
		URL      string `json:"url"`
		PostData struct {
			MimeType string `json:"mimeType"`
			Text     string `json:"text"`
			Params   []struct {
				Name  string `json:"name"`
				Value string `json:"value"`
			} `json:"params"`
		} `json:"postData"`
	} `json:"request"`
	Response struct {
		// It is a float because some recorders write 200.0.
		Status  float64 `json:"status"`
		Content struct {
			MimeType string `json:"mimeType"`
			Text     string `json:"text"`
			Encoding string `json:"encoding"`
		} `json:"content"`
	} `json:"response"`
}

// readHAR reads a network record. Its errors name the file and, for invalid
// JSON, the line and the column. They contain nothing of the content.
func readHAR(file string) ([]exchange, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, message.NewError("har.not-file", "file", file)
	}
	data, err := boundedio.ReadFile(file, maxHAR)
	if err != nil {
		if errors.As(err, new(*boundedio.TooLargeError)) {
			return nil, message.NewError("har.large", "why", err)
		}
		return nil, err
	}
	defer clear(data)
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	r := &harReader{data: data, decoder: json.NewDecoder(bytes.NewReader(data))}
	if err := r.object(r.root); err != nil {
		return nil, r.placed(file, err)
	}
	if !r.found {
		return nil, message.NewError("har.other-json", "file", file)
	}
	return r.all, nil
}

// harReader reads a network record entry by entry, so that not all of them are
// in memory at once.
type harReader struct {
	data    []byte
	decoder *json.Decoder
	// begin is the offset of the value that is being decoded.
	begin int64
	// found is true if there was a list of entries. read counts them.
	found bool
	read  int
	all   []exchange
}

// errKind means that a value does not have the type that a network record
// requires.
var errKind = message.NewError("har.type")

// object calls field for each field of the next object. field reads the value.
func (r *harReader) object(field func(name string) error) error {
	if err := r.open('{'); err != nil {
		return err
	}
	for r.decoder.More() {
		name, err := r.decoder.Token()
		if err != nil {
			return err
		}
		if err := field(fmt.Sprint(name)); err != nil {
			return err
		}
	}
	_, err := r.decoder.Token()
	return err
}

func (r *harReader) open(with json.Delim) error {
	token, err := r.decoder.Token()
	if err == nil && token != with {
		err = errKind
	}
	return err
}

func (r *harReader) root(name string) error {
	if name == "log" {
		return r.object(r.log)
	}
	return r.skip()
}

func (r *harReader) log(name string) error {
	if name != "entries" {
		return r.skip()
	}
	if err := r.open('['); err != nil {
		return err
	}
	r.found = true
	for r.decoder.More() {
		if r.read++; r.read > maxEntries {
			return message.NewError("har.entries", "limit", maxEntries)
		}
		var e harEntry
		if err := r.decode(&e); err != nil {
			return err
		}
		if x, ok := e.exchange(); ok {
			r.all = append(r.all, x)
		}
	}
	_, err := r.decoder.Token()
	return err
}

func (r *harReader) skip() error {
	var rest json.RawMessage
	return r.decode(&rest)
}

func (r *harReader) decode(v any) error {
	r.begin = r.decoder.InputOffset()
	return r.decoder.Decode(v)
}

// placed says where the JSON is invalid. It does not use the decoder's own
// message, which can repeat the content.
func (r *harReader) placed(file string, err error) error {
	what, offset := message.FromError(err), r.decoder.InputOffset()
	kind, isKind := errors.AsType[*json.UnmarshalTypeError](err)
	// The decoder counts from the value that it reads. A check of the whole
	// document counts from the beginning.
	syntax, isSyntax := errors.AsType[*json.SyntaxError](json.Unmarshal(r.data, new(json.RawMessage)))
	switch {
	case isSyntax && syntax.Offset >= int64(len(r.data)):
		what, offset = message.New("har.cut"), int64(len(r.data))
	case isSyntax:
		what, offset = message.New("har.not-json"), syntax.Offset
	case isKind:
		offset = r.begin + kind.Offset
		what = message.New("har.field", "field", fieldOfHAR(kind.Field))
	}
	before := r.data[:min(max(offset-1, 0), int64(len(r.data)))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
	return message.Within(message.Place{File: file, Line: line, Column: column}, &message.Error{Message: what})
}

// fieldOfHAR returns a path that consists of names in our own types.
func fieldOfHAR(path string) string {
	names := Names{}
	for part := range strings.SplitSeq(path, ".") {
		if part != "postData" && part != "mimeType" && !names.Known(part) {
			return ""
		}
	}
	return path
}

// exchange converts one entry; ok is false if it is not a call to a server.
func (e harEntry) exchange() (x exchange, ok bool) {
	u, err := url.Parse(e.Request.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return exchange{}, false
	}
	x = exchange{
		method: strings.ToUpper(e.Request.Method), host: strings.ToLower(u.Hostname()), path: u.Path,
		query: u.Query(), status: int(e.Response.Status),
	}
	for s := range strings.SplitSeq(strings.Trim(u.EscapedPath(), "/"), "/") {
		if plain, err := url.PathUnescape(s); err == nil {
			s = plain
		}
		if s != "" {
			x.segments = append(x.segments, s)
		}
	}
	x.body, x.form = e.requestBody()
	text := []byte(e.Response.Content.Text)
	if e.Response.Content.Encoding == "base64" {
		if text, err = base64.StdEncoding.DecodeString(e.Response.Content.Text); err != nil {
			text = nil
		}
	}
	if len(text) <= maxBody {
		x.answer, _ = decodeJSON(text) // An answer that is not JSON is not the product's.
	}
	return x, true
}

func (e harEntry) requestBody() (body any, form bool) {
	post := e.Request.PostData
	if len(post.Text) > maxBody {
		return nil, false
	}
	media, _, _ := mime.ParseMediaType(post.MimeType) // An invalid type counts as none.
	fields := url.Values{}
	if media == "application/x-www-form-urlencoded" || post.Text == "" && len(post.Params) > 0 {
		for _, p := range post.Params {
			fields.Add(p.Name, p.Value)
		}
		if len(fields) == 0 {
			fields, _ = url.ParseQuery(post.Text) // Use the fields that can be parsed.
		}
		values := map[string]any{}
		for name := range fields {
			values[name] = unpacked(fields.Get(name))
		}
		return values, true
	}
	if v, err := decodeJSON([]byte(post.Text)); err == nil {
		return v, false
	}
	return nil, false
}

// unpacked returns the JSON in a text, or else the text.
func unpacked(text string) any {
	if jsonText.MatchString(text) {
		if v, err := decodeJSON([]byte(text)); err == nil {
			return v
		}
	}
	return text
}
