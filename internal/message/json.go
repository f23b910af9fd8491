package message

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// text is a foreign text in JSON, to distinguish it from our own texts.
type text struct {
	Text string `json:"text"`
}

// MarshalJSON writes a foreign text as an object with the field text.
func (f Foreign) MarshalJSON() ([]byte, error) { return json.Marshal(text{string(f)}) }

// MarshalJSON writes arguments. A duration is written as a string such as
// 1m30s.
func (a Args) MarshalJSON() ([]byte, error) {
	out := make(map[string]any, len(a))
	for _, arg := range a {
		out[arg.Name] = arg.Value
		if d, ok := arg.Value.(time.Duration); ok {
			out[arg.Name] = d.String()
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote. Dates, times and durations become
// strings. Anything that no version writes is kept as a foreign text.
func (a *Args) UnmarshalJSON(data []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	*a = make(Args, 0, len(raw))
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		*a = append(*a, Arg{name, read(raw[name])})
	}
	return nil
}

// read converts a JSON value to an argument.
func read(data json.RawMessage) any {
	var fields map[string]json.RawMessage
	switch {
	case data[0] == '{' && json.Unmarshal(data, &fields) == nil:
		switch {
		case fields["id"] != nil:
			return decoded[Message](data)
		case fields["text"] != nil:
			if t, ok := decoded[text](data).(text); ok {
				return Foreign(t.Text)
			}
		}
		return decoded[Place](data)
	case data[0] == '[':
		if list, ok := decoded[[]string](data).([]string); ok {
			return list
		}
		return decoded[[]Message](data)
	case data[0] == '"':
		return decoded[string](data)
	case data[0] == 't' || data[0] == 'f':
		return decoded[bool](data)
	}
	return decoded[int](data)
}

func decoded[T any](data json.RawMessage) any {
	var v T
	if json.Unmarshal(data, &v) != nil {
		return Foreign(data)
	}
	return v
}
