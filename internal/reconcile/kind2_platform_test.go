package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// TestKind2ConditionsAreAboutTheDeclaredPlatform: a binding is declared on a
// different platform. Its conditions are about that platform, and not about the
// previous account, which is unbound afterwards or cannot be unbound.
func TestKind2ConditionsAreAboutTheDeclaredPlatform(t *testing.T) {
	moved := func(t *testing.T, to binding.Declaration, f fault) (*world, func(binding.ConditionType) binding.Condition) {
		t.Helper()
		w := newWorld()
		r := w.restarted()
		first := gitlab(unbinds)
		synced(t, r, desire(first))
		to.Name = first.Name
		w.FailOn("unbind gitlab", f)
		w.Passes(3 * time.Minute)
		sync1(t, r, desire(to))
		return w, func(of binding.ConditionType) binding.Condition { return conditionOf(t, r, to.Name, of) }
	}
	for name, f := range map[string]fault{
		"the old account is unbound": {},
		"it cannot be unbound":       {Before: &binding.Failure{Kind: binding.Forbidden, Op: message.Verbatim("registry: unbind")}},
		"its removal has no answer":  {Before: errDead},
	} {
		t.Run(name, func(t *testing.T) {
			w, is := moved(t, codeup(), f)
			if w.Bound(binding.Codeup) == "" {
				t.Fatal("not bound")
			}
			if c := is(binding.Bound); c.Status != binding.True {
				t.Errorf("Bound is %s (%s): %s", c.Status, c.Reason, text(c.Message))
			}
			if c := is(binding.TokenFresh); c.Reason != "NoExpiryKnown" {
				t.Errorf("TokenFresh is %s (%s): %s", c.Status, c.Reason, text(c.Message))
			}
			if c := is(binding.Ready); name == "the old account is unbound" && c.Status != binding.True {
				t.Errorf("Ready is %s (%s): %s", c.Status, c.Reason, text(c.Message))
			}
		})
	}
	t.Run("a person has to authorize the new account", func(t *testing.T) {
		_, is := moved(t, github(), fault{})
		if c := is(binding.AwaitingAuthorization); c.Status != binding.True {
			t.Errorf("AwaitingAuthorization is %s (%s): %s", c.Status, c.Reason, text(c.Message))
		}
		for _, of := range []binding.ConditionType{binding.Ready, binding.Bound} {
			if c := is(of); c.Message.Args.Get("why") != nil && text(c.Message) == "GitHub is not bound: no longer declared (deletionPolicy Unbind)" {
				t.Errorf("%s is %s (%s): %s", of, c.Status, c.Reason, text(c.Message))
			}
		}
	})
}
