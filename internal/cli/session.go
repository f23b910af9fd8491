package cli

import (
	"context"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/engine"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/observe"
	"reconciler/internal/plan"
	"reconciler/internal/report"
	"reconciler/internal/server"
	"reconciler/internal/source"
)

// sessionOptions are the options of a plan or an apply.
type sessionOptions struct {
	config string
	// path is a folder of declarations, instead of the configured source.
	path           string
	readOnly       bool
	allowDeletions bool
	// unread skips reading the source.
	unread bool
	// snapshot replaces the observation.
	snapshot snapshotOptions
	// offline builds no client of the secret store, because its files may be
	// missing here.
	offline bool
	limit   limitFlags
	// bare replaces the configuration; nil if there is a configuration.
	bare   *bareConfig
	events func(plan.Event)
}

// planner is the part of the engine that a plan may use. It has no method that
// writes, so a plan that writes does not compile.
type planner interface {
	Check(ctx context.Context, snapshot source.Snapshot, root string, before ...binding.Declaration) (engine.Loaded, error)
	PlanEach(ctx context.Context, loaded []engine.Loaded, depth binding.Depth) ([]engine.Planned, error)
}

// session is one snapshot of the source and everything that planning it needs.
type session struct {
	engine planner
	close  func()
	source config.Source
	policy config.Policy
	loaded engine.Loaded
	// basis is that of the published observation; zero without one.
	basis report.Basis
	// planned is the last plan.
	planned engine.Planned
}

// observation is the digest of the observations that the last plan was made from.
func (s *session) observation() string { return observe.Digest(s.planned.Observations()) }

// openSession opens a session that can only plan.
func openSession(ctx context.Context, streams Streams, opts sessionOptions) (*session, error) {
	opts.readOnly = true
	s, _, err := openEngine(ctx, streams, opts)
	return s, err
}

// read returns the configuration and the published observation to plan from;
// nil if the plan observes everything itself.
func (o sessionOptions) read(ctx context.Context, streams Streams) (cfg config.Config, _ *report.Published, _ report.Basis, err error) {
	if o.bare != nil {
		cfg = o.bare.config
	} else if cfg, err = o.loadConfig(streams); err != nil {
		return cfg, nil, report.Basis{}, err
	}
	cfg.Log.Level = "warn"
	cfg.Safety.AllowDeletions = cfg.Safety.AllowDeletions || o.allowDeletions
	if o.bare != nil {
		return cfg, o.bare.published, report.Basis{}, nil
	}
	if o.offline {
		cfg.Vault = nil
	}
	if o.path != "" {
		cfg.Source = config.Source{Folder: &config.Folder{Path: o.path}, MaxFiles: cfg.Source.MaxFiles}
	}
	cfg.Source.MaxFiles = o.limit.limits(cfg.Source.MaxFiles).Files
	published, basis, err := o.snapshot.read(ctx, streams, cfg, time.Now())
	return cfg, published, basis, err
}

// loadConfig reads the configuration. A plan is often made on a machine without
// the daemon's files, so one line lists those that are missing.
func (o sessionOptions) loadConfig(streams Streams) (config.Config, error) {
	if !o.readOnly {
		return loadConfig(streams, o.config)
	}
	cfg, findings, err := config.Load(o.config)
	if err != nil {
		return cfg, err
	}
	var missing []string
	findings = slices.DeleteFunc(findings, func(f finding.Finding) bool {
		if f.Code == "file-missing" {
			missing = append(missing, f.Path)
		}
		return f.Code == "file-missing"
	})
	if len(missing) > 0 {
		if err := streams.printMessage(streams.Err, message.New("cli.plan.missing", "file", o.config, "fields", missing)); err != nil {
			return cfg, err
		}
	}
	return cfg, printFindings(streams, findings)
}

// openEngine opens a session and also returns the engine, for commands that
// write.
func openEngine(ctx context.Context, streams Streams, opts sessionOptions) (*session, *engine.Engine, error) {
	cfg, snapshot, basis, err := opts.read(ctx, streams)
	if err != nil {
		return nil, nil, err
	}
	name, _ := requester("") // A user without a name is recorded as empty.
	options := engine.Options{
		Redactor: streams.redactor, Published: snapshot, Who: server.ThisProcess().Person(name),
		Config: cfg, LogTo: streams.Err, ReadOnly: opts.readOnly, Events: opts.events, AnyInstance: opts.bare != nil,
	}
	allowDemoSites(ctx, opts.config, cfg, &options)
	e, err := engine.New(ctx, options)
	if err != nil {
		return nil, nil, err
	}
	s := &session{engine: e, close: e.Close, source: cfg.Source, policy: cfg.Policy, basis: basis}
	if opts.unread {
		return s, e, nil
	}
	if s.loaded, err = e.Load(ctx); err != nil {
		e.Close()
		return nil, nil, err
	}
	return s, e, nil
}

// files returns the paths of files that declare something, and of those that
// cannot be read.
func (s *session) files() []string {
	files := s.loaded.Desired.AllBroken()
	for _, d := range s.loaded.Desired.Declarations {
		files = append(files, d.File)
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// plan plans all instances and adds the findings of the files.
func (s *session) plan(ctx context.Context, depth binding.Depth) (plan.Plan, error) {
	planned, err := s.engine.PlanEach(ctx, []engine.Loaded{s.loaded}, depth)
	if err != nil {
		return plan.Plan{}, err
	}
	s.planned = planned[0]
	return withFindings(planned[0].Plan, s.loaded, depth), nil
}

// withFindings adds the findings of the files to a plan.
func withFindings(p plan.Plan, loaded engine.Loaded, depth binding.Depth) plan.Plan {
	if depth == binding.DepthOffline {
		// The user chose to ask nothing: one line about that is enough.
		p.Findings = slices.DeleteFunc(p.Findings, func(f finding.Finding) bool { return f.Code == "observation-unknown" })
	}
	p.Findings = finding.Sort(append(p.Findings, loaded.Findings...))
	return p
}

// printFindings prints the findings of a configuration on standard error, and
// returns an error if one has severity error.
func printFindings(streams Streams, findings []finding.Finding) error {
	if len(findings) > 0 {
		if err := report.Findings(streams.Err, findings, streams.style(streams.Err)); err != nil {
			return err
		}
	}
	if finding.HasErrors(findings) {
		return exitCode(exitFindings)
	}
	return nil
}
