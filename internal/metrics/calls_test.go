package metrics

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCallsAreCountedByTargetAndOnlyThoseThatWereSent(t *testing.T) {
	m := New(sourcesOf(time.Now()))
	for _, call := range []Call{
		{To: Registry, Name: "prod", Operation: "GetRepoList", Result: "OK", Took: time.Second},
		{To: Registry, Name: "prod", Unsent: true, Waited: time.Second},
		{To: CodeHost, Name: "gitlab", Result: StatusClass(404)},
		{To: CodeHost, Name: "gitlab", Unsent: true},
		{To: Vault, Operation: "login", Result: StatusClass(0)},
		{To: Git, Operation: "fetch", Result: ResultError},
	} {
		m.Called(call)
	}
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if metric.GetCounter() == nil || !strings.HasSuffix(family.GetName(), "_requests_total") {
				continue
			}
			var labels []string
			for _, label := range metric.GetLabel() {
				labels = append(labels, label.GetValue())
			}
			got[family.GetName()+" "+strings.Join(labels, " ")] = metric.GetCounter().GetValue()
		}
	}
	want := map[string]float64{
		"reconciler_registry_requests_total OK GetRepoList prod": 1,
		"reconciler_code_host_requests_total 4xx gitlab":         1,
		"reconciler_vault_requests_total none login":             1,
		"reconciler_git_requests_total fetch error":              1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
