package cli

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/config"
	"reconciler/internal/message"
	"reconciler/internal/report"
	"reconciler/internal/server"
	"reconciler/internal/state"
)

func newAudit(streams Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Read and verify the journal of what was done",
		Long: `audit reads the journal, which holds what the daemon remembers and did: records,
intents, suspensions, confirmations, where secrets were sent, and the history.
Each entry has a checksum and is chained to the previous one.`,
	}
	cmd.AddCommand(newAuditShow(streams), newAuditVerify(streams), newAuditAccept(streams))
	return cmd
}

// auditOptions are what `audit show` and `audit verify` depend on.
type auditOptions struct {
	streams           Streams
	config            string
	output            outputFlag
	binding, instance string
	since             string
	all               bool
	now               func() time.Time
}

func newAuditShow(streams Streams) *cobra.Command {
	opts := &auditOptions{streams: streams, now: time.Now}
	cmd := &cobra.Command{
		Use:   "show [BINDING]",
		Short: "Show the entries of the journal, oldest first",
		Long: `show prints the entries of the journal, oldest first. It reads the journal's
files without a lock, also while the daemon runs. Checkpoints, which
repeat what was known when a file began, are left out unless you give --all.
If the journal is damaged, show prints what can be read, and ends with code 3.
If the daemon runs, show also reports what the daemon found.`,
		Example: `  reconciler audit show
  reconciler audit show payments-gitlab --since 7d
  reconciler audit show --output json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			optional(args, &opts.binding)
			return runAuditShow(cmd.Context(), opts)
		},
	}
	configFlag(cmd, &opts.config)
	cmd.Flags().StringVar(&opts.instance, "instance", "", "only this instance")
	cmd.Flags().StringVar(&opts.since, "since", "", "only what is newer than a day, a `TIME` or a duration such as 7d")
	cmd.Flags().BoolVar(&opts.all, "all", false, "checkpoints too")
	opts.output.add(cmd)
	return cmd
}

func runAuditShow(ctx context.Context, opts *auditOptions) error {
	cfg, err := loadConfig(opts.streams, opts.config)
	if err != nil {
		return err
	}
	since, err := parseSince(opts.since, opts.now())
	if err != nil {
		return err
	}
	out := report.NewJournalEntries(opts.streams.Out, opts.output.json(), opts.streams.style(opts.streams.Out))
	found, err := state.ReadJournal(cfg.State.Path, func(e binding.JournalEntry) error {
		if e.Checkpoint && !opts.all || e.Time.Before(since) {
			return nil
		}
		if e.Changes = slices.DeleteFunc(e.Changes, opts.others); len(e.Changes) == 0 {
			return nil
		}
		return out.Write(e)
	})
	if err == nil {
		err = out.End()
	}
	if err != nil {
		return err
	}
	v := verified(ctx, cfg, found)
	if v.Intact {
		return nil
	}
	if err := report.JournalVerificationText(opts.streams.Err, v, opts.streams.style(opts.streams.Err)); err != nil {
		return err
	}
	return exitCode(exitFindings)
}

// verified is what reading a journal found. A running daemon has the index, so it
// may know of entries that are missing.
func verified(ctx context.Context, cfg config.Config, found binding.JournalState) report.JournalVerification {
	v := report.NewJournalVerification(found)
	if !v.Intact {
		return v
	}
	if d, err := client.New(cfg.Server.Socket).Daemon(ctx); err == nil {
		if c := binding.FindCondition(report.ConditionsOf(d.Conditions), client.JournalIntact); c != nil && c.Status == binding.False {
			v.Damaged(c.Message)
		}
		for _, part := range d.Unanswered {
			if part.Part == binding.PartJournal && found.Segments == 0 && v.Intact {
				v.Damaged(part.Why())
			}
		}
	}
	return v
}

// others reports whether a change is outside of the binding or instance that was
// asked for.
func (o *auditOptions) others(c binding.JournalChange) bool {
	instance, name := c.Of()
	return o.instance != "" && o.instance != instance || o.binding != "" && o.binding != name
}

func newAuditVerify(streams Streams) *cobra.Command {
	opts := &auditOptions{streams: streams}
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that every entry of the journal is intact and follows the previous one",
		Long: `verify reads the whole journal and checks the checksum and the chain of every
entry. It locks nothing. If the daemon runs, verify also reports what the daemon
found. If the journal is damaged, verify shows where the first damage is, and
ends with code 3. Store the last hash that it prints somewhere else: it later
proves that nothing before it was changed.`,
		Example: `  reconciler audit verify
  reconciler audit verify --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runAuditVerify(cmd.Context(), opts) },
	}
	configFlag(cmd, &opts.config)
	opts.output.add(cmd)
	return cmd
}

func runAuditVerify(ctx context.Context, opts *auditOptions) error {
	cfg, err := loadConfig(opts.streams, opts.config)
	if err != nil {
		return err
	}
	found, err := state.ReadJournal(cfg.State.Path, func(binding.JournalEntry) error { return nil })
	if err != nil {
		return err
	}
	v := verified(ctx, cfg, found)
	if opts.output.json() {
		err = report.JSON(opts.streams.Out, v)
	} else {
		err = report.JournalVerificationText(opts.streams.Out, v, opts.streams.style(opts.streams.Out))
	}
	if err == nil && !v.Intact {
		err = exitCode(exitFindings)
	}
	return err
}

type acceptOptions struct {
	streams Streams
	daemon  clientFlags
	by      string
	entry   uint64
}

func newAuditAccept(streams Streams) *cobra.Command {
	opts := &acceptOptions{streams: streams}
	cmd := &cobra.Command{
		Use:   "accept",
		Short: "Accept that the journal is damaged, so that changes continue",
		Long: `accept lets changes continue after damage to the journal. Run "audit verify" first,
and check with "get", "plan" and "audit show" what is known: suspensions,
confirmations and records that were in the damaged part may be missing. Or stop
the daemon and restore the files from a backup.

accept renames the damaged journal (NAME.broken-N) and starts a new one with
everything that is known. The history records who accepted what. With --entry, it accepts
only the damage that you looked at. It asks the running daemon; without one, it
changes the files itself.`,
		Example: `  reconciler audit accept --entry 812
  reconciler audit accept --by "Ada Lovelace"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runAuditAccept(cmd.Context(), opts) },
	}
	opts.daemon.add(cmd)
	byFlag(cmd, &opts.by, "accepts it")
	cmd.Flags().Uint64Var(&opts.entry, "entry", 0, "accept only damage that begins at entry `N`, as audit verify prints it")
	return cmd
}

func runAuditAccept(ctx context.Context, opts *acceptOptions) (err error) {
	if opts.by, err = requester(opts.by); err != nil {
		return err
	}
	daemon, err := opts.daemon.client(opts.streams)
	if err != nil {
		return err
	}
	damage, err := daemon.AcceptJournal(ctx, client.AcceptRequest{By: opts.by, Entry: opts.entry})
	if errors.Is(err, client.ErrNoDaemon) && !opts.daemon.given() {
		damage, err = acceptAlone(ctx, opts)
	}
	if err != nil {
		return err
	}
	return opts.streams.printMessage(opts.streams.Out, message.New("journal.accepted", "by", message.Foreign(opts.by), "damage", damage.Message()))
}

// acceptAlone is accept without a daemon.
func acceptAlone(ctx context.Context, opts *acceptOptions) (binding.JournalDamage, error) {
	who := server.ThisProcess().Person(opts.by)
	if err := who.Check(); err != nil {
		return binding.JournalDamage{}, err
	}
	cfg, err := loadConfig(opts.streams, opts.daemon.config)
	if err != nil {
		return binding.JournalDamage{}, err
	}
	store, err := state.Open(cfg.State.Path)
	if err != nil {
		return binding.JournalDamage{}, err
	}
	damage, err := store.Accept(ctx, who, opts.entry, time.Now())
	return damage, errors.Join(err, store.Close())
}
