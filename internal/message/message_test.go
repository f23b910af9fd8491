package message_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/message"
)

type day struct{}

func (day) Time() time.Time { return time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC) }

type word string

func TestNewTakesPlainValues(t *testing.T) {
	t.Parallel()
	inner := message.New("inner", "n", int64(3))
	got := message.New("outer", "word", word("w"), "err", errors.New("boom"), "m", inner, "list", []word{"a", "b"},
		"last", time.Minute, "yes", true, "at", message.Place{File: "a.yaml", Line: 3}, "day", day{},
		"ours", message.NewError("lost"), "joined", errors.Join(message.NewError("lost"), errors.New("boom")))
	want := message.Message{ID: "outer", Args: message.Args{
		{Name: "at", Value: message.Place{File: "a.yaml", Line: 3}},
		{Name: "day", Value: message.Date("2026-03-04")},
		{Name: "err", Value: message.Foreign("boom")},
		{Name: "joined", Value: message.New("list", "items", []message.Message{message.New("lost"), message.Verbatim("boom")})},
		{Name: "last", Value: time.Minute},
		{Name: "list", Value: []string{"a", "b"}},
		{Name: "m", Value: message.Message{ID: "inner", Args: message.Args{{"n", 3}}}},
		{Name: "ours", Value: message.New("lost")},
		{Name: "word", Value: "w"},
		{Name: "yes", Value: true},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNewPanicsOnWhatIsNoArgument(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]any{"no value": {"a"}, "name": {1, 2}, "type": {"a", struct{}{}}} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			message.New("id", args...)
		})
	}
}

func TestJSONKeepsTheKindsOfArguments(t *testing.T) {
	t.Parallel()
	m := message.New("outer", "text", "t", "n", 3, "yes", true, "foreign", message.Foreign("it failed"),
		"at", message.Place{File: "a.yaml", Line: 3, Column: 4}, "field", message.Place{Field: "spec.token"},
		"list", []string{"a"}, "messages", []message.Message{message.New("one")}, "m", message.New("inner", "n", 1))
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var got message.Message
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Key() != m.Key() || got.Identity() != m.Identity() {
		t.Error("the key is another after JSON")
	}
	foreign := `{"id":"x","args":{"a":1.5,"b":null,"c":[1],"d":{"line":"x"}}}`
	if err := json.Unmarshal([]byte(foreign), &got); err != nil {
		t.Errorf("%s: %v", foreign, err)
	}
}

func TestIdentityLeavesOutWhatMoves(t *testing.T) {
	t.Parallel()
	at := func(line int, field, foreign, name string) message.Message {
		return message.New("m", "at", message.Place{File: "a.yaml", Line: line}, "name", name,
			"inner", message.New("i", "field", message.Place{Field: field}), "foreign", message.Foreign(foreign))
	}
	a := at(1, "rules[0].tag", "line 1", "x")
	if b := at(9, "rules[7].tag", "line 9", "x"); a.Identity() != b.Identity() || a.Key() == b.Key() {
		t.Errorf("identities %s and %s", a.Identity(), b.Identity())
	}
	if b := at(1, "rules[0].tag", "line 1", "y"); a.Identity() == b.Identity() {
		t.Error("an argument is not part of the identity")
	}
}

func TestMapReachesEveryText(t *testing.T) {
	t.Parallel()
	m := message.New("m", "a", "secret", "b", message.Foreign("secret"), "c", []string{"secret"},
		"d", message.New("i", "x", "secret"), "e", []message.Message{message.Verbatim("secret")}, "n", 1)
	if got := m.Map(func(string) string { return "***" }).Key(); strings.Contains(got, "secret") || !strings.Contains(got, `"n":1`) {
		t.Error(got)
	}
	if !(message.Message{}).IsZero() || m.IsZero() {
		t.Error("IsZero")
	}
}

// TestArgumentsAreNamed: their order says nothing, and a copy with another value
// leaves the message as it is.
func TestArgumentsAreNamed(t *testing.T) {
	t.Parallel()
	m := message.New("both", "second", 2, "first", 1, "third", 3)
	if diff := cmp.Diff(m, message.New("both", "third", 3, "first", 0, "first", 1, "second", 2)); diff != "" {
		t.Errorf("the order counts:\n%s", diff)
	}
	for _, c := range []struct {
		name string
		want any
	}{{"first", 1}, {"second", 2}, {"third", 3}, {"", nil}, {"fourth", nil}} {
		if got := m.Args.Get(c.name); got != c.want {
			t.Errorf("%q is %v, want %v", c.name, got, c.want)
		}
		with := m.Args.With(c.name, 9)
		if with.Get(c.name) != 9 || m.Args.Get(c.name) != c.want {
			t.Errorf("%q with another value: %v, and the message has %v", c.name, with, m.Args)
		}
	}
}
