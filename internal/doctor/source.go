package doctor

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/engine"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/source"
	"reconciler/internal/state"
)

// state checks whether the state file is usable, or locked by a daemon that
// answers.
func (d *doctor) state(ctx context.Context, l *list) {
	const question = "state-file"
	for _, e := range d.o.Engine.Config.Exposures() {
		exposed := message.New("doctor.exposed", "field", e.Field, "problem", e.Problem)
		if e.Writes {
			l.no("file-mode", verbatim(e.Path), "Writable", exposed, message.New("doctor.exposed-stops"))
			continue
		}
		l.no("file-mode", verbatim(e.Path), "Exposed", exposed, message.New("doctor.exposed-warns"))
	}
	object, socket := verbatim(d.o.Engine.Config.State.Path), d.o.Engine.Config.Server.Socket
	if len(d.o.Engine.Config.Instances) > 0 {
		daemon := client.New(socket)
		err := d.ask(ctx, func(ctx context.Context) error {
			_, err := daemon.Memory(ctx, d.o.Engine.Config.Instances[0].Name)
			return err
		})
		switch {
		case err == nil:
			l.yes(question, object, "HeldByDaemon", message.New("doctor.state.daemon", "socket", socket))
			return
		case !errors.Is(err, client.ErrNoDaemon):
			l.unknown("daemon", verbatim(socket), "NoAnswer", message.FromError(err), message.New("doctor.see-daemon"))
		}
	}
	switch err := state.Probe(d.o.Engine.Config.State.Path); {
	case err == nil:
		l.yes(question, object, "Usable", message.New("doctor.state.usable"))
	case errors.Is(err, fs.ErrNotExist):
		l.yes(question, object, "NotThereYet", message.New("doctor.state.new"))
	case errors.Is(err, state.ErrLocked):
		l.no(question, object, "Locked", message.New("doctor.state.locked", "socket", socket), message.New("doctor.state.unlock"))
	case errors.Is(err, fs.ErrPermission):
		l.no(question, object, "Forbidden", message.FromError(err), message.New("doctor.state.owner"))
	default:
		l.no(question, object, "Unusable", message.FromError(err), message.New("doctor.state.rebuild"))
	}
}

// source reads the newest snapshot and checks its files.
func (d *doctor) source(ctx context.Context, l *list) {
	src, err := engine.NewSource(d.o.Engine, nil)
	if err != nil {
		l.failed("source", message.Message{}, err)
		return
	}
	defer func() { _ = src.Close() }()
	var snapshot source.Snapshot
	err = d.ask(ctx, func(ctx context.Context) (err error) {
		snapshot, _, err = src.Snapshot(ctx, "")
		return err
	})
	if d.o.Engine.Config.Source.Folder != nil {
		d.folder(l, err)
	} else {
		d.git(l, err)
	}
	if err != nil {
		l.notAsked("files", message.Message{}, message.New("doctor.no-source"))
		return
	}
	d.files(ctx, l, snapshot)
}

func (d *doctor) folder(l *list, err error) {
	path := verbatim(d.o.Engine.Config.Source.Folder.Path)
	if err != nil {
		l.failed("folder", path, err)
		return
	}
	l.yes("folder", path, "Readable", message.New("doctor.folder"))
}

// git shows which steps to the snapshot succeed: server, repository, revision,
// path.
func (d *doctor) git(l *list, err error) {
	g := d.o.Engine.Config.Source.Git
	revision := message.New("doctor.branch", "name", g.Branch)
	switch {
	case g.Commit != "":
		revision = message.New("doctor.commit", "name", g.Commit)
	case g.Tag != "":
		revision = message.New("doctor.tag", "name", g.Tag)
	}
	steps := []struct {
		question binding.Question
		object   message.Message
		reason   string
		message  message.Message
	}{
		{"reachable", verbatim(g.URL), "Answered", message.New("doctor.answers")},
		{"access", verbatim(g.URL), "Accepted", message.New("doctor.repository")},
		{"revision", revision, "Found", message.New("doctor.revision")},
		{"path", verbatim("/" + strings.Trim(g.Path, "/")), "Found", message.New("doctor.path")},
	}
	stopped := len(steps)
	if err != nil {
		stopped = gitStep(err)
	}
	for i, s := range steps {
		switch {
		case i < stopped:
			l.yes(s.question, s.object, s.reason, s.message)
		case i == stopped:
			l.failed(s.question, s.object, err)
		default:
			l.notAsked(s.question, s.object, message.New("doctor.needs", "question", steps[stopped].question))
		}
	}
}

// gitStep is the step at which an error occurred, as an index into the steps of
// git.
func gitStep(err error) int {
	f, ok := errors.AsType[*binding.Failure](err)
	if !ok {
		return 0
	}
	switch f.Code {
	case "ref", "commit", "empty-repository":
		return 2
	case "certificate", "host-key-unknown", "host-key-changed", "host-key-revoked", "redirect", "not-git":
		return 0
	}
	switch {
	case f.Op.ID == "op.git.path":
		return 3
	case f.Kind == binding.Forbidden, f.Kind == binding.NotFound, f.Kind == binding.Refused:
		return 1
	}
	return 0
}

// files checks the declarations, and selects those to check further.
func (d *doctor) files(ctx context.Context, l *list, snapshot source.Snapshot) {
	loaded, err := engine.CheckSnapshot(ctx, d.o.Engine, snapshot, slices.Concat(slices.Collect(maps.Values(d.applied))...)...)
	if err != nil {
		l.failed("files", verbatim(snapshot.Revision), err)
		return
	}
	for _, f := range loaded.Findings {
		if f.Code != "token-expiry" || f.Severity == finding.Error {
			l.finding(f)
		}
	}
	l.yes("files", verbatim(snapshot.Revision), "Read", message.New("doctor.files", "declarations", len(loaded.Desired.Declarations), "broken", len(loaded.Desired.Broken)))
	d.known, d.snapshot = true, loaded.Desired.Declarations
	var names []string
	for _, b := range loaded.Desired.Declarations {
		names = append(names, b.Name)
		if len(d.o.Bindings) == 0 || slices.Contains(d.o.Bindings, b.Name) {
			d.declared = append(d.declared, b)
		}
	}
	slices.SortStableFunc(d.declared, func(a, b binding.Declaration) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Spec.Instance, b.Spec.Instance), cmp.Compare(a.File, b.File))
	})
	slices.Sort(names)
	for _, name := range slices.Compact(slices.Sorted(slices.Values(d.o.Bindings))) {
		if !slices.Contains(names, name) {
			l.no("binding", verbatim(name), "NotDeclared", message.New("doctor.not-declared"), message.New("doctor.declared", "names", names))
		}
	}
}
