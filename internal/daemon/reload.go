package daemon

import (
	"bytes"
	"context"
	"errors"
	"os"
	"reflect"
	"slices"
	"sync"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
	"reconciler/internal/source/folder"
)

// Reload says how a running daemon reloads its configuration. With the zero
// Reload, it never does.
type Reload struct {
	// Path is the configuration file, which is watched and read.
	Path string
	// Started is the content of the file that the daemon starts with. It may have
	// changed before it was watched.
	Started []byte
	// Asked receives a value when a person or a program asks for a reload
	// (SIGHUP). Then the files that the configuration names are read again too,
	// even if it did not change itself.
	Asked <-chan os.Signal
}

// reloader runs one runner after the other.
type reloader struct {
	*Daemon
	reload Reload
	// tried is the last content of the configuration file that the reloader tried
	// to load.
	tried []byte
	// closing waits for the engines of earlier configurations to close.
	closing sync.WaitGroup
	// watchFailed is true if it was logged that the file is not watched.
	watchFailed bool
}

// run runs the current runner, and a new one for each changed configuration,
// until ctx ends and the last runner has stopped.
func (r *reloader) run(ctx context.Context) {
	stop := r.currentRunner().start(ctx)
	changes := r.watch(ctx)
	if r.tried = r.reload.Started; r.reload.Path != "" {
		stop = r.changed(ctx, stop)
	}
	for {
		select {
		case <-ctx.Done():
			r.log.Info("stopping; calls in flight end first", "grace_period", r.currentRunner().config.Server.GracePeriod)
			stop()
			r.closing.Wait()
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

// watch returns a channel with a signal for each change of the file; nil, which
// blocks forever, if it cannot be watched now.
func (r *reloader) watch(ctx context.Context) <-chan struct{} {
	if r.reload.Path == "" {
		return nil
	}
	changes, err := folder.WatchFile(ctx, r.reload.Path)
	if err != nil && !r.watchFailed {
		r.log.Warn("cannot watch the configuration; SIGHUP still reloads it", "err", err)
	}
	r.watchFailed = err != nil
	return changes
}

// changed loads the configuration if it differs from the one that was tried last.
func (r *reloader) changed(ctx context.Context, stop func()) func() {
	data, err := config.Read(r.reload.Path)
	if err == nil && r.tried != nil && bytes.Equal(data, r.tried) {
		return stop
	}
	return r.take(ctx, stop)
}

// take reads the configuration and builds its runner. Only then does it stop the
// old runner and start the new one. An error changes nothing. take returns the
// function that stops the runner that runs now.
func (r *reloader) take(ctx context.Context, stop func()) func() {
	next, found, err := r.next()
	for _, f := range found {
		r.log.Warn("configuration", "code", f.Code, "severity", f.Severity, "file", f.File,
			"line", f.Line, "column", f.Column, "message", report.English().Text(f.Message), "hint", report.English().Text(f.Hint))
	}
	if err != nil {
		r.refused(found, err)
		r.log.Error("configuration refused; the previous one stays in use", "path", r.reload.Path, "err", err)
		r.addEvent(plan.Event{Kind: plan.ConfigurationRefused, From: r.reload.Path, Err: err})
		return stop
	}
	stop = r.exchange(ctx, stop, next)
	r.setConfigurationInForce()
	r.log.Info("configuration taken", "path", r.reload.Path, "instances", len(next.instances), "source", next.config.SourceKey())
	r.addEvent(plan.Event{Kind: plan.ConfigurationTaken, From: r.reload.Path})
	return stop
}

// errRefused means that a configuration was refused because of its findings.
var errRefused = message.NewError("daemon.has-errors")

// next reads the configuration and builds its runner. An error means that it
// cannot be used; found may be the reason.
func (r *reloader) next() (_ *runner, found []finding.Finding, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = binding.BugOf(v)
		}
	}()
	if r.reload.Path == "" {
		return nil, nil, message.NewError("daemon.no-file")
	}
	r.tried, err = config.Read(r.reload.Path)
	if err != nil {
		return nil, nil, err
	}
	next, found, err := config.ParseNext(r.reload.Path, r.tried, *r.currentRunner().config)
	if err != nil {
		return nil, nil, err
	}
	if finding.HasErrors(found) {
		return nil, found, errRefused
	}
	if err := errors.Join(next.Server.API.CheckTokens(), r.checkFiles(&next)); err != nil {
		return nil, found, err
	}
	built, err := newRunner(r.Daemon, next)
	if err != nil {
		return nil, found, err
	}
	built.digest = next.ValidBy(r.reload.Path, r.tried)
	if built.takeWebhooks, err = r.webhooks.prepare(next); err != nil {
		built.engine.Close()
		return nil, found, err
	}
	return built, found, nil
}

// exchange stops the current runner, passes what it has in memory to the next one,
// and starts that.
func (r *reloader) exchange(ctx context.Context, stop func(), next *runner) func() {
	before := r.currentRunner()
	r.log.Debug("switching to the new configuration; calls in flight end first")
	stop()
	r.exchanging.Lock()
	next.inherit(before)
	r.current.Store(next)
	r.exchanging.Unlock()
	next.takeWebhooks()
	r.useReceivers(next)
	r.level.Set(next.config.Log.SlogLevel())
	stop = next.start(ctx)
	// Closing ends its Vault session, while the next runner already works.
	r.closing.Go(before.engine.Close)
	return stop
}

// inherit takes over what is still valid under the new configuration. The
// previous runner has stopped.
func (r *runner) inherit(before *runner) {
	answering := []binding.Part{journalPart}
	for _, i := range r.instances {
		at := slices.IndexFunc(before.instances, func(old *instance) bool { return old.Name == i.Name })
		if at < 0 {
			continue
		}
		old := before.instances[at]
		same := r.observesAs(before, i.Name)
		i.Inherit(old.Reconciler, same)
		if same {
			i.missing.Store(old.missing.Load())
			answering = append(answering, instancePart(i.Name))
		}
	}
	if r.config.SourceKey() == before.config.SourceKey() {
		r.follower.last = before.follower.last
		r.follower.expected = before.follower.expected
		r.loaded.Store(before.loaded.Load())
		answering = append(answering, sourcePart)
	}
	for _, receiver := range r.config.ReceiverNames() {
		answering = append(answering, receiverPart(receiver))
	}
	r.parts.keep(r.now(), answering...)
}

// observesAs reports whether an instance, and the way in which code hosts and Vault
// are asked, are the same as in the previous runner.
func (r *runner) observesAs(before *runner, name string) bool {
	of := func(c config.Config) config.Instance {
		i := c.Instances[slices.Index(c.InstanceNames(), name)]
		i.RequestsPerSecond, i.Burst = 0, 0
		return i
	}
	return reflect.DeepEqual(of(*r.config), of(*before.config)) &&
		reflect.DeepEqual(r.config.CodeHosts, before.config.CodeHosts) &&
		reflect.DeepEqual(r.config.Vault, before.config.Vault)
}
