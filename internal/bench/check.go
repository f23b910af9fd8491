package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// held is the goal of hold: `cue vet` takes at least this many times the
// processor time of validate.
const held = 5.0

// cueVet is the name of the checker that validate is compared with: each
// platform's files against that platform's definition. cueVetShared is what
// people would try first: one command with the definition that all platforms
// share.
const (
	cueVet       = "cue vet -d '#GitLab' …"
	cueVetShared = "cue vet -c -d '#SourceBinding' …"
)

// checker checks all files of a folder, with one command or with several.
type checker struct {
	name    string
	program string
	args    [][]string
}

// checkers returns the program, the earlier build and the other checkers that
// were named.
func (o options) checkers(w world) ([]checker, error) {
	vets, err := o.vets(w)
	if err != nil {
		return nil, err
	}
	shared, err := o.vet(w, "*", "#SourceBinding", "-c")
	if err != nil {
		return nil, err
	}
	all := []checker{
		{"reconciler validate", o.program, [][]string{{"validate", w.folder}}},
		{"reconciler validate, before", o.before, [][]string{{"validate", w.folder}}},
		{cueVet, o.cue, vets},
		{cueVetShared, o.cue, [][]string{shared}},
		{"kubeconform", o.kubeconform, [][]string{{"-n", "2", "-schema-location", o.json, w.folder}}},
		{"ajv validate", o.ajv, [][]string{{"validate", "--spec=draft2020", "--strict=false", "--validate-formats=false", "-s", o.json, "-d", filepath.Join(w.folder, "*", "*.yaml")}}},
	}
	var present []checker
	for _, c := range all {
		if c.program != "" {
			present = append(present, c)
		}
	}
	return present, nil
}

// vets returns the commands of `cue vet`: each platform's files against that
// platform's definition, which validate also selects.
func (o options) vets(w world) ([][]string, error) {
	var all [][]string
	for _, platform := range platforms() {
		args, err := o.vet(w, platform, definitions()[platform])
		if err != nil {
			return nil, err
		}
		all = append(all, args)
	}
	return all, nil
}

// vet returns the command of `cue vet` for files of one name.
func (o options) vet(w world, name, definition string, flags ...string) ([]string, error) {
	schema, err := filepath.Glob(filepath.Join(o.schema, "*.cue"))
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(w.folder, "*", name+".yaml"))
	return slices.Concat([]string{"vet"}, flags, []string{"-d", definition}, schema, files), err
}

// run runs the commands of a checker one after the other. It adds their times,
// and takes the largest memory.
func (c checker) run(ctx context.Context, dir string) (usage, error) {
	var sum usage
	for _, args := range c.args {
		used, err := run(ctx, dir, c.program, args...)
		if err != nil {
			return sum, err
		}
		sum = usage{sum.Wall + used.Wall, sum.Processor + used.Processor, max(sum.Memory, used.Memory)}
	}
	return sum, nil
}

// check measures each checker count times. They take turns, so that other load
// on the machine affects all of them.
func (o options) check(ctx context.Context, w world, checkers []checker) ([]series, error) {
	all := make([]series, len(checkers))
	for n, c := range checkers {
		all[n].name = c.name
	}
	for range o.count {
		for n, c := range checkers {
			if all[n].failed {
				continue
			}
			used, err := c.run(ctx, w.folder)
			switch {
			case err == nil:
				all[n].runs = append(all[n].runs, used)
			case c.program == o.program:
				return nil, err
			default: // Of a peer that fails nothing is known.
				fmt.Fprintln(os.Stderr, "bench: left out:", err)
				all[n].failed = true
			}
		}
	}
	return slices.DeleteFunc(all, func(s series) bool { return s.failed }), nil
}

// hold fails if the program is not clearly faster than `cue vet`. It compares
// processor time, which does not depend on other load.
func hold(ctx context.Context, o options) error {
	w, remove, err := temporaryWorld(o.files)
	if err != nil {
		return err
	}
	defer remove()
	o.before, o.kubeconform, o.ajv = "", "", ""
	checkers, err := o.checkers(w)
	if err != nil {
		return err
	}
	measured, err := o.check(ctx, w, checkers[:2]) // validate and the fair form of cue vet
	if err != nil {
		return err
	}
	if len(measured) < 2 {
		return errors.New("cue vet failed, so nothing is compared")
	}
	own, peer := measured[0].median(), measured[1].median()
	ratio := float64(peer.Processor) / float64(own.Processor)
	_, _ = fmt.Fprintf(os.Stdout, "validate takes %v of the processors, cue vet %v: %.1f times as much (by time: %.1f)\n",
		own.Processor, peer.Processor, ratio, float64(peer.Wall)/float64(own.Wall))
	if ratio < held {
		return fmt.Errorf("cue vet takes %.1f times the processor time of validate for %d declarations, want at least %.1f: profile validate (the package is internal/manifest)",
			ratio, o.files, float64(held))
	}
	return nil
}
