package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// result is everything that was measured.
type result struct {
	options options
	began   time.Time
	// checks are for the usual folder, and large for the large one.
	checks          []series
	large           series
	plan, planOld   series
	shown, shownOld series
	get, getOld     series
}

// measure measures everything and writes the page.
func measure(ctx context.Context, o options) error {
	r := result{options: o, began: time.Now()}
	w, remove, err := temporaryWorld(o.files)
	if err != nil {
		return err
	}
	defer remove()
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"checks", func() error {
			checkers, err := o.checkers(w)
			if err == nil {
				r.checks, err = o.check(ctx, w, checkers)
			}
			return err
		}},
		{"daemon", func() (err error) { r.shown, r.get, err = o.measureDaemons(ctx, o.program, w); return err }},
		{"daemon, before", func() (err error) { r.shownOld, r.getOld, err = o.measureDaemons(ctx, o.before, w); return err }},
		{"a commit of all files", func() error { return w.commitChange(ctx) }},
		{"plan", func() (err error) { r.plan, err = o.planChange(ctx, o.program, w); return err }},
		{"plan, before", func() (err error) { r.planOld, err = o.planChange(ctx, o.before, w); return err }},
		{"many", func() error { return r.measureMany(ctx) }},
	} {
		fmt.Fprintln(os.Stderr, "bench:", step.name)
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return os.WriteFile(o.out, []byte(r.page(ctx)), 0o644) //nolint:gosec // Everybody may read the page.
}

// planChange plans the last commit of a world's folder, offline.
func (o options) planChange(ctx context.Context, program string, w world) (series, error) {
	dir, err := os.MkdirTemp("", "rb")
	if err != nil {
		return series{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	config, _, err := w.configure(dir, "http://127.0.0.1:1")
	if err != nil {
		return series{}, err
	}
	return o.repeat(ctx, "plan", w.folder, program, "plan", "--offline", "--config", config, "--base", "HEAD~1")
}

func (r *result) measureMany(ctx context.Context) error {
	w, remove, err := temporaryWorld(r.options.large)
	if err != nil {
		return err
	}
	defer remove()
	r.large, err = r.options.repeat(ctx, "validate, many", w.folder, r.options.program, "validate", "--max-files", fmt.Sprint(r.options.large), w.folder)
	return err
}

// page returns the result as Markdown.
func (r *result) page(ctx context.Context) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Performance\n")
	line("`make bench` writes this page. All figures come from one run on one machine. Compare the ratios, not the times.\n")
	line("## Machine and versions\n")
	line("| what | which |\n|---|---|")
	for _, row := range r.about(ctx) {
		line("| %s | %s |", row[0], row[1])
	}
	line("\n## Checks of %d declarations\n", r.options.files)
	line("Each command reads the same %d files, one declaration each, of about 15 lines. The commands take turns, and each runs %d times. The figures are medians.\n",
		r.options.files, r.options.count)
	line("| command | time | processor time | processor time per file | memory | time, validate = 1 | processor time, validate = 1 |\n|---|---|---|---|---|---|---|")
	own := r.checks[0].median()
	for _, s := range r.checks {
		m := s.median()
		line("| `%s` | %s | %s | %.3f ms | %s | %.1f | %.1f |", s.name, seconds(m.Wall), seconds(m.Processor),
			float64(m.Processor.Microseconds())/1000/float64(r.options.files), megabytes(m.Memory), ratio(m.Wall, own.Wall), ratio(m.Processor, own.Processor))
	}
	r.method(line)
	large := r.large.median()
	line("\n%d declarations take %.1f times the time and %.1f times the memory of %d (%s, %s).", r.options.large,
		float64(large.Wall)/float64(own.Wall), float64(large.Memory)/float64(own.Memory), r.options.files, seconds(large.Wall), megabytes(large.Memory))
	r.compareEarlier(line)
	r.push(line)
	line("\n## Raw figures\n\nTime, processor time and memory of each run.\n\n```text")
	for _, s := range slices.Concat(r.checks, []series{r.large, r.plan, named(r.planOld, "plan, before"), r.get, named(r.getOld, "get, before"), r.shown, named(r.shownOld, "daemon, before")}) {
		for _, u := range s.runs {
			line("%-30s %10s %10s %8s", s.name, seconds(u.Wall), seconds(u.Processor), megabytes(u.Memory))
		}
	}
	line("```")
	return b.String()
}

// goal is how many times the time of validate `cue vet` should take.
const goal = 8

// method explains how the checkers are compared, and whether the goals are met.
func (r *result) method(line func(string, ...any)) {
	line("\n`cue vet` is measured in two forms, with the files of `schema/`:\n")
	line("- `cue vet -d '#GitLab' schema/*.cue */gitlab.yaml`, and the same for the other platforms: four commands, one per platform. This is the fair comparison,")
	line("  because `validate` also checks each file against its platform's definition. The times are the sum of the four commands. Each of them loads the schema. Memory is that of the largest.")
	line("- `cue vet -c -d '#SourceBinding' schema/*.cue */*.yaml`: one command, which people would try first. It checks only what all platforms share.\n")
	line("The goal and `make bench-hold` compare with the first form. `kubeconform` and `ajv` check against [the JSON Schema](schema/declaration.json) that is generated")
	line("from the same CUE. `validate` also checks what a schema cannot: conflicts between declarations, addresses, dates, and the characters of each file.\n")
	own := r.checks[0].median()
	for _, s := range r.checks[1:] {
		m := s.median()
		line("- `%s` takes %.1f times the time of `validate` and %.1f times its processor time.", s.name, ratio(m.Wall, own.Wall), ratio(m.Processor, own.Processor))
		if s.name != cueVet {
			continue
		}
		met := "met"
		if ratio(m.Wall, own.Wall) < goal {
			met = "not met"
		}
		line("  The goal of %d times the time is %s. `make bench-hold` fails below %.1f times the processor time.", goal, met, float64(held))
	}
	line("\nOn a busy machine, compare only the processor times, because the times then include waiting.")
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func named(s series, name string) series { return series{name: name, runs: s.runs} }

// compareEarlier compares this build with the earlier one.
func (r *result) compareEarlier(line func(string, ...any)) {
	line("\n## Compared with the build of commit %s\n", r.options.beforeCommit)
	line("The daemon has %d declarations for %d instances with the driver `console`, an empty state and a Vault server that answers. Code hosts are not", r.options.files, (r.options.files+3)/4)
	line("reachable. A binding is shown when its first sync has ended. The plan is `plan --offline --base HEAD~1` for a commit that changes one file. All figures")
	line("are medians of %d.\n", r.options.count)
	line("| measure | before | now | now / before |\n|---|---|---|---|")
	row := func(name string, before, now int64, as string) {
		line("| %s | %s | %s | %.2f |", name, format(before, as), format(now, as), float64(now)/float64(before))
	}
	row("daemon: time until all bindings are shown", int64(r.shownOld.median().Wall), int64(r.shown.median().Wall), "s")
	row("daemon: processor time until then", int64(r.shownOld.median().Processor), int64(r.shown.median().Processor), "s")
	row("daemon: peak memory until then", r.shownOld.median().Memory, r.shown.median().Memory, "MB")
	row("`get`: time", int64(r.getOld.median().Wall), int64(r.get.median().Wall), "s")
	row("`plan --base`: time", int64(r.planOld.median().Wall), int64(r.plan.median().Wall), "s")
	row("`plan --base`: processor time", int64(r.planOld.median().Processor), int64(r.plan.median().Processor), "s")
	row("`plan --base`: memory", r.planOld.median().Memory, r.plan.median().Memory, "MB")
	if before, now, err := sizes(r.options.before, r.options.program); err == nil {
		row("the program, stripped", before, now, "MB")
	}
}

// push writes the output of the benchmark of pushes.
func (r *result) push(line func(string, ...any)) {
	text, err := os.ReadFile(r.options.push)
	if err != nil {
		return
	}
	line("\n## From a push to the registry\n\nThe time from the delivery of a webhook to the first call that changes something in the registry (the sandbox's), with 1,000 bindings and the journal on.\n\n```text\n%s\n```",
		strings.TrimSpace(string(text)))
}

func sizes(before, now string) (int64, int64, error) {
	old, err := os.Stat(before)
	if err != nil {
		return 0, 0, err
	}
	own, err := os.Stat(now)
	if err != nil {
		return 0, 0, err
	}
	return old.Size(), own.Size(), nil
}

func format(value int64, as string) string {
	if as == "s" {
		return seconds(time.Duration(value))
	}
	return megabytes(value)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func megabytes(n int64) string { return fmt.Sprintf("%.0f MB", float64(n)/1e6) }

// about returns the machine and the versions that the figures are from.
func (r *result) about(ctx context.Context) [][2]string {
	rows := [][2]string{
		{"date", r.began.UTC().Format(time.DateOnly)},
		{"system", runtime.GOOS + "/" + runtime.GOARCH + ", " + fmt.Sprint(runtime.NumCPU()) + " processors, " + processor()},
		{"load before the run", load()},
		{"reconciler", output(ctx, r.options.program, "version")},
	}
	for _, peer := range [][2]string{{"cue", r.options.cue}, {"kubeconform", r.options.kubeconform}} {
		if info, err := buildinfo.ReadFile(peer[1]); err == nil {
			rows = append(rows, [2]string{peer[0], info.Main.Version})
		}
	}
	if r.options.ajv != "" {
		rows = append(rows, [2]string{"ajv-cli", "5.0.0"})
	}
	return rows
}
