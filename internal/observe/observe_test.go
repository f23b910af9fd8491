package observe_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/observe"
	"reconciler/internal/report"
	"reconciler/internal/secrets"
	"reconciler/internal/worldtest"
)

// site is a world and who observes it.
type site struct{ *worldtest.World }

func newSite() *site { return &site{worldtest.New()} }

func (s *site) observer() *observe.Observer {
	return observe.New(observe.Options{
		Instance: worldtest.Instance, Registry: worldtest.Registry{World: s.World}, Tokens: worldtest.Vault{World: s.World},
		Hosts: map[binding.Platform]observe.Host{
			binding.GitLab: worldtest.Host{World: s.World, Name: "gitlab"}, binding.Codeup: worldtest.Host{World: s.World, Name: "codeup"},
		},
		Key: []byte("key"), HostMemory: time.Hour, Now: s.Clock,
	})
}

func declare(d ...binding.Declaration) []binding.Declaration { return d }

func TestDepthSaysWhoIsAsked(t *testing.T) {
	for _, c := range []struct {
		name  string
		depth binding.Depth
		want  map[string]bool
	}{
		{"offline", binding.DepthOffline, map[string]bool{}},
		{"live", binding.DepthLive, map[string]bool{"account": true, "metadata": true}},
		{"preflight", binding.DepthPreflight, map[string]bool{"account": true, "metadata": true, "read": true, "check-token": true, "check-project": true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newSite()
			obs := w.observer().Observe(t.Context(), declare(worldtest.GitLab()), nil, c.depth)
			got := map[string]bool{}
			for _, call := range []string{"account", "metadata", "read", "check-token", "check-project"} {
				if w.Count(call) > 0 {
					got[call] = true
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if (c.depth == binding.DepthOffline) != (obs.Unknown != nil) {
				t.Errorf("Unknown: %+v", obs.Unknown)
			}
			if n := w.Count("bind") + w.Count("link") + w.Count("store"); n > 0 {
				t.Errorf("observing wrote: %v", w.Calls)
			}
		})
	}
}

func TestWhatDoesNotAnswerIsUnknownAndOnlyThat(t *testing.T) {
	down := worldtest.Fault{Before: &binding.Failure{Kind: binding.Transient, Op: message.Verbatim("x")}}
	for name, c := range map[string]struct {
		failing string
		unknown func(o binding.Observation) *binding.Unknown
	}{
		"an account":    {"account gitlab", func(o binding.Observation) *binding.Unknown { return o.Accounts[binding.GitLab].Unknown }},
		"a repository":  {"repository pay/api", func(o binding.Observation) *binding.Unknown { return o.Repositories["pay/api"].Unknown }},
		"a token":       {"metadata acr/gitlab", func(o binding.Observation) *binding.Unknown { return o.Tokens["pay-gitlab"].Unknown }},
		"a token value": {"read acr/gitlab", func(o binding.Observation) *binding.Unknown { return o.Tokens["pay-gitlab"].Unknown }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newSite()
			w.FailOn(c.failing, down)
			obs := w.observer().Observe(t.Context(), declare(worldtest.GitLab(), worldtest.Codeup()), nil, binding.DepthPreflight)
			if u := c.unknown(obs); u == nil || u.Reason != "Transient" {
				t.Errorf("unknown: %+v", u)
			}
			n := 0
			for _, u := range []*binding.Unknown{
				obs.Unknown, obs.Accounts[binding.GitLab].Unknown, obs.Accounts[binding.Codeup].Unknown,
				obs.Repositories["pay/api"].Unknown, obs.Tokens["pay-gitlab"].Unknown, obs.Tokens["pay-codeup"].Unknown,
			} {
				if u != nil {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%d things are unknown, want 1: %+v", n, obs)
			}
		})
	}
}

func TestInstanceStopMakesTheWholeInstanceUnknown(t *testing.T) {
	for _, call := range []string{"capabilities", "account gitlab", "repository pay/api"} {
		w := newSite()
		w.FailOn(call, worldtest.Fault{Before: &binding.Failure{Kind: binding.InstanceStop, Code: "USER_NOT_EXIST", Hint: message.Verbatim("open the console once")}})
		obs := w.observer().Observe(t.Context(), declare(worldtest.GitLab(), worldtest.Codeup()), nil, binding.DepthLive)
		if obs.Unknown == nil || obs.Unknown.Reason != "InstanceStop" || len(obs.Accounts)+len(obs.Repositories) > 0 {
			t.Errorf("%s: %+v", call, obs)
		}
		if obs.Tokens["pay-gitlab"].Version != 1 {
			t.Errorf("%s: the secret store's part is lost: %+v", call, obs.Tokens)
		}
	}
}

func TestAPanicInAClientMakesTheInstanceUnknown(t *testing.T) {
	w := newSite()
	w.Fault = func(call string) worldtest.Fault {
		if call == "account gitlab" {
			panic("canary")
		}
		return worldtest.Fault{}
	}
	obs := w.observer().Observe(t.Context(), declare(worldtest.GitLab()), nil, binding.DepthLive)
	if obs.Unknown == nil || obs.Unknown.Reason != "Fault" {
		t.Errorf("%+v", obs.Unknown)
	}
}

func TestWhatTheDriverCannotTellIsUnknownWithItsReason(t *testing.T) {
	w := newSite()
	w.Caps = binding.Capabilities{Reasons: map[string]message.Message{"listAccounts": message.Verbatim("the path does not answer")}}
	obs := w.observer().Observe(t.Context(), declare(worldtest.GitLab()), nil, binding.DepthLive)
	u := obs.Accounts[binding.GitLab].Unknown
	if u == nil || u.Reason != "NotCapable" || report.English().Text(u.Message) != "the registry's driver cannot read it: the path does not answer" {
		t.Errorf("%+v", u)
	}
	if w.Count("account")+w.Count("repository") != 0 {
		t.Errorf("it was asked: %v", w.Calls)
	}
}

func TestRecordedObjectsAreAskedAboutToo(t *testing.T) {
	w := newSite()
	record := binding.Record{Instance: worldtest.Instance, Binding: "old", Platform: binding.Bitbucket, Images: []binding.RecordedImage{{Image: "pay/web"}}}
	obs := w.observer().Observe(t.Context(), declare(worldtest.GitLab()), []binding.Record{record}, binding.DepthLive)
	if _, ok := obs.Accounts[binding.Bitbucket]; !ok {
		t.Errorf("accounts: %v", obs.Accounts)
	}
	if !obs.Repositories["pay/web"].Exists {
		t.Errorf("repositories: %v", obs.Repositories)
	}
}

func TestExpiryIsTheEarliestThatAnybodyTells(t *testing.T) {
	day := func(s string) binding.Date {
		d, err := binding.ParseDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for name, c := range map[string]struct {
		declared binding.Date
		custom   string
		want     time.Time
		source   string
		// unreadable is what is reported as no date.
		unreadable string
	}{
		"nobody":                     {want: time.Time{}},
		"a declared day is good":     {declared: day("2026-06-01"), want: at("2026-06-01T23:59:59Z"), source: "declaration"},
		"the store's day is earlier": {declared: day("2026-06-01"), custom: "2026-05-20", want: at("2026-05-20T23:59:59Z"), source: "vault"},
		"the store's instant":        {custom: "2026-05-20T08:00:00+08:00", want: at("2026-05-20T00:00:00Z"), source: "vault"},
		"the store's is later":       {declared: day("2026-06-01"), custom: "2027-01-01", want: at("2026-06-01T23:59:59Z"), source: "declaration"},
		"the store's is no date":     {custom: "soon", unreadable: "soon"},
		"a day of another country":   {custom: "31.01.2027", unreadable: "31.01.2027"},
		"a day that is none":         {custom: "2027-02-30", unreadable: "2027-02-30"},
		"seconds":                    {custom: "1801440000", unreadable: "1801440000"},
		"no zone":                    {custom: "2027-01-31T12:00:00", unreadable: "2027-01-31T12:00:00"},
		"spaces around it":           {custom: " 2026-05-20\n", want: at("2026-05-20T23:59:59Z"), source: "vault"},
		"declared, and no date":      {declared: day("2026-06-01"), custom: "June", want: at("2026-06-01T23:59:59Z"), source: "declaration", unreadable: "June"},
		"long": {
			custom: strings.Repeat("x", 500), unreadable: strings.Repeat("x", 40),
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newSite()
			w.Custom = map[string]string{"expires": c.custom}
			d := worldtest.GitLab(func(d *binding.Declaration) { d.Spec.Token.Expires = c.declared })
			got := w.observer().Observe(t.Context(), declare(d), nil, binding.DepthLive).Tokens["pay-gitlab"]
			if !got.Expires.Equal(c.want) || got.ExpiresSource != c.source || got.ExpiresUnreadable != c.unreadable {
				t.Errorf("%v (%s, %q), want %v (%s, %q)", got.Expires, got.ExpiresSource, got.ExpiresUnreadable, c.want, c.source, c.unreadable)
			}
		})
	}
}

func TestHostsAreAskedAgainWhenSomethingChangedOrTimeWentBy(t *testing.T) {
	unsure := binding.Answer{Question: "token-valid", Verdict: binding.UnknownAsked, Reason: "NoAnswer"}
	for name, c := range map[string]struct {
		answers []binding.Answer
		change  func(w *site, d []binding.Declaration)
		want    int
	}{
		"nothing":                 {change: func(*site, []binding.Declaration) {}, want: 1},
		"a new version":           {change: func(w *site, _ []binding.Declaration) { w.Tokens["acr/gitlab"] = []string{"a", "b"} }, want: 2},
		"the declaration":         {change: func(_ *site, d []binding.Declaration) { d[0].Spec.Username = "other" }, want: 2},
		"an hour":                 {change: func(w *site, _ []binding.Declaration) { w.Now = w.Now.Add(time.Hour) }, want: 2},
		"less than an hour":       {change: func(w *site, _ []binding.Declaration) { w.Now = w.Now.Add(59 * time.Minute) }, want: 1},
		"six minutes, and unsure": {answers: []binding.Answer{unsure}, change: func(w *site, _ []binding.Declaration) { w.Now = w.Now.Add(6 * time.Minute) }, want: 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newSite()
			if c.answers != nil {
				w.Answers["canary-gitlab-1"] = c.answers
			}
			ob, d := w.observer(), declare(worldtest.GitLab())
			ob.Observe(t.Context(), d, nil, binding.DepthPreflight)
			c.change(w, d)
			ob.Observe(t.Context(), d, nil, binding.DepthPreflight)
			if got := w.Count("check-token"); got != c.want {
				t.Errorf("asked %d times, want %d", got, c.want)
			}
		})
	}
}

// numberedHost is a code host that shows the number of each account.
type numberedHost struct{ worldtest.Host }

func (h numberedHost) CheckToken(ctx context.Context, account binding.Account, projects []string, token secrets.Secret) binding.TokenReport {
	report := h.Host.CheckToken(ctx, account, projects, token)
	report.User.ID = "7"
	return report
}

// A binding that was never bound has no record, and so no number. One that was
// has it from the answers. In neither case has anything changed.
func TestANumberThatIsSeenIsNoNewQuestion(t *testing.T) {
	record := func(id string) []binding.Record {
		d := worldtest.GitLab()
		return []binding.Record{{Managed: true, Instance: d.Spec.Instance, Binding: d.Name, Platform: d.Spec.Platform, Username: d.Spec.Username, Address: d.Spec.Address, UserID: id}}
	}
	for name, c := range map[string]struct {
		first, then []binding.Record
		want        int
	}{
		"never recorded":              {want: 1},
		"recorded since":              {then: record("7"), want: 1},
		"recorded before":             {first: record("7"), then: record("7"), want: 1},
		"recorded with another since": {then: record("8"), want: 2},
		"another number now":          {first: record("7"), then: record("8"), want: 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newSite()
			ob := observe.New(observe.Options{
				Instance: worldtest.Instance, Registry: worldtest.Registry{World: w.World}, Tokens: worldtest.Vault{World: w.World},
				Hosts: map[binding.Platform]observe.Host{binding.GitLab: numberedHost{worldtest.Host{World: w.World, Name: "gitlab"}}},
				Key:   []byte("key"), HostMemory: time.Hour, Now: w.Clock,
			})
			d := declare(worldtest.GitLab())
			for _, records := range [][]binding.Record{c.first, c.then, c.then} {
				ob.Observe(t.Context(), d, records, binding.DepthPreflight)
			}
			if got := w.Count("check-token"); got != c.want {
				t.Errorf("asked %d times, want %d", got, c.want)
			}
		})
	}
}

func TestACallHasATimeOfItsOwn(t *testing.T) {
	w := newSite()
	o := observe.Options{
		Instance: worldtest.Instance, Registry: hangingRegistry{worldtest.Registry{World: w.World}}, Tokens: worldtest.Vault{World: w.World}, CallTimeout: time.Millisecond, Now: w.Clock,
	}
	obs := observe.New(o).Observe(t.Context(), declare(worldtest.GitLab()), nil, binding.DepthLive)
	if u := obs.Accounts[binding.GitLab].Unknown; u == nil || u.Reason != "Timeout" {
		t.Errorf("%+v", u)
	}
	if !obs.Repositories["pay/api"].Exists {
		t.Errorf("%+v", obs.Repositories)
	}
}

// hangingRegistry never answers about accounts.
type hangingRegistry struct{ worldtest.Registry }

func (hangingRegistry) Account(ctx context.Context, _ binding.Platform) (*binding.Account, error) {
	<-ctx.Done()
	return nil, errors.Join(errors.New("account"), ctx.Err())
}

func TestSeveralSnapshotsAreObservedAtOneLook(t *testing.T) {
	w := newSite()
	w.Tokens["acr/other"] = []string{"canary-other-1", "canary-other-2"}
	moved, web := worldtest.GitLab(), worldtest.GitLab()
	moved.Spec.Token = &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "acr/other", Key: "token"}}
	web.Spec.Repositories = []binding.Repository{{Image: "pay/web", Source: "pay/web", Trigger: binding.Auto}}
	declared := [][]binding.Declaration{declare(worldtest.GitLab(), worldtest.Codeup()), declare(moved, worldtest.Codeup()), declare(web)}
	each := w.observer().ObserveEach(t.Context(), declared, make([]binding.SecretTargets, len(declared)), nil, binding.DepthPreflight)
	for call, want := range map[string]int{
		"capabilities": 1, "account gitlab": 1, "account codeup": 1, "repository pay/api": 1, "repository pay/web": 1,
		"metadata acr/codeup": 1, "metadata acr/gitlab": 2, "metadata acr/other": 1,
	} {
		if got := w.Count(call); got != want {
			t.Errorf("%s was asked %d times, want %d", call, got, want)
		}
	}
	for n, desired := range declared {
		alone := newSite()
		alone.Tokens = w.Tokens
		want := alone.observer().Observe(t.Context(), desired, nil, binding.DepthPreflight)
		if diff := cmp.Diff(want, each[n]); diff != "" {
			t.Errorf("observation %d is not the one that is made alone (-want +got):\n%s", n, diff)
		}
	}
}
