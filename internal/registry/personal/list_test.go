package personal

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
)

func TestRepositoriesAreListedPageByPage(t *testing.T) {
	w := newWorld(t, sandbox.Principal{})
	d := w.driver(t, nil)
	var want []string
	for i := range 205 {
		want = append(want, fmt.Sprintf("team/app-%03d", i))
	}
	w.person.AddRepository(want...)
	want = append(want, image)
	slices.Sort(want)
	got, err := d.Repositories(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("repositories (-want +got):\n%s", diff)
	}
	// Each page twice: what moves between two pages may be on none of them.
	if n := w.registry.Count("GetRepoList"); n != 6 {
		t.Errorf("%d calls, want 6", n)
	}
}

// TestKind3AListThatShiftsAndKeepsItsTotalIsReadAgain: one is removed and another added
// between two pages, and the one that moved to the first page is on none.
func TestKind3AListThatShiftsAndKeepsItsTotalIsReadAgain(t *testing.T) {
	w := newWorld(t, sandbox.Principal{})
	d := w.driver(t, nil)
	var want []string
	for i := range 101 {
		want = append(want, fmt.Sprintf("team/app-%03d", i))
	}
	w.person.AddRepository(want...)
	want = append([]string{image}, want...)
	w.shift(1, []sandbox.Fault{listed(0, 100, 102), listed(102, 104, 102)})
	got, err := d.Repositories(t.Context())
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %d, %v; want what is listed twice", len(got), err)
	}
}

func TestAPartOfAListIsNoList(t *testing.T) {
	answer := func(body string) sandbox.Fault {
		return sandbox.Fault{Times: 1, Status: 200, ContentType: "application/json", Body: body}
	}
	const one = `{"repoNamespace":"team","repoName":"app"}`
	tests := []struct {
		name  string
		fault sandbox.Fault
		kind  binding.FailureKind
	}{
		{"no registry", wireFault(404, "USER_NOT_EXIST"), binding.InstanceStop},
		{"not allowed", wireFault(403, "NoPermission"), binding.Forbidden},
		{"not served", wireFault(404, "InvalidAction.NotFound"), binding.Refused},
		{"no list", answer(`{"data":{"total":0}}`), binding.Unreadable},
		{"a list that is null", answer(`{"data":{"repos":null,"total":0}}`), binding.Unreadable},
		{"no total", answer(`{"data":{"repos":[]}}`), binding.Unreadable},
		{"a total that is null", answer(`{"data":{"repos":[],"total":null}}`), binding.Unreadable},
		{"fewer than the total", answer(`{"data":{"repos":[` + one + `],"total":2}}`), binding.Unreadable},
		{"more than the total", answer(`{"data":{"repos":[` + one + `],"total":0}}`), binding.Unreadable},
		{"an empty page in the middle", answer(`{"data":{"repos":[],"total":101}}`), binding.Unreadable},
		{"a repository without a name", answer(`{"data":{"repos":[{"repoNamespace":"team"}],"total":1}}`), binding.Unreadable},
		{"a name that is a path", answer(`{"data":{"repos":[{"repoNamespace":"team","repoName":"../x"}],"total":1}}`), binding.Unreadable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, sandbox.Principal{})
			w.registry.Faults.Add(test.fault)
			got, err := w.driver(t, nil).Repositories(t.Context())
			if err == nil || got != nil || binding.KindOf(err) != test.kind {
				t.Errorf("got %v, %v (%s); want an error of kind %s", got, err, binding.KindOf(err), test.kind)
			}
		})
	}
}

// listed is an answer with repositories from one number up to another, and a
// total.
func listed(from, to, total int) sandbox.Fault {
	var repos []string
	for i := from; i < to; i++ {
		repos = append(repos, fmt.Sprintf(`{"repoNamespace":"team","repoName":"app-%03d"}`, i))
	}
	body := fmt.Sprintf(`{"data":{"repos":[%s],"total":%d}}`, strings.Join(repos, ","), total)
	return sandbox.Fault{Times: 1, Status: 200, ContentType: "application/json", Body: body}
}

// shift has the registry answer the pages, some times over.
func (w *world) shift(times int, pages []sandbox.Fault) {
	for range times {
		for _, page := range pages {
			w.registry.Faults.Add(page)
		}
	}
}

// A list that changes between two pages is read again, and is no list where it
// changes each time.
func TestAListWhosePagesShiftIsReadAgain(t *testing.T) {
	shifts := map[string][]sandbox.Fault{
		"one was removed, and another slipped to the first page": {listed(0, 100, 102), listed(101, 102, 101)},
		"one was added in front":                                 {listed(0, 100, 101), listed(99, 101, 102)},
		"one was replaced, and the last of a page is on two":     {listed(0, 100, 102), listed(99, 101, 102)},
		"all are on one page now":                                {listed(0, 100, 101), listed(0, 0, 100)},
	}
	for name, pages := range shifts {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sandbox.Principal{})
			w.shift(2, pages)
			if got, err := w.driver(t, nil).Repositories(t.Context()); err != nil || !slices.Equal(got, []string{image}) {
				t.Errorf("got %v, %v; want what the third reading lists", got, err)
			}
			w.shift(3, pages)
			if got, err := w.driver(t, nil).Repositories(t.Context()); got != nil || binding.KindOf(err) != binding.Unreadable {
				t.Errorf("got %v, %v; want an error", got, err)
			}
		})
	}
}
