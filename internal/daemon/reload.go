package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"sync"

	"reconciler/internal/config"
	"reconciler/internal/finding"
	"reconciler/internal/plan"
	"reconciler/internal/report"
	"reconciler/internal/source/folder"
)

// Reload says where a running daemon takes another configuration from. The
// zero Reload is for a daemon that keeps the one it has.
type Reload struct {
	// Path is the configuration file, which is watched and read.
	Path string
	// Asked gets a value where a person or a program asks to read it now
	// (SIGHUP). The files that it names are then read anew too, also where it
	// did not change itself.
	Asked <-chan os.Signal
}

// reloader runs one generation after the other.
type reloader struct {
	*Daemon
	reload Reload
	// tried is the content of the configuration file that was tried last.
	tried []byte
	// leaving are generations that still let go of what they held.
	leaving sync.WaitGroup
	// unwatched says that it was told already that the file is not watched.
	unwatched bool
}

// run runs the present generation, and every one that a configuration brings,
// until ctx ends and the last one did.
func (r *reloader) run(ctx context.Context) {
	stop := r.present().start(ctx)
	changes := r.watch(ctx)
	if !r.unchanged() {
		stop = r.changed(ctx, stop)
	}
	for {
		select {
		case <-ctx.Done():
			r.log.Info("stopping; calls in flight end first", "grace_period", r.present().config.Server.GracePeriod)
			stop()
			r.leaving.Wait()
			return
		case <-r.reload.Asked:
			stop = r.take(ctx, stop)
		case _, watched := <-changes:
			stop = r.changed(ctx, stop)
			if !watched {
				changes = nil
			}
		}
		if changes == nil {
			changes = r.watch(ctx)
		}
	}
}

// watch gives a signal for each change of the file; nil for one that cannot be
// watched now, on which a receive waits for ever.
func (r *reloader) watch(ctx context.Context) <-chan struct{} {
	if r.reload.Path == "" {
		return nil
	}
	changes, err := folder.WatchFile(ctx, r.reload.Path)
	if err != nil && !r.unwatched {
		r.log.Warn("configuration is not watched; SIGHUP still has it read", "err", err)
	}
	r.unwatched = err != nil
	return changes
}

// unchanged says that the file still holds what the daemon was started with.
// It may have changed before it was watched.
func (r *reloader) unchanged() bool {
	if r.reload.Path == "" {
		return true
	}
	data, err := config.Read(r.reload.Path)
	if err != nil {
		return false
	}
	read, _, err := config.Parse(r.reload.Path, data)
	if err != nil || !reflect.DeepEqual(read, *r.present().config) {
		return false
	}
	r.tried = data
	return true
}

// changed takes the configuration if the file holds another than the one that
// was tried last.
func (r *reloader) changed(ctx context.Context, stop func()) func() {
	data, err := config.Read(r.reload.Path)
	if err == nil && r.tried != nil && bytes.Equal(data, r.tried) {
		return stop
	}
	return r.take(ctx, stop)
}

// take reads the configuration and builds all that goes with it; only then are
// the running parts ended and the new ones started in their place. What is
// wrong with it leaves everything as it was. The new way to stop is returned.
func (r *reloader) take(ctx context.Context, stop func()) func() {
	next, found, err := r.next()
	for _, f := range found {
		r.log.Warn("configuration", "code", f.Code, "severity", f.Severity, "file", f.File,
			"line", f.Line, "column", f.Column, "message", report.English().Text(f.Message), "hint", report.English().Text(f.Hint))
	}
	if err != nil {
		r.refused(found, err)
		r.log.Error("configuration refused; running with the one before", "path", r.reload.Path, "err", err)
		r.happen(plan.Event{Kind: plan.ConfigurationRefused, From: r.reload.Path, Err: err})
		return stop
	}
	stop = r.exchange(ctx, stop, next)
	r.taken()
	r.log.Info("configuration taken", "path", r.reload.Path, "instances", len(next.instances), "source", next.config.SourceKey())
	r.happen(plan.Event{Kind: plan.ConfigurationTaken, From: r.reload.Path})
	return stop
}

// errRefused says that findings keep a configuration from being taken.
var errRefused = errors.New("it has findings of severity error")

// next reads the configuration and builds what it names. The error says that
// it cannot be taken, for which the findings may be the reason.
func (r *reloader) next() (_ *runner, found []finding.Finding, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("a fault of this program, please report it: panic with %T", v)
		}
	}()
	if r.reload.Path == "" {
		return nil, nil, errors.New("this daemon was started without a configuration file")
	}
	r.tried, err = config.Read(r.reload.Path)
	if err != nil {
		return nil, nil, err
	}
	next, found, err := config.ParseNext(r.reload.Path, r.tried, *r.present().config)
	if err != nil {
		return nil, nil, err
	}
	if finding.HasErrors(found) {
		return nil, found, errRefused
	}
	g, err := newRunner(r.Daemon, next)
	if err != nil {
		return nil, found, err
	}
	if g.takeWebhooks, err = r.webhooks.prepare(next); err != nil {
		g.engine.Close()
		return nil, found, err
	}
	return g, found, nil
}

// exchange ends the running generation, hands what it has in memory to the
// next, and starts that one.
func (r *reloader) exchange(ctx context.Context, stop func(), next *runner) func() {
	before := r.present()
	r.log.Debug("configuration is exchanged: calls in flight end first")
	stop()
	r.exchanging.Lock()
	next.inherit(before)
	r.current.Store(next)
	r.exchanging.Unlock()
	next.takeWebhooks()
	r.level.Set(next.config.Log.SlogLevel())
	stop = next.start(ctx)
	// Its Vault session ends while the next one works.
	r.leaving.Go(before.engine.Close)
	return stop
}

// inherit takes over what a change of the configuration does not make untrue.
// The generation before has ended.
func (r *runner) inherit(before *runner) {
	for _, i := range r.instances {
		at := slices.IndexFunc(before.instances, func(old *instance) bool { return old.Name == i.Name })
		if at < 0 {
			continue
		}
		old := before.instances[at]
		same := r.asksAs(before, i.Name)
		i.Inherit(old.Reconciler, same)
		if same {
			i.missing.Store(old.missing.Load())
		}
	}
	if r.config.SourceKey() == before.config.SourceKey() {
		r.follower.last = before.follower.last
		r.follower.expected = before.follower.expected
	}
}

// asksAs says that an instance is the same as in the generation before, and
// that code hosts and Vault are asked in the same way.
func (r *runner) asksAs(before *runner, name string) bool {
	of := func(c config.Config) config.Instance {
		i := c.Instances[slices.Index(c.InstanceNames(), name)]
		i.RequestsPerSecond, i.Burst = 0, 0
		return i
	}
	return reflect.DeepEqual(of(*r.config), of(*before.config)) &&
		reflect.DeepEqual(r.config.CodeHosts, before.config.CodeHosts) &&
		reflect.DeepEqual(r.config.Vault, before.config.Vault)
}
