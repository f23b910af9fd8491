package secrets_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"reconciler/internal/secrets"
)

// awkward is changed by every encoding.
const awkward = `p@ss/w+rd "<&>" \é`

func TestRedactKnowsAValueInEveryForm(t *testing.T) {
	r := secrets.NewRedactor(nil)
	r.Register(secrets.New([]byte(awkward)))
	jsonForm, _ := json.Marshal(awkward)
	cases := map[string]string{
		"clear":           awkward,
		"base64":          base64.StdEncoding.EncodeToString([]byte(awkward)),
		"base64 raw":      base64.RawStdEncoding.EncodeToString([]byte(awkward)),
		"base64 url":      base64.URLEncoding.EncodeToString([]byte(awkward)),
		"query":           url.QueryEscape(awkward),
		"query lower hex": regexp.MustCompile("%..").ReplaceAllStringFunc(url.QueryEscape(awkward), strings.ToLower),
		"path":            url.PathEscape(awkward),
		"json":            string(jsonForm[1 : len(jsonForm)-1]),
		"json, no HTML":   `p@ss/w+rd \"<&>\" \\é`,
		"go quoted":       strings.Trim(fmt.Sprintf("%q", awkward), `"`),
		"hex":             fmt.Sprintf("%x", awkward),
	}
	for name, form := range cases {
		t.Run(name, func(t *testing.T) {
			if got := r.Redact("a " + form + " b"); got != "a [secret] b" {
				t.Errorf("got %q", got)
			}
		})
	}
	for _, user := range []string{"u", "us", "use", "user"} {
		basic := base64.StdEncoding.EncodeToString([]byte(user + ":" + awkward + "!"))
		got := r.Redact("header " + basic)
		if !strings.Contains(got, "[secret]") || len(got) > len("header [secret]")+len(user)*2+8 {
			t.Errorf("basic auth of %q: got %q", user, got)
		}
	}
}

func TestRedactMasksTokenShapes(t *testing.T) {
	r := secrets.NewRedactor(nil)
	cases := map[string]string{
		"glpat-abcdefGHIJ0123456789":                                           "glpat-[secret]",
		"x=ghp_0123456789abcdefghijABCDEFGHIJ012345;":                          "x=ghp_[secret];",
		"github_pat_11ABCDEFG0123456789_abcdefghij":                            "github_pat_[secret]",
		"ATATT3xFfGF0abcdefgh=ABCD":                                            "ATATT3[secret]",
		"ATCTT3xFfGN0abcdefgh":                                                 "ATCTT3[secret]",
		"ATBBabcdefgh0123456789":                                               "ATBB[secret]",
		"pt-0fh3abcd0fbG_35afabcd-0484-4d4e-9a7a-000000000000":                 "pt-[secret]",
		"LTAI5tAbCdEfGhIjKlMnOpQr":                                             "LTAI[secret]",
		"hvs.CAESIabcdefghijklmnop-_":                                          "hvs.[secret]",
		"hvb.AAAAAQabcdefghijkl":                                               "hvb.[secret]",
		"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl":                    "eyJ[secret]",
		"https://bot:hunter2@git.example.com/a.git":                            "https://bot:[secret]@git.example.com/a.git",
		"Authorization: Bearer abcdefghijklmnop":                               "Authorization: Bearer [secret]",
		"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----": "-----BEGIN RSA PRIVATE KEY-----[secret]",
	}
	for in, want := range cases {
		if got := r.Redact(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	for _, plain := range []string{
		"", "a plain message", "payments/gitlab at main", "https://gitlab.example.com:8443/a?b=c", "opt-in pt-1 s.o.s.",
		"https://gitlab.example.com/a:b@c", "glass ghost LTAI hvs. eyJ ATBB",
	} {
		if got := r.Redact(plain); got != plain {
			t.Errorf("%q was changed to %q", plain, got)
		}
	}
}

func TestRedactHandlesShortSecretsSanely(t *testing.T) {
	r := secrets.NewRedactor(nil)
	r.Register(secrets.New([]byte("main")))
	r.Register(secrets.Secret{})
	if got := r.Redact("domain main"); got != "domain [secret]" {
		t.Errorf("ordinary words are torn up: %q", got)
	}
	if got := r.Redact("main"); got != "[secret]" {
		t.Errorf("got %q, want the mask", got)
	}
}

func TestRedactPrefersTheLongerSecret(t *testing.T) {
	r := secrets.NewRedactor(nil)
	r.Register(secrets.New([]byte("abcdefgh")))
	r.Register(secrets.New([]byte("abcdefghijkl")))
	if got := r.Redact("abcdefghijkl abcdefgh"); got != "[secret] [secret]" {
		t.Errorf("got %q", got)
	}
}

func TestRedactPrefersTheLongerOfShortSecrets(t *testing.T) {
	r := secrets.NewRedactor(nil)
	for _, value := range []string{"pa$$", "pa$$x", "a$$x"} {
		r.Register(secrets.New([]byte(value)))
	}
	if got := r.Redact("is pa$$x now"); got != "is [secret] now" {
		t.Errorf("got %q", got)
	}
}

func TestAValueIsForgottenAMinuteAfterTheLastUser(t *testing.T) {
	now := time.Unix(0, 0)
	r := secrets.NewRedactor(func() time.Time { return now })
	first := r.Register(secrets.New([]byte(canary)))
	second := secrets.New([]byte(canary))
	r.Register(second)
	first()
	first()
	now = now.Add(time.Hour)
	if r.Redact(canary) == canary {
		t.Fatal("forgotten while somebody holds it")
	}
	second.Wipe()
	now = now.Add(59 * time.Second)
	if r.Redact(canary) == canary {
		t.Fatal("forgotten at once: an error logged after the call would show it")
	}
	now = now.Add(time.Second)
	if r.Redact(canary) != canary {
		t.Error("never forgotten")
	}
	r.Register(secrets.New([]byte(canary)))
	if r.Redact(canary) == canary {
		t.Error("not known again")
	}
}

func TestPrivateKeysAreMaskedLineByLine(t *testing.T) {
	key := "-----BEGIN KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nAAAAC3NzaC1lZDI1NTE5AAAA\n-----END KEY-----\n"
	r := secrets.NewRedactor(nil)
	r.Register(secrets.New([]byte(key)))
	if got := r.Redact("line AAAAC3NzaC1lZDI1NTE5AAAA."); got != "line [secret]." {
		t.Errorf("got %q", got)
	}
	if got := r.Redact("x " + key); got != "x [secret]" {
		t.Errorf("got %q", got)
	}
}

func TestANilRedactorChangesNothing(t *testing.T) {
	var r *secrets.Redactor
	r.Register(secrets.New([]byte(canary)))()
	if got := r.Redact(canary); got != canary {
		t.Errorf("got %q", got)
	}
}

type valuer struct{ s string }

func (v valuer) LogValue() slog.Value { return slog.GroupValue(slog.String("inner", v.s)) }

func TestHandlerMasksEverythingThatIsLogged(t *testing.T) {
	type object struct {
		Field  string
		Nested map[string][]string
	}
	for _, name := range []string{"text", "json"} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			var inner slog.Handler = slog.NewTextHandler(&out, &slog.HandlerOptions{AddSource: true})
			if name == "json" {
				inner = slog.NewJSONHandler(&out, nil)
			}
			r := secrets.NewRedactor(nil)
			log := slog.New(secrets.NewHandler(inner, r)).With("with", awkward).WithGroup("outer").With("in", awkward).WithGroup("")
			// The logger is older than the secret.
			r.Register(secrets.New([]byte(awkward)))
			err := errors.Join(fmt.Errorf("wrapped: %w", errors.New(awkward)))
			keyed := slog.Any("x", 1)
			keyed.Key = awkward
			log.LogAttrs(context.Background(), slog.LevelInfo, "message "+awkward,
				slog.String("str", awkward), keyed, slog.Any("err", err),
				slog.Group("g", slog.String("a", awkward), slog.Group("h", slog.Any("b", []byte(awkward)))),
				slog.Any("obj", object{awkward, map[string][]string{"k": {awkward}}}), slog.Any("ptr", &object{Field: awkward}),
				slog.Any("valuer", valuer{awkward}), slog.Int("plain", 42), slog.Any("list", []int{1, 2}))
			text := out.String()
			for _, form := range []string{awkward, strings.Trim(fmt.Sprintf("%q", awkward), `"`), "p@ss"} {
				if strings.Contains(text, form) {
					t.Errorf("%q came out: %s", form, text)
				}
			}
			if got := strings.Count(text, "[secret]"); got < 11 {
				t.Errorf("got %d masks, want at least 11: %s", got, text)
			}
			if name == "json" {
				var record map[string]any
				if err := json.Unmarshal(out.Bytes(), &record); err != nil {
					t.Fatal(err)
				}
				outer, _ := record["outer"].(map[string]any)
				if record["with"] != "[secret]" || outer["in"] != "[secret]" || outer["plain"] != 42.0 {
					t.Errorf("groups are wrong: %s", text)
				}
			}
		})
	}
}

func TestHandlerKeepsLevels(t *testing.T) {
	var out bytes.Buffer
	h := secrets.NewHandler(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}), secrets.NewRedactor(nil))
	slog.New(h).Info("quiet")
	slog.New(h).Warn("loud")
	if got := out.String(); strings.Contains(got, "quiet") || !strings.Contains(got, "loud") {
		t.Errorf("got %q", got)
	}
}

func TestARedactorIsSafeForConcurrentUse(t *testing.T) {
	r := secrets.NewRedactor(nil)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				value := fmt.Sprintf("secret-%d-%d", i, j)
				s := secrets.New([]byte(value))
				r.Register(s)
				if got := r.Redact("x " + value); got != "x [secret]" {
					t.Errorf("got %q", got)
				}
				s.Wipe()
			}
		})
	}
	wg.Wait()
}

func FuzzRedactNeverShowsARegisteredValue(f *testing.F) {
	f.Add("some-token", "a ", " b")
	f.Add(awkward, "", "")
	f.Add("[secret", "]", "x")
	f.Add("aaaaaa", "aaa", "a")
	f.Fuzz(func(t *testing.T, value, before, after string) {
		if len(value) < 6 || strings.Contains("[secret]", value) {
			t.Skip()
		}
		r := secrets.NewRedactor(nil)
		r.Register(secrets.New([]byte(value)))
		got := r.Redact(before + value + after)
		if strings.Contains(strings.ReplaceAll(got, "[secret]", "\x00"), value) {
			t.Errorf("%q came out of %q: %q", value, before+value+after, got)
		}
	})
}
