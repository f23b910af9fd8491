package compat_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// capabilities are what must not be lost when code moves: each with the tests
// that prove it, by function name or as a script of internal/cli. Whoever
// renames a test renames it here too; whoever removes one names another that
// proves the same.
var capabilities = map[string][]string{
	"managementPolicy: Observe": {
		"observe.txtar", "TestObserveChangesNothingEver", "TestObserveWritesNothingToTheRegistry", "TestObserveKnowsNothingOfWhatItCannotSee",
	},
	"adopt":       {"adopt.txtar", "TestTheFirstPlanOfAnImportBindsTokensAndAdoptsTheRest", "TestOutsideOfAWindowWhatIsThereIsAdopted"},
	"break-glass": {"windows.txtar", "TestABrokenGlassLetsThroughAndIsKeptInTheHistory", "TestAGlassIsNotBrokenWithoutNameAndReason"},
	"windows": {
		"windows.txtar", "TestWindows", "TestAnInstanceIsChangedOnlyInItsWindows", "TestOutsideOfAWindowNothingIsChanged",
		"TestAWindowThatClosesLetsTheActionEndAndBeginsNone",
	},
	"the memory of code hosts' answers":     {"TestHostsAreAskedAgainWhenSomethingChangedOrTimeWentBy"},
	"hand-over on reload":                   {"TestWhatIsKnownSurvivesAReload", "TestInherit", "TestAReloadBeforeTheFirstSyncForgetsNoFailure"},
	"isolation of a panic to its action":    {"TestPartialFailureIsIsolated", "TestAPanicInAClientMakesTheInstanceUnknown"},
	"limits per peer":                       {"TestTooManyRequestsAreTurnedAway", "TestTheLimitsNeedBoundedMemory", "TestWrongTokensAreSlowedDown"},
	"shutdown within the grace period":      {"TestAStopWaitsForAnAnswerNoLongerThanTheGracePeriod", "TestAStopIsQuickAndQuiet"},
	"NotObserved":                           {"TestWhatWasNotLookedAtIsUnknownAndNoFailure"},
	"attest without a daemon":               {"attest.txtar"},
	"plan --from-daemon":                    {"describe.txtar", "api.txtar"},
	"plan beside a daemon":                  {"run_folder.txtar", "TestAPlanBesideADaemonUsesItsMemoryAndWritesNothing"},
	"import --observe":                      {"observe.txtar"},
	"plans from a published snapshot":       {"snapshot.txtar", "compat.txtar", "TestAPlanOfWhatWasSeenIsTheOneOfWhoSawIt"},
	"files of an earlier version":           {"compat.txtar", "TestTheStateFileOpensAndLosesNothing", "TestTheConfigurationsLoad"},
	"what only we know outlives its index":  {"audit.txtar", "TestKind8ALostOrDamagedIndexIsMadeAnewFromTheJournal"},
	"a damaged journal changes nothing":     {"audit.txtar", "TestKind8ADamagedJournalChangesNothingUntilItIsAccepted"},
	"a daemon of an earlier version":        {"TestTheAnswersOfAnEarlierDaemonAreRead"},
	"a failure is never a deletion":         {"TestFailureIsNeverADeletion", "TestDeletionsBeyondTheThresholdStopAndAsk"},
	"a secret is never shown":               {"TestSecretIsNeverShown"},
	"repair after a crash at any point":     {"TestCrashAtAnyPointIsRepaired"},
	"the cost of a sync is that of changes": {"TestCostOfASyncIsTheCostOfTheChange"},
}

func TestEveryCapabilityHasItsTests(t *testing.T) {
	there := tests(t)
	for capability, names := range capabilities {
		for _, name := range names {
			if !there[name] {
				t.Errorf("%s: no test is called %s: put the name of the test that proves it now into this table", capability, name)
			}
		}
	}
}

// tests are the names of all test functions, and the scripts that they run.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, script := range must(filepath.Glob("../cli/testdata/script/*.txtar")) {
		names[filepath.Base(script)] = true
	}
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && len(name) > 2 && strings.HasPrefix(name, ".") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				names[f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
