package git_test

import (
	"fmt"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/source/git"
	"reconciler/internal/source/git/gittest"
)

func TestRewrittenHistory(t *testing.T) {
	repo := gittest.New(t)
	first := repo.Commit("one", text("a.yaml", "1"))
	url := repo.Serve()
	s := open(t, git.Options{URL: url, Branch: "main"})
	read(t, s, "")

	commits := 30
	if testing.Short() {
		commits = 12
	}
	for i := range commits - 1 {
		repo.Record("more", text("a.yaml", fmt.Sprint("more ", i)))
	}
	last := repo.Commit("more", text("a.yaml", "the last"))
	if got := read(t, s, first); got.Revision != last || got.Rewritten {
		t.Errorf("%d commits later: %s rewritten %v", commits, got.Revision, got.Rewritten)
	}
	if got := read(t, open(t, git.Options{URL: url, Branch: "main"}), first); got.Rewritten {
		t.Errorf("%d commits later, after a restart: rewritten", commits)
	}
	for _, filter := range []string{"true", "false"} {
		repo.Config("uploadpack.allowFilter", filter)
		if got := read(t, open(t, git.Options{URL: url, Branch: "main"}), last); got.Rewritten || len(got.Files) != 1 {
			t.Errorf("after a restart without a new commit: %+v", got)
		}
		if got := read(t, open(t, git.Options{URL: url, Branch: "main"}), first); got.Rewritten {
			t.Errorf("filter %s: rewritten", filter)
		}
	}

	repo.Git("reset", "--quiet", "--hard", first)
	forced := repo.Commit("forced", text("a.yaml", "forced"))
	if got := read(t, s, last); got.Revision != forced || !got.Rewritten || contents(got)["a.yaml"] != "forced" {
		t.Errorf("after a force push: %+v", got)
	}
	if got := read(t, open(t, git.Options{URL: url, Branch: "main"}), last); !got.Rewritten {
		t.Error("after a force push and a restart: not rewritten")
	}
	if got := read(t, open(t, git.Options{URL: url, Branch: "main"}), "a folder's digest"); !got.Rewritten {
		t.Error("a revision of another source: not rewritten")
	}
}

func TestABranchDeletedAndMadeAgain(t *testing.T) {
	repo := gittest.New(t)
	repo.Commit("one", text("a.yaml", "1"))
	repo.Git("checkout", "--quiet", "-b", "live")
	first := repo.Commit("two", text("a.yaml", "2"))
	s := open(t, git.Options{URL: repo.Serve(), Branch: "live"})
	read(t, s, "")

	repo.Git("push", "--quiet", "origin", ":live")
	_, unchanged, err := s.Snapshot(t.Context(), first)
	if f := failure(t, err); unchanged || f.Kind != binding.NotFound || f.Code != "ref" {
		t.Errorf("deleted: unchanged %v, %v", unchanged, err)
	}
	repo.Git("checkout", "--quiet", "--orphan", "fresh")
	repo.Git("branch", "--delete", "--force", "live")
	repo.Git("checkout", "--quiet", "--orphan", "live")
	again := repo.Commit("again", text("a.yaml", "3"))
	if got := read(t, s, first); got.Revision != again || !got.Rewritten || contents(got)["a.yaml"] != "3" {
		t.Errorf("made again: %+v", got)
	}
}
