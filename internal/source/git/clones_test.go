package git_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/source"
	"reconciler/internal/source/git"
	"reconciler/internal/source/git/gittest"
)

// Whatever else stands in its configuration, a clone is read.
func TestAClonesConfigurationDoesNotKeepItFromBeingRead(t *testing.T) {
	repo := gittest.New(t)
	id := repo.Commit("one", text("a.yaml", "1"))
	config := filepath.Join(repo.Work, ".git", "config")
	before, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	for name, more := range map[string]string{
		"worktreeConfig":    "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tworktreeConfig = true\n",
		"partialClone":      "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tpartialClone = origin\n",
		"preciousObjects":   "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tpreciousObjects = true\n",
		"an unknown one":    "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tnotYetInvented = yes\n",
		"a pull request":    "[branch \"x\"]\n\tremote = origin\n\tmerge = refs/pull/9/head\n",
		"a negated refspec": "[remote \"origin\"]\n\tfetch = ^refs/heads/wip/*\n",
		"two stars":         "[remote \"origin\"]\n\tfetch = refs/*/x/*:refs/y/*\n",
		"rebase merges":     "[branch \"x\"]\n\trebase = merges\n",
		"a window":          "[pack]\n\twindow = 10k\n",
		"no value":          "[core]\n\tfileMode\n[x \"y\\\"z\"]\n\ta=\"b # c\" ; d\n",
		"an include":        "[include]\n\tpath = ~/none\n[includeIf \"gitdir:~/\"]\n\tpath = x\n",
		"sha1 by name":      "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = sha1\n\trefStorage = files\n",
		"comments":          "[core]\r\n\trepositoryformatversion = 1\r\n[extensions] ; these\r\n\tobjectFormat = sha1 ; the default\r\n\trefStorage = files# too\r\n",
		"continued lines":   "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = \\\n  sha\\\n1\n",
		"what is no format": "[extensions \"x\"]\n\tobjectFormat = sha256\n[other]\n\tobjectFormat = sha256\n",
	} {
		for _, bom := range []string{"", "\ufeff"} {
			if err := os.WriteFile(config, []byte(bom+string(before)+more), 0o600); err != nil {
				t.Fatal(err)
			}
			snapshot, err := readAt(repo.Work, "origin/main", t)
			if err != nil || snapshot.Revision != id {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for name, test := range map[string]struct{ config, words string }{
		"objects":    {"[extensions]\n\tobjectFormat = sha256\n", "SHA-256"},
		"one line":   {"[Extensions] ObjectFormat=\"SHA256\"\n", "SHA-256"},
		"comments":   {"[extensions]\n\trefStorage = reftable ; new\n", "as reftable,"},
		"references": {"[extensions]\n\trefStorage = reftable\n", "reftable"},
	} {
		if err := os.WriteFile(config, []byte(string(before)+test.config), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := git.OpenLocal(repo.Work, source.Limits{}); err == nil || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func readAt(dir, rev string, t *testing.T) (source.Snapshot, error) {
	l, err := git.OpenLocal(dir, source.Limits{})
	if err != nil {
		return source.Snapshot{}, err
	}
	id, err := l.Resolve(rev)
	if err != nil {
		return source.Snapshot{}, err
	}
	return l.Snapshot(t.Context(), id, "")
}

// A clone is read however git laid it out.
func TestClonesOfEveryLayoutAreRead(t *testing.T) {
	repo := gittest.New(t)
	repo.Commit("one", text("a.yaml", "1"))
	id := repo.Commit("two", text("a.yaml", "2"))
	repo.Git("config", "--file", filepath.Join(repo.Bare, "config"), "uploadpack.allowFilter", "true")
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	repo.Git("clone", "--quiet", "--bare", repo.Bare, at("bare"))
	repo.Git("clone", "--quiet", "--shared", repo.Bare, at("shared"))
	repo.Git("clone", "--quiet", "--shared", at("shared"), at("chain"))
	repo.Git("clone", "--quiet", "--reference", at("bare"), "file://"+repo.Bare, at("reference"))
	repo.Git("clone", "--quiet", "--separate-git-dir", at("elsewhere"), repo.Bare, at("separate"))
	repo.Git("clone", "--quiet", "--filter=blob:none", "file://"+repo.Bare, at("blobless"))
	repo.Git("clone", "--quiet", "--depth", "1", "file://"+repo.Bare, at("shallow"))
	repo.Git("worktree", "add", "--quiet", "--detach", at("worktree"))
	repo.Git("clone", "--quiet", "--shared", repo.Bare, at("relative"))
	rel, err := filepath.Rel(at("relative/.git/objects"), filepath.Join(repo.Bare, "objects"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("relative/.git/objects/info/alternates"), []byte("# borrowed\n"+rel+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bare", "bare/objects", "shared", "chain", "reference", "separate", "blobless", "shallow", "worktree", "relative"} {
		for _, rev := range []string{"HEAD", id[:9]} {
			snapshot, err := readAt(at(name), rev, t)
			if diff := cmp.Diff([]string{"a.yaml: 2"}, names(snapshot)); err != nil || diff != "" {
				t.Errorf("%s at %s: %v %s", name, rev, err, diff)
			}
		}
	}
	for name, words := range map[string]string{"blobless": "partial", "shallow": "shallow"} {
		if _, err := readAt(at(name), "HEAD~1", t); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := readAt(at("bare"), "HEAD^2", t); err == nil || strings.Contains(err.Error(), "fetch it first") || !strings.Contains(err.Error(), "no such ancestor") {
		t.Errorf("an ancestor that there is not: %v", err)
	}
}

// Alternates may be in quotes and name a folder of any name. In a hook, environment
// variables name the repository and the folder of the pushed objects.
func TestAClonesObjectsAreWhereGitLooksForThem(t *testing.T) {
	repo := gittest.New(t)
	id := repo.Commit("one", text("a.yaml", "1"))
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"quoted", "named", "hook"} {
		repo.Git("clone", "--quiet", "--shared", repo.Bare, at(name))
	}
	if err := os.Rename(filepath.Join(repo.Bare, "objects"), at("sto\tré")); err != nil {
		t.Fatal(err)
	}
	for name, alternates := range map[string]string{"quoted": `"` + strings.ReplaceAll(at("sto"), `"`, `\"`) + `\tr\303\251"`, "named": at("sto\tré"), "hook": ""} {
		if err := os.WriteFile(at(name+"/.git/objects/info/alternates"), []byte(alternates+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, environment := range map[string]map[string]string{
		"quoted": nil, "named": nil,
		"hook": {"GIT_ALTERNATE_OBJECT_DIRECTORIES": at("none") + ":" + at("sto\tré")},
		".":    {"GIT_DIR": at("hook/.git"), "GIT_OBJECT_DIRECTORY": at("sto\tré")},
	} {
		t.Run(name, func(t *testing.T) {
			for key, value := range environment {
				t.Setenv(key, value)
			}
			if snapshot, err := readAt(at(name), "HEAD", t); err != nil || snapshot.Revision != id {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// In a shallow clone the merge base is the right one or an error.
func TestTheMergeBaseOfAShallowCloneIsNoGuess(t *testing.T) {
	repo := gittest.New(t)
	commit := func(name string) string { return repo.Commit(name, text(name+".yaml", name)) }
	commit("root")
	fork := commit("fork")
	repo.Git("checkout", "--quiet", "-b", "topic")
	commit("t1")
	t2 := commit("t2")
	repo.Git("checkout", "--quiet", "main")
	m1 := commit("m1")
	repo.Git("checkout", "--quiet", "-b", "merged", "topic")
	repo.Git("merge", "--quiet", "--no-edit", "main")
	merged := commit("after")
	repo.Git("push", "--quiet", "--all")
	repo.Git("checkout", "--quiet", "main")
	m2 := commit("m2")
	for depth, want := range map[string]map[[2]string]string{
		"1": {{m2, t2}: "", {m2, merged}: "", {m2, m2}: m2},
		"2": {{m2, t2}: "", {m2, m1}: m1},
		"3": {{m2, t2}: fork, {m2, merged}: m1, {m1, t2}: fork},
		"9": {{m2, t2}: fork, {m2, merged}: m1, {t2, merged}: t2},
	} {
		dir := filepath.Join(t.TempDir(), "clone")
		repo.Git("clone", "--quiet", "--depth", depth, "--no-single-branch", "file://"+repo.Bare, dir)
		for ends, base := range want {
			got, err := openLocal(t, dir).MergeBase(ends[0], ends[1])
			if got != base || (err != nil) != (base == "") {
				t.Errorf("depth %s, %v: got %q, %v, want %q", depth, ends, got, err, base)
			}
		}
	}
}
