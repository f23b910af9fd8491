package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// TestKind6AnotherRegistryOfTheSameNameHasNothingOfOurs: the configuration gives the name of
// an instance to another registry. What people set up there was never ours.
func TestKind6AnotherRegistryOfTheSameNameHasNothingOfOurs(t *testing.T) {
	was := plan.Instance{Name: instance, Region: "cn-hangzhou", Driver: "personal", Endpoint: "https://cr.cn-hangzhou.aliyuncs.com", Account: "static a"}
	with := func(change func(*plan.Instance)) plan.Instance {
		is := was
		change(&is)
		return is
	}
	for name, tt := range map[string]struct {
		is   plan.Instance
		ours bool
	}{
		"nothing changed":        {was, true},
		"the address in the VPC": {with(func(i *plan.Instance) { i.Endpoint = "https://cr-vpc.cn-hangzhou.aliyuncs.com" }), true},
		"other keys":             {with(func(i *plan.Instance) { i.Account = "1234567890123456" }), true},
		"another endpoint":       {with(func(i *plan.Instance) { i.Endpoint = "https://cr.example.com" }), false},
		"the sandbox":            {with(func(i *plan.Instance) { i.Endpoint = "http://127.0.0.1:8088" }), false},
		"another region":         {with(func(i *plan.Instance) { i.Region = "cn-beijing" }), false},
		"another edition":        {with(func(i *plan.Instance) { i.Edition, i.ID = binding.Enterprise, "cri-1" }), false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLagging(t, gitlab())
			l.o.Instance = was
			l.r = l.restarted()
			l.sync()
			l.Passes(time.Hour)
			l.ConsoleUnbind("gitlab")
			l.ConsoleBind("gitlab", gitlab().Spec.Address, "mallory")
			l.o.Instance = tt.is
			l.r = l.restarted()
			binds := l.registry.Count("CreateUserSourceAccount")
			result := l.sync()
			if c := conditionOf(t, l.r, "pay-gitlab", binding.Ready); (c.Status == binding.True) != tt.ours {
				t.Errorf("Ready is %s (%s): %s", c.Status, c.Reason, text(c.Message))
			}
			if tt.ours {
				l.called("CreateUserSourceAccount", binds+1)
				return
			}
			l.called("CreateUserSourceAccount", binds)
			l.called("DeleteUserSourceAccount", 0)
			if of := result.Of("pay-gitlab"); of[0].Action.Kind != plan.Forbidden {
				t.Errorf("planned: %s (%s)", of[0].Action.Kind, of[0].Action.Cause)
			}
			l.o.Instance = was
			l.r = l.restarted()
			l.sync()
			l.called("CreateUserSourceAccount", binds+1)
		})
	}
}
