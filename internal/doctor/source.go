package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/engine"
	"reconciler/internal/finding"
	"reconciler/internal/source"
	"reconciler/internal/state"
)

// state looks whether the state file is usable, or held by a daemon that
// answers.
func (d *doctor) state(ctx context.Context, l *list) {
	const question = "state-file"
	for _, e := range d.o.Engine.Config.Exposures() {
		if e.Writes {
			l.no("file-mode", e.Path, "Writable", e.Field+": "+e.Problem, "until then the daemon does not start")
			continue
		}
		l.no("file-mode", e.Path, "Exposed", e.Field+": "+e.Problem, "change the mode; the daemon starts all the same, and logs a warning")
	}
	path, socket := d.o.Engine.Config.State.Path, d.o.Engine.Config.Server.Socket
	if len(d.o.Engine.Config.Instances) > 0 {
		daemon := client.New(socket)
		err := d.ask(ctx, func(ctx context.Context) error {
			_, err := daemon.Memory(ctx, d.o.Engine.Config.Instances[0].Name)
			return err
		})
		switch {
		case err == nil:
			l.yes(question, path, "HeldByDaemon", "a daemon is running and answers on "+socket)
			return
		case !errors.Is(err, client.ErrNoDaemon):
			l.unknown("daemon", socket, "NoAnswer", err.Error(), "look at the daemon's log, and at who may open the socket")
		}
	}
	switch err := state.Probe(path); {
	case err == nil:
		l.yes(question, path, "Usable", "the state file is whole, and no daemon is running")
	case errors.Is(err, fs.ErrNotExist):
		l.yes(question, path, "NotThereYet", "there is no state file yet: the first run makes it")
	case errors.Is(err, state.ErrLocked):
		l.no(question, path, "Locked", "another process has the state file open, and no daemon answers on "+socket,
			"stop that process, or name its socket in server.socket")
	case errors.Is(err, fs.ErrPermission):
		l.no(question, path, "Forbidden", err.Error(), "run as the user that owns the state file")
	default:
		l.no(question, path, "Unusable", err.Error(), "the next run puts it aside and rebuilds it by observing; restore it from a backup to keep what is ours")
	}
}

// source reads the newest snapshot and checks its files.
func (d *doctor) source(ctx context.Context, l *list) {
	src, err := engine.NewSource(d.o.Engine, nil)
	if err != nil {
		l.failed("source", "", err)
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
		l.notAsked("files", "", "the source could not be read")
		return
	}
	d.files(ctx, l, snapshot)
}

func (d *doctor) folder(l *list, err error) {
	path := d.o.Engine.Config.Source.Folder.Path
	if err != nil {
		l.failed("folder", path, err)
		return
	}
	l.yes("folder", path, "Readable", "the folder can be read")
}

// git shows how far the way to the snapshot leads: to the server, into the
// repository, to the revision, to the path.
func (d *doctor) git(l *list, err error) {
	g := d.o.Engine.Config.Source.Git
	revision := cmp.Or(named("commit ", g.Commit), named("tag ", g.Tag), "branch "+g.Branch)
	steps := []struct {
		question                binding.Question
		object, reason, message string
	}{
		{"reachable", g.URL, "Answered", "the server answers"},
		{"access", g.URL, "Accepted", "the repository can be read with these credentials"},
		{"revision", revision, "Found", "the revision is there"},
		{"path", "/" + strings.Trim(g.Path, "/"), "Found", "the path is there and can be read"},
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
			l.notAsked(s.question, s.object, "it needs "+string(steps[stopped].question))
		}
	}
}

func named(what, name string) string {
	if name == "" {
		return ""
	}
	return what + name
}

// gitStep is where on the way an error stopped, as an index into the steps of
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
	case f.Op == "git: path":
		return 3
	case f.Kind == binding.Forbidden, f.Kind == binding.NotFound, f.Kind == binding.Refused:
		return 1
	}
	return 0
}

// files checks the declarations, and chooses those to look at.
func (d *doctor) files(ctx context.Context, l *list, snapshot source.Snapshot) {
	loaded, err := engine.CheckSnapshot(ctx, d.o.Engine, snapshot, slices.Concat(slices.Collect(maps.Values(d.applied))...)...)
	if err != nil {
		l.failed("files", snapshot.Revision, err)
		return
	}
	for _, f := range loaded.Findings {
		if f.Code != "token-expiry" || f.Severity == finding.Error {
			l.finding(f)
		}
	}
	l.yes("files", snapshot.Revision, "Read", fmt.Sprintf("declarations that can be used: %d; broken files: %d",
		len(loaded.Desired.Declarations), len(loaded.Desired.Broken)))
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
			l.no("binding", name, "NotDeclared", "no usable declaration has this name", "declared are: "+strings.Join(names, ", "))
		}
	}
}
