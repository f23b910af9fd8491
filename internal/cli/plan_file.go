package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"

	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// savePlan writes a plan that was shown to the file of --out.
func savePlan(path string, f report.PlanFile) error {
	var text bytes.Buffer
	if err := report.WritePlanFile(&text, f); err != nil {
		return err
	}
	if err := saveOutput(path, text.Bytes()); err != nil {
		return message.NewError("cli.at", "what", "--out", "why", err)
	}
	return nil
}

// expectation is what a plan is compared with before it is applied.
type expectation struct {
	// name is how the refusal names it.
	name string
	// digest is the expected digest; empty if any plan may be applied.
	digest string
	// kept is the plan of a plan file; nil if only the digest is known.
	kept *report.PlanFile
}

// readPlanFile reads a plan that is to be applied.
func readPlanFile(path string) (expectation, error) {
	file, err := os.Open(path)
	if err != nil {
		return expectation{}, err
	}
	defer func() { _ = file.Close() }()
	kept, err := report.ReadPlanFile(file)
	if err != nil {
		return expectation{}, message.NewError("cli.at", "what", path, "why", err)
	}
	return expectation{name: path, digest: kept.Plan.Digest(), kept: &kept}, nil
}

func expectDigest(digest string) (expectation, error) {
	if !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(digest) {
		return expectation{}, message.NewError("cli.value", "flag", "--expect", "value", digest, "why", message.New("cli.want-digest"))
	}
	return expectation{name: "--expect", digest: digest}, nil
}

// check refuses a plan other than the expected one. It writes the differences
// to out, and what to do to standard error.
func (e expectation) check(streams Streams, out io.Writer, s *session, p plan.Plan) error {
	if e.digest == "" {
		return nil
	}
	var reasons []message.Message
	add := func(m message.Message) { reasons = append(reasons, m) }
	if digest := p.Digest(); digest != e.digest {
		add(message.New("apply-text.digest", "now", digest, "before", e.digest))
	}
	if e.kept != nil {
		for _, m := range plan.Moved(e.kept.Plan.Instances, p.Instances) {
			add(message.New("apply-text.moved", "instance", m.Instance, "field", m.Field, "now", m.To, "before", m.From))
		}
	}
	if e.kept != nil && e.kept.Revision != s.loaded.Desired.Revision {
		add(message.New("apply-text.revision", "now", report.Short(s.loaded.Desired.Revision), "before", report.Short(e.kept.Revision)))
	}
	if e.kept != nil && e.kept.Observation != s.observation() {
		add(message.New("apply-text.observation"))
	}
	if len(reasons) == 0 {
		return nil
	}
	if err := e.refuse(streams, out, p, reasons); err != nil {
		return err
	}
	return exitCode(exitRefused)
}

func (e expectation) refuse(streams Streams, out io.Writer, p plan.Plan, reasons []message.Message) error {
	style := streams.style(out)
	switch {
	case e.kept == nil:
		if err := report.Plan(out, p, style); err != nil {
			return err
		}
	case e.digest == p.Digest():
		if err := streams.printMessage(out, message.New("apply-text.same")); err != nil {
			return err
		}
	default:
		if _, err := fmt.Fprintf(out, "%s\n\n", style.Language.Text(message.New("apply-text.differs", "file", e.name))); err != nil {
			return err
		}
		if err := report.PlanDifference(out, e.kept.Plan, p, style); err != nil {
			return err
		}
	}
	for _, reason := range reasons {
		if err := streams.warn(message.New("apply-text.because", "name", e.name, "why", reason)); err != nil {
			return err
		}
	}
	return streams.warn(message.New("apply-text.refused"))
}
