package cli

import (
	"slices"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"reconciler/internal/sandbox"
)

// storyLag is `lag INSTANCE DURATION`: reads show no change that is younger.
func storyLag(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts, neg)
	if len(args) != 2 || !slices.Contains(worldInstances(), args[0]) {
		ts.Fatalf("usage: lag INSTANCE DURATION")
	}
	by, err := time.ParseDuration(args[1])
	ts.Check(err)
	w.instance(args[0]).SetReadLag(sandbox.ReadLag{By: by})
}

// storyWithdraw is `withdraw`: the registry serves only what is documented.
func storyWithdraw(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts, neg)
	if len(args) != 0 {
		ts.Fatalf("usage: withdraw")
	}
	w.Registry.Withdraw("GetUserSourceAccount", "CreateUserSourceAccount", "DeleteUserSourceAccount",
		"GetUserSourceRepoList", "GetRepoSourceRepo", "UpdateRepoSourceRepo")
}
