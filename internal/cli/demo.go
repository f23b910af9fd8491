package cli

import (
	"bytes"
	"context"
	"errors"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/binding"
	"reconciler/internal/daemon"
	"reconciler/internal/engine"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/sandbox"
)

// chapterTimeout limits the wait for what a chapter of the demo shows. It is
// long enough for a busy machine.
const chapterTimeout = 2 * time.Minute

type demoOptions struct {
	streams Streams
	once    bool
	// registry says which calls the demo's registry serves: full or documented.
	registry string
	// watch, if not nil, gets every event. Only tests set it.
	watch func(plan.Event)
	// more returns additional chapters. Only tests set it.
	more func(*story) []chapter
}

func newDemo(streams Streams) *cobra.Command {
	opts := &demoOptions{streams: streams}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show what the program does, on an embedded sandbox, without account or network",
		Long: `demo starts a sandbox on loopback (registry, code hosts, secret store and git
server), puts the example declarations into a new git repository, runs the real
daemon with its real clients against them, and prints what happens: the plan,
applying it, the bindings with their conditions, and then a commit that changes
a binding, a person who unbinds in the console, and a new version of a token.
You can push to its git repository, and the commands below change the world
around the daemon while it runs.
With --registry documented the registry serves only the calls that Alibaba Cloud
documents, and people do and confirm the rest.
Without --once it runs until you interrupt it and prints commands to try.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), opts)
		},
	}
	cmd.Flags().BoolVar(&opts.once, "once", false, "exit when everything has converged")
	cmd.Flags().StringVar(&opts.registry, "registry", registryFull, "which calls the registry serves: full or documented")
	_ = cmd.RegisterFlagCompletionFunc("registry", cobra.FixedCompletions([]string{registryFull, registryDocumented}, cobra.ShellCompDirectiveNoFileComp))
	cmd.AddCommand(newDemoCommands(streams)...)
	return cmd
}

// Values of --registry.
const (
	registryFull       = "full"
	registryDocumented = "documented"
)

func runDemo(ctx context.Context, opts *demoOptions) error {
	documented := opts.registry == registryDocumented
	if !documented && opts.registry != registryFull && opts.registry != "" {
		return checkChoice("--registry", opts.registry, registryFull, registryDocumented)
	}
	// Closing the terminal ends the demo, which then removes its folder.
	ctx, forget := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer forget()
	world, err := newDemoWorld(ctx)
	if err != nil {
		return err
	}
	defer world.close()
	if documented {
		world.outside.Registry.Withdraw(sandbox.UndocumentedOperations()...)
	}
	n := newNarrator(opts.streams)
	n.watch = opts.watch
	d, err := daemon.New(ctx, daemon.Options{Engine: engine.Options{
		Redactor: opts.streams.redactor,
		Config:   world.config, LogTo: world.log, Events: n.event,
		Dial: world.dial(), RootCAs: world.outside.RootCAs,
	}})
	if err != nil {
		return err
	}
	defer d.Close()

	running, stop := context.WithCancel(ctx)
	defer stop()
	if err := (&demoControl{world: world, bindings: n.bindings}).serve(running); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- d.Run(running, daemon.Reload{}) }()
	story := &story{world: world, narrator: n, ended: ended, daemon: d}
	chapters := story.chapters()
	if documented {
		chapters = story.documented(ctx)
	}
	if opts.more != nil {
		chapters = append(chapters, opts.more(story)...)
	}
	err = story.play(ctx, chapters)
	if err == nil && !opts.once {
		n.printParagraph(world.page(d.APIAddress()))
		n.printParagraph(world.nextSteps())
		<-ctx.Done()
	}
	stop()
	if ctx.Err() != nil {
		err = nil // Interrupted: a normal end.
	}
	return errors.Join(err, story.wait())
}

// tableKind selects the table that is shown at the end of a chapter.
type tableKind int

const (
	none tableKind = iota
	short
	withConditions
)

// story runs the demo's chapters, one after the other.
type story struct {
	world    *demoWorld
	narrator *narrator
	ended    chan error
	daemon   *daemon.Daemon
}

// chapter is a part of the story.
type chapter struct {
	title message.Message
	begin func() error
	done  func() bool
	table tableKind
}

// wait waits for the daemon to end.
func (s *story) wait() error {
	select {
	case err := <-s.ended:
		return err
	case <-time.After(chapterTimeout):
		return message.NewError("demo.no-end")
	}
}

// chapters returns the chapters for a registry that serves every call.
func (s *story) chapters() []chapter {
	return []chapter{
		{
			message.New("demo.full.commit"),
			func() error { return nil }, s.onlyPeopleLeft, short,
		},
		{
			message.New("demo.full.authorize"),
			s.authorize, s.allReady, short,
		},
		{
			message.New("demo.full.change"),
			s.commit, func() bool { return s.world.hasRule("payments/api", "release.Dockerfile") && s.allReady() }, none,
		},
		{
			message.New("demo.full.drift"),
			s.unbind, func() bool { return s.world.bound("edge-shanghai", binding.GitLab) && s.allReady() }, none,
		},
		{
			message.New("demo.full.rotate"),
			s.rotate, func() bool {
				return s.world.boundWith("prod-hangzhou", binding.GitLab, "acr/payments/gitlab") && s.showsVersion("payments-gitlab", 2) && s.allReady()
			}, withConditions,
		},
	}
}

func (s *story) play(ctx context.Context, chapters []chapter) error {
	for _, chapter := range chapters {
		s.narrator.printParagraph(chapter.title)
		if err := chapter.begin(); err != nil {
			return err
		}
		if err := s.await(ctx, chapter.done); err != nil {
			return err
		}
		if chapter.table != none {
			s.narrator.table(chapter.table == withConditions)
		}
	}
	s.narrator.printParagraph(message.New("demo.end"))
	return nil
}

// await waits until done returns true. It calls done after every event.
func (s *story) await(ctx context.Context, done func() bool) error {
	timeout := time.NewTimer(chapterTimeout)
	defer timeout.Stop()
	for !done() {
		select {
		case <-s.narrator.added:
		case err := <-s.ended:
			s.ended <- nil
			return errors.Join(message.NewError("demo.early-end"), err)
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			s.narrator.table(true)
			return message.NewError("demo.late", "log", s.world.logPath)
		}
	}
	return nil
}

// onlyPeopleLeft reports whether every binding is ready, except for those that
// wait for a person.
func (s *story) onlyPeopleLeft() bool {
	return s.narrator.all(len(s.world.declarations), func(b binding.Status) bool { return isReady(b) || b.Spec.Platform.OAuth() && len(b.Steps) > 0 })
}

func (s *story) allReady() bool {
	return s.narrator.all(len(s.world.declarations), isReady)
}

// showsVersion reports whether the last sync saw this version of a token.
func (s *story) showsVersion(name string, version int) bool {
	return slices.ContainsFunc(s.narrator.bindings(), func(b binding.Status) bool { return b.Name == name && b.TokenVersion == version })
}

func isReady(b binding.Status) bool {
	ready := binding.FindCondition(b.Conditions, binding.Ready)
	return ready != nil && ready.Status == binding.True
}

// authorize does what the plan asks a person to do.
func (s *story) authorize() error {
	for _, d := range s.world.declarations {
		if d.Spec.Platform.OAuth() {
			s.world.instance(d.Spec.Instance).ConsoleBind(string(d.Spec.Platform), "", d.Spec.Username)
		}
	}
	return nil
}

func (s *story) commit() error {
	const file = "bindings/payments/gitlab.yaml"
	before := s.world.files[file]
	after := bytes.Replace(before, []byte("/build/Dockerfile"), []byte("/build/release.Dockerfile"), 1)
	if bytes.Equal(before, after) {
		return message.NewError("demo.no-rule", "file", file)
	}
	_, err := s.world.outside.Git.Commit("Build releases from a Dockerfile of their own", map[string][]byte{file: after})
	return err
}

func (s *story) unbind() error {
	if !s.world.instance("edge-shanghai").ConsoleUnbind(string(binding.GitLab)) {
		return message.NewError("demo.not-bound", "platform", binding.GitLab.Title(), "instance", "edge-shanghai")
	}
	return nil
}

func (s *story) rotate() error {
	return s.world.rotate("payments-gitlab")
}
