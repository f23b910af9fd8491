// Package registrytest has the conformance suite for every registry driver with
// an API.
package registrytest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"reconciler/internal/binding"
	"reconciler/internal/registry"
	"reconciler/internal/secrets"
)

// Subject is a driver on an empty instance, and what a person can do in its
// console.
type Subject struct {
	Driver registry.Driver
	// Image is an image repository that exists, without a source or rules.
	Image string
	// BindByOAuth binds a platform as a person does it in a browser.
	BindByOAuth func(platform binding.Platform, username string)
	// Token is a token that the code host accepts for Username at Address
	// (GitLab) and without an address (Codeup).
	Token, Username, Address string
	// Edition is the instance's; empty means Personal.
	Edition binding.Edition
	// KeepsSources is true if the edition has no call that removes a source.
	KeepsSources bool
}

// Run runs the suite. factory makes a new subject for each test.
func Run(t *testing.T, factory func(*testing.T) Subject) {
	t.Helper()
	tests := []struct {
		name string
		run  func(*testing.T, Subject)
	}{
		{"an empty instance has everything and nothing bound", testEmpty},
		{"a binding is made, read and let go", testBinding},
		{"a second binding of a platform is refused", testSecondBinding},
		{"a platform of OAuth is seen but not bound", testOAuth},
		{"unbinding what is gone says NotFound", testUnbindGone},
		{"a repository that is not there does not exist", testAbsentRepository},
		{"a source is set, replaced and removed, each twice", testLink},
		{"linking what is not there says NotFound", testLinkAbsent},
		{"a source of an unbound platform is refused", testLinkUnbound},
		{"a repository is made in a new namespace, with its source", testCreate},
		{"what is made is counted", testUsage},
		{"a repository that exists is not made again or changed", testCreateExisting},
		{"build rules are added, changed and removed", testRules},
		{"removing a rule that is gone says NotFound", testRemoveRuleGone},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, factory(t)) })
	}
}

// wanted is the subject's account on a platform.
func (s Subject) wanted(p binding.Platform) binding.Account {
	a := binding.Account{Platform: p, Username: s.Username}
	if p == binding.GitLab {
		a.Address = s.Address
	}
	return a
}

func (s Subject) token() secrets.Secret { return secrets.New([]byte(s.Token)) }

// bind binds the account, or fails the test.
func (s Subject) bind(t *testing.T, p binding.Platform) binding.Account {
	t.Helper()
	a, err := s.Driver.Bind(t.Context(), s.wanted(p), s.token())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// repository reads the subject's repository, or fails the test.
func (s Subject) repository(t *testing.T) binding.RepositoryState {
	t.Helper()
	state, err := s.Driver.Repository(t.Context(), s.Image)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func testEmpty(t *testing.T, s Subject) {
	got, err := s.Driver.Capabilities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range got.All() {
		if !c.On {
			t.Errorf("capability %s is off: %v", c.Name, got.Reasons[c.Name])
		}
	}
	if got.KeepsSources != s.KeepsSources {
		t.Errorf("KeepsSources is %v, want %v", got.KeepsSources, s.KeepsSources)
	}
	for _, p := range s.Edition.Platforms() {
		if a, err := s.Driver.Account(t.Context(), p); err != nil || a != nil {
			t.Errorf("%s: got %v, %v; want certainly nothing", p, a, err)
		}
	}
	if diff := cmp.Diff(binding.RepositoryState{Exists: true}, s.repository(t), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("repository (-want +got):\n%s", diff)
	}
}

func testBinding(t *testing.T, s Subject) {
	for _, p := range []binding.Platform{binding.Codeup, binding.GitLab} {
		made := s.bind(t, p)
		if made.ID == "" || time.Since(made.Created).Abs() > time.Hour {
			t.Errorf("%s: bound %+v; want an id and the time", p, made)
		}
		if diff := cmp.Diff(s.wanted(p), made, cmpopts.IgnoreFields(binding.Account{}, "ID", "Created")); diff != "" {
			t.Errorf("%s: bound (-want +got):\n%s", p, diff)
		}
		read, err := s.Driver.Account(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&made, read); diff != "" {
			t.Errorf("%s: read (-bound +read):\n%s", p, diff)
		}
		if err := s.Driver.Unbind(t.Context(), made); err != nil {
			t.Fatal(err)
		}
		if a, err := s.Driver.Account(t.Context(), p); err != nil || a != nil {
			t.Errorf("%s: after unbinding got %v, %v; want certainly nothing", p, a, err)
		}
	}
}

func testSecondBinding(t *testing.T, s Subject) {
	s.bind(t, binding.GitLab)
	_, err := s.Driver.Bind(t.Context(), s.wanted(binding.GitLab), s.token())
	wantKind(t, err, binding.AlreadyExists)
}

func testOAuth(t *testing.T, s Subject) {
	for _, p := range s.Edition.Platforms() {
		if !p.OAuth() {
			continue
		}
		_, err := s.Driver.Bind(t.Context(), s.wanted(p), s.token())
		wantKind(t, err, binding.Refused)
		s.BindByOAuth(p, s.Username)
		a, err := s.Driver.Account(t.Context(), p)
		if err != nil || a == nil || a.Username != s.Username || a.Platform != p {
			t.Errorf("%s: got %+v, %v; want the account of %s", p, a, err, s.Username)
		}
	}
}

func testUnbindGone(t *testing.T, s Subject) {
	made := s.bind(t, binding.GitLab)
	if err := s.Driver.Unbind(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	wantKind(t, s.Driver.Unbind(t.Context(), made), binding.NotFound)
}

func testAbsentRepository(t *testing.T, s Subject) {
	for _, image := range []string{s.Image + "-absent", "absent/" + "absent"} {
		state, err := s.Driver.Repository(t.Context(), image)
		if err != nil || state.Exists {
			t.Errorf("%s: got %+v, %v; want certainly no repository", image, state, err)
		}
	}
}

func testLink(t *testing.T, s Subject) {
	s.bind(t, binding.GitLab)
	s.bind(t, binding.Codeup)
	for _, link := range []binding.Link{
		{Platform: binding.GitLab, Source: "group/app", Trigger: binding.Auto, BuildCache: true},
		{Platform: binding.GitLab, Source: "group/sub/app", Trigger: binding.Manual, OverseasBuild: true},
		{Platform: binding.Codeup, Source: "org/app", Trigger: binding.Auto},
	} {
		for range 2 {
			if err := s.Driver.Link(t.Context(), s.Image, link); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&link, s.repository(t).Link); diff != "" {
				t.Errorf("link (-want +got):\n%s", diff)
			}
		}
	}
	if s.KeepsSources {
		wantKind(t, s.Driver.Unlink(t.Context(), s.Image), binding.Refused)
		return
	}
	for range 2 {
		if err := s.Driver.Unlink(t.Context(), s.Image); err != nil {
			t.Fatal(err)
		}
		if link := s.repository(t).Link; link != nil {
			t.Errorf("after unlinking got %+v", link)
		}
	}
}

// creation returns the settings with which the suite creates image
// repositories.
func creation() binding.Creation {
	return binding.Creation{Visibility: binding.Private, Summary: "Built from group/app"}
}

func testCreate(t *testing.T, s Subject) {
	s.bind(t, binding.GitLab)
	link := binding.Link{Platform: binding.GitLab, Source: "group/app", Trigger: binding.Auto, BuildCache: true}
	for _, image := range []string{"made-here/app", "made-here/worker"} {
		before, err := s.Driver.Repository(t.Context(), image)
		if err != nil || before.Exists || before.NoNamespace != (image == "made-here/app") {
			t.Fatalf("%s: before: %+v, %v", image, before, err)
		}
		for range 2 { // The second time it exists already.
			if err := s.Driver.CreateNamespace(t.Context(), "made-here"); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Driver.CreateRepository(t.Context(), image, creation(), link); err != nil {
			t.Fatal(err)
		}
		got, err := s.Driver.Repository(t.Context(), image)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(binding.RepositoryState{Exists: true, Link: &link}, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", image, diff)
		}
	}
}

func testUsage(t *testing.T, s Subject) {
	s.bind(t, binding.GitLab)
	link := binding.Link{Platform: binding.GitLab, Source: "group/app", Trigger: binding.Auto, BuildCache: true}
	want, err := s.Driver.Usage(t.Context())
	if err != nil || want.Unknown != nil || want.Namespaces < 1 || want.Repositories < 1 {
		t.Fatalf("before: %+v, %v", want, err)
	}
	if err := s.Driver.CreateNamespace(t.Context(), "made-here"); err != nil {
		t.Fatal(err)
	}
	want.Namespaces++
	for _, image := range []string{"", "made-here/app", "made-here/worker"} {
		if image != "" {
			if err := s.Driver.CreateRepository(t.Context(), image, creation(), link); err != nil {
				t.Fatal(err)
			}
			want.Repositories++
		}
		if got, err := s.Driver.Usage(t.Context()); err != nil || got != want {
			t.Errorf("after %q: %+v, %v, want %+v", image, got, err, want)
		}
	}
}

func testCreateExisting(t *testing.T, s Subject) {
	s.bind(t, binding.GitLab)
	link := binding.Link{Platform: binding.GitLab, Source: "group/app", Trigger: binding.Auto, BuildCache: true}
	err := s.Driver.CreateRepository(t.Context(), s.Image, creation(), link)
	wantKind(t, err, binding.AlreadyExists)
	if got := s.repository(t); got.Link != nil {
		t.Errorf("it has a source now: %+v", got.Link)
	}
}

func testLinkAbsent(t *testing.T, s Subject) {
	s.bind(t, binding.GitLab)
	link := binding.Link{Platform: binding.GitLab, Source: "group/app", Trigger: binding.Auto}
	wantKind(t, s.Driver.Link(t.Context(), s.Image+"-absent", link), binding.NotFound)
}

func testLinkUnbound(t *testing.T, s Subject) {
	err := s.Driver.Link(t.Context(), s.Image, binding.Link{Platform: binding.GitLab, Source: "group/app", Trigger: binding.Auto})
	if kind := binding.KindOf(err); err == nil || kind != binding.Refused && kind != binding.NotFound {
		t.Errorf("got %v, want Refused or NotFound", err)
	}
}

func testRules(t *testing.T, s Subject) {
	rules := []binding.BuildRule{
		{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"},
		{Tag: "release-v$version", Dockerfile: "/build/app/Dockerfile", ImageTag: "$version"},
	}
	var want []binding.ObservedRule
	for _, rule := range rules {
		added, err := s.Driver.AddRule(t.Context(), s.Image, rule)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, added)
	}
	byID := cmpopts.SortSlices(func(a, b binding.ObservedRule) bool { return a.ID < b.ID })
	if diff := cmp.Diff(want, s.repository(t).Rules, byID); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
	want[0].BuildRule = binding.BuildRule{Branch: "release", Dockerfile: "/ops/Dockerfile", ImageTag: "stable"}
	for range 2 {
		if err := s.Driver.ChangeRule(t.Context(), s.Image, want[0]); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, s.repository(t).Rules, byID); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	if err := s.Driver.RemoveRule(t.Context(), s.Image, want[0].ID); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want[1:], s.repository(t).Rules); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
}

func testRemoveRuleGone(t *testing.T, s Subject) {
	added, err := s.Driver.AddRule(t.Context(), s.Image, binding.BuildRule{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Driver.RemoveRule(t.Context(), s.Image, added.ID); err != nil {
		t.Fatal(err)
	}
	wantKind(t, s.Driver.RemoveRule(t.Context(), s.Image, added.ID), binding.NotFound)
}

func wantKind(t *testing.T, err error, want binding.FailureKind) {
	t.Helper()
	if err == nil || binding.KindOf(err) != want {
		t.Errorf("got %v, want a failure of kind %s", err, want)
	}
}
