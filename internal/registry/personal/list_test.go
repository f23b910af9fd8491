package personal

import (
	"fmt"
	"slices"
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
	if n := w.registry.Count("GetRepoList"); n != 3 {
		t.Errorf("%d calls, want 3", n)
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
		{"one twice", answer(`{"data":{"repos":[` + one + `,` + one + `],"total":2}}`), binding.Unreadable},
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
