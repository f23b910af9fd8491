package plan

import (
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// create plans an image repository that does not exist. It reports whether this
// plan creates it with a source that can be read.
func (m *maker) create(r image) bool {
	caps, made := m.in.Observation.Capabilities, r.Create
	if u, is := m.unseenOn("", binding.RepositoryObject(r.name)); is && made != nil {
		m.onImage(r, u.notVisible())
		return false
	}
	reason := message.New("reason.no-repository")
	if made != nil {
		reason = m.cannot(message.New("reason.create"), "createRepositories")
	}
	if made == nil || !caps.CreateRepositories {
		m.onImage(r, Action{Kind: Forbidden, Cause: CauseRepositoryMissing, Reason: reason})
		m.find(r.d, r.path+".image", finding.New("image-repository-missing", message.New("plan.no-repository",
			"name", r.d.Name, "image", r.name)))
		return false
	}
	want := wantedLink(r)
	a := Action{
		Kind: Create, Cause: CauseAbsent, Object: binding.RepositoryObject(r.name), Reason: reason, Changes: creationChanges(r),
		Target: Target{Link: &want, Create: made, NoNamespace: r.state.NoNamespace, Unconfirmed: !caps.ReadSources},
	}
	if r.linkedByUs() {
		a.Cause, a.Reason = CauseDrift, message.New("reason.repository-gone")
	}
	switch {
	case a.Repairs() && r.d.Spec.DriftPolicy == binding.Report && !r.observesOnly():
		m.onImage(r, Action{Kind: Noop, Cause: CauseDrift, Reason: onlyReported(a.Reason)})
		m.find(r.d, r.path, finding.New("drift", message.New("plan.link-drift", "name", r.d.Name, "image", r.name)))
		return false
	case r.obstacle.cause != "":
		a = r.obstacle.forbids(a.Changes)
	default:
		a = m.unlessFlapping(r.subject, r.path, a)
	}
	m.onImage(r, a)
	return a.Kind == Create && caps.ReadSources
}

// creationChanges are all fields of an image repository that is created.
func creationChanges(r image) []Change {
	changes := append(linkChanges(r, nil),
		Change{Field: "visibility", To: string(r.Create.Visibility)}, Change{Field: "summary", To: r.Create.Summary})
	if r.state.NoNamespace {
		namespace, _, _ := strings.Cut(r.name, "/")
		changes = append(changes, Change{Field: "namespace", To: namespace})
	}
	return changes
}
