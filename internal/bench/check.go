package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// held is how many times less of the processors a check takes than `cue vet`, at
// least. It is about half of what is measured, so that a busy machine does not
// fail it.
const held = 5

// checker is a command that checks all files of a folder.
type checker struct {
	name    string
	program string
	args    []string
}

// checkers are the program, the earlier build and the peers that are there.
func (o options) checkers(w world) ([]checker, error) {
	files, err := filepath.Glob(filepath.Join(w.folder, "*", "*.yaml"))
	if err != nil {
		return nil, err
	}
	definitions, err := filepath.Glob(filepath.Join(o.schema, "*.cue"))
	if err != nil {
		return nil, err
	}
	// What the schema selects by platform, cue has to find out.
	declaration := filepath.Join(filepath.Dir(w.folder), "declaration.cue")
	if err := os.WriteFile(declaration, []byte("package schema\n\n#Declaration: #Codeup | #GitHub | #Bitbucket | #GitLab\n"), 0o600); err != nil {
		return nil, err
	}
	definitions = append(definitions, declaration)
	all := []checker{
		{"reconciler validate", o.program, []string{"validate", w.folder}},
		{"reconciler validate, before", o.before, []string{"validate", w.folder}},
		{"cue vet", o.cue, append(append([]string{"vet", "-d", "#Declaration"}, definitions...), files...)},
		{"kubeconform", o.kubeconform, []string{"-n", "2", "-schema-location", o.json, w.folder}},
		{"ajv validate", o.ajv, []string{"validate", "--spec=draft2020", "--strict=false", "--validate-formats=false", "-s", o.json, "-d", filepath.Join(w.folder, "*", "*.yaml")}},
	}
	var present []checker
	for _, c := range all {
		if c.program != "" {
			present = append(present, c)
		}
	}
	return present, nil
}

// check measures each checker, count times, in turns: what else the machine does
// then is shared by all.
func (o options) check(ctx context.Context, w world) ([]series, error) {
	checkers, err := o.checkers(w)
	if err != nil {
		return nil, err
	}
	all := make([]series, len(checkers))
	for n, c := range checkers {
		all[n].name = c.name
	}
	for range o.count {
		for n, c := range checkers {
			if all[n].failed {
				continue
			}
			used, err := run(ctx, w.folder, c.program, c.args...)
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

// hold fails if the program is not clearly faster than `cue vet`. Processor time
// is compared, because a busy machine takes none of it.
func hold(ctx context.Context, o options) error {
	w, remove, err := temporaryWorld(o.files)
	if err != nil {
		return err
	}
	defer remove()
	o.before, o.kubeconform, o.ajv = "", "", ""
	measured, err := o.check(ctx, w)
	if err != nil {
		return err
	}
	if len(measured) < 2 {
		return errors.New("cue vet failed, so nothing is compared")
	}
	own, peer := measured[0].median(), measured[1].median()
	ratio := float64(peer.Processor) / float64(own.Processor)
	fmt.Printf("validate takes %v of the processors, cue vet %v: %.1f times as much\n", own.Processor, peer.Processor, ratio)
	if ratio < held {
		return fmt.Errorf("a check of %s declarations is %.1f times as fast as cue vet, want at least %d: profile it (validate is the command, internal/manifest the room)",
			strconv.Itoa(o.files), ratio, held)
	}
	return nil
}
