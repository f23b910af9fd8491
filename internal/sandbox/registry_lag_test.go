package sandbox

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// laggedRegistry is a registry with a clock of its own, and what its rules and
// its Codeup account look like to a reader.
type laggedRegistry struct {
	*Registry
	t   *testing.T
	now time.Time
}

func newLaggedRegistry(t *testing.T) *laggedRegistry {
	l := &laggedRegistry{t: t, now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	l.Registry = NewRegistry(RegistryOptions{
		Principals: []Principal{{AccessKey: "ak", Secret: "sk"}}, Now: func() time.Time { return l.now },
	})
	l.Instance("ak").AddRepository("team/app")
	l.now = l.now.Add(time.Hour)
	return l
}

func (l *laggedRegistry) call(method, target, body string) (status int, answer string) {
	l.t.Helper()
	w := httptest.NewRecorder()
	l.ServeHTTP(w, signedV2(l.now, method, target, body))
	return w.Code, w.Body.String()
}

// count is how many of a list a read shows.
func (l *laggedRegistry) count(target, field string) int {
	l.t.Helper()
	w := httptest.NewRecorder()
	l.ServeHTTP(w, signedV2(l.now, http.MethodGet, target, ""))
	var got struct{ Data map[string][]any }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		l.t.Fatal(err)
	}
	return len(got.Data[field])
}

const (
	ruleBody    = `{"BuildRule":{"PushType":"GIT_BRANCH","PushName":"main","DockerfileLocation":"/","DockerfileName":"Dockerfile","Tag":"latest"}}`
	accountBody = `{"SourceAccount":{"SourceOriginType":"CODEUP","SourceUserName":"ci","SourceToken":"t"}}`
	rulesPath   = "/repos/team/app/rules"
	accountPath = "/users/sourceAccount?SourceOriginType=CODEUP"
)

func TestReadsLag(t *testing.T) {
	l := newLaggedRegistry(t)
	l.Instance("ak").SetReadLag(ReadLag{Object: "team/app", By: 3 * time.Second}, ReadLag{Object: "codeup", By: 3 * time.Second, Flip: true})
	l.call(http.MethodPut, rulesPath, ruleBody)
	l.call(http.MethodPut, "/users/sourceAccount", accountBody)
	for _, step := range []struct {
		after    time.Duration
		rules    int
		accounts []int
	}{
		{0, 0, []int{0, 1, 0, 1}},
		{2 * time.Second, 0, []int{0, 1}},
		{time.Second, 1, []int{1, 1}},
	} {
		l.now = l.now.Add(step.after)
		if n := l.count(rulesPath, "buildRules"); n != step.rules {
			t.Errorf("%s: %d rules are shown, want %d", l.now, n, step.rules)
		}
		for read, want := range step.accounts {
			if n := l.count(accountPath, "sourceAccounts"); n != want {
				t.Errorf("%s: read %d shows %d accounts, want %d", l.now, read, n, want)
			}
		}
	}
	if s := l.Instance("ak").Snapshot(); len(s.Repositories[0].Rules) != 1 || len(s.Accounts) != 1 {
		t.Errorf("%+v: what is so lags too", s)
	}
}

func TestAnEffectArrivesLate(t *testing.T) {
	l := newLaggedRegistry(t)
	l.Faults.Add(Fault{Times: 1, Status: http.StatusGatewayTimeout, EffectAfter: 15 * time.Second})
	if status, _ := l.call(http.MethodPut, rulesPath, ruleBody); status != http.StatusGatewayTimeout {
		t.Errorf("the call was answered with %d", status)
	}
	for _, step := range []struct {
		after time.Duration
		rules int
	}{{0, 0}, {14 * time.Second, 0}, {time.Second, 1}, {time.Hour, 1}} {
		l.now = l.now.Add(step.after)
		if n := len(l.Instance("ak").Snapshot().Repositories[0].Rules); n != step.rules {
			t.Errorf("%s: there are %d rules, want %d", l.now, n, step.rules)
		}
	}
	if n := l.Count("CreateRepoBuildRule"); n != 1 {
		t.Errorf("%d calls were journaled, want the one", n)
	}
}
