package cli

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"reconciler/internal/binding"
	"reconciler/internal/confine"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

type planOptions struct {
	streams   Streams
	config    string
	path      string
	output    reportFlag
	full      bool
	preflight bool
	offline   bool
	detailed  bool
	deletions bool
	out       string
	change    changeOptions
	snapshot  snapshotOptions
	// fromDaemon shows the daemon's last plan instead of making one.
	fromDaemon bool
	daemon     clientFlags
	// explain is the binding whose plan to explain.
	explain string
	// noConfig is true if there is no configuration and none was named.
	noConfig bool
	limit    limitFlags
}

func newPlan(streams Streams) *cobra.Command {
	opts := &planOptions{streams: streams}
	cmd := &cobra.Command{
		Use:   "plan [PATH]",
		Short: "Show what would change, and change nothing",
		Long: `plan compares the declarations with the registry, and shows the actions that
converge the registry to them. It reads the configured source, or the folder
PATH instead, asks the registry and the metadata of the secret store, and writes
nothing.

--preflight also asks the code hosts, and reads the tokens for that. --offline
asks nothing but the source and needs no credentials: it shows the findings in
the files and the declared expiry of tokens, and compares nothing. It also works
without a configuration: it then reads the folder PATH, or bindings/, or the
current folder, and accepts every instance. --snapshot
plans from what a running daemon observed and published. It asks nothing and
needs no credentials; what no declaration named at that time is shown as
not observed. --out saves the plan in a file that contains no secret; "apply FILE"
applies that plan and no other.

--explain shows what the plan of one binding was made from: the declaration with
its file and line, the answers of the registry, the secret store and the code
host, what is remembered, suspensions and windows. It shows each action of the
binding with the cause that decided.

With --from-daemon it makes no plan. It shows the last one of the running
daemon, with its time and revision.

With --base it plans a change, in a clone: which bindings differ between the
revisions base and head, and what the change does, separately from what was
pending without it. It reads git objects and never the work tree, unless --head
is WORKTREE. Base is the merge base of both, policy/*.cue comes from the base as
it is now, file names start at the repository's root, and the exit code depends
only on the change.

` + exitHelp,
		Example: `  reconciler plan
  reconciler plan bindings/ --detailed-exitcode
  reconciler plan --offline bindings/
  reconciler plan --snapshot snapshot.json --base origin/main
  reconciler plan --snapshot https://files.example.com/snapshot.json --snapshot-token-file token
  reconciler plan --out reviewed.plan
  reconciler plan --explain payments-gitlab
  reconciler plan --from-daemon
  reconciler plan --base origin/main --detailed-exitcode --output text --output github
  reconciler plan --preflight --output json
  reconciler plan --output text --output markdown=comment.md --output sarif=plan.sarif`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			optional(args, &opts.path)
			opts.noConfig = withoutConfig(cmd, opts.daemon.config)
			defer confine.DelayGC()()
			return runPlan(cmd.Context(), opts)
		},
	}
	opts.addFlags(cmd)
	return cmd
}

func (o *planOptions) addFlags(cmd *cobra.Command) {
	o.daemon.add(cmd)
	o.output.add(cmd)
	cmd.Flags().BoolVar(&o.fromDaemon, "from-daemon", false, "show the running daemon's last plan instead of making one")
	for _, other := range []string{"preflight", "offline", "out", "base", "head", "repo", "snapshot", "unsafe-allow-deletions"} {
		defer cmd.MarkFlagsMutuallyExclusive("from-daemon", other)
	}
	cmd.Flags().StringVar(&o.explain, "explain", "", "show what the plan of `BINDING` was made from, and which cause decided each action (text or json)")
	completeBinding(cmd, "explain", &o.daemon)
	for _, other := range []string{"from-daemon", "base", "head", "repo", "out", "full", "detailed-exitcode"} {
		defer cmd.MarkFlagsMutuallyExclusive("explain", other)
	}
	cmd.Flags().BoolVar(&o.full, "full", false, "also show what does not change")
	cmd.Flags().BoolVar(&o.preflight, "preflight", false, "also ask the code hosts about tokens, accounts and projects")
	cmd.Flags().BoolVar(&o.offline, "offline", false, "ask nothing but the source")
	cmd.Flags().StringVar(&o.out, "out", "", "save the plan in `FILE`, for \"apply FILE\"")
	cmd.Flags().StringVar(&o.change.base, "base", "", "plan the change that starts at revision `REF` of a clone")
	cmd.Flags().StringVar(&o.change.head, "head", "HEAD", "revision `REF` at which the change ends; WORKTREE means the files as they are")
	cmd.Flags().StringVar(&o.change.repo, "repo", "", "folder `DIR` in the clone (default: the current folder)")
	o.snapshot.add(cmd)
	o.limit.add(cmd)
	cmd.MarkFlagsMutuallyExclusive("preflight", "offline")
	cmd.MarkFlagsMutuallyExclusive("out", "offline")
	cmd.Flags().BoolVar(&o.detailed, "detailed-exitcode", false, "exit with 2 if changes are due")
	deletionsFlag(cmd, &o.deletions)
}

// deletionsFlag adds the flag that a refusal for safety suggests.
func deletionsFlag(cmd *cobra.Command, allow *bool) {
	cmd.Flags().BoolVar(allow, "unsafe-allow-deletions", false, "allow removals that were refused for safety")
}

func runPlan(ctx context.Context, opts *planOptions) error {
	opts.config = opts.daemon.config
	targets, err := opts.output.targets(opts.out)
	if err != nil {
		return err
	}
	if opts.daemon.given() && !opts.fromDaemon {
		return requires("--from-daemon", "--socket", "--server")
	}
	if opts.fromDaemon {
		return showDaemonPlan(ctx, opts, targets)
	}
	if opts.change.base == "" && opts.change != (changeOptions{head: "HEAD"}) {
		return requires("--base", "--head", "--repo")
	}
	if err := opts.snapshot.check(opts); err != nil {
		return err
	}
	session, err := openPlanSession(ctx, opts)
	if err != nil {
		return err
	}
	defer session.close()
	if opts.out != "" && opts.change.base != "" && session.source.Folder != nil {
		return message.NewError("cli.plan.no-git")
	}
	document, err := session.document(ctx, opts)
	if err != nil {
		return err
	}
	if opts.explain != "" {
		return explain(opts, session, document.Basis, targets)
	}
	if err := writeReports(opts.streams, targets, document, opts.full); err != nil {
		return err
	}
	if err := keepPlan(opts.out, session, document); err != nil {
		return err
	}
	return planned(document, opts)
}

// planned returns the exit code of a plan.
func planned(document report.Document, opts *planOptions) error {
	code := planExit(*document.Plan, opts.detailed)
	if code == nil && opts.offline && opts.detailed && document.Change != nil && len(document.Change.Touched) > 0 {
		return exitCode(exitChanges) // The registry was not asked; the files differ.
	}
	return code
}

// keepPlan writes the plan for apply, if --out names a file.
func keepPlan(file string, s *session, document report.Document) error {
	if file == "" {
		return nil
	}
	kept := report.PlanFile{Plan: *document.Plan, Basis: document.Basis, Revision: s.loaded.Desired.Revision, Observation: s.observation()}
	if document.Change != nil {
		kept.Plan = document.Change.Whole
	}
	return savePlan(file, kept)
}

// openPlanSession opens the session of a plan, with the configuration if there
// is one.
func openPlanSession(ctx context.Context, opts *planOptions) (s *session, err error) {
	from := sessionOptions{
		config: opts.config, path: opts.path, allowDeletions: opts.deletions, unread: opts.change.base != "",
		snapshot: opts.snapshot, offline: opts.offline, limit: opts.limit,
	}
	if opts.offline && opts.noConfig {
		if from.bare, err = readBare(ctx, opts); err != nil {
			return nil, err
		}
	}
	return openSession(ctx, opts.streams, from)
}

// explain shows what the plan of one binding is based on.
func explain(opts *planOptions, s *session, basis report.Basis, targets []report.Target) error {
	e := report.NewExplanation(opts.explain, basis.Depth, s.planned.Rounds())
	if len(e.Instances) == 0 {
		return message.NewError("cli.plan.unexplained", "name", opts.explain)
	}
	return report.WriteExplanation(outputOf(opts.streams), targets, e, opts.streams.style(opts.streams.Out))
}

// showDaemonPlan shows the last plan of a running daemon.
func showDaemonPlan(ctx context.Context, opts *planOptions, targets []report.Target) error {
	if opts.path != "" {
		return message.NewError("cli.plan.daemon-source")
	}
	daemon, err := opts.daemon.client(opts.streams)
	if err != nil {
		return err
	}
	last, err := daemon.LastPlan(ctx)
	if err != nil {
		return err
	}
	document := last.Document()
	if err := writeReports(opts.streams, targets, document, opts.full); err != nil {
		return err
	}
	return planExit(*document.Plan, opts.detailed)
}

// document makes the requested plan: of the source, or of a change.
func (s *session) document(ctx context.Context, opts *planOptions) (report.Document, error) {
	depth, word := opts.depth()
	basis := s.basis
	basis.Depth = cmp.Or(basis.Depth, word)
	if opts.change.base != "" {
		c, err := readChange(ctx, opts.change, s.source)
		if err != nil {
			return report.Document{}, err
		}
		basis.Base, basis.Head = c.basis.Base, c.basis.Head
		c.basis = basis
		return s.planChange(ctx, c, depth)
	}
	p, err := s.plan(ctx, depth)
	if basis.Depth != report.FromPublished { // Nothing was asked for that.
		basis.Unanswered = s.planned.Unanswered()
	}
	return report.Document{Plan: &p, Files: s.files(), FromRoot: sourceFromRoot(s.source), Basis: basis}, err
}

// depth is how much the plan reads, and the report's term for it.
func (o *planOptions) depth() (binding.Depth, report.Depth) {
	switch {
	case o.offline:
		return binding.DepthOffline, report.Offline
	case o.preflight:
		return binding.DepthPreflight, report.Preflight
	}
	return binding.DepthLive, report.Live
}

// planExit is the exit code of a plan that was shown.
func planExit(p plan.Plan, detailed bool) error {
	return exitBy(p.Refused(), hasFinding(p, "observation-unknown"), finding.HasErrors(p.Findings), detailed && p.HasChanges())
}

func hasFinding(p plan.Plan, codes ...string) bool {
	return slices.ContainsFunc(p.Findings, func(f finding.Finding) bool { return slices.Contains(codes, f.Code) })
}
