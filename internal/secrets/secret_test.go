package secrets_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"text/template"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"reconciler/internal/secrets"
)

const canary = "canary-7f3a9c51e0"

// carrier holds a secret as a careless program would: exported, unexported,
// behind a pointer, in a map, in a slice and as an interface.
type carrier struct {
	Name   string
	Token  secrets.Secret
	hidden secrets.Secret
	Ptr    *secrets.Secret
	Map    map[string]secrets.Secret
	List   []secrets.Secret
	Any    any
}

// document is a type that XML can name.
type document struct{ Token secrets.Secret }

func newCarrier() carrier {
	s := secrets.New([]byte(canary))
	return carrier{"c", s, s, &s, map[string]secrets.Secret{"k": s}, []secrets.Secret{s}, s}
}

func TestEveryVerbOfFmtGivesAMask(t *testing.T) {
	s, c := secrets.New([]byte(canary)), newCarrier()
	for _, verb := range "vsqxXdboOUcteEfFgGpTw" {
		for _, flags := range []string{"", "+", "#", "-40", "010", " "} {
			format := "%" + flags + string(verb)
			for _, value := range []any{s, &s, c, &c, []any{s, c}} {
				if out := fmt.Sprintf(format, value); holdsCanary(out) {
					t.Fatalf("%s of %T shows the secret: %s", format, value, out)
				}
			}
		}
	}
	if got := fmt.Sprintf("%s %v %#v %q %x", s, s, s, s, s); strings.Count(got, "[secret]") != 5 {
		t.Errorf("got %q, want five masks", got)
	}
	if got := fmt.Errorf("token %v refused", s).Error(); got != "token [secret] refused" {
		t.Errorf("got %q", got)
	}
}

func TestMarshallersRefuse(t *testing.T) {
	c := newCarrier()
	cases := map[string]func() ([]byte, error){
		"json":        func() ([]byte, error) { return json.Marshal(c) },
		"json direct": func() ([]byte, error) { return json.Marshal(c.Token) },
		"yaml":        func() ([]byte, error) { return yaml.Marshal(c) },
		"yaml direct": func() ([]byte, error) { return yaml.Marshal(c.Token) },
		"xml":         func() ([]byte, error) { return xml.Marshal(document{c.Token}) },
		"text":        func() ([]byte, error) { return c.Token.MarshalText() },
		"binary":      func() ([]byte, error) { return c.Token.MarshalBinary() },
		"gob": func() ([]byte, error) {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(struct{ Token secrets.Secret }{c.Token})
			return b.Bytes(), err
		},
	}
	for name, marshal := range cases {
		t.Run(name, func(t *testing.T) {
			out, err := marshal()
			if !errors.Is(err, secrets.ErrMarshal) && !strings.Contains(fmt.Sprint(err), secrets.ErrMarshal.Error()) {
				t.Errorf("got error %v, want ErrMarshal", err)
			}
			if holdsCanary(string(out)) || holdsCanary(fmt.Sprint(err)) {
				t.Errorf("the secret came out: %q, %v", out, err)
			}
		})
	}
}

func TestSlogGivesAMask(t *testing.T) {
	for _, name := range []string{"text", "json"} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			var h slog.Handler = slog.NewTextHandler(&out, nil)
			if name == "json" {
				h = slog.NewJSONHandler(&out, nil)
			}
			c := newCarrier()
			slog.New(h).With("with", c.Token).WithGroup("g").Info("hello",
				"token", c.Token, "ptr", c.Ptr, "struct", c, "map", c.Map, "err", fmt.Errorf("bad %v", c.Token))
			if holdsCanary(out.String()) {
				t.Errorf("the secret came out: %s", out.String())
			}
			if !strings.Contains(out.String(), "[secret]") {
				t.Errorf("no mask in %s", out.String())
			}
		})
	}
}

func TestTemplatesGiveAMask(t *testing.T) {
	var out strings.Builder
	if err := template.Must(template.New("t").Parse("{{.Token}} {{.}}")).Execute(&out, newCarrier()); err != nil {
		t.Fatal(err)
	}
	if holdsCanary(out.String()) {
		t.Errorf("the secret came out: %s", out.String())
	}
}

func TestReflectionCannotWalkToTheValue(t *testing.T) {
	c := newCarrier()
	var out strings.Builder
	dump(&out, reflect.ValueOf(&c).Elem(), map[unsafe.Pointer]bool{})
	if !strings.Contains(out.String(), "func") {
		t.Fatalf("the dump did not reach the closures: %s", out.String())
	}
	if holdsCanary(out.String()) {
		t.Errorf("reflection reached the secret: %s", out.String())
	}
	t.Run("go-cmp", func(t *testing.T) {
		all := cmp.Exporter(func(reflect.Type) bool { return true })
		if diff := cmp.Diff(c, newCarrier(), all); holdsCanary(diff) || diff == "" {
			t.Errorf("got diff %q, want one without the secret", diff)
		}
	})
}

// dump walks everything that reflection reaches, unexported fields too, as
// spew does.
func dump(out *strings.Builder, v reflect.Value, seen map[unsafe.Pointer]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || seen[v.UnsafePointer()] {
			return
		}
		seen[v.UnsafePointer()] = true
		dump(out, v.Elem(), seen)
	case reflect.Interface:
		dump(out, v.Elem(), seen)
	case reflect.Struct:
		for i := range v.NumField() {
			dump(out, v.Field(i), seen)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			dump(out, v.MapIndex(k), seen)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			fmt.Fprintf(out, "bytes %s\n", v.Bytes())
			return
		}
		for i := range v.Len() {
			dump(out, v.Index(i), seen)
		}
	case reflect.String:
		fmt.Fprintf(out, "string %s\n", v.String())
	default:
		fmt.Fprintf(out, "%s\n", v.Kind())
	}
}

func TestWipeReachesEveryCopyAndTheBytes(t *testing.T) {
	value := []byte(canary)
	s := secrets.New(value)
	twin := s
	if s.Expose() != canary || s.IsZero() {
		t.Fatal("the secret has not its value")
	}
	twin.Wipe()
	if !s.IsZero() || s.Expose() != "" {
		t.Error("the first copy still has the value")
	}
	if !bytes.Equal(value, make([]byte, len(canary))) {
		t.Errorf("the bytes still hold %q", value)
	}
	twin.Wipe()
}

func TestTheZeroSecretIsUsable(t *testing.T) {
	var s secrets.Secret
	s.Wipe()
	if !s.IsZero() || s.Expose() != "" || s.String() != "[secret]" {
		t.Error("the zero secret has a value")
	}
}

func TestASecretIsSafeForConcurrentUse(t *testing.T) {
	s := secrets.New([]byte(canary))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if v := s.Expose(); v != "" && v != canary {
					t.Errorf("half a value: %q", v)
				}
			}
		})
	}
	wg.Go(s.Wipe)
	wg.Wait()
}

// holdsCanary looks for the canary in clear and in hex, which %x gives.
func holdsCanary(s string) bool {
	s = strings.ToLower(s)
	return strings.Contains(s, canary) || strings.Contains(strings.ReplaceAll(s, " ", ""), fmt.Sprintf("%x", canary)) ||
		strings.Contains(s, strings.Trim(fmt.Sprintf("%v", []byte(canary)), "[]"))
}
