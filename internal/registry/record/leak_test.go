package record

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/registry/wire"
	"reconciler/internal/report"
)

// marks makes secrets that can be found again: as words in the forms that names
// of fields have, and as long numbers.
type marks struct {
	n int
}

func (m *marks) word() string {
	m.n++
	stem := fmt.Sprintf("zq%dx", m.n)
	forms := []string{stem, "repo" + strings.ToUpper(stem) + "Id", "SOURCE_" + strings.ToUpper(stem) + "_INVALID", "access-" + stem, stem + ".token", "用户" + stem, "Get" + strings.ToUpper(stem) + "List"}
	return forms[m.n%len(forms)]
}

func (m *marks) number() json.Number {
	m.n++
	return json.Number(fmt.Sprintf("77%09d77", m.n))
}

// found are the marks in a text.
func (*marks) found(text string) []string {
	return regexp.MustCompile(`zq\d+x|77\d{9}77`).FindAllString(strings.ToLower(text), 5)
}

// plant puts marks into every place of a value: values, keys, JSON in texts.
func (m *marks) plant(v any, depth int) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{m.word(): m.word(), m.word(): map[string]any{m.word(): m.number(), "type": m.word(), "code": m.word()}}
		for name, inner := range v {
			out[name] = m.plant(inner, depth+1)
		}
		inner, _ := json.Marshal(map[string]any{m.word(): m.word(), "token": m.word()})
		out["content"] = string(inner)
		out["url"] = "https://" + m.word() + ".example/" + m.word() + "?" + m.word() + "=" + m.word()
		out["message"], out["requestId"] = "user "+m.word()+" is not known", m.word()
		return out
	case []any:
		out := []any{m.word(), m.number()}
		for _, inner := range v {
			out = append(out, m.plant(inner, depth+1))
		}
		return out
	case string:
		return m.word()
	case json.Number:
		return m.number()
	}
	return v
}

// planted answers every read with an answer full of marks.
type planted struct{ m *marks }

func (p planted) Ask(_ context.Context, r wire.Request) Answer {
	shape := `{"data":{"sourceAccounts":[{"sourceAccountId":1,"sourceOriginType":"a","sourceUserName":"b","gmtCreate":1}],"repos":[{"repoNamespace":"n","repoName":"m","repoId":1}],
		"repoSource":{"sourceRepoType":"a","sourceRepoNamespace":"a","sourceRepoName":"b","isAutoBuild":true,"isOversea":true,"isDisableCache":true}}}`
	v, err := decodeJSON([]byte(shape))
	if err != nil {
		panic(err)
	}
	value := p.m.plant(v, 0)
	if rand.IntN(2) == 0 {
		// The account itself is one that a profile can be made of.
		value.(map[string]any)["data"].(map[string]any)["sourceAccounts"] = []any{map[string]any{
			"sourceAccountId": p.m.number(), "sourceOriginType": "GITLAB", "sourceUserName": p.m.word(), p.m.word(): p.m.word(),
		}}
	}
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	switch rand.IntN(5) {
	case 0:
		return Answer{Status: 404, Body: body, Code: p.m.word(), Failure: binding.NotFound}
	case 1:
		return Answer{Status: 500, Body: []byte("<html>" + p.m.word()), Failure: binding.Unreadable}
	case 2:
		return Answer{Status: 404, Body: body, Code: p.m.word(), Failure: binding.Refused, Unserved: true}
	}
	return Answer{Status: 200, Body: body}
}

// everything is all that a record can be written as.
func everything(t *testing.T, r report.RegistryRecord) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.RegistryRecordJSON(&out, r); err != nil {
		t.Fatal(err)
	}
	if err := report.RegistryRecordText(&out, r, report.Style{}); err != nil {
		t.Fatal(err)
	}
	out.WriteString(r.Profile)
	return out.String()
}

func TestNoSecretInAnAnswerIsInTheRecord(t *testing.T) {
	for range 3 {
		m := &marks{}
		instance := m.word()
		r, err := FromAPI(t.Context(), planted{m}, Options{InstanceID: instance, Base: wire.Personal()})
		if err != nil {
			t.Fatal(err)
		}
		if m.n < 500 {
			t.Fatalf("only %d marks were planted", m.n)
		}
		if found := m.found(everything(t, r)); len(found) > 0 {
			t.Fatalf("the record has %v:\n%s", found, everything(t, r))
		}
	}
}

// A network record may have a secret in every place: what remains of it is what
// the calls are made of.
func TestNoSecretInANetworkRecordIsInTheRecord(t *testing.T) {
	for name, calls := range consoles() {
		t.Run(name, func(t *testing.T) {
			for place := range 9 {
				m := &marks{}
				dirty := make([]call, len(calls))
				for i, c := range calls {
					dirty[i] = m.dirty(c, place)
				}
				r, err := FromHAR(harOf(t, dirty...), Options{Base: wire.Personal()})
				if err != nil {
					t.Fatal(err)
				}
				text := everything(t, r)
				if found := m.found(text); len(found) > 0 {
					t.Errorf("place %d: the record has %v:\n%s", place, found, text)
				}
				if len(r.Calls) == 0 && place < 6 {
					t.Errorf("place %d: no call was found", place)
				}
				for _, secret := range []string{user, "secretcompany", token, id, "SECRETcookie", "secretsec", "secretumid"} {
					if strings.Contains(strings.ToLower(text), strings.ToLower(secret)) {
						t.Errorf("place %d: the record has %s", place, secret)
					}
				}
			}
		})
	}
}

// dirty puts marks into one place of a call.
func (m *marks) dirty(c call, place int) call {
	sign := "?"
	if strings.Contains(c.url, "?") {
		sign = "&"
	}
	switch place {
	case 1:
		c.url += sign + m.word() + "=" + m.word()
	case 2:
		c.url = strings.Replace(c.url, "https://", "https://"+m.word()+".", 1)
	case 3:
		if v, err := decodeJSON([]byte(c.answer)); err == nil {
			object := v.(map[string]any)
			object[m.word()], object["message"] = map[string]any{m.word(): m.number()}, m.word()
			text, _ := json.Marshal(object)
			c.answer = string(text)
		}
	case 4:
		if v, err := decodeJSON([]byte(c.body)); err == nil {
			object := v.(map[string]any)
			object[m.word()] = map[string]any{m.word(): []any{m.word(), map[string]any{m.word(): m.number()}}}
			text, _ := json.Marshal(object)
			c.body = string(text)
		} else if c.body != "" {
			c.body += "&" + m.word() + "=" + m.word() + "&data=%7B%22" + m.word() + "%22%3A1%7D"
		}
	case 5:
		c.mime += "; boundary=" + m.word()
	case 6:
		c.url = strings.Replace(c.url, ".com/", ".com/"+m.word()+"/"+string(m.number())+"/", 1)
	case 7:
		c.method = m.word()
	case 8:
		c.answer = strings.ReplaceAll(c.answer, `"sourceAccounts"`, `"`+m.word()+`"`)
		c.answer = strings.ReplaceAll(c.answer, `"list"`, `"`+m.word()+`"`)
		c.answer = strings.ReplaceAll(c.answer, `"SourceCodeAccounts"`, `"`+m.word()+`"`)
	}
	return c
}
