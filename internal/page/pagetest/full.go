package pagetest

import (
	"fmt"
	"reflect"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// Full makes a world in which every page has something to show.
func Full() *World {
	w := NewWorld()
	broken := Bound("ledger-gitlab", "prod-hangzhou")
	broken.Conditions[0] = binding.Condition{
		Type: binding.Ready, Status: binding.Unclear, Reason: "FileBroken", Message: message.Verbatim("its file is invalid"), LastTransitionTime: Noon.Add(-2 * time.Hour),
	}
	broken.Conditions = append(broken.Conditions, binding.Condition{Type: binding.Suspended, Status: binding.True, Reason: "Suspended", Message: message.Verbatim("by Ada")})
	broken.TokenExpires, broken.Retry = Noon.Add(-24*time.Hour), &binding.Retry{Failures: 3, Next: Noon.Add(time.Minute)}
	broken.Spec.Suspend = &binding.Suspend{Reason: "release freeze", Owner: "payments"}
	w.Bindings = append(w.Bindings, broken)
	w.Bindings[1].Spec.Owner, w.Bindings[1].Spec.Deputy = &binding.Contact{Name: "Grace Hopper", Account: "grace"}, &binding.Contact{Name: "Alan Turing"}
	w.Own = []binding.Condition{{Type: "ConfigurationCurrent", Status: binding.False, Reason: "Refused", Message: message.Verbatim("server.listen cannot change"), LastTransitionTime: Noon}}
	for _, kind := range binding.PartKinds() {
		w.ProblemReport.Unanswered = append(w.ProblemReport.Unanswered, report.UnansweredPart{
			Part: kind, Name: "prod-hangzhou", Since: Noon.Add(-time.Hour), Reason: "Timeout", Message: "no answer within 10s",
		})
	}
	w.ProblemReport.Instances = report.NotGood("prod-hangzhou", []binding.Condition{{
		Type: binding.CredentialsAccepted, Status: binding.False, Reason: "Refused", Message: message.Verbatim("the key was refused"), LastTransitionTime: Noon,
	}})
	w.ProblemReport.BrokenFiles = []report.BrokenFile{{
		File:     "bindings/ledger-gitlab.yaml",
		Findings: []report.FindingObject{{Code: "yaml", File: "bindings/ledger-gitlab.yaml", Line: 3, Column: 7, Message: "not YAML", Hint: "Mend it."}},
		Holds:    []report.HeldBinding{{Instance: "prod-hangzhou", Name: "ledger-gitlab"}},
	}}
	w.Described = description()
	action := report.RecordedAction{
		Binding: "payments-gitlab", Object: binding.AccountObject(), Action: plan.Rebind, State: plan.Failed, Reason: message.Verbatim("a new version of the token"),
		Err: message.Verbatim("the token was refused"), Changes: []plan.Change{{Field: "token version", From: "2", To: "3"}},
	}
	w.Synced = []report.SyncRecord{
		{Instance: "prod-hangzhou", Revision: "4f2b6c7d8e9f", Digest: "sha256:99aabbccddee", Author: "Ada Lovelace", Began: Noon.Add(-time.Minute), Took: 1300 * time.Millisecond, Actions: []report.RecordedAction{action}, More: 2},
		{Instance: "edge-shanghai", Revision: "4f2b6c7d8e9f", Began: Noon.Add(-2 * time.Minute), Took: 80 * time.Millisecond, Err: message.Verbatim("the registry does not answer")},
	}
	return w
}

// description describes every binding of a full world.
func description() report.Description {
	declaration := binding.Declaration{Name: "payments-gitlab", Spec: Bound("payments-gitlab", "prod-hangzhou").Spec}
	observed := binding.Observation{
		Accounts: map[binding.Platform]binding.AccountState{binding.GitLab: {Account: &binding.Account{ID: "7", Platform: binding.GitLab, Username: "somebody-else", Address: "https://gitlab.example.com"}}},
		Repositories: map[string]binding.RepositoryState{"payments/api": {
			Exists: true, Link: &binding.Link{Platform: binding.GitLab, Source: "payments/other", Trigger: binding.Auto},
			RulesUnknown: &binding.Unknown{Reason: "Timeout", Message: message.Verbatim("no answer within 10s")},
		}},
		Tokens: map[string]binding.TokenState{"payments-gitlab": {Version: 3, Answers: []binding.Answer{
			{Question: binding.QuestionTokenValid, Verdict: binding.No, Reason: "Expired", Message: message.Verbatim("401 token is expired"), At: Noon},
		}}},
		Projects: map[string]map[string]binding.ProjectState{"payments-gitlab": {"payments/api": {
			Answers: []binding.Answer{{Question: binding.QuestionProjectExists, Verdict: binding.Yes, Reason: "Found", Message: message.Verbatim("it exists"), At: Noon}},
		}}},
	}
	return report.Description{
		Line: 4, Token: report.DescribedToken{Version: 3, Bound: 2, Expires: Noon.Add(20 * 24 * time.Hour), ExpiresSource: "host"},
		Applied:     report.DescribedApply{Time: Noon.Add(-30 * time.Minute), Revision: "4f2b6c7d8e9f0011", Digest: "sha256:99aabbccddeeff00"},
		Suspensions: []binding.Suspension{{Binding: "payments-gitlab", Until: Noon.Add(time.Hour), Reason: "a look around", Person: binding.Person{By: "Ada"}, Since: Noon}},
		Objects:     []report.DescribedObject{{Object: binding.AccountObject(), Action: plan.Rebind, Reason: "a new version of the token", Changes: []plan.Change{{Field: "token version", From: "2", To: "3"}}}},
		Observed:    report.NewDescribedObservation(Noon.Add(-time.Hour), observed, declaration),
		Events:      []report.EventItem{{Type: report.EventWarning, Reason: "ApplyFailed", Message: "rebind failed", Count: 3, First: Noon, Last: Noon}},
		History: []binding.HistoryEntry{{
			Person: binding.Person{By: "Ada Lovelace", Proven: "uid 1000"}, Time: Noon, Action: "rebind", Object: binding.AccountObject(), Outcome: "failed", Message: "the token was refused",
			Revision: "4f2b6c7d8e9f0011", Digest: "sha256:99aabbccddeeff00", Requests: []string{"7D1E-55"},
		}},
	}
}

// Many makes a world with n bindings on a few instances. Some are not ready.
func Many(n int) *World {
	w := NewWorld()
	w.Bindings = nil
	for i := range n {
		instance := fmt.Sprintf("instance-%02d", i%20)
		s := Bound(fmt.Sprintf("binding-%05d", i), instance)
		if i%17 == 0 {
			s = Waiting(s.Name, instance)
		}
		s.TokenExpires = Noon.Add(time.Duration(i%200) * 24 * time.Hour)
		w.Bindings = append(w.Bindings, s)
	}
	return w
}

// Hostile makes a full world in which every text is text.
func Hostile(text string) *World {
	w := Full()
	for _, v := range []any{&w.Bindings, &w.ProblemReport, &w.Own, &w.Described, &w.Synced, &w.Tokens} {
		replaceStrings(reflect.ValueOf(v), text)
	}
	return w
}

// replaceStrings sets every string in v.
func replaceStrings(v reflect.Value, text string) {
	if v.Type() == reflect.TypeFor[message.Message]() {
		v.Set(reflect.ValueOf(message.Verbatim(text)))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			replaceStrings(v.Elem(), text)
		}
	case reflect.Slice:
		for i := range v.Len() {
			replaceStrings(v.Index(i), text)
		}
	case reflect.Map:
		replaceStringsOfMap(v, text)
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() {
				replaceStrings(field, text)
			}
		}
	case reflect.String:
		v.SetString(text)
	default:
	}
}

// replaceStringsOfMap sets the strings of a map, and the first key that is a name.
func replaceStringsOfMap(v reflect.Value, text string) {
	for _, key := range v.MapKeys() {
		if v.Type().Elem().Kind() == reflect.Interface {
			v.SetMapIndex(key, reflect.ValueOf(text))
			continue
		}
		value := reflect.New(v.Type().Elem()).Elem()
		value.Set(v.MapIndex(key))
		replaceStrings(value, text)
		v.SetMapIndex(key, value)
	}
}
