// Command bench measures the time and memory of the program, compared with
// other checkers and with an earlier build:
//
//	bench measure --program FILE --before FILE --schema FOLDER … --out FILE
//	bench hold --program FILE --cue FILE --schema FOLDER
//
// measure writes a page with medians and raw figures. hold fails if the program
// is not clearly faster than `cue vet`. CI runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

// options are the options of the commands.
type options struct {
	// program is the build to measure, and before an earlier one.
	program, before string
	// cue, kubeconform and ajv are other checkers. Empty ones are left out.
	cue, kubeconform, ajv string
	// schema is the folder of the CUE files, and json the JSON Schema generated
	// from them.
	schema, json string
	out          string
	// beforeCommit and push are additional information for the page.
	beforeCommit, push string
	// files is the usual number of declarations, and large the large one.
	files, large, count int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := command(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("want a command: measure or hold")
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	for _, f := range []struct {
		to         *string
		name, text string
	}{
		{&o.program, "program", "the program to measure"},
		{&o.before, "before", "an earlier build of it"},
		{&o.cue, "cue", "cue"},
		{&o.kubeconform, "kubeconform", "kubeconform"},
		{&o.ajv, "ajv", "ajv of ajv-cli"},
		{&o.schema, "schema", "the folder of the CUE files"},
		{&o.json, "json", "the JSON Schema of declarations"},
		{&o.out, "out", "the page to write"},
		{&o.beforeCommit, "before-commit", "the commit of the earlier build"},
		{&o.push, "push", "a file with the output of the benchmark of pushes"},
	} {
		flags.StringVar(f.to, f.name, "", f.text)
	}
	flags.IntVar(&o.files, "files", 10_000, "how many declarations")
	flags.IntVar(&o.large, "many", 100_000, "how many declarations in the large folder")
	flags.IntVar(&o.count, "count", 5, "how often each command runs")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "measure":
		return measure(ctx, o)
	case "hold":
		return hold(ctx, o)
	}
	return fmt.Errorf("no command %q", args[0])
}
