package cli

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/boundedio"
	"reconciler/internal/config"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/providers"
	"reconciler/internal/report"
	"reconciler/internal/secrets"
)

const (
	// snapshotTimeout limits the fetch of a snapshot.
	snapshotTimeout = time.Minute
	// snapshotAhead is how far the clock of the daemon's machine may be ahead.
	snapshotAhead = 5 * time.Minute
)

// snapshotOptions name the snapshot that a plan is made from.
type snapshotOptions struct {
	// from is a file, "-" or a URL; empty if the plan observes everything
	// itself.
	from, tokenFile string
	maxAge          time.Duration
}

func (o *snapshotOptions) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.from, "snapshot", "", "plan from what a daemon published (`FILE`, - or https URL), and ask nothing else")
	cmd.Flags().StringVar(&o.tokenFile, "snapshot-token-file", "", "`FILE` with the bearer token for the snapshot's URL")
	cmd.Flags().DurationVar(&o.maxAge, "snapshot-max-age", 24*time.Hour, "reject a snapshot that was observed longer ago than `TIME`; 0 accepts any")
}

// check refuses options that exclude each other.
func (o *snapshotOptions) check(plan *planOptions) error {
	url := strings.Contains(o.from, "://")
	switch {
	case o.from == "" && o.tokenFile != "":
		return requires("--snapshot", "--snapshot-token-file")
	case o.from == "":
		return nil
	case plan.preflight:
		return message.NewError("cli.snapshot.preflight")
	case plan.offline:
		return message.NewError("cli.snapshot.offline")
	case o.tokenFile != "" && !url:
		return message.NewError("cli.snapshot.token-for-file")
	case o.maxAge < 0:
		return message.NewError("cli.negative", "flag", "--snapshot-max-age")
	}
	return nil
}

// read reads the snapshot and checks its age and that it matches the
// configuration; nil if none was asked for.
func (o *snapshotOptions) read(ctx context.Context, streams Streams, cfg config.Config, now time.Time) (*report.Published, report.Basis, error) {
	if o.from == "" {
		return nil, report.Basis{}, nil
	}
	text, err := o.text(ctx, streams)
	if err != nil {
		return nil, report.Basis{}, message.NewError("cli.at", "what", "--snapshot", "why", err)
	}
	unusable := func(why error) error { return message.NewError("cli.snapshot.unusable", "name", o.name(), "why", why) }
	snapshot, err := report.ReadPublished(text)
	if err != nil {
		return nil, report.Basis{}, unusable(err)
	}
	oldest, err := oldestOf(snapshot, cfg.InstanceNames())
	if err != nil {
		return nil, report.Basis{}, unusable(err)
	}
	age := now.Sub(oldest.Observed)
	switch {
	case age < -snapshotAhead:
		return nil, report.Basis{}, unusable(message.NewError("cli.snapshot.future", "instance", oldest.Name, "at", oldest.Observed))
	case o.maxAge > 0 && age > o.maxAge:
		return nil, report.Basis{}, unusable(message.NewError("cli.snapshot.old", "instance", oldest.Name, "age", report.Age(age), "at", oldest.Observed, "most", o.maxAge))
	}
	return &snapshot, report.Basis{Depth: report.FromPublished, Observed: oldest.Observed, Age: max(age, 0)}, nil
}

// oldestOf returns the instance to plan that was observed longest ago; an error
// if the snapshot has none of them.
func oldestOf(s report.Published, names []string) (report.PublishedInstance, error) {
	var oldest report.PublishedInstance
	var has []string
	for _, i := range s.Instances {
		has = append(has, i.Name)
		if slices.Contains(names, i.Name) && (oldest.Name == "" || i.Observed.Before(oldest.Observed)) {
			oldest = i
		}
	}
	switch {
	case len(has) == 0:
		return oldest, message.NewError("cli.snapshot.empty")
	case oldest.Name == "":
		return oldest, message.NewError("cli.snapshot.others", "has", has, "configured", names, "meant", manifest.Suggestion(names[0], has))
	}
	return oldest, nil
}

// name is how messages name the snapshot. For a URL it is only the host,
// because the query may be secret.
func (o *snapshotOptions) name() message.Message {
	if u, err := providers.ParseDocument(o.from); err == nil {
		return message.Verbatim(u.Host)
	}
	if o.from == "-" {
		return message.New("cli.input")
	}
	return message.Verbatim(o.from)
}

// text opens the snapshot for reading.
func (o *snapshotOptions) text(ctx context.Context, streams Streams) (io.Reader, error) {
	switch {
	case o.from == "-":
		return streams.In, nil
	case strings.Contains(o.from, "://"):
		return o.fetch(ctx, streams)
	}
	text, err := boundedio.ReadFile(o.from, report.MaxPublished)
	return bytes.NewReader(text), err
}

func (o *snapshotOptions) fetch(ctx context.Context, streams Streams) (io.Reader, error) {
	address, err := providers.ParseDocument(o.from)
	if err != nil {
		return nil, err
	}
	var token secrets.Secret
	if o.tokenFile != "" {
		value, err := boundedio.ReadText(o.tokenFile, 64<<10)
		if err != nil {
			return nil, message.NewError("cli.at", "what", "--snapshot-token-file", "why", err)
		}
		token = secrets.New(value)
		defer token.Wipe()
		defer streams.redactor.Register(token)()
		if why := providers.Malformed(token); !why.IsZero() {
			return nil, message.NewError("cli.token-unusable", "where", o.tokenFile, "why", why)
		}
	}
	// The daemon is usually on the operator's own network.
	client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, MaxBytes: report.MaxPublished, Timeout: snapshotTimeout})
	text, err := providers.Document(ctx, client, address, token)
	return bytes.NewReader(text), err
}
