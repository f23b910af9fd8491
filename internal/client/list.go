package client

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"reflect"

	"reconciler/internal/binding"
	"reconciler/internal/report"
)

// statusList decodes a list of bindings while the daemon still writes it, so that
// its text is never in memory as a whole.
type statusList struct {
	statuses []binding.Status
	// rows is true if CSV is accepted too.
	rows bool
}

func (l *statusList) read(from io.Reader, contentType string) error {
	if kind, _, _ := mime.ParseMediaType(contentType); kind == RowsType {
		statuses, err := report.ReadBindingCSV(from)
		l.statuses = statuses
		return ended(err)
	}
	decoder := json.NewDecoder(from)
	begin, err := decoder.Token()
	if err != nil {
		return ended(err)
	}
	if begin != json.Delim('[') {
		return &json.UnmarshalTypeError{Value: "value", Type: reflect.TypeFor[[]report.StatusObject](), Offset: decoder.InputOffset()}
	}
	for decoder.More() {
		objects := make([]report.StatusObject, 1)
		if err := decoder.Decode(&objects[0]); err != nil {
			return ended(err)
		}
		l.statuses = append(l.statuses, report.StatusesOf(objects)...)
	}
	_, err = decoder.Token()
	return ended(err)
}

// ended turns the end of input into an error, because an answer must not end
// there.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
