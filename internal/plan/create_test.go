package plan_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// missing is payments/api, which is declared with create and certainly does not
// exist.
func missing(change func(*linkWorld)) plan.Input {
	return linkCase(func(w *linkWorld) {
		w.repository.Create = &binding.Creation{Visibility: binding.Private, Summary: "The payments API"}
		w.state, w.record.Images = binding.RepositoryState{}, nil
		change(w)
	})()
}

func TestMissingRepositoriesAreMadeWhereDeclared(t *testing.T) {
	noon := noon()
	for _, tt := range []struct {
		name    string
		change  func(*linkWorld)
		want    []plan.Kind
		cause   plan.Cause
		missing bool
	}{
		{"the namespace is there", func(*linkWorld) {}, []plan.Kind{plan.Create, plan.AddRule}, plan.CauseAbsent, false},
		{"without create", func(w *linkWorld) { w.repository.Create = nil }, []plan.Kind{plan.Forbidden}, plan.CauseRepositoryMissing, true},
		{"calls not served", func(w *linkWorld) { w.in.Observation.Capabilities.CreateRepositories = false }, []plan.Kind{plan.Forbidden}, plan.CauseRepositoryMissing, true},
		{"not known", func(w *linkWorld) {
			w.state.Unknown = &binding.Unknown{Reason: "Timeout", Message: message.New("unknown.not-asked")}
		}, []plan.Kind{plan.Noop}, plan.CauseUnknown, false},
		{"observed only", func(w *linkWorld) { w.spec.ManagementPolicy = binding.Observe }, []plan.Kind{plan.Noop, plan.Noop}, plan.CauseAbsent, false},
		{"sources not readable", func(w *linkWorld) {
			w.in.Observation.Capabilities.ReadSources = false
			w.state.SourceUnknown = &binding.Unknown{Reason: binding.NotCapable}
		}, []plan.Kind{plan.Create}, plan.CauseAbsent, false},
		{"made by us, and removed by somebody", func(w *linkWorld) { w.record.Images = []binding.RecordedImage{recordedImage()} }, []plan.Kind{plan.Create, plan.AddRule}, plan.CauseDrift, false},
		{"the same, drift is reported only", func(w *linkWorld) {
			w.record.Images = []binding.RecordedImage{recordedImage()}
			w.spec.DriftPolicy = binding.Report
		}, []plan.Kind{plan.Noop}, plan.CauseDrift, false},
		{"made just now, and not shown yet", func(w *linkWorld) {
			w.record.Images = []binding.RecordedImage{{Image: "payments/api", Link: wantedLink(), LinkWritten: binding.Write{At: noon.Add(-time.Second)}}}
		}, []plan.Kind{plan.Noop}, plan.CauseNotVisible, false},
		{"made just now, source not readable", func(w *linkWorld) {
			w.in.Observation.Capabilities.ReadSources = false
			w.state.SourceUnknown = &binding.Unknown{Reason: binding.NotCapable}
			w.record.Images = []binding.RecordedImage{{Image: "payments/api", LinkWritten: binding.Write{At: noon.Add(-time.Second)}}}
		}, []plan.Kind{plan.Noop}, plan.CauseNotVisible, false},
		{"an earlier call is not answered", func(w *linkWorld) {
			w.in.Intents = []binding.Intent{{
				Instance: "prod", Binding: "payments-gitlab", Platform: binding.GitLab, Action: string(plan.Create),
				Object: binding.RepositoryObject("payments/api"), Started: noon.Add(-time.Second),
			}}
		}, []plan.Kind{plan.Noop}, plan.CauseNotVisible, false},
		{"there, with another summary", func(w *linkWorld) {
			w.state = binding.RepositoryState{Exists: true, Link: wantedLink(), Rules: []binding.ObservedRule{{ID: "1", BuildRule: mainRule("Dockerfile")}}}
			w.record.Images = []binding.RecordedImage{recordedImage()}
		}, []plan.Kind{plan.Noop}, plan.CauseSettled, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := plan.Make(missing(tt.change))
			var kinds []plan.Kind
			var cause plan.Cause
			for _, a := range p.Actions {
				if a.Object.IsAccount() {
					continue
				}
				kinds = append(kinds, a.Kind)
				if a.Object.Rule == "" {
					cause = a.Cause
				}
			}
			if !slices.Equal(kinds, tt.want) || cause != tt.cause {
				t.Errorf("got %v because of %s, want %v because of %s", kinds, cause, tt.want, tt.cause)
			}
			found := slices.ContainsFunc(p.Findings, func(f finding.Finding) bool { return f.Code == "image-repository-missing" })
			if found != tt.missing {
				t.Errorf("finding image-repository-missing: %v, want %v", found, tt.missing)
			}
		})
	}
}

// The plan shows everything that is created, and what an action needs for it.
func TestAPlanShowsWhatIsMade(t *testing.T) {
	p := plan.Make(missing(func(w *linkWorld) { w.state.NoNamespace = true }))
	i := slices.IndexFunc(p.Actions, func(a plan.Action) bool { return a.Kind == plan.Create })
	if i < 0 {
		t.Fatalf("no create in %v", p.Actions)
	}
	a := p.Actions[i]
	for _, want := range []plan.Change{
		{Field: "namespace", To: "payments"},
		{Field: "visibility", To: "private"},
		{Field: "summary", To: "The payments API"},
		{Field: "source", To: "payments/api"},
		{Field: "trigger", To: "auto"},
	} {
		if !slices.ContainsFunc(a.Changes, func(c plan.Change) bool { return reflect.DeepEqual(c, want) }) {
			t.Errorf("%v is not in %v", want, a.Changes)
		}
	}
	if !a.Target.NoNamespace || a.Target.Link == nil || a.Target.Remembered() == nil {
		t.Errorf("target %+v", a.Target)
	}
}
