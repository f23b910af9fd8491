package git_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/source/git"
	"reconciler/internal/source/git/gittest"
)

func TestEveryRequestToTheServerIsTold(t *testing.T) {
	repo := gittest.New(t)
	first := repo.Commit("one", text("a.yaml", "a"))
	var operations []string
	s := open(t, git.Options{URL: repo.Serve(), Branch: "main", Observe: func(x git.Exchange) {
		word := x.Operation
		if !x.OK {
			word += " failed"
		}
		operations = append(operations, word)
		if x.Took <= 0 {
			t.Errorf("%s took %s", x.Operation, x.Took)
		}
	}})
	read(t, s, "")
	if _, unchanged, err := s.Snapshot(t.Context(), first); !unchanged || err != nil {
		t.Fatalf("unchanged %v, %v", unchanged, err)
	}
	lost := open(t, git.Options{URL: repo.Serve() + "x", Branch: "main", Observe: func(x git.Exchange) {
		operations = append(operations, x.Operation+map[bool]string{true: "", false: " failed"}[x.OK])
	}})
	if _, _, err := lost.Snapshot(t.Context(), ""); err == nil {
		t.Fatal("a repository that is not there was read")
	}
	if diff := cmp.Diff([]string{"list", "fetch", "list", "list failed"}, operations); diff != "" {
		t.Errorf("requests (-want +observed):\n%s", diff)
	}
}
