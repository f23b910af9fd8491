package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"reconciler/internal/message"
	"reconciler/internal/report"
)

const (
	// maxDepth and maxNodes limit what is shown of one answer.
	maxDepth = 24
	maxNodes = 2000
)

// decodeJSON decodes one JSON value, and keeps numbers as text.
func decodeJSON(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, message.NewError("har.two-values")
	}
	return v, nil
}

// shaper makes one shape.
type shaper struct {
	names Names
	nodes int
}

// shapeOf returns the shape of a decoded JSON value.
func shapeOf(names Names, v any) *report.Shape {
	s := &shaper{names: names}
	shape := &report.Shape{}
	s.add(shape, "", v, 0)
	sortShape(shape)
	return shape
}

// add adds a value to the shape of its place.
func (s *shaper) add(into *report.Shape, field string, v any, depth int) {
	if s.nodes++; s.nodes > maxNodes || depth > maxDepth {
		into.Cut = true
		return
	}
	switch v := v.(type) {
	case nil:
		note(&into.Types, "null")
	case bool:
		note(&into.Types, "boolean")
	case json.Number:
		s.number(into, v.String())
	case string:
		s.text(into, field, v, depth)
	case []any:
		note(&into.Types, "list")
		note(&into.Lengths, lengthOf(len(v)))
		for _, item := range v {
			if into.Items == nil {
				into.Items = &report.Shape{}
			}
			s.add(into.Items, field, item, depth+1)
		}
	case map[string]any:
		note(&into.Types, "object")
		s.fields(into, v, depth)
	}
}

func (s *shaper) fields(into *report.Shape, v map[string]any, depth int) {
	for _, name := range sortedKeys(v) {
		shown, _ := s.names.Show(name)
		at := slices.IndexFunc(into.Fields, func(f report.ShapeField) bool { return f.Name == shown })
		if at < 0 {
			if s.nodes > maxNodes {
				into.Cut = true
				return
			}
			into.Fields = append(into.Fields, report.ShapeField{Name: shown, Shape: &report.Shape{}})
			at = len(into.Fields) - 1
		}
		s.add(into.Fields[at].Shape, name, v[name], depth+1)
	}
}

func (s *shaper) number(into *report.Shape, n string) {
	if strings.ContainsAny(n, ".eE") {
		note(&into.Types, "number")
		return
	}
	note(&into.Types, "integer")
	switch len(n) {
	case 10:
		note(&into.Forms, "seconds")
	case 13:
		note(&into.Forms, "milliseconds")
	}
}

var (
	digits   = regexp.MustCompile(`^[0-9]+$`)
	address  = regexp.MustCompile(`^[a-z][a-z0-9+.-]*://`)
	instant  = regexp.MustCompile(`^\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?$`)
	jsonText = regexp.MustCompile(`^\s*[{\[]`)
)

func (s *shaper) text(into *report.Shape, field, v string, depth int) {
	note(&into.Types, "string")
	if enumerated(field, v) {
		note(&into.Values, v)
		return
	}
	form := "other"
	switch {
	case v == "":
		form = "empty"
	case digits.MatchString(v):
		form = "digits"
	case address.MatchString(v):
		form = "url"
	case instant.MatchString(v):
		form = "time"
	case jsonText.MatchString(v):
		if inner, err := decodeJSON([]byte(v)); err == nil {
			form = "json"
			s.add(into, field, inner, depth+1)
		}
	}
	note(&into.Forms, form)
}

func lengthOf(n int) string {
	switch n {
	case 0:
		return "none"
	case 1:
		return "one"
	}
	return "several"
}

// note adds a word to a list if it is not there yet.
func note(list *[]string, word string) {
	if !slices.Contains(*list, word) {
		*list = append(*list, word)
	}
}

// sortShape sorts a shape, so that the order in an answer reveals nothing.
func sortShape(s *report.Shape) {
	for _, list := range [][]string{s.Types, s.Forms, s.Values, s.Lengths} {
		slices.Sort(list)
	}
	slices.SortFunc(s.Fields, func(a, b report.ShapeField) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range s.Fields {
		sortShape(f.Shape)
	}
	if s.Items != nil {
		sortShape(s.Items)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}

// region matches the vendor's regions: an area, a place and a number.
var region = regexp.MustCompile(`^(cn|ap|us|eu|me|na)-(qingdao|beijing|zhangjiakou|huhehaote|wulanchabu|hangzhou|shanghai|shenzhen|heyuan|guangzhou|chengdu|hongkong|nanjing|fuzhou|wuhan|zhengzhou|northeast|southeast|south|east|west|central|north)(-[0-9])?$`)
