package observe

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// observed is an observation with something of everything, as seen at.
func observed(at time.Time, text string) []binding.Observation {
	rules := []binding.ObservedRule{{ID: "1", BuildRule: binding.BuildRule{Branch: "main"}}, {ID: "2", BuildRule: binding.BuildRule{Branch: "next"}}}
	if text == "other" {
		rules[0], rules[1] = rules[1], rules[0]
	}
	return []binding.Observation{
		{Instance: "b", Unknown: &binding.Unknown{Reason: "Throttled", Message: message.Verbatim(text)}},
		{
			Instance: "a",
			Accounts: map[binding.Platform]binding.AccountState{binding.GitLab: {Account: &binding.Account{ID: "7", Username: "ci-bot"}}},
			Repositories: map[string]binding.RepositoryState{
				"n/a": {Exists: true, Link: &binding.Link{Source: "n/a"}, Rules: rules},
				"n/b": {Unknown: &binding.Unknown{Reason: "Forbidden", Message: message.Verbatim(text)}},
			},
			Tokens: map[string]binding.TokenState{"x": {
				Version: 3, Latest: 3, Fingerprint: text, Expires: at,
				Answers: []binding.Answer{{Question: "token-valid", Verdict: binding.Yes, Message: message.Verbatim(text), At: at}},
			}},
		},
	}
}

func TestDigestIsTheSameAtTheNextLook(t *testing.T) {
	first := observed(time.Unix(1, 0), "one")
	second := observed(time.Unix(2, 0), "other")
	second[0], second[1] = second[1], second[0]
	if a, b := Digest(first), Digest(second); a != b {
		t.Errorf("%s, then %s", a, b)
	}
}

func TestDigestTellsWhatChanged(t *testing.T) {
	at := time.Unix(1, 0)
	before := Digest(observed(at, "one"))
	for name, change := range map[string]func([]binding.Observation){
		"unbound":         func(o []binding.Observation) { o[1].Accounts[binding.GitLab] = binding.AccountState{} },
		"another account": func(o []binding.Observation) { o[1].Accounts[binding.GitLab].Account.Username = "robot" },
		"account not known": func(o []binding.Observation) {
			o[1].Accounts[binding.GitLab] = binding.AccountState{Unknown: &binding.Unknown{Reason: "X"}}
		},
		"unlinked":         func(o []binding.Observation) { o[1].Repositories["n/a"] = binding.RepositoryState{Exists: true} },
		"another rule":     func(o []binding.Observation) { o[1].Repositories["n/a"].Rules[0].ImageTag = "x" },
		"a new token":      func(o []binding.Observation) { o[1].Tokens["x"] = binding.TokenState{Version: 4, Latest: 4} },
		"another reason":   func(o []binding.Observation) { o[0].Unknown.Reason = "Forbidden" },
		"an instance more": func(o []binding.Observation) { o[0].Instance = "c" },
	} {
		t.Run(name, func(t *testing.T) {
			o := observed(at, "one")
			change(o)
			if Digest(o) == before {
				t.Error("the same digest")
			}
		})
	}
}
